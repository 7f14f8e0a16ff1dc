"""The webhooks room, fresh for each test."""

import pytest

from shunfu.db import Database
from webhooks.support import Office, open_office


@pytest.fixture
async def office(database: Database) -> Office:
    return await open_office(database)

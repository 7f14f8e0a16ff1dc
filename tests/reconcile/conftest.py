"""A desk of its own for each test."""

import pytest

from reconcile.desk import Desk, make_desk
from shunfu.db import Database


@pytest.fixture
async def desk(database: Database) -> Desk:
    """An installation whose channel says what the test wrote down."""
    return await make_desk(database)

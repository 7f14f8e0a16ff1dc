"""The flow tests' world, fresh for each test."""

import pytest

from flows.world import World, make_world
from shunfu.db import Database


@pytest.fixture
async def world(database: Database) -> World:
    """A whole installation on a fresh database."""
    return await make_world(database)

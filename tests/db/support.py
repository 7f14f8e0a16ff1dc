"""What the database tests share."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from shunfu.db import Database, Query, Reader
from shunfu.kernel.clock import ManualClock, Source, SystemEntropy

T = TypeVar("T")

MERCHANT = UUID(int=7)
OTHER = UUID(int=8)
START = datetime(2026, 1, 1, tzinfo=UTC)


def manual() -> tuple[ManualClock, Source]:
    """A clock that stands still, and a source on it."""
    clock = ManualClock(START)
    return clock, Source(clock, SystemEntropy())


def sql(text: str) -> Query:
    """A statement without a file, for looking behind the scenes."""
    return Query("test", text, "test")


def run_apart(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine in a thread of its own: the test runner's loop is not ours to use in a wider fixture."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def rows(database: Database, text: str, *args: object) -> list[tuple[object, ...]]:
    """All rows as tuples."""
    async with database.reading() as reader:
        return [tuple(row) for row in await fetch(reader, text, *args)]


async def fetch(reader: Reader, text: str, *args: object) -> list[tuple[object, ...]]:
    """All rows of a session as tuples."""
    return [tuple(row.values()) for row in await reader.fetch(sql(text), *args)]


async def waits_or_ends(database: Database, task: asyncio.Task[object]) -> None:
    """Until a task waits for somebody's lock in this database, or is done without having waited."""
    of_this_database = "pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()"
    while not task.done() and not await rows(database, f"SELECT 1 FROM {of_this_database}"):
        await asyncio.wait({task}, timeout=0.01)

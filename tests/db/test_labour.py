"""Heavy work: its own limits for one transaction alone, one moment of the data, and rows by COPY."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from db.support import MERCHANT, sql
from shunfu.db import ConstraintViolated, Database, Labour, Transaction
from shunfu.kernel.errors import TransientFault

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = ("merchant_id", "source", "external_id", "digest", "recorded_at")
COUNT = sql("SELECT count(*) FROM inbox WHERE merchant_id = $1")


def rows(*names: str) -> bytes:
    return "".join(f"{MERCHANT}\ttest\t{name}\t\\\\x00\t{NOW.isoformat()}\n" for name in names).encode()


async def setting(database: Database, name: str, limits: Labour | None) -> object:
    """What a transaction sees of a setting."""

    async def story(tx: Transaction) -> object:
        return await tx.fetch_value(sql(f"SELECT current_setting('{name}')"))

    return await (database.labour(story, limits) if limits else database.transact(story))


async def test_its_limits_end_with_it(database: Database) -> None:
    limits = Labour(statement_seconds=77, memory_mib=33)
    usual = [await setting(database, name, None) for name in ("statement_timeout", "work_mem", "enable_nestloop")]
    assert await setting(database, "statement_timeout", limits) == "77s"
    assert await setting(database, "work_mem", limits) == "33MB"
    assert await setting(database, "enable_nestloop", limits) == "off"
    assert await setting(database, "transaction_isolation", limits) == "repeatable read"
    again = [await setting(database, name, None) for name in ("statement_timeout", "work_mem", "enable_nestloop")]
    assert again == usual


async def test_a_statement_may_take_longer_than_the_pools_and_no_longer_than_its_own(database: Database) -> None:
    async def slow(tx: Transaction) -> None:
        await tx.fetch_value(sql("SELECT pg_sleep(3)"))

    with pytest.raises(TransientFault):
        await database.labour(slow, Labour(statement_seconds=1))


async def test_rows_come_in_by_copy_and_go_with_the_transaction(database: Database) -> None:
    async def story(tx: Transaction) -> object:
        await tx.append("inbox", COLUMNS, rows("1", "2"))
        await tx.append("inbox", COLUMNS, rows("3"))
        return await tx.fetch_value(COUNT, MERCHANT)

    assert await database.labour(story, Labour()) == 3

    async def broken(tx: Transaction) -> None:
        await tx.append("inbox", COLUMNS, rows("4"))
        raise RuntimeError("the power went out")

    with pytest.raises(RuntimeError):
        await database.labour(broken, Labour())
    async with database.reading() as reader:
        assert await reader.fetch_value(COUNT, MERCHANT) == 3


async def test_a_row_that_is_there_is_refused_with_all_others(database: Database) -> None:
    async def story(tx: Transaction) -> None:
        await tx.append("inbox", COLUMNS, rows("1", "1"))

    with pytest.raises(ConstraintViolated):
        await database.labour(story, Labour())
    async with database.reading() as reader:
        assert await reader.fetch_value(COUNT, MERCHANT) == 0


async def test_every_row_says_whose_it_is(database: Database) -> None:
    async def story(tx: Transaction) -> None:
        await tx.append("inbox", COLUMNS[::-1], b"")

    with pytest.raises(AssertionError, match="whose"):
        await database.transact(story)


async def test_it_looks_at_one_moment(database: Database) -> None:
    """What others commit meanwhile is not seen in the middle of it."""
    may_go_on = asyncio.Event()
    begun = asyncio.Event()

    async def story(tx: Transaction) -> tuple[object, object]:
        first = await tx.fetch_value(COUNT, MERCHANT)
        begun.set()
        await may_go_on.wait()
        return first, await tx.fetch_value(COUNT, MERCHANT)

    async def other(tx: Transaction) -> None:
        await tx.append("inbox", COLUMNS, rows("1"))

    working = asyncio.create_task(database.labour(story, Labour()))
    await begun.wait()
    await database.transact(other)
    may_go_on.set()
    assert await working == (0, 0)
    assert UUID(int=7) == MERCHANT

"""Recovery mode: a merchant waits from a restore until its channels were asked, and no other merchant with it."""

from datetime import timedelta

import pytest

from db.support import MERCHANT, OTHER, START
from shunfu.db import (
    Database,
    Transaction,
    begin_recovery,
    end_recovery,
    list_recovering,
    recovering_since,
)

LATER = START + timedelta(hours=1)


async def test_a_merchant_waits_until_it_ends(database: Database) -> None:
    async def begin(tx: Transaction) -> None:
        assert await recovering_since(tx, MERCHANT) is None
        await begin_recovery(tx, MERCHANT, START)
        assert await recovering_since(tx, MERCHANT) == START
        assert await recovering_since(tx, OTHER) is None

    await database.transact(begin)
    async with database.reading() as reader:
        assert await list_recovering(reader) == [(MERCHANT, START)]
    assert await database.transact(lambda tx: end_recovery(tx, MERCHANT, LATER)) is True
    assert await database.transact(lambda tx: end_recovery(tx, MERCHANT, LATER)) is False
    async with database.reading() as reader:
        assert await recovering_since(reader, MERCHANT) is None
        assert await list_recovering(reader) == []


@pytest.mark.parametrize("is_over", [False, True])
async def test_a_second_restore_begins_anew(database: Database, is_over: bool) -> None:
    await database.transact(lambda tx: begin_recovery(tx, MERCHANT, START))
    if is_over:
        await database.transact(lambda tx: end_recovery(tx, MERCHANT, START))
    await database.transact(lambda tx: begin_recovery(tx, MERCHANT, LATER))
    async with database.reading() as reader:
        assert await recovering_since(reader, MERCHANT) == LATER


async def test_a_clock_that_went_back_ends_it_all_the_same(database: Database) -> None:
    await database.transact(lambda tx: begin_recovery(tx, MERCHANT, LATER))
    assert await database.transact(lambda tx: end_recovery(tx, MERCHANT, START)) is True


async def test_the_longest_waiting_come_first_and_no_more_than_asked_for(database: Database) -> None:
    await database.transact(lambda tx: begin_recovery(tx, MERCHANT, LATER))
    await database.transact(lambda tx: begin_recovery(tx, OTHER, START))
    async with database.reading() as reader:
        assert await list_recovering(reader) == [(OTHER, START), (MERCHANT, LATER)]
        assert await list_recovering(reader, limit=1) == [(OTHER, START)]

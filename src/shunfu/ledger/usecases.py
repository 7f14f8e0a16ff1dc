"""The ledger's stories: post a fact in the caller's transaction, and prove the books from their entries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from itertools import islice
from uuid import UUID

from shunfu.db import Reader, Transaction
from shunfu.kernel.clock import Source
from shunfu.kernel.ids import PLATFORM
from shunfu.ledger import store
from shunfu.ledger.days import DAYS_MAX, LedgerDay, fold
from shunfu.ledger.model import Account, Balance, LedgerLine, Posting, Proof
from shunfu.ledger.recount import DIFFERENCES_MAX, Recount, ViewDifference

PAGE = 1000


async def post(tx: Transaction, source: Source, merchant_id: UUID, posting: Posting) -> UUID:
    """Write a posting with the caller's transaction and return the ledger transaction's id.

    Raises ConstraintViolated when this fact was posted before: that is a bug of the caller.
    """
    transaction_id = source.new_id()
    transfer_ids = tuple(source.new_id() for _ in posting.legs)
    await store.post(tx, merchant_id, posting, (transaction_id, transfer_ids), source.now())
    return transaction_id


async def prove(reader: Reader, merchant_id: UUID) -> Proof:
    """Sum every entry and name the transactions that do not balance."""
    return await store.prove(reader, merchant_id)


async def posted_amounts(reader: Reader, merchant_id: UUID, recipe: str) -> AsyncIterator[tuple[UUID, str, int]]:
    """Every (reference, currency, minor units) that a recipe has posted, by reference, page by page."""
    after = PLATFORM
    while page := await store.posted_amounts(reader, merchant_id, recipe, after, PAGE):
        for line in page:
            yield line
        after = page[-1][0]


async def read_balances(reader: Reader, merchant_id: UUID) -> list[Balance]:
    """Every account's totals from its entries, by code and currency."""
    return await store.list_balances(reader, merchant_id)


async def read_transfers(reader: Reader, merchant_id: UUID, before: UUID, limit: int) -> list[LedgerLine]:
    """Transfers with an id below `before`, newest first."""
    return await store.list_newest_transfers(reader, merchant_id, before, limit)


async def read_days(
    reader: Reader, merchant_id: UUID, first: date, last: date, channel: str | None = None
) -> list[LedgerDay]:
    """What moved on each day in China from `first` to `last`, at most 366 days, at one channel or at all."""
    assert last - first < timedelta(days=DAYS_MAX), "so many days are not read at once"
    return fold(await store.list_movements(reader, merchant_id, first, last, channel))


async def every_day(reader: Reader, merchant_id: UUID) -> AsyncIterator[LedgerDay]:
    """Every day on which something moved, oldest first, a year at a time."""
    span = await store.span_of_days(reader, merchant_id)
    for first, last in _years(*span) if span else ():
        for day in await read_days(reader, merchant_id, first, last):
            yield day


async def recount_views(reader: Reader, merchant_id: UUID) -> list[ViewDifference]:
    """Where a view does not show what the transfers add up to, at most 100 lines; an empty list is the proof."""
    recount = Recount(merchant_id, await _accounts(reader, merchant_id))
    after = PLATFORM
    while page := await store.list_transfers(reader, merchant_id, after, PAGE):
        for transfer in page:
            recount.add(transfer)
        after = page[-1].transfer_id
    found = [*recount.accounts_differ()]
    found += recount.balances_differ(await store.list_balances(reader, merchant_id))
    for first, last in _spans(recount.days):
        shown = await store.list_day_lines(reader, merchant_id, first, last)
        found += islice(recount.days_differ(shown, first, last), DIFFERENCES_MAX)
    return found[:DIFFERENCES_MAX]


async def _accounts(reader: Reader, merchant_id: UUID) -> dict[UUID, Account]:
    accounts: dict[UUID, Account] = {}
    after = PLATFORM
    while page := await store.list_accounts(reader, merchant_id, after, PAGE):
        accounts.update(page)
        after = page[-1][0]
    return accounts


def _spans(days: tuple[date, date] | None) -> Iterator[tuple[date, date]]:
    """All of time: where something moved in parts of at most a year, what is before and after in one part each."""
    first, last = days or (date.max, date.max)
    yield date.min, first - timedelta(days=1)
    yield from _years(first, last)
    if last < date.max:
        yield last + timedelta(days=1), date.max


def _years(first: date, last: date) -> Iterator[tuple[date, date]]:
    """A span in parts of as many days as are read at once."""
    count = (last - first).days + 1
    for begin in range(0, count, DAYS_MAX):
        yield first + timedelta(days=begin), first + timedelta(days=min(begin + DAYS_MAX, count) - 1)

"""Rows of the ledger to values and back."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from shunfu.db import Reader, Transaction, named_queries
from shunfu.kernel.money import Money
from shunfu.ledger.days import Movement
from shunfu.ledger.model import Account, Balance, LedgerLine, Posting, Proof
from shunfu.ledger.recount import DayKey, DaySums, Transfer

SQL = named_queries("shunfu.ledger")


async def post(
    tx: Transaction, merchant_id: UUID, posting: Posting, ids: tuple[UUID, tuple[UUID, ...]], now: datetime
) -> None:
    """Write a posting. `ids` are the transaction's id and one id a leg."""
    transaction_id, transfer_ids = ids
    accounts = list(dict.fromkeys(account for leg in posting.legs for account in (leg.debit, leg.credit)))
    await tx.execute(
        SQL["post"],
        merchant_id,
        [account.id_for(merchant_id) for account in accounts],
        [account.code for account in accounts],
        [account.currency for account in accounts],
        [account.normal_side for account in accounts],
        transaction_id,
        posting.recipe,
        posting.reference_id,
        list(transfer_ids),
        [leg.debit.id_for(merchant_id) for leg in posting.legs],
        [leg.credit.id_for(merchant_id) for leg in posting.legs],
        [leg.amount.minor for leg in posting.legs],
        posting.happened_at,
        now,
        [leg.amount.currency for leg in posting.legs],
        list(range(len(posting.legs))),
    )


async def prove(reader: Reader, merchant_id: UUID) -> Proof:
    """Sum every entry of a merchant."""
    counts = await reader.fetch_row(SQL["count_entries"], merchant_id)
    assert counts is not None, "an aggregate always has a row"
    balances = await list_balances(reader, merchant_id)
    unbalanced = await reader.fetch(SQL["unbalanced_transactions"], merchant_id)
    ids = tuple(row["transaction_id"] for row in unbalanced)
    return Proof(counts["transactions"], counts["entries"], tuple(balances), ids)


async def list_balances(reader: Reader, merchant_id: UUID) -> list[Balance]:
    """Every account's totals, by code and currency."""
    return [
        Balance(row["code"], row["currency"], row["normal_side"], row["debit_minor"], row["credit_minor"])
        for row in await reader.fetch(SQL["trial_balance"], merchant_id)
    ]


async def posted_amounts(
    reader: Reader, merchant_id: UUID, recipe: str, after: UUID, limit: int
) -> list[tuple[UUID, str, int]]:
    """A page of (reference, currency, minor units) that a recipe has posted, by reference."""
    rows = await reader.fetch(SQL["posted_amounts"], merchant_id, recipe, after, limit)
    return [(row["reference_id"], row["currency"], row["amount_minor"]) for row in rows]


async def list_movements(
    reader: Reader, merchant_id: UUID, first: date, last: date, channel: str | None
) -> list[Movement]:
    """What moved from day to day, both inclusive, at one channel or at all."""
    rows = await reader.fetch(SQL["list_days"], merchant_id, first, last, channel)
    return [Movement(*row) for row in rows]


async def span_of_days(reader: Reader, merchant_id: UUID) -> tuple[date, date] | None:
    """The first and the last day on which something moved, or None."""
    row = await reader.fetch_row(SQL["span_of_days"], merchant_id)
    return (row["first"], row["last"]) if row and row["first"] else None


async def list_day_lines(reader: Reader, merchant_id: UUID, first: date, last: date) -> dict[DayKey, DaySums]:
    """The lines of the days' view, both days inclusive."""
    rows = [tuple(row) for row in await reader.fetch(SQL["list_day_lines"], merchant_id, first, last)]
    return {DayKey(*row[:6]): DaySums(*row[6:]) for row in rows}


async def list_accounts(reader: Reader, merchant_id: UUID, after: UUID, limit: int) -> list[tuple[UUID, Account]]:
    """A page of (id, account) above an id."""
    rows = await reader.fetch(SQL["list_accounts"], merchant_id, after, limit)
    return [(row["account_id"], Account(row["code"], row["currency"], row["normal_side"])) for row in rows]


async def list_transfers(reader: Reader, merchant_id: UUID, after: UUID, limit: int) -> list[Transfer]:
    """A page of transfers above an id."""
    return [Transfer(*row) for row in await reader.fetch(SQL["list_transfers"], merchant_id, after, limit)]


async def list_newest_transfers(reader: Reader, merchant_id: UUID, before: UUID, limit: int) -> list[LedgerLine]:
    """Transfers with an id below `before`, newest first."""
    return [
        LedgerLine(
            transfer_id=row["transfer_id"],
            recipe=row["recipe"],
            reference_id=row["reference_id"],
            debit=row["debit"],
            credit=row["credit"],
            amount=Money(row["amount_minor"], row["currency"]),
            happened_at=row["happened_at"],
        )
        for row in await reader.fetch(SQL["list_newest_transfers"], merchant_id, before, limit)
    ]

"""Rows of the ledger to values and back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shunfu.db import Reader, Transaction, named_queries
from shunfu.ledger.model import Balance, Posting, Proof

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
    rows = await reader.fetch(SQL["trial_balance"], merchant_id)
    unbalanced = await reader.fetch(SQL["unbalanced_transactions"], merchant_id)
    return Proof(
        counts["transactions"],
        counts["entries"],
        tuple(
            Balance(row["code"], row["currency"], row["normal_side"], row["debit_minor"], row["credit_minor"])
            for row in rows
        ),
        tuple(row["transaction_id"] for row in unbalanced),
    )


async def posted_amounts(
    reader: Reader, merchant_id: UUID, recipe: str, after: UUID, limit: int
) -> list[tuple[UUID, str, int]]:
    """A page of (reference, currency, minor units) that a recipe has posted, by reference."""
    rows = await reader.fetch(SQL["posted_amounts"], merchant_id, recipe, after, limit)
    return [(row["reference_id"], row["currency"], row["amount_minor"]) for row in rows]

"""The ledger's stories: post a fact in the caller's transaction, and prove the books from their entries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

from shunfu.db import Reader, Transaction
from shunfu.kernel.clock import Source
from shunfu.kernel.ids import PLATFORM
from shunfu.ledger import store
from shunfu.ledger.model import Posting, Proof

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

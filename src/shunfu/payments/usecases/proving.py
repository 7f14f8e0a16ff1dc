"""Prove that the ledger and the payments say the same: each capture posted once, with its amount, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from shunfu.db import Reader
from shunfu.kernel.ids import PLATFORM
from shunfu.ledger import CAPTURE, CAPTURE_SURPLUS, posted_amounts
from shunfu.payments import store

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Difference:
    """A payment about which the two books disagree: what each holds, in minor units of a currency, or None."""

    payment_id: UUID
    recipe: str
    captured: tuple[str, int] | None
    posted: tuple[str, int] | None


async def compare_with_ledger(reader: Reader, merchant_id: UUID) -> list[Difference]:
    """The payments about which payments and ledger disagree, at most 100; an empty list is the proof."""
    found: list[Difference] = []
    for recipe, is_surplus in ((CAPTURE, False), (CAPTURE_SURPLUS, True)):
        posted = {
            reference: (currency, minor)
            async for reference, currency, minor in posted_amounts(reader, merchant_id, recipe)
        }
        after = PLATFORM
        while page := await store.captured_amounts(reader, merchant_id, after, is_surplus=is_surplus, limit=PAGE):
            for payment_id, currency, minor in page:
                line = posted.pop(payment_id, None)
                if line != (currency, minor):
                    found.append(Difference(payment_id, recipe, (currency, minor), line))
            after = page[-1][0]
        found += [Difference(payment_id, recipe, None, line) for payment_id, line in posted.items()]
    return found[:100]


async def refund_sums(reader: Reader, merchant_id: UUID) -> AsyncIterator[tuple[UUID, str, int, int]]:
    """Every captured payment as (id, currency, minor units given back, minor units reserved), page by page."""
    after = PLATFORM
    while page := await store.refunded_amounts(reader, merchant_id, after, PAGE):
        for line in page:
            yield line
        after = page[-1][0]

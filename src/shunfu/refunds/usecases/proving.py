"""Prove that refunds, payments and ledger say the same: each refund posted once, and the payments' sums are theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

from shunfu.db import Reader
from shunfu.kernel.ids import PLATFORM
from shunfu.ledger import REFUND, REFUND_OVER, REFUND_SURPLUS, posted_amounts
from shunfu.payments import refund_sums
from shunfu.refunds import store

PAGE = 1000
FOUND_MAX = 100


async def compare_refunds(reader: Reader, merchant_id: UUID) -> tuple[list[UUID], list[UUID]]:
    """(refunds about which refunds and ledger disagree, payments whose sums are not their refunds'), 100 of each."""
    posted: dict[UUID, tuple[str, str, int]] = {}
    for recipe in (REFUND, REFUND_SURPLUS, REFUND_OVER):
        async for reference, currency, minor in posted_amounts(reader, merchant_id, recipe):
            posted[reference] = (recipe, currency, minor)
    wrong: list[UUID] = []
    async for line in _settled(reader, merchant_id):
        recipe = REFUND_OVER if line.is_over else REFUND_SURPLUS if line.is_surplus else REFUND
        if posted.pop(line.refund_id, None) != (recipe, line.currency, line.amount_minor):
            wrong.append(line.refund_id)
    return [*wrong, *posted][:FOUND_MAX], await _sums_that_differ(reader, merchant_id)


async def _settled(reader: Reader, merchant_id: UUID) -> AsyncIterator[store.Settled]:
    after = PLATFORM
    while page := await store.settled_amounts(reader, merchant_id, after, PAGE):
        for line in page:
            yield line
        after = page[-1].refund_id


async def _sums_that_differ(reader: Reader, merchant_id: UUID) -> list[UUID]:
    sums: dict[UUID, tuple[str, int, int]] = {}
    after = PLATFORM
    while page := await store.sums_by_payment(reader, merchant_id, after, PAGE):
        sums |= {payment_id: (currency, refunded, reserved) for payment_id, currency, refunded, reserved in page}
        after = page[-1][0]
    wrong: list[UUID] = []
    async for payment_id, currency, refunded, reserved in refund_sums(reader, merchant_id):
        told = sums.pop(payment_id, (currency, 0, 0))
        if told != (currency, refunded, reserved):
            wrong.append(payment_id)
    return [*wrong, *(payment_id for payment_id, (_, *minor) in sums.items() if any(minor))][:FOUND_MAX]

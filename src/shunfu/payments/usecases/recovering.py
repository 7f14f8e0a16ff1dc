"""After a restore: ask each channel about every payment that is not final, before any money may leave."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shunfu.gateway.evidence import Unknown
from shunfu.kernel.ids import PLATFORM
from shunfu.payments import store
from shunfu.payments.usecases.asking import ask_query
from shunfu.payments.usecases.tools import PaymentTools

PAGE = 100


async def ask_open_payments(tools: PaymentTools, merchant_id: UUID, since: datetime) -> bool:
    """Ask about each live payment that no channel has told us of since then; whether each has been answered now."""
    after, is_answered = PLATFORM, True
    while page := await _page(tools, merchant_id, since, after):
        for payment_id in page:
            is_answered = await _is_answered(tools, merchant_id, payment_id) and is_answered
        after = page[-1]
    return is_answered


async def _page(tools: PaymentTools, merchant_id: UUID, since: datetime, after: UUID) -> list[UUID]:
    async with tools.database.glancing() as reader:
        return await store.list_unasked(reader, merchant_id, since, (after, PAGE))


async def _is_answered(tools: PaymentTools, merchant_id: UUID, payment_id: UUID) -> bool:
    async with tools.database.glancing() as reader:
        payment = await store.get_payment(reader, merchant_id, payment_id)
    assert payment is not None, "a payment is never deleted"
    evidence, _ = await ask_query(tools, payment)
    return not isinstance(evidence, Unknown)

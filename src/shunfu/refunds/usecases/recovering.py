"""After a restore the channels know more than we do: no money leaves until each was asked about all that is open."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from shunfu.db import NEVER_GIVE_UP, Job, end_recovery, recovering_since
from shunfu.gateway.evidence import Unknown
from shunfu.kernel.ids import PLATFORM
from shunfu.payments import ask_open_payments
from shunfu.refunds import store
from shunfu.refunds.usecases.sending import ask_refund
from shunfu.refunds.usecases.tools import Named, RefundTools

RECOVER_JOB = "refunds.recover"
AGAIN = timedelta(minutes=1)
PAGE = 100


def recover_job(merchant_id: UUID, now: datetime) -> Job:
    """The job that ends a merchant's recovery; it is written with what begins it."""
    return Job(merchant_id, RECOVER_JOB, "restored", {}, now, NEVER_GIVE_UP)


async def recover(tools: RefundTools, merchant_id: UUID) -> datetime | None:
    """Ask about every open payment and refund, and let money leave again once each was answered.

    When to come again while a channel is silent; None when the merchant does not wait any more.
    """
    async with tools.database.glancing() as reader:
        since = await recovering_since(reader, merchant_id)
    if since is None:
        return None
    is_answered = await ask_open_payments(tools.payments, merchant_id, since)
    if not (await _ask_open_refunds(tools, merchant_id, since) and is_answered):
        return tools.now() + AGAIN
    await tools.database.transact(lambda tx: end_recovery(tx, merchant_id, tools.now()))
    return None


async def _ask_open_refunds(tools: RefundTools, merchant_id: UUID, since: datetime) -> bool:
    after, is_answered = PLATFORM, True
    while page := await _page(tools, merchant_id, since, after):
        for refund_id in page:
            evidence = await ask_refund(tools, Named(merchant_id, refund_id))
            is_answered = is_answered and not isinstance(evidence, Unknown)
        after = page[-1]
    return is_answered


async def _page(tools: RefundTools, merchant_id: UUID, since: datetime, after: UUID) -> list[UUID]:
    async with tools.database.glancing() as reader:
        return await store.list_unasked(reader, merchant_id, since, (after, PAGE))

"""The payments room's work for the worker: the janitor, expiry, closing at the channel, and reported payments."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from shunfu.db import Again, ClaimedJob, Done, Handler, read_event
from shunfu.gateway.wire import Json
from shunfu.payments.usecases import APPLY_HANDLER, PaymentTools, apply_report, ask, close_at_channel, expire_order
from shunfu.payments.usecases.tools import ASK_JOB, CLOSE_JOB, EXPIRE_JOB


def make_handlers(tools: PaymentTools) -> dict[str, Handler]:
    """Handlers by job kind. Each may run twice without harm."""

    async def visit(job: ClaimedJob) -> Done | Again:
        again_at = await ask(tools, job.merchant_id, UUID(job.key))
        return Again(again_at) if again_at else Done()

    async def expire(job: ClaimedJob) -> Done:
        await expire_order(tools, job.merchant_id, UUID(job.key))
        return Done()

    async def close(job: ClaimedJob) -> Done:
        await close_at_channel(tools, job.merchant_id, UUID(job.key))
        return Done()

    async def reported(job: ClaimedJob) -> Done:
        async with tools.database.glancing() as reader:
            found = await read_event(reader, job.merchant_id, UUID(job.key))
        assert found is not None, "a handler's job is written with its event"
        await apply_report(tools, job.merchant_id, cast("dict[str, Json]", found[1]))
        return Done()

    return {ASK_JOB: visit, EXPIRE_JOB: expire, CLOSE_JOB: close, f"on:{APPLY_HANDLER}": reported}

"""The refunds room's work for the worker: visits, refunds of surplus payments, and reported refunds."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from shunfu.db import Again, ClaimedJob, Done, Handler, read_event
from shunfu.gateway.wire import Json
from shunfu.refunds.usecases import (
    APPLY_HANDLER,
    RECOVER_JOB,
    SURPLUS_HANDLER,
    VISIT_JOB,
    Named,
    RefundTools,
    apply_report,
    recover,
    refund_surplus_payment,
    visit,
)


def make_handlers(tools: RefundTools) -> dict[str, Handler]:
    """Handlers by job kind. Each may run twice without harm."""

    async def visited(job: ClaimedJob) -> Done | Again:
        again_at = await visit(tools, Named(job.merchant_id, UUID(job.key)))
        return Again(again_at) if again_at else Done()

    async def surplus(job: ClaimedJob) -> Done:
        body = await _body(tools, job)
        await refund_surplus_payment(tools, job.merchant_id, UUID(cast("str", body["payment_id"])))
        return Done()

    async def reported(job: ClaimedJob) -> Done:
        await apply_report(tools, job.merchant_id, await _body(tools, job))
        return Done()

    async def recovering(job: ClaimedJob) -> Done | Again:
        again_at = await recover(tools, job.merchant_id)
        return Again(again_at) if again_at else Done()

    handlers: dict[str, Handler] = {VISIT_JOB: visited, RECOVER_JOB: recovering}
    return handlers | {f"on:{SURPLUS_HANDLER}": surplus, f"on:{APPLY_HANDLER}": reported}


async def _body(tools: RefundTools, job: ClaimedJob) -> dict[str, Json]:
    async with tools.database.glancing() as reader:
        found = await read_event(reader, job.merchant_id, UUID(job.key))
    assert found is not None, "a handler's job is written with its event"
    return cast("dict[str, Json]", found[1])

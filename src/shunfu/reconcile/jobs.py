"""The reconcile room's work for the worker: each account's day, runs that were asked for, repairs left half done."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from shunfu.db import Again, ClaimedJob, Done, Handler
from shunfu.kernel.errors import StateConflict
from shunfu.reconcile.model import RunState
from shunfu.reconcile.usecases import (
    DAILY_JOB,
    REPAIR_JOB,
    RUN_JOB,
    ReconcileTools,
    carry_out_run,
    reconcile_due,
    repair,
)

HELD = timedelta(minutes=2)
NOT_YET = timedelta(minutes=30)


def make_handlers(tools: ReconcileTools) -> dict[str, Handler]:
    """Handlers by job kind. Each may run twice without harm."""

    async def daily(job: ClaimedJob) -> Again:
        return Again(await reconcile_due(tools, job.merchant_id, UUID(job.key)))

    async def requested(job: ClaimedJob) -> Done | Again:
        try:
            run = await carry_out_run(tools, job.merchant_id, UUID(job.key))
        except StateConflict:
            return Again(tools.now() + HELD)
        return Again(tools.now() + NOT_YET) if run.state is RunState.WAITING else Done()

    async def repaired(job: ClaimedJob) -> Done | Again:
        again_at = await repair(tools, job.merchant_id, UUID(job.key))
        return Again(again_at) if again_at else Done()

    return {DAILY_JOB: daily, RUN_JOB: requested, REPAIR_JOB: repaired}

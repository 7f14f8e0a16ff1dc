"""The reconcile room's stories, one file a subject."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from shunfu.kernel.errors import NotFoundHere
from shunfu.reconcile.store import runs
from shunfu.reconcile.store.breaks import Break, BreakPage
from shunfu.reconcile.store.runs import Run
from shunfu.reconcile.usecases.gathering import Supply
from shunfu.reconcile.usecases.previewing import Change, Preview, preview_repair
from shunfu.reconcile.usecases.repairing import (
    Word,
    accept_break,
    approve_repair,
    list_breaks,
    plain_advice,
    propose_repair,
    read_break,
    repair,
)
from shunfu.reconcile.usecases.running import Wish, carry_out_run, read_run, reconcile_day, request_run
from shunfu.reconcile.usecases.scheduling import begin_daily, reconcile_due
from shunfu.reconcile.usecases.tools import (
    DAILY_JOB,
    PATIENCE_SECONDS,
    REPAIR_JOB,
    RUN_JOB,
    ReconcileTools,
    Stage,
    Watch,
    unwatched,
)

__all__ = [
    "DAILY_JOB",
    "PATIENCE_SECONDS",
    "REPAIR_JOB",
    "RUN_JOB",
    "Break",
    "BreakPage",
    "Change",
    "Preview",
    "ReconcileTools",
    "Run",
    "Stage",
    "Supply",
    "Watch",
    "Wish",
    "Word",
    "accept_break",
    "account_for",
    "approve_repair",
    "begin_daily",
    "carry_out_run",
    "list_breaks",
    "list_runs",
    "plain_advice",
    "preview_repair",
    "propose_repair",
    "read_break",
    "read_run",
    "reconcile_day",
    "reconcile_due",
    "repair",
    "request_run",
    "unwatched",
]


async def account_for(tools: ReconcileTools, merchant_id: UUID, channel: str, account_id: UUID | None) -> UUID:
    """The account of a channel: the one that is named, else the one that takes new payments. Raises NotFoundHere."""
    async with tools.database.reading() as reader:
        found = await tools.payments.accounts.named(reader, merchant_id)
    fitting = [known_id for known_id, name in found if name == channel and account_id in {None, known_id}]
    if not fitting:
        raise NotFoundHere("This merchant has no such account at this channel.")
    return fitting[0]


async def list_runs(tools: ReconcileTools, merchant_id: UUID, before: UUID, limit: int) -> Sequence[Run]:
    """Runs with an id below `before`, newest first."""
    async with tools.database.glancing() as reader:
        return await runs.list_runs(reader, merchant_id, before, limit)

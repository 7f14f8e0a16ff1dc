"""What the reconcile room's stories need, built once by the wiring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from shunfu.db import Database, Job, Labour
from shunfu.kernel.clock import Source
from shunfu.payments import PaymentTools
from shunfu.refunds import RefundTools

DAILY_JOB = "reconcile.daily"
RUN_JOB = "reconcile.run"
REPAIR_JOB = "reconcile.repair"
PATIENCE_SECONDS = 3600.0
"""How long the worker lets a day's reconciliation take."""
BREAKS_MAX = 10_000
"""More than this is no day with differences, but a statement of something else."""

HEAVY = Labour(statement_seconds=300, memory_mib=64)
"""What comparing a million lines may take."""

Stage: TypeAlias = Literal["fetch", "read", "match"]
Watch: TypeAlias = Callable[[Stage, int], None]
"""Told how far a run is: bytes fetched, lines read, breaks found."""


def unwatched(_stage: Stage, _count: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class ReconcileTools:
    """The rooms below, and what the heavy part may use of PostgreSQL."""

    refunds: RefundTools
    labour: Labour = HEAVY

    @property
    def payments(self) -> PaymentTools:
        """The payments room's tools."""
        return self.refunds.payments

    @property
    def database(self) -> Database:
        """The pool."""
        return self.payments.database

    @property
    def source(self) -> Source:
        """Clock and entropy."""
        return self.payments.source

    def now(self) -> datetime:
        """The present instant in UTC."""
        return self.payments.now()

    def job(self, kind: str, merchant_id: UUID, subject_id: UUID, run_at: datetime) -> Job:
        """A job about one account, run or break that never gives up."""
        return self.payments.job(kind, merchant_id, subject_id, run_at)

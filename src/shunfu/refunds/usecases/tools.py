"""What the refunds room's stories need, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shunfu.db import Database, Job
from shunfu.payments import PaymentTools
from shunfu.refunds.model import Refund

VISIT_JOB = "refunds.visit"
SURPLUS_HANDLER = "refunds.refund_surplus"
APPLY_HANDLER = "refunds.apply_report"


@dataclass(frozen=True, slots=True)
class RefundTools:
    """`approval_above_minor`: from this amount on, in minor units, a second person must agree."""

    payments: PaymentTools
    approval_above_minor: int

    @property
    def database(self) -> Database:
        """The pool."""
        return self.payments.database

    def now(self) -> datetime:
        """The present instant in UTC."""
        return self.payments.now()

    def visit(self, refund: Refund, run_at: datetime) -> Job:
        """The job that sends and asks, and never gives up."""
        return self.payments.job(VISIT_JOB, refund.merchant_id, refund.refund_id, run_at)


@dataclass(frozen=True, slots=True)
class Named:
    """A refund of a merchant, by its id."""

    merchant_id: UUID
    refund_id: UUID

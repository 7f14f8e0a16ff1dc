"""What the payments room's stories need, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shunfu.db import NEVER_GIVE_UP, Database, Job, Jobs, Outbox
from shunfu.driver import Driver
from shunfu.gateway.port import Moment
from shunfu.kernel.clock import Source
from shunfu.kernel.ids import public
from shunfu.merchants import Accounts, Vault
from shunfu.payments.timetable import Pace

ASK_JOB = "payments.ask"
EXPIRE_JOB = "payments.expire"
CLOSE_JOB = "payments.close_at_channel"
APPLY_HANDLER = "payments.apply_report"


@dataclass(frozen=True, slots=True)
class PaymentTools:
    """`public_url` is where channels reach us, without a trailing slash."""

    database: Database
    source: Source
    driver: Driver
    accounts: Accounts
    vault: Vault
    outbox: Outbox
    jobs: Jobs
    public_url: str
    pace: Pace

    def moment(self) -> Moment:
        """The present and fresh randomness for a channel's verb."""
        return Moment(self.source.now(), self.source.nonce())

    def notify_url(self, channel: str, merchant_id: UUID, account_id: UUID) -> str:
        """The address a channel posts to: it names the merchant and the account, and has no query."""
        return f"{self.public_url}/notifications/{channel}/{public('mer', merchant_id)}/{public('acc', account_id)}"

    def job(self, kind: str, merchant_id: UUID, subject_id: UUID, run_at: datetime) -> Job:
        """A job about one order or payment that never gives up."""
        return Job(merchant_id, kind, str(subject_id), {}, run_at, NEVER_GIVE_UP)

    def now(self) -> datetime:
        """The present instant in UTC."""
        return self.source.now()

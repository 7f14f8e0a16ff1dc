"""Builds everything and passes it: the one place that knows all rooms, and the one table of event to handlers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from shunfu.app.http import idempotency
from shunfu.app.settings import Settings
from shunfu.db import (
    Again,
    ClaimedJob,
    Database,
    Done,
    Handler,
    Job,
    Jobs,
    Outbox,
    PoolSettings,
    Reader,
    Subscriptions,
    Transaction,
    Worker,
    WorkerSettings,
    delete_done,
    read_event,
)
from shunfu.driver import Driver, DriverSettings, discover
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy
from shunfu.kernel.ids import decode
from shunfu.merchants import Accounts, KeyRing, Vault, write_checkout_token
from shunfu.notifications import Expected, NotificationTools, delete_old_bodies
from shunfu.payments import APPLY_HANDLER, Order, Pace, PaymentTools, expected_amount, make_handlers

LOG = structlog.stdlib.get_logger("wiring")
ALARM_HANDLER = "app.sound_alarm"
RETENTION_JOB = "app.retention"
LINK_OUTLIVES_ORDER = timedelta(days=30)
"""A checkout link still shows the result this long after the order's time to pay is over."""

SUBSCRIPTIONS: Subscriptions = {
    "PaymentReported": (APPLY_HANDLER,),
    "PaymentAlarmed": (ALARM_HANDLER,),
    "NotificationAlarmed": (ALARM_HANDLER,),
}
"""Event to handlers. An event that is not here is kept and, for now, nobody's."""


@dataclass(frozen=True, slots=True)
class House:
    """The built installation: what the server, the worker and the commands stand on."""

    settings: Settings
    source: Source
    database: Database
    ring: KeyRing
    accounts: Accounts
    jobs: Jobs
    payments: PaymentTools
    notifications: NotificationTools
    worker: Worker

    def checkout_url(self, order: Order) -> str:
        """The hosted page of an order."""
        ends = order.expires_at + LINK_OUTLIVES_ORDER
        token = write_checkout_token(self.ring.signer, order.merchant_id, order.order_id, ends)
        return f"{self.settings.public_url}/c/{token}"


@asynccontextmanager
async def open_house(settings: Settings, app_url: str, ring: KeyRing) -> AsyncGenerator[House]:
    """Connect and build; closes everything at the end. Raises TransientFault when the database is out of reach."""
    source = Source(SystemClock(), SystemEntropy())
    driver_settings = DriverSettings(signing_threads=settings.whole("signing_threads"))
    async with opened_database(settings, app_url) as database, Driver(driver_settings) as driver:
        yield build(settings, ring, (source, database, driver))


@asynccontextmanager
async def opened_database(settings: Settings, app_url: str) -> AsyncGenerator[Database]:
    """A pool as the application's role, which an operator's own user has to SET."""
    role = "shunfu_app" if settings.secret("database_url") else None
    database = await Database.connect(PoolSettings(url=app_url, role=role, max_size=settings.whole("pool_size")))
    try:
        yield database
    finally:
        await database.close()


def build(settings: Settings, ring: KeyRing, parts: tuple[Source, Database, Driver]) -> House:
    """Put the rooms together on a source, a database and a driver."""
    source, database, driver = parts
    vault = Vault(ring, source)
    accounts = Accounts(discover(), vault, source)
    outbox, jobs = Outbox(SUBSCRIPTIONS, source), Jobs(source)
    pending_seconds = settings.number("janitor_pending_seconds") or None
    payments = PaymentTools(
        database=database,
        source=source,
        driver=driver,
        accounts=accounts,
        vault=vault,
        outbox=outbox,
        jobs=jobs,
        public_url=settings.public_url,
        pace=Pace(settings.number("janitor_divisor"), pending_seconds),
    )
    notifications = NotificationTools(database, source, accounts, outbox, _expect_payment)
    handlers = {**make_handlers(payments), **_own_handlers(settings, source, database)}
    worker = Worker(database, handlers, WorkerSettings(), source)
    return House(settings, source, database, ring, accounts, jobs, payments, notifications, worker)


async def _expect_payment(reader: Reader, merchant_id: UUID, number: str) -> Expected | None:
    """The payments room's answer to the notifications room's question."""
    payment_id = decode(number)
    amount = await expected_amount(reader, merchant_id, payment_id) if payment_id else None
    return Expected(amount) if amount else None


async def begin_housekeeping(tx: Transaction, source: Source, jobs: Jobs, merchant_id: UUID) -> None:
    """Give a new merchant its daily retention job."""
    await jobs.enqueue(tx, Job(merchant_id, RETENTION_JOB, "daily", {}, source.now() + timedelta(days=1)))


def _own_handlers(settings: Settings, source: Source, database: Database) -> dict[str, Handler]:
    """The app's own work: sounding alarms, and ending what has been kept long enough."""

    async def sound_alarm(job: ClaimedJob) -> Done:
        async with database.reading() as reader:
            found = await read_event(reader, job.merchant_id, UUID(job.key))
        assert found is not None, "a handler's job is written with its event"
        body = found[1]
        subject = body.get("payment_id") or body.get("notification_id")
        LOG.error("alarm", alarm=body["alarm"], subject=subject, merchant=str(job.merchant_id))
        return Done()

    async def retention(job: ClaimedJob) -> Again:
        now = source.now()

        def before(name: str) -> timedelta:
            return timedelta(days=settings.whole(name))

        await idempotency.delete_old(database, job.merchant_id, now - before("retention_idempotency_days"))
        await delete_old_bodies(database, job.merchant_id, now - before("retention_bodies_days"))
        ends = now - before("retention_jobs_days")
        await database.transact(lambda tx: delete_done(tx, job.merchant_id, before=ends))
        return Again(now + timedelta(days=1))

    return {f"on:{ALARM_HANDLER}": sound_alarm, RETENTION_JOB: retention}

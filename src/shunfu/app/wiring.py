"""Builds everything and passes it: the one place that knows all rooms, and the one table of event to handlers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from shunfu.app.alarms import alarm_of
from shunfu.app.anchors import ANCHOR_JOB, make_anchor_handler
from shunfu.app.announcing import EVENT_TYPES, TELLINGS, make_announcer
from shunfu.app.announcing import HANDLER as ANNOUNCE_HANDLER
from shunfu.app.http import idempotency
from shunfu.app.key_checks import KEY_CHECK_JOB, enqueue_key_check, follow_key_file, make_key_check_handler
from shunfu.app.settings import Settings
from shunfu.app.watch import Watch
from shunfu.app.watch.tracing import watching
from shunfu.db import (
    Again,
    ClaimedJob,
    Database,
    Done,
    Handler,
    Job,
    Jobs,
    PoolSettings,
    Reader,
    Subscriptions,
    Transaction,
    Worker,
    WorkerSettings,
    delete_done,
    read_event,
)
from shunfu.driver import Driver, DriverSettings, Registry, discover
from shunfu.inspections import keep_alarm
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy
from shunfu.kernel.ids import decode
from shunfu.merchants import (
    Accounts,
    ExpiryTools,
    KeyRing,
    Lives,
    Merchant,
    NewKey,
    Organisation,
    Vault,
    create_merchant,
    create_sides,
    write_checkout_token,
)
from shunfu.notifications import Expected, NotificationTools, delete_old_bodies
from shunfu.offers import OfferTools
from shunfu.payments import APPLY_HANDLER, Order, Pace, PaymentTools, expected_amount, make_handlers
from shunfu.reconcile import PATIENCE_SECONDS, ReconcileTools
from shunfu.reconcile import make_handlers as make_reconcile_handlers
from shunfu.refunds import APPLY_HANDLER as APPLY_REFUND_HANDLER
from shunfu.refunds import SURPLUS_HANDLER, RefundTools, expected_refund
from shunfu.refunds import make_handlers as make_refund_handlers
from shunfu.shoppers import REMEMBER_HANDLER, ShopperTools, delete_ended_sessions
from shunfu.shoppers import make_handlers as make_shopper_handlers
from shunfu.telemetry import TelemetryTools
from shunfu.telemetry import delete_old as delete_old_visits
from shunfu.webhooks import Carrier, Sender, SenderSettings, WebhookTools
from shunfu.webhooks import make_handlers as make_webhook_handlers

LOG = structlog.stdlib.get_logger("wiring")
ALARM_HANDLER = "app.sound_alarm"
RETENTION_JOB = "app.retention"
LINK_OUTLIVES_ORDER = timedelta(days=30)
"""A checkout link still shows the result this long after the order's time to pay is over."""

ENDPOINTS_AT_A_TIME = 32
"""To so many endpoints is something sent at once; no other work waits for a merchant's server that hangs."""

MANY_AT_A_TIME = WorkerSettings(concurrency=ENDPOINTS_AT_A_TIME)
PATIENT = WorkerSettings(lease_seconds=PATIENCE_SECONDS, concurrency=2)
"""A day of a million lines takes longer than any other job may, and nothing else waits for it."""

HANDLERS: dict[str, tuple[str, ...]] = {
    "PaymentReported": (APPLY_HANDLER,),
    "RefundReported": (APPLY_REFUND_HANDLER,),
    "SurplusCaptured": (SURPLUS_HANDLER,),
    "ShopperPaid": (REMEMBER_HANDLER,),
    "PaymentAlarmed": (ALARM_HANDLER,),
    "RefundAlarmed": (ALARM_HANDLER,),
    "NotificationAlarmed": (ALARM_HANDLER,),
    "WebhookEndpointFailing": (ALARM_HANDLER,),
    "WebhookEndpointDisabled": (ALARM_HANDLER,),
    "BreaksFound": (ALARM_HANDLER,),
    "StatementChanged": (ALARM_HANDLER,),
    "RunFailed": (ALARM_HANDLER,),
    "KeyWarned": (ALARM_HANDLER,),
}
"""Event to handlers of our own. An event that is not here is kept and, for now, nobody's."""

SUBSCRIPTIONS: Subscriptions = {
    name: (*HANDLERS.get(name, ()), *((ANNOUNCE_HANDLER,) if name in TELLINGS else ()))
    for name in (*TELLINGS, *HANDLERS)
}
"""Event to handlers: our own, and the one that tells the merchant."""


@dataclass(frozen=True, slots=True)
class House:
    """The built installation: what the server, the worker and the commands stand on."""

    settings: Settings
    source: Source
    database: Database
    ring: KeyRing
    accounts: Accounts
    expiry: ExpiryTools
    jobs: Jobs
    payments: PaymentTools
    offers: OfferTools
    shoppers: ShopperTools
    refunds: RefundTools
    reconcile: ReconcileTools
    telemetry: TelemetryTools
    notifications: NotificationTools
    webhooks: WebhookTools
    worker: Worker
    webhook_worker: Worker
    reconcile_worker: Worker
    watch: Watch

    async def work(self, stop: asyncio.Event) -> None:
        """Run all workers until `stop` is set, and follow the key file meanwhile."""
        workers = (self.worker, self.webhook_worker, self.reconcile_worker)
        await asyncio.gather(*(worker.run(stop) for worker in workers), follow_key_file(self.ring, stop))

    async def drain(self) -> int:
        """Do everything that is due now and what becomes due by it; how many jobs ran. For tests and tools."""
        total = 0
        workers = (self.worker, self.webhook_worker, self.reconcile_worker)
        while count := sum([await worker.drain() for worker in workers]):
            total += count
        return total

    async def found(self, tx: Transaction, name: str, return_origins: tuple[str, ...] = ()) -> Organisation:
        """Found an organisation with its housekeeping."""
        first = NewKey("first key", days=self.settings.whole("api_key_days"))
        made = await create_merchant(tx, self.source, name, return_origins, first)
        await self._keep_house(tx, made.test, made.live)
        return made

    async def found_sides(self, tx: Transaction, name: str, actor: str) -> tuple[Merchant, Merchant]:
        """Found an organisation without API keys, as its first owner does in the console."""
        sides = await create_sides(tx, self.source, name, actor=actor)
        await self._keep_house(tx, *sides)
        return sides

    async def _keep_house(self, tx: Transaction, *sides: Merchant) -> None:
        for side in sides:
            await begin_housekeeping(tx, self.source, self.jobs, side.merchant_id)

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
    async with (
        watching(settings) as watch,
        opened_database(settings, app_url) as database,
        Driver(driver_settings, source, watch.called) as driver,
        Sender(SenderSettings()) as sender,
    ):
        yield build(settings, ring, (source, database, driver, watch.carrier(sender), watch))


@asynccontextmanager
async def opened_database(settings: Settings, app_url: str) -> AsyncGenerator[Database]:
    """A pool as the application's role, which an operator's own user has to SET."""
    role = "shunfu_app" if settings.secret("database_url") else None
    database = await Database.connect(PoolSettings(url=app_url, role=role, max_size=settings.whole("pool_size")))
    try:
        yield database
    finally:
        await database.close()


Parts = (
    tuple[Source, Database, Driver]
    | tuple[Source, Database, Driver, Carrier]
    | tuple[Source, Database, Driver, Carrier, Watch]
)
"""What a house stands on. No endpoint can be sent anything without a carrier of webhooks; a watch is optional."""


def build(settings: Settings, ring: KeyRing, parts: Parts, registry: Registry | None = None) -> House:
    """Put the rooms together on their parts, with the channels found unless others are given."""
    source, database, driver = parts[:3]
    vault = Vault(ring, source)
    accounts = Accounts(registry or discover(), vault, source)
    watch = parts[4] if len(parts) == 5 else Watch()
    outbox, jobs = watch.outbox(SUBSCRIPTIONS, source), Jobs(source)
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
    notifications = NotificationTools(database, source, accounts, outbox, _expect_payment, _expect_refund)
    refunds = RefundTools(payments, settings.whole("refund_approval_above_minor"))
    webhooks = WebhookTools(
        database=database,
        source=source,
        vault=vault,
        outbox=outbox,
        jobs=jobs,
        sender=parts[3] if len(parts) >= 4 else Sender(SenderSettings()),
        event_types=EVENT_TYPES,
        allows_private=settings.is_on("webhooks_allow_private"),
    )
    reconcile = ReconcileTools(refunds)
    telemetry = TelemetryTools(database, source, settings.whole("telemetry_days"))
    session_life = timedelta(minutes=settings.whole("shopper_session_minutes"))
    shoppers = ShopperTools(database, source, driver, accounts, vault, session_life)
    lives = Lives(settings.whole("key_days"), settings.whole("credential_days"))
    expiry = ExpiryTools(database, source, outbox, accounts, ring, lives)
    handlers = {
        **make_handlers(payments),
        **make_refund_handlers(refunds),
        **make_shopper_handlers(shoppers),
        **_own_handlers(settings, source, database, shoppers, telemetry),
        KEY_CHECK_JOB: make_key_check_handler(expiry),
        ANCHOR_JOB: make_anchor_handler(database, source, settings.audit_anchor_file),
        f"on:{ANNOUNCE_HANDLER}": make_announcer(webhooks),
    }
    return House(
        settings=settings,
        source=source,
        database=database,
        ring=ring,
        accounts=accounts,
        expiry=expiry,
        jobs=jobs,
        payments=payments,
        offers=OfferTools(database, source),
        shoppers=shoppers,
        refunds=refunds,
        reconcile=reconcile,
        telemetry=telemetry,
        notifications=notifications,
        webhooks=webhooks,
        worker=Worker(database, watch.handlers(handlers), WorkerSettings(), source),
        webhook_worker=Worker(database, watch.handlers(make_webhook_handlers(webhooks)), MANY_AT_A_TIME, source),
        reconcile_worker=Worker(database, watch.handlers(make_reconcile_handlers(reconcile)), PATIENT, source),
        watch=watch,
    )


async def _expect_payment(reader: Reader, merchant_id: UUID, number: str) -> Expected | None:
    """The payments room's answer to the notifications room's question."""
    payment_id = decode(number)
    amount = await expected_amount(reader, merchant_id, payment_id) if payment_id else None
    return Expected(amount) if amount else None


async def _expect_refund(reader: Reader, merchant_id: UUID, number: str) -> Expected | None:
    """The refunds room's answer to the notifications room's question."""
    amount = await expected_refund(reader, merchant_id, number)
    return Expected(amount) if amount else None


async def begin_housekeeping(tx: Transaction, source: Source, jobs: Jobs, merchant_id: UUID) -> None:
    """Give a new merchant its daily jobs: retention, and a look at its keys."""
    await jobs.enqueue(tx, Job(merchant_id, RETENTION_JOB, "daily", {}, source.now() + timedelta(days=1)))
    await enqueue_key_check(tx, source, jobs, merchant_id)


def _own_handlers(
    settings: Settings, source: Source, database: Database, shoppers: ShopperTools, telemetry: TelemetryTools
) -> dict[str, Handler]:
    """The app's own work: sounding alarms, and ending what has been kept long enough."""

    async def sound_alarm(job: ClaimedJob) -> Done:
        async with database.reading() as reader:
            found = await read_event(reader, job.merchant_id, UUID(job.key))
        assert found is not None, "a handler's job is written with its event"
        alarm = alarm_of(job.merchant_id, UUID(job.key), found[1])
        LOG.error("alarm", alarm=alarm.alarm, subject=alarm.subject, merchant=str(job.merchant_id))
        await keep_alarm(database, source, alarm)
        return Done()

    async def retention(job: ClaimedJob) -> Again:
        now = source.now()

        def before(name: str) -> timedelta:
            return timedelta(days=settings.whole(name))

        await idempotency.delete_old(database, job.merchant_id, now - before("retention_idempotency_days"))
        await delete_old_bodies(database, job.merchant_id, now - before("retention_bodies_days"))
        await delete_ended_sessions(shoppers, job.merchant_id, now)
        ends = now - before("retention_jobs_days")
        await database.transact(lambda tx: delete_done(tx, job.merchant_id, before=ends))
        await delete_old_visits(telemetry, job.merchant_id)
        return Again(now + timedelta(days=1))

    return {f"on:{ALARM_HANDLER}": sound_alarm, RETENTION_JOB: retention}

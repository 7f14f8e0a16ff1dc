"""Books and statements made to order, on a real database, for the tests of reconciliation.

Two seams are swapped, nothing is patched: the channel's statements and its answers come from lists that a test fills
in, and the driver carries them without a network. `make_desk(database)` builds it; the clock stands still until moved.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from flows.world import CHANNEL, credentials
from shunfu.app.commands import found_organisation
from shunfu.app.settings import load
from shunfu.app.wiring import House, build
from shunfu.db import Database, Query, Transaction
from shunfu.driver import Driver, Registry, discover
from shunfu.gateway.evidence import Evidence, Unknown
from shunfu.gateway.flow import Answer, Flow, NoReply, Request, run
from shunfu.gateway.refund import RefundEvidence
from shunfu.gateway.statement import (
    StatementAnswer,
    StatementDamaged,
    StatementFile,
    StatementKind,
    StatementLine,
    StatementNotReady,
    StatementOf,
)
from shunfu.kernel.clock import ManualClock, Source, SystemEntropy
from shunfu.kernel.cursor import FIRST
from shunfu.kernel.ids import PLATFORM, encode
from shunfu.kernel.money import Money
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import Signer
from shunfu.ledger import capture, capture_surplus, post, refund_paid
from shunfu.merchants import KeyRing, Merchant
from shunfu.merchants.envelope import Key
from shunfu.reconcile import Break, BreakPage, Run, Supply, Wish, list_breaks, reconcile_day

DAY = date(2026, 11, 21)
BEGIN = datetime(2026, 11, 20, 16, tzinfo=UTC)
"""Midnight in China."""
NEXT_MORNING = BEGIN + timedelta(hours=24 + 12)
NOON = BEGIN + timedelta(hours=12)
DAMAGED, SLOW = "damaged here", "slow"


class Told:
    """What a channel says, as a test wrote it down: statements by day and kind, answers by number."""

    def __init__(self) -> None:
        self.statements: dict[tuple[date, StatementKind], StatementAnswer] = {}
        self.payments: dict[str, Evidence] = {}
        self.refunds: dict[str, RefundEvidence] = {}
        self.questions: list[str] = []
        self.reading = threading.Event()
        self.hold = threading.Event()
        self.hold.set()

    def fetch_statement(self, _: object, of: StatementOf, __: object) -> Flow[StatementAnswer]:
        """A conversation without a request."""
        return self.statements.get((of.day, of.kind), StatementNotReady("NOT_WRITTEN"))
        yield Request("GET", "", ())

    def read_statement(self, _: object, file: StatementFile) -> Iterator[StatementLine]:
        """The lines as they were written: DAMAGED ends them badly, at a line that is SLOW it waits if told to hold."""
        for told in json.loads(file.content):
            if told == DAMAGED:
                raise StatementDamaged("a row has not as many cells as the header")
            if told["state"] == SLOW:
                self.reading.set()
                self.hold.wait(20)
            yield StatementLine(**{**told, "happened_at": datetime.fromisoformat(told["happened_at"])})

    def query(self, _: object, number: str, __: object) -> Flow[Evidence]:
        """What became of a payment."""
        self.questions.append(number)
        return self.payments.get(number, Unknown("nobody wrote it down"))
        yield Request("GET", "", ())

    def query_refund(self, _: object, refund: Any, __: object) -> Flow[RefundEvidence]:
        """What became of a refund."""
        self.questions.append(refund.number)
        return self.refunds.get(refund.number, Unknown("nobody wrote it down"))
        yield Request("GET", "", ())


class Courier:
    """The driver's stand-in: no conversation of `Told` makes a request."""

    async def run(self, _: object, flow: Flow[Any]) -> Any:
        return run(flow, _nobody)

    async def converse(self, _: object, flow: Flow[Any]) -> tuple[Any, tuple[()]]:
        return run(flow, _nobody), ()


def _nobody(_: Request) -> Answer:
    return NoReply("nobody is there", was_sent=False)


def statement(*lines: StatementLine | str, day: date = DAY, kind: StatementKind = "trade") -> StatementFile:
    """A file of these lines."""
    told = [line if isinstance(line, str) else line._asdict() for line in lines]
    return StatementFile(StatementOf(day, kind), json.dumps(told, default=datetime.isoformat).encode())


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment of ours, with what its line would say."""

    payment_id: UUID
    amount_minor: int
    at: datetime

    @property
    def number(self) -> str:
        return encode(self.payment_id)

    def line(self, **changes: Any) -> StatementLine:
        """The line that agrees with it, but for these changes."""
        told = StatementLine(
            "payment", self.number, "", f"42{self.number}", "", self.amount_minor, 0, "CNY", "SUCCESS", self.at
        )
        return told._replace(**changes)


@dataclass(frozen=True, slots=True)
class Refunded:
    """A refund of ours, with what its line would say."""

    refund_id: UUID
    paid: Paid
    amount_minor: int
    at: datetime

    @property
    def number(self) -> str:
        return encode(self.refund_id)

    def line(self, **changes: Any) -> StatementLine:
        """The line that agrees with it, but for these changes."""
        told = StatementLine(
            "refund", self.paid.number, self.number, f"42{self.paid.number}", f"50{self.number}", -self.amount_minor, 0,
            "CNY", "SUCCESS", self.at,
        )  # fmt: skip
        return told._replace(**changes)


@dataclass(slots=True)
class Desk:
    """The installation with one merchant and its account, and what the channel says."""

    house: House
    clock: ManualClock
    merchant: Merchant
    account_id: UUID
    channel_account: str
    channel_app: str
    told: Told
    amounts: Iterator[int] = field(default_factory=lambda: iter(range(2800, 10**6)))

    @property
    def merchant_id(self) -> UUID:
        return self.merchant.merchant_id

    async def paid(self, state: str = "CAPTURED", at: datetime = NOON, **changes: Any) -> Paid:
        """A payment of ours in a state, of an order of its own; a captured one is posted."""
        payment_id, order_id = self.house.source.new_id(), self.house.source.new_id()
        paid = Paid(payment_id, changes.pop("amount_minor", None) or next(self.amounts), at)
        is_captured = state == "CAPTURED"
        columns = {
            "merchant_id": self.merchant_id, "payment_id": payment_id, "order_id": order_id, "channel": CHANNEL,
            "scene": "native", "account_id": self.account_id, "channel_account": self.channel_account,
            "channel_app": self.channel_app, "notify_url": "http://127.0.0.1/", "amount_minor": paid.amount_minor,
            "currency": "CNY", "state": state, "deadline": at, "created_at": at, "updated_at": at,
            "channel_transaction_no": f"42{paid.number}" if is_captured else None,
            "captured_minor": paid.amount_minor if is_captured else 0, "captured_at": at if is_captured else None,
            "is_surplus": False, **changes,
        }  # fmt: skip
        order_state = {"CAPTURED": "PAID", "CLOSED": "CLOSED"}.get(state, "OPEN")
        recipe = capture_surplus if columns["is_surplus"] else capture
        amount, channel = Money(paid.amount_minor, "CNY"), (CHANNEL, columns["channel_account"])

        async def story(tx: Transaction) -> None:
            order = (self.merchant_id, order_id, paid.amount_minor, "CNY", "咖啡豆", [], order_state, at, at, at)
            await tx.execute(_ADD_ORDER, *order)
            await tx.execute(_insert("payments", columns), *columns.values())
            if is_captured:
                await post(tx, self.house.source, columns["merchant_id"], recipe(payment_id, amount, channel, at))

        await self.house.database.transact(story)
        return paid

    async def refunded(
        self, paid: Paid, amount_minor: int, state: str = "SUCCEEDED", at: datetime = NOON, **changes: Any
    ) -> Refunded:
        """A refund of ours in a state; one that succeeded is posted, one that is going on is reserved."""
        refund_id = self.house.source.new_id()
        refunded = Refunded(refund_id, paid, amount_minor, at)
        is_done = state == "SUCCEEDED"
        columns = {
            "merchant_id": self.merchant_id, "refund_id": refund_id, "payment_id": paid.payment_id,
            "order_id": paid.payment_id, "channel": CHANNEL, "account_id": self.account_id,
            "channel_account": self.channel_account, "channel_transaction_no": f"42{paid.number}",
            "amount_minor": amount_minor, "total_minor": paid.amount_minor, "currency": "CNY", "reason": "少了一件",
            "notify_url": "http://127.0.0.1/", "is_surplus": False, "is_automatic": False, "state": state,
            "requested_by": "key_x", "send_after": at, "created_at": at, "updated_at": at, "sends": 1,
            "channel_refund_no": f"50{refunded.number}" if is_done else None, "succeeded_at": at if is_done else None,
            **changes,
        }  # fmt: skip
        reserved = amount_minor if state in {"SENDING", "UNKNOWN", "PROCESSING", "ABNORMAL"} else 0
        amount, channel = Money(amount_minor, "CNY"), (CHANNEL, self.channel_account)

        async def story(tx: Transaction) -> None:
            await tx.execute(_insert("refunds", columns), *columns.values())
            done = amount_minor if is_done else 0
            await tx.execute(_MOVE, self.merchant_id, paid.payment_id, reserved, done)
            if is_done:
                await post(tx, self.house.source, self.merchant_id, refund_paid(refund_id, amount, channel, at))

        await self.house.database.transact(story)
        return refunded

    def say(self, *lines: StatementLine | str, day: date = DAY, funds: tuple[StatementLine, ...] = ()) -> None:
        """The channel's statements of a day."""
        self.told.statements[day, "trade"] = statement(*lines, day=day)
        self.told.statements[day, "funds"] = statement(*funds, day=day, kind="funds")

    async def run(self, day: date = DAY, fee_permyriad: int | None = None, supply: Supply | None = None) -> Run:
        """Reconcile a day."""
        wish = self.wish(day, fee_permyriad)
        return await reconcile_day(self.house.reconcile, replace(wish, supply=supply or Supply()))

    def wish(self, day: date = DAY, fee_permyriad: int | None = None) -> Wish:
        run_id = self.house.source.new_id()
        return Wish(self.merchant_id, self.account_id, day, run_id, "key_x", fee_permyriad)

    async def breaks(self, day: date = DAY, state: str | None = None) -> list[Break]:
        """The breaks of a day, oldest first."""
        found = await list_breaks(self.house.reconcile, self.merchant_id, BreakPage(FIRST, 20_000, state))
        return [one for one in reversed(found) if one.day == day]

    async def kinds(self, day: date = DAY) -> list[tuple[str, str, str, int]]:
        """Each break as (kind, what it is about, state, difference), sorted."""
        found = await self.breaks(day)
        return sorted((one.kind.value, one.subject.kind, one.state.value, one.difference_minor) for one in found)

    async def sql(self, text: str, *args: object) -> list[tuple[object, ...]]:
        """A look behind the scenes."""
        async with self.house.database.glancing() as reader:
            return [tuple(row.values()) for row in await reader.fetch(Query("test", text, "test"), *args)]


_ADD_ORDER = Query(
    "test",
    "INSERT INTO orders (merchant_id, order_id, amount_minor, currency, subject, items, state, expires_at, created_at, "
    "updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    "test",
)
_MOVE = Query(
    "test",
    "UPDATE payments SET refund_reserved_minor = refund_reserved_minor + $3, refunded_minor = refunded_minor + $4 "
    "WHERE merchant_id = $1 AND payment_id = $2",
    "test",
)


def _insert(table: str, columns: dict[str, Any]) -> Query:
    places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
    return Query("test", f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", "test")


async def make_desk(database: Database, **capabilities: Any) -> Desk:
    """An installation on a database, with an account at a channel that says what the test wrote down."""
    told, found = Told(), discover()
    channel = found.channels[CHANNEL]
    channel = replace(
        channel,
        verbs=cast("Any", told),
        refunds=cast("Any", told),
        statements=told,
        capabilities=replace(channel.capabilities, **capabilities),
    )
    clock = ManualClock(NEXT_MORNING)
    source = Source(clock, SystemEntropy())
    ring = KeyRing({PLATFORM: Key(PLATFORM, Secret(b"k" * 32))}, PLATFORM, Signer(Secret(b"s" * 32)))
    registry = Registry({CHANNEL: channel}, found.sandboxes)
    parts = (source, database, cast("Driver", Courier()))
    house = build(load({"public_url": "http://127.0.0.1:8700"}, {}), ring, parts, registry)
    made = await found_organisation(house, "山前咖啡", ())
    given = credentials(CHANNEL)

    async def story(tx: Transaction) -> UUID:
        return await house.accounts.add(tx, made.test, CHANNEL, given)

    account_id = await database.transact(story)
    identity = channel.identity(channel.load(given))
    return Desk(house, clock, made.test, account_id, identity.account, identity.app, told)

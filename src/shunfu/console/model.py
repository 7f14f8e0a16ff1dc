"""What the console's pages show, as values, and the small sums behind them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from shunfu.checkout.kit import Language
from shunfu.kernel.caller import Caller
from shunfu.kernel.ids import decode, parse_public
from shunfu.kernel.money import Money
from shunfu.kernel.plain import SHANGHAI

PAGE_ROWS = 50
EXPORT_MAX = 50_000
"""So many rows a file has at most: more are read from the API or the database."""
EXPORT_ROWS = 1000
"""So many rows are read at a time for a file."""
ALARMS_SHOWN = 20
NEEDLE_MAX = 128
SANDBOX_MARK = "SBX-"
"""Stands in front of every number of a sandbox on our pages; whoever copies it along finds the order all the same."""

OrderFilter = Literal["OPEN", "CLOSING", "PAID", "CLOSED", "UNKNOWN"]
"""An order's states, and UNKNOWN: orders with a payment that has no result."""

ORDER_FILTERS: tuple[OrderFilter, ...] = ("UNKNOWN", "OPEN", "CLOSING", "PAID", "CLOSED")
REFUND_FILTERS = ("REQUESTED", "UNKNOWN", "PROCESSING", "ABNORMAL", "SUCCEEDED", "REFUSED", "REJECTED", "CLOSED")
SubjectKind = Literal["payment", "refund"]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks, already authenticated. `caller.merchant_id` is the tenant; `form_token` goes into every form.

    `is_proved`: the second factor was given in this very session, a short while ago. An act that moves money or changes
    rights asks for it.
    """

    caller: Caller
    name: str
    role: str
    merchant_name: str
    mode: Literal["test", "live"]
    form_token: str
    session_id: UUID
    is_proved: bool = False


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One open session of the visitor."""

    session_id: UUID
    created_at: datetime
    seen_at: datetime
    agent: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class SideRow:
    """A merchant that the visitor works for; `merchant` is its public id."""

    merchant: str
    name: str
    role: str
    mode: Literal["test", "live"]
    is_current: bool


@dataclass(frozen=True, slots=True)
class DoorPage:
    """What a page before the console shows: an error's key, and what was typed; never a password.

    `other_language` is the query that leads to this page in the other language. `passkey`: what the browser is asked
    for one, as JSON. `has_ended`: the visitor comes because a session ended by itself.
    """

    language: Language
    form_token: str
    error: str | None = None
    values: Mapping[str, str] = field(default_factory=dict[str, str])
    asks_shop: bool = False
    other_language: str = ""
    passkey: str | None = None
    has_provider: bool = False
    has_ended: bool = False


@dataclass(frozen=True, slots=True)
class Sum:
    """How often money moved in one currency, and how much altogether."""

    times: int
    amount: Money


@dataclass(frozen=True, slots=True)
class MethodRate:
    """Of the payments by one method that ended: how many with money."""

    channel: str
    scene: str
    captured: int
    ended: int


@dataclass(frozen=True, slots=True)
class Hours:
    """What was captured in each hour of a day in China and of the day before it, 24 sums each, in one currency.

    `now_hour`: the hour that is running; later ones of today have not been.
    """

    currency: str
    today: tuple[int, ...]
    yesterday: tuple[int, ...]
    now_hour: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something about a payment or a refund that needs a person."""

    kind: SubjectKind
    evidence_id: UUID
    subject_id: UUID
    state: str
    amount: Money
    alarm: str
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class TroubledJob:
    """A job that gave up (`dead`) or failed and will be tried again."""

    kind: str
    state: str
    attempts: int
    error: str
    run_at: datetime


@dataclass(frozen=True, slots=True)
class Signer:
    """A channel's key by the channel's name for it, how many of the newest messages it signed, and the last one."""

    name: str
    messages: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class JobFault:
    """A job that gave up (`dead`) or failed and waits, as its own page shows it."""

    job_id: UUID
    kind: str
    key: str
    state: str
    attempts: int
    error: str
    run_at: datetime


@dataclass(frozen=True, slots=True)
class Today:
    """A merchant's day so far, and what needs a person now."""

    now: datetime
    captured: tuple[Sum, ...]
    refunded: tuple[Sum, ...]
    methods: tuple[MethodRate, ...]
    unknown: int
    unknown_since: datetime | None
    waiting_refunds: int
    alarms: tuple[Alarm, ...]
    jobs: tuple[TroubledJob, ...]
    has_orders: bool
    hours: Hours
    open_alarms: int = 0

    @property
    def concerns(self) -> int:
        """How many things need a look."""
        kept = max(len(self.alarms), self.open_alarms)
        return kept + len(self.jobs) + bool(self.unknown) + bool(self.waiting_refunds)


@dataclass(frozen=True, slots=True)
class NewestPayment:
    """How an order was last tried to be paid."""

    channel: str
    scene: str
    state: str


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order in a list."""

    order_id: UUID
    merchant_order_no: str | None
    amount: Money
    subject: str
    state: str
    created_at: datetime
    payment: NewestPayment | None = None


@dataclass(frozen=True, slots=True)
class RefundRow:
    """A refund beside its order."""

    refund_id: UUID
    amount: Money
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Needle:
    """What a person looks for: an id of ours, and the same text as the merchant's or the channel's number."""

    own_id: UUID | None
    text: str


def read_needle(text: str) -> Needle | None:
    """What the search box says, or None when it says nothing that any order could have."""
    plain = text.strip().removeprefix(SANDBOX_MARK)
    if not plain or len(plain) > NEEDLE_MAX or not plain.isprintable():
        return None
    own_id = parse_public("ord", plain) or parse_public("pay", plain) or decode(plain)
    return Needle(own_id, plain)


def day_span(now: datetime) -> tuple[datetime, datetime]:
    """The day of an instant in China, from its first moment to the next day's, in UTC."""
    start = now.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    return start, start + timedelta(days=1)


def hours_of(sums: Iterable[tuple[int, int]], currency: str, now: datetime) -> Hours:
    """Sums by hour since the day before began (0 to 47), as two days."""
    by_hour = dict(sums)
    told = [by_hour.get(hour, 0) for hour in range(48)]
    return Hours(currency, tuple(told[24:]), tuple(told[:24]), now.astimezone(SHANGHAI).hour)


def first_id(moment: datetime) -> UUID:
    """Below every id that was made at this moment or later, and above every earlier one (ids sort by time)."""
    milliseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    return UUID(int=milliseconds << 80)


def rate_permille(captured: int, ended: int) -> int:
    """How many of a thousand ended with money, rounded half up; 1000 only when all did, 0 only when none did."""
    assert 0 <= captured <= ended
    assert ended
    rounded = (captured * 1000 + ended // 2) // ended
    if captured == ended:
        return 1000
    return min(max(rounded, 1 if captured else 0), 999)


def rate_text(permille: int) -> str:
    """`97.6%`; a whole number without its fraction."""
    whole, tenth = divmod(permille, 10)
    return f"{whole}.{tenth}%" if tenth else f"{whole}%"

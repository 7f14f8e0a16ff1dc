"""What a channel's sandbox and its host tell each other: frozen values. Must not know: which channels exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from typing import Generic, Literal, TypeVar

from shunfu.gateway.faults import HOST_TWISTS, NOTIFICATION_TWISTS, REPLY_TWISTS, Faults
from shunfu.gateway.flow import Reply, Request

S = TypeVar("S")
"""A sandbox's own state: one frozen value of texts, numbers and collections, everything that it knows."""

BEIJING = timezone(timedelta(hours=8))

Condition = Literal["payable", "paid", "closed", "expired", "invalid"]
Deed = Literal["pay", "cancel", "wrong_password", "leave"]
DEEDS: tuple[Deed, ...] = ("pay", "cancel", "wrong_password", "leave")
RefundEnd = Literal["succeeded", "abnormal", "closed"]


@dataclass(frozen=True, slots=True)
class Pace:
    """A sandbox's clock: business time is the wall clock plus `offset_ms`; waits pass `speed` times as fast."""

    speed: float = 1.0
    offset_ms: int = 0


@dataclass(frozen=True, slots=True)
class At:
    """One step's moment: the wall clock (signatures use it), business time in Unix ms (all else), 32 random bytes."""

    now: datetime
    business_ms: int
    entropy: bytes = field(repr=False)

    @property
    def beijing(self) -> datetime:
        """Business time as the channels write it."""
        return beijing(self.business_ms)

    def draw(self, *labels: str | int) -> bytes:
        """32 bytes for one purpose, out of this step's randomness."""
        return sha256(self.entropy + "/".join(str(label) for label in labels).encode()).digest()

    def digits(self, count: int, *labels: str | int) -> str:
        """That many decimal digits for one purpose."""
        return f"{int.from_bytes(self.draw('digits', *labels), 'big'):078d}"[-count:]


def beijing(moment_ms: int) -> datetime:
    """Unix milliseconds as a time at +08:00."""
    return datetime.fromtimestamp(moment_ms / 1000, BEIJING)


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """One order as a tester sees it. `trade_type` and `state` are the channel's own words; times are Unix ms, 0 never.

    `transaction_no` is the channel's number, empty until paid.
    """

    number: str
    trade_type: str
    state: str
    amount_minor: int
    currency: str
    description: str
    notify_url: str
    created_ms: int
    expires_ms: int
    paid_ms: int = 0
    transaction_no: str = ""


@dataclass(frozen=True, slots=True)
class PlacedRefund:
    """One refund as a tester sees it; `state` is the channel's own word, `finished_ms` 0 while it goes on."""

    number: str
    order_number: str
    state: str
    amount_minor: int
    currency: str
    transaction_no: str
    created_ms: int
    finished_ms: int = 0


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the payment sheet finds: the order, whether it can be paid, and the problem in a word.

    `back_url` is where the channel's own page sends the browser afterwards, with the channel's own fields.
    """

    order: PlacedOrder | None
    condition: Condition
    problem: str | None = None
    back_url: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """One deed of the shopper on one order, with the faults that its notification shall have."""

    number: str
    deed: Deed
    faults: Faults = field(default_factory=Faults)


@dataclass(frozen=True, slots=True)
class Letter:
    """What a channel has to tell the merchant, before it is signed. `id` is the channel's, the same for every try.

    `number` is the order's, `kind` the channel's word for the event, `content` its text as it was when it happened.
    `key` says which of the channel's keys signs, where it has several. `amount_minor` finds it in the book of amounts.
    """

    id: str
    number: str
    kind: str
    url: str
    content: str
    amount_minor: int = 0
    key: str = ""
    faults: Faults = field(default_factory=Faults)


@dataclass(frozen=True, slots=True)
class Timer:
    """Something that the sandbox wants to be woken for, after this much business time; a name replaces its equal."""

    name: str
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class Notification:
    """A letter that still has to be accepted, and when it is due next (business time, Unix ms)."""

    letter: Letter
    due_ms: int
    attempts: int = 0
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One HTTP request that the host must make now, within its time-out and without following redirects."""

    number: str
    notification_id: str
    attempt: int
    fault: str
    request: Request


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a delivery: the merchant's status and body; status 0 when no answer came, and a word on it."""

    status: int
    reason: str
    sent_ms: int
    took_ms: int
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Sending:
    """One line of the log of deliveries; `status` 0 when no answer came."""

    notification_id: str
    number: str
    attempt: int
    sent_ms: int
    fault: str
    kind: str = ""
    status: int = 0
    outcome: str = ""
    took_ms: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One request on the channel's wire. `twist` is one of REPLY_TWISTS or empty.

    `faults` are those still to come: refunds and statements use theirs up, and say so in `Answer.faults`.
    """

    request: Request
    at: At
    twist: str = ""
    faults: Faults = field(default_factory=Faults)


@dataclass(frozen=True, slots=True)
class Step(Generic[S]):
    """The state afterwards, what is to be told to the merchant, and what to be woken for."""

    state: S
    letters: tuple[Letter, ...] = ()
    timers: tuple[Timer, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer(Generic[S]):
    """A step and the reply to it. `faults` is what is left of the call's; `is_lost` lets the reply never arrive."""

    step: Step[S]
    reply: Reply
    faults: Faults | None = None
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client of this sandbox is given, and the channel's own private keys, for testers who forge messages.

    `client` are exactly the credentials that the channel's `load` takes. The testers' file holds the `sandbox_side` of
    every channel in one object: a name in it is no other channel's.
    """

    client: Mapping[str, str] = field(repr=False)
    sandbox_side: Mapping[str, str] = field(repr=False)


__all__ = [
    "BEIJING",
    "DEEDS",
    "HOST_TWISTS",
    "NOTIFICATION_TWISTS",
    "REPLY_TWISTS",
    "Act",
    "Answer",
    "At",
    "Call",
    "Condition",
    "Credentials",
    "Deed",
    "Delivery",
    "Faults",
    "Letter",
    "Notification",
    "Outcome",
    "Pace",
    "PlacedOrder",
    "PlacedRefund",
    "RefundEnd",
    "Sending",
    "Sheet",
    "Step",
    "Timer",
    "beijing",
]

"""A channel's sandbox as the host sees it: a stand-in for the channel's servers, pure, over a frozen state of its own.

A channel's folder exports it as SANDBOX beside CHANNEL. The host owns sockets, clock, randomness and files.
Must not know: which channels exist, any channel's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, Protocol, TypeVar

from shunfu.gateway.flow import Reply, Request

S = TypeVar("S")
"""A sandbox's own state: one frozen value, everything that it knows."""

Condition = Literal["payable", "paid", "closed", "expired", "invalid"]
Deed = Literal["pay", "cancel", "wrong_password", "leave"]
DEEDS: tuple[Deed, ...] = ("pay", "cancel", "wrong_password", "leave")


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults still to come, counted in deliveries; `lose` -1 loses all. `delay_seconds` holds first ones back.

    `signtest` counts the forgeries by which a channel itself tests whether its merchant verifies.
    """

    lose: int = 0
    duplicate: int = 0
    delay_seconds: float = 0.0
    bad_signature: int = 0
    signtest: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """A sandbox's clock: business time is the wall clock plus `offset_ms`; waits pass `speed` times as fast."""

    speed: float = 1.0
    offset_ms: int = 0


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
class Sheet:
    """What the payment sheet finds: the order, whether it can be paid, and the problem in a word."""

    order: PlacedOrder | None
    condition: Condition
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """One deed of the shopper on one order, with the faults that its notification shall have."""

    number: str
    deed: Deed
    faults: Faults = field(default_factory=Faults)


@dataclass(frozen=True, slots=True)
class Notification:
    """The notification of an order that still has to be accepted, and when it is due next (business time, Unix ms)."""

    number: str
    due_ms: int
    attempts: int = 0
    faults: Faults = field(default_factory=Faults)


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
    status: int = 0
    outcome: str = ""
    took_ms: int = 0


@dataclass(frozen=True, slots=True)
class Answer(Generic[S]):
    """The state afterwards, the reply to send, and the notifications to deliver now."""

    state: S
    reply: Reply
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client of this sandbox is given, and the channel's own private keys, for testers who forge messages.

    The testers' file holds the `sandbox_side` of every channel in one object: a name in it is no other channel's.
    """

    client: Mapping[str, str] = field(repr=False)
    sandbox_side: Mapping[str, str] = field(repr=False)


class SandboxVerbs(Protocol[S]):
    """What a sandbox does, each a pure function; a module of such functions will do. `entropy` is 32 random bytes."""

    def create_state(self, now: datetime, entropy: bytes) -> S:
        """A new merchant with fresh keys and nothing ordered yet."""
        ...

    def read_state(self, text: str) -> S:
        """The state in this text. Raises ValueError when it is not one."""
        ...

    def write_state(self, state: S) -> str:
        """The state as text that `read_state` reads."""
        ...

    def describe(self, state: S, base_url: str) -> Credentials:
        """What a client needs to be pointed at this sandbox, which listens at this address."""
        ...

    def merchant_no(self, state: S) -> str:
        """The merchant's number at the channel."""
        ...

    def answer(self, state: S, request: Request, now: datetime, entropy: bytes) -> Answer[S]:
        """Answer one request on the channel's wire, as the channel would."""
        ...

    def open_sheet(self, state: S, fields: Mapping[str, str], now: datetime) -> Sheet:
        """What the payment sheet finds for the client's invoke data; never raises on hostile input."""
        ...

    def act(self, state: S, deed: Act, now: datetime, entropy: bytes) -> tuple[S, Sheet]:
        """Carry out the shopper's deed: only `pay` on a payable order changes anything."""
        ...

    def send_due(self, state: S, now: datetime, entropy: bytes) -> tuple[S, tuple[Delivery, ...]]:
        """The deliveries due now; their next tries are in the state already, should no outcome ever be told."""
        ...

    def settle(self, state: S, delivery: Delivery, outcome: Outcome, now: datetime) -> S:
        """The state after a delivery's outcome: done with when accepted, else due again by the channel's schedule."""
        ...

    def next_due_seconds(self, state: S, now: datetime) -> float | None:
        """Seconds on the wall clock until something is due, 0 when it already is, None when nothing waits."""
        ...

    def redeliver(self, state: S, number: str, now: datetime) -> S | None:
        """The state with a paid order's notification due now, its schedule begun anew; None when there is none."""
        ...

    def get_pace(self, state: S) -> Pace:
        """The sandbox's clock."""
        ...

    def set_clock(self, state: S, speed: float, advance_seconds: float, now: datetime) -> S:
        """The state with another speed from now on, after business time jumped by some seconds."""
        ...

    def get_faults(self, state: S) -> Faults:
        """The faults still to come, over all orders."""
        ...

    def set_faults(self, state: S, faults: Faults) -> S:
        """The state with these faults to come."""
        ...

    def set_notify_key(self, state: S, notify_key: str) -> S:
        """The state with notifications signed by another of the sandbox's `notify_keys` from now on."""
        ...

    def list_orders(self, state: S) -> tuple[PlacedOrder, ...]:
        """Every order, oldest first."""
        ...

    def list_sendings(self, state: S) -> tuple[Sending, ...]:
        """The log of deliveries, oldest first."""
        ...

    def list_waiting(self, state: S) -> tuple[Notification, ...]:
        """The notifications still to come."""
        ...


@dataclass(frozen=True, slots=True)
class Sandbox(Generic[S]):
    """One channel's stand-in: `name` and `label` are the channel's own.

    `paths` are the addresses on the wire that are its; one that ends in a slash takes everything below it.
    `problems` are sentences by problem word and language, for the words that only this channel has.
    `notify_keys` are the choices of which key signs notifications, the default first; empty when there is no choice.
    """

    name: str
    label: Mapping[str, str]
    paths: tuple[str, ...]
    problems: Mapping[str, Mapping[str, str]]
    notify_keys: tuple[str, ...]
    verbs: SandboxVerbs[S]

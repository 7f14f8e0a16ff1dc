"""A channel's sandbox as the stage sees it: a stand-in for the channel's servers, pure, over a frozen state of its own.

A channel's folder exports it as SANDBOX beside CHANNEL. Clock, notifications' schedule, faults and keeping are the
stage's; sockets, randomness and files the host's. Must not know: which channels exist, any channel's words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from shunfu.gateway.flow import Request
from shunfu.gateway.sandbox.values import (
    Act,
    Answer,
    At,
    Call,
    Credentials,
    Letter,
    Outcome,
    PlacedOrder,
    PlacedRefund,
    RefundEnd,
    Sheet,
    Step,
)

S = TypeVar("S")


class SandboxVerbs(Protocol[S]):
    """What a sandbox does, each a pure function; a module of such functions will do."""

    def create_state(self, now: datetime, entropy: bytes) -> S:
        """A new merchant with fresh keys and nothing ordered yet; `entropy` is 32 random bytes."""
        ...

    def describe(self, state: S, base_url: str) -> Credentials:
        """What a client needs to be pointed at this sandbox, which listens at this address."""
        ...

    def merchant_no(self, state: S) -> str:
        """The merchant's number at the channel."""
        ...

    def answer(self, state: S, call: Call) -> Answer[S]:
        """Answer one request on the channel's wire, as the channel would."""
        ...

    def ring(self, state: S, timer: str, at: At) -> Step[S]:
        """A timer's time has come: a refund ends, an order closes. Nothing happens when it no longer applies."""
        ...

    def open_sheet(self, state: S, fields: Mapping[str, str], at: At) -> Sheet:
        """What the payment sheet finds for the client's invoke data; never raises on hostile input."""
        ...

    def act(self, state: S, act: Act, at: At) -> tuple[Step[S], Sheet]:
        """Carry out the shopper's deed: only `pay` on a payable order changes anything."""
        ...

    def end_refund(self, state: S, number: str, end: RefundEnd, at: At) -> Step[S] | None:
        """End a refund that is going on, now and this way; None when there is none or the channel has no such end."""
        ...

    def phone_proof(self, state: S, phone: str, at: At) -> str:
        """What a client in the channel's app is given for this phone number, for `LoginVerbs.read_phone`."""
        ...

    def write_letter(self, state: S, letter: Letter, twist: str, at: At) -> Request:
        """The letter signed as a notification; `twist` is one of NOTIFICATION_TWISTS, what shall be wrong, or empty."""
        ...

    def is_heard(self, outcome: Outcome) -> bool:
        """Whether the merchant's answer means that it took the notification."""
        ...

    def switch_key(self, state: S, notify_key: str) -> S:
        """The state with notifications signed by another of the sandbox's `notify_keys` from now on."""
        ...

    def list_orders(self, state: S) -> tuple[PlacedOrder, ...]:
        """Every order, oldest first."""
        ...

    def list_refunds(self, state: S) -> tuple[PlacedRefund, ...]:
        """Every refund, oldest first."""
        ...

    def balance_minor(self, state: S) -> int:
        """What the merchant has at the channel now, after fees and refunds."""
        ...


@dataclass(frozen=True, slots=True)
class Sandbox(Generic[S]):
    """One channel's stand-in: `name` and `label` are the channel's own, `state_type` what `create_state` makes.

    `paths` are the addresses on the wire that are its; one that ends in `*` takes everything that begins so, the
    longest wins. `problems` are sentences by problem word and language, for the words that only this channel has.
    `notify_keys` are the choices of which key signs notifications, the default first; empty when there is no choice.
    `shopper` is the payer id that `login_code` logs in as; that code, a hyphen and any text is another shopper's. Each
    code works once.
    A notification that is not taken within `timeout_seconds` comes again after each of `waits_seconds`.
    `file_complaint`, where the channel has complaints, lets the shopper complain about an order by its number, in these
    words; None comes back when there is no such paid order.
    """

    name: str
    label: Mapping[str, str]
    paths: tuple[str, ...]
    problems: Mapping[str, Mapping[str, str]]
    notify_keys: tuple[str, ...]
    waits_seconds: tuple[float, ...]
    timeout_seconds: float
    shopper: str
    login_code: str
    state_type: type[S]
    verbs: SandboxVerbs[S]
    file_complaint: Callable[[S, str, str, At], Step[S] | None] | None = None

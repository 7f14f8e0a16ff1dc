"""Refunds at a channel: what is asked for, and the evidence that moves a refund's state.

Source: the refund table of docs/states.md. Must not know: our refund states, any channel's words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeAlias, TypeVar

from shunfu.gateway.evidence import NotFound, Refused, Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.moment import Moment
from shunfu.kernel.money import Money
from shunfu.kernel.secret import Secret

S_contra = TypeVar("S_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund of one payment. `number` is ours, 26 characters, kept until the channel itself says closed.

    `channel_transaction_no` is the channel's number of the payment, `total` what was paid.
    """

    number: str
    payment_number: str
    channel_transaction_no: str
    amount: Money
    total: Money
    reason: str
    notify_url: str


@dataclass(frozen=True, slots=True)
class AbnormalRefund:
    """Where the money of an abnormal refund shall go instead: to a bank card of the payer, or to the merchant."""

    refund: Refund
    channel_refund_no: str
    to: Literal["payer", "merchant"]
    bank: str = ""
    bank_account: Secret[str] = field(default_factory=lambda: Secret(""))
    real_name: Secret[str] = field(default_factory=lambda: Secret(""))


@dataclass(frozen=True, slots=True)
class RefundAccepted:
    """The channel took the refund; nothing is settled yet."""

    channel_refund_no: str


@dataclass(frozen=True, slots=True)
class RefundNotYet:
    """Nothing exists at the channel and the same number may be sent later: no funds, too soon, too many."""

    channel_code: str


@dataclass(frozen=True, slots=True)
class RefundProcessing:
    """The channel has the refund and is working on it."""

    channel_refund_no: str


@dataclass(frozen=True, slots=True)
class RefundAbnormal:
    """The money could not be returned the way it came; a person must say where it shall go."""

    channel_refund_no: str


@dataclass(frozen=True, slots=True)
class RefundSucceeded:
    """The money went back. `amount` is this refund's own."""

    amount: Money
    channel_refund_no: str
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class RefundClosed:
    """The channel says that this refund will never happen; a new number is needed."""

    channel_state: str


RefundEvidence: TypeAlias = (
    RefundAccepted
    | RefundNotYet
    | Refused
    | Unknown
    | NotFound
    | RefundProcessing
    | RefundAbnormal
    | RefundSucceeded
    | RefundClosed
)


@dataclass(frozen=True, slots=True)
class RefundReport:
    """What a notification says of a refund: its number and the evidence."""

    number: str
    evidence: RefundEvidence


class RefundVerbs(Protocol[S_contra]):
    """The conversations about refunds, each a generator."""

    def refund(self, settings: S_contra, refund: Refund, moment: Moment) -> Flow[RefundEvidence]:
        """Ask for the refund; the same number again asks for nothing more."""
        ...

    def query_refund(self, settings: S_contra, refund: Refund, moment: Moment) -> Flow[RefundEvidence]:
        """Ask what became of it. NotFound when the channel says that it does not know the number."""
        ...

    def apply_abnormal(self, settings: S_contra, abnormal: AbnormalRefund, moment: Moment) -> Flow[RefundEvidence]:
        """Send an abnormal refund another way. Refused("not_permitted") where the channel has no such thing."""
        ...

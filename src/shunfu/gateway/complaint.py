"""Complaints 投诉: what shoppers tell the channel about a merchant, and the merchant's replies.

Notifications say only which complaint changed (`Genuine.about`); what it says is asked for. Must not know: tickets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol, TypeAlias, TypeVar

from shunfu.gateway.evidence import NotFound, Refused, Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.moment import Moment
from shunfu.kernel.money import Money
from shunfu.kernel.secret import Secret

S_contra = TypeVar("S_contra", contravariant=True)
ComplaintState = Literal["pending", "processing", "processed"]
Speaker = Literal["shopper", "merchant", "channel"]


@dataclass(frozen=True, slots=True)
class ComplaintPayment:
    """A payment that a complaint is about."""

    number: str
    channel_transaction_no: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Complaint:
    """One complaint. `id` is the channel's. `phone` is None when none was left; `refund_asked` when none is asked for.

    `is_waiting` says that the shopper wrote again and nobody has replied; `times` counts how often they complained.
    """

    id: str
    state: ComplaintState
    text: str = field(repr=False)
    phone: Secret[str] | None = field(repr=False)
    shopper: Secret[str] | None = field(repr=False)
    payments: tuple[ComplaintPayment, ...]
    made_at: datetime
    topic: str
    is_refunded: bool
    is_waiting: bool
    times: int
    refund_asked: Money | None = None


@dataclass(frozen=True, slots=True)
class ComplaintsAsked:
    """Which complaints to list: made from one day to another, both included, at most 30 days."""

    begin: date
    end: date
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class ComplaintPage:
    """One page of them, and how many there are in all."""

    complaints: tuple[Complaint, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Negotiation:
    """One step between shopper and merchant. `kind` is the channel's word for it."""

    id: str
    speaker: Speaker
    kind: str
    text: str = field(repr=False)
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class NegotiationPage:
    """The steps, newest first, and how many there are in all."""

    steps: tuple[Negotiation, ...]
    total: int


@dataclass(frozen=True, slots=True)
class ComplaintReply:
    """The merchant's words to the shopper."""

    complaint_id: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ComplaintTaken:
    """The channel took it."""


@dataclass(frozen=True, slots=True)
class ComplaintAddress:
    """Where the channel sends notifications of complaints."""

    url: str


ComplaintAnswer: TypeAlias = Complaint | NotFound | Refused | Unknown
ComplaintListAnswer: TypeAlias = ComplaintPage | Refused | Unknown
NegotiationAnswer: TypeAlias = NegotiationPage | NotFound | Refused | Unknown
ComplaintTold: TypeAlias = ComplaintTaken | NotFound | Refused | Unknown
AddressAnswer: TypeAlias = ComplaintAddress | NotFound | Refused | Unknown


class ComplaintVerbs(Protocol[S_contra]):
    """The conversations about complaints, each a generator."""

    def list_complaints(self, settings: S_contra, asked: ComplaintsAsked, moment: Moment) -> Flow[ComplaintListAnswer]:
        """Ask for the complaints of some days, page by page."""
        ...

    def query_complaint(self, settings: S_contra, complaint_id: str, moment: Moment) -> Flow[ComplaintAnswer]:
        """Ask for one."""
        ...

    def list_negotiation(self, settings: S_contra, complaint_id: str, moment: Moment) -> Flow[NegotiationAnswer]:
        """Ask what was said so far, at most the newest 300 steps."""
        ...

    def reply_complaint(self, settings: S_contra, reply: ComplaintReply, moment: Moment) -> Flow[ComplaintTold]:
        """Say something to the shopper."""
        ...

    def complete_complaint(self, settings: S_contra, complaint_id: str, moment: Moment) -> Flow[ComplaintTold]:
        """Say that it is settled; the shopper may complain again."""
        ...

    def read_complaint_address(self, settings: S_contra, moment: Moment) -> Flow[AddressAnswer]:
        """Ask where notifications of complaints go. NotFound when nowhere."""
        ...

    def set_complaint_address(self, settings: S_contra, url: str, moment: Moment) -> Flow[AddressAnswer]:
        """Have them sent to this address: created, or changed where there is one."""
        ...

    def remove_complaint_address(self, settings: S_contra, moment: Moment) -> Flow[ComplaintTold]:
        """Have them sent nowhere."""
        ...

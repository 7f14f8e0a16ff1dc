"""Profit sharing 分账: parts of a payment's frozen money go to receivers; what is left is unfrozen to the merchant.

A sharing order that is finished says nothing of success: each share has a result of its own.
Must not know: our states, any channel's words.
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
ReceiverKind = Literal["merchant", "person"]
ShareEnd = Literal["pending", "succeeded", "failed"]


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who gets a share: a merchant by its number or a person by the shopper's id. `relation` is the channel's word."""

    kind: ReceiverKind
    account: str = field(repr=False)
    name: Secret[str] | None = field(default=None, repr=False)
    relation: str = ""
    custom_relation: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """One share of one payment."""

    receiver: Receiver
    amount: Money
    description: str


@dataclass(frozen=True, slots=True)
class Sharing:
    """One order to share a payment. `number` is ours; with `unfreezes_rest` what is not shared goes to the merchant."""

    number: str
    channel_transaction_no: str
    shares: tuple[Share, ...]
    unfreezes_rest: bool


@dataclass(frozen=True, slots=True)
class Unfreezing:
    """Give the merchant all that is still frozen; its `number` is new, as if it were a sharing order without shares."""

    number: str
    channel_transaction_no: str
    description: str


@dataclass(frozen=True, slots=True)
class ShareBack:
    """Take money back from a receiver (a merchant), before the shopper is refunded. `number` is ours."""

    number: str
    sharing_number: str
    account: str
    amount: Money
    description: str


@dataclass(frozen=True, slots=True)
class ShareReport:
    """How one share ended; `reason` is the channel's word when it failed. A failed share's money is the merchant's."""

    kind: ReceiverKind
    account: str = field(repr=False)
    amount: Money
    end: ShareEnd
    reason: str
    channel_share_no: str
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class SharingReport:
    """What the channel says of a sharing order. `is_finished` means that no share is pending any more."""

    channel_sharing_no: str
    is_finished: bool
    shares: tuple[ShareReport, ...]


@dataclass(frozen=True, slots=True)
class ShareBackReport:
    """What the channel says of money taken back."""

    channel_return_no: str
    amount: Money
    end: ShareEnd
    reason: str


@dataclass(frozen=True, slots=True)
class SharingNotYet:
    """Nothing exists at the channel and the same number may be sent later: not enough is frozen, or too soon."""

    channel_code: str


@dataclass(frozen=True, slots=True)
class ReceiverKept:
    """The channel's list of receivers is as it was asked to be."""


@dataclass(frozen=True, slots=True)
class Unsplit:
    """What of a payment can still be shared."""

    amount: Money


ReceiverAnswer: TypeAlias = ReceiverKept | Refused | Unknown
SharingAnswer: TypeAlias = SharingReport | SharingNotYet | Refused | NotFound | Unknown
ShareBackAnswer: TypeAlias = ShareBackReport | SharingNotYet | Refused | NotFound | Unknown
UnsplitAnswer: TypeAlias = Unsplit | NotFound | Unknown


class SharingVerbs(Protocol[S_contra]):
    """The conversations about profit sharing, each a generator. The same number again asks for nothing more."""

    def add_receiver(self, settings: S_contra, receiver: Receiver, moment: Moment) -> Flow[ReceiverAnswer]:
        """Put somebody on the list of those who may receive."""
        ...

    def remove_receiver(self, settings: S_contra, receiver: Receiver, moment: Moment) -> Flow[ReceiverAnswer]:
        """Take somebody off that list."""
        ...

    def share(self, settings: S_contra, sharing: Sharing, moment: Moment) -> Flow[SharingAnswer]:
        """Ask to share; the results come later, by query."""
        ...

    def query_sharing(self, settings: S_contra, sharing: Sharing | Unfreezing, moment: Moment) -> Flow[SharingAnswer]:
        """Ask what became of it."""
        ...

    def unfreeze(self, settings: S_contra, unfreezing: Unfreezing, moment: Moment) -> Flow[SharingAnswer]:
        """Ask to give the rest to the merchant; nothing can be shared afterwards."""
        ...

    def take_back(self, settings: S_contra, back: ShareBack, moment: Moment) -> Flow[ShareBackAnswer]:
        """Ask a receiver's money back."""
        ...

    def query_take_back(self, settings: S_contra, back: ShareBack, moment: Moment) -> Flow[ShareBackAnswer]:
        """Ask what became of that."""
        ...

    def query_unsplit(self, settings: S_contra, channel_transaction_no: str, moment: Moment) -> Flow[UnsplitAnswer]:
        """Ask what of a payment can still be shared."""
        ...

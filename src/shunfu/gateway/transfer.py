"""Transfers at a channel 商家转账: the merchant's money to a shopper, who confirms it in the channel's app.

Not the ledger's transfer. The number is kept until the channel itself says how it ended: another number for the same
money could pay it twice. Must not know: our states, any channel's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias, TypeVar

from shunfu.gateway.evidence import NotFound, Refused, Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.moment import Moment
from shunfu.kernel.money import Money
from shunfu.kernel.secret import Secret

S_contra = TypeVar("S_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer. `number` is ours. `purpose` is the channel's word for why money may be sent, `reports` what must be
    told about it, by name. `name` is the shopper's real name, which large amounts ask for.
    """

    number: str
    purpose: str
    shopper: str = field(repr=False)
    amount: Money
    remark: str
    reports: tuple[tuple[str, str], ...]
    notify_url: str | None = None
    name: Secret[str] | None = field(default=None, repr=False)
    perception: str = ""


@dataclass(frozen=True, slots=True)
class TransferProcessing:
    """The channel has it and is working on it (also on ending it)."""

    channel_transfer_no: str
    channel_state: str


@dataclass(frozen=True, slots=True)
class TransferWaiting:
    """The shopper must confirm: `params` are what the client needs to open the channel's page for that.

    Empty when only a query said so: the channel gives them once, in its answer to the first request and its repeats.
    """

    channel_transfer_no: str
    params: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TransferSucceeded:
    """The shopper has the money."""

    amount: Money
    channel_transfer_no: str
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """It will never happen and the merchant has the money back; `reason` is the channel's word, empty for none."""

    channel_state: str
    reason: str


TransferEvidence: TypeAlias = (
    TransferProcessing | TransferWaiting | TransferSucceeded | TransferFailed | Refused | NotFound | Unknown
)


@dataclass(frozen=True, slots=True)
class TransferReport:
    """What a notification or a query by the channel's number says: our number and the evidence."""

    number: str
    evidence: TransferEvidence


class TransferVerbs(Protocol[S_contra]):
    """The conversations about transfers, each a generator."""

    def list_purposes(self) -> Mapping[str, tuple[str, ...]]:
        """What money may be sent for, and the names of what must be told about each."""
        ...

    def transfer(self, settings: S_contra, transfer: Transfer, moment: Moment) -> Flow[TransferEvidence]:
        """Ask for it; the same number again asks for nothing more.

        Refused only when nothing was sent. Every "no" of the channel is Unknown: query, then the same number again.
        """
        ...

    def query_transfer(self, settings: S_contra, number: str, moment: Moment) -> Flow[TransferEvidence]:
        """Ask what became of our number."""
        ...

    def find_transfer(
        self, settings: S_contra, channel_transfer_no: str, moment: Moment
    ) -> Flow[TransferReport | NotFound | Unknown]:
        """Ask what became of the channel's number."""
        ...

    def cancel_transfer(self, settings: S_contra, number: str, moment: Moment) -> Flow[TransferEvidence]:
        """Ask to end it before the shopper confirms; only a query says whether that came in time."""
        ...

"""Combined orders 合单: several payments that the shopper makes at once, all of them or none.

Each part is a payment with a number of its own; refunds go by part. Must not know: our states, any channel's words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias, TypeVar

from shunfu.gateway.evidence import Evidence, NotFound, Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.moment import Moment
from shunfu.kernel.money import Money

S_contra = TypeVar("S_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Part:
    """One payment of a combined order. With `is_shared` its money stays frozen until it is shared or unfrozen."""

    number: str
    amount: Money
    subject: str
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Combined:
    """A combined order to place. `number` names the whole and is no part's; the rest is as in `port.Prepay`."""

    number: str
    scene: str
    parts: tuple[Part, ...]
    payer: str | None = field(repr=False)
    expires_at: datetime
    notify_url: str
    return_url: str | None = None
    client_ip: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class CombinedReport:
    """What the channel says of every part, by the part's number: `Paid` is about that part's own money."""

    parts: tuple[tuple[str, Evidence], ...]


CombinedAnswer: TypeAlias = CombinedReport | NotFound | Unknown


class CombineVerbs(Protocol[S_contra]):
    """The conversations about combined orders, each a generator."""

    def prepay_combined(self, settings: S_contra, combined: Combined, moment: Moment) -> Flow[Evidence]:
        """Place it: Accepted with one invoke data for all parts, Refused or Unknown."""
        ...

    def query_combined(self, settings: S_contra, number: str, moment: Moment) -> Flow[CombinedAnswer]:
        """Ask what became of it. A single payment's query does not see its parts."""
        ...

    def close_combined(self, settings: S_contra, combined: Combined, moment: Moment) -> Flow[Evidence]:
        """Ask to close all of its parts: Closed, NotFound, or Unknown (then query)."""
        ...

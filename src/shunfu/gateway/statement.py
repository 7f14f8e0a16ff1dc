"""Statements: a channel's bill files, fetched whole and read line by line.

A file from outside is hostile: readers stream, bound what they unpack, and refuse member names that leave the folder.
Must not know: reconciliation, any channel's columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from shunfu.gateway.evidence import Refused, Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.moment import Moment

S_contra = TypeVar("S_contra", contravariant=True)
StatementKind = Literal["trade", "funds"]
LineKind = Literal["payment", "refund", "fee", "transfer", "withdrawal", "other"]

DOWNLOAD_BYTES_MAX = 128 << 20
"""The longest file that is fetched, as it travels."""
PLAIN_BYTES_MAX = 4 << 30
"""The longest file that is read, unpacked."""
RATIO_MAX = 400
"""How many times its packed size a file may unpack to beyond its first 16 MiB: real bills stay below 40."""


@dataclass(frozen=True, slots=True)
class StatementOf:
    """Which statement: the channel's settlement day in its own time zone, trades or the movement of funds."""

    day: date
    kind: StatementKind = "trade"


@dataclass(frozen=True, slots=True)
class StatementFile:
    """A statement as it came (packed or not), its checksum proven where the channel gives one."""

    of: StatementOf
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoStatement:
    """The channel says that there is none for that day: nothing moved."""

    channel_code: str


@dataclass(frozen=True, slots=True)
class StatementNotReady:
    """The channel is still making it; ask later."""

    channel_code: str


StatementAnswer: TypeAlias = StatementFile | NoStatement | StatementNotReady | Refused | Unknown


class StatementLine(NamedTuple):
    """One line. Minor units; `amount_minor` is positive for money to the merchant, negative for money from it.

    `fee_minor` is positive where the merchant pays it. `number` is our payment's, `refund_number` our refund's, both
    empty when the line has none. `state` is the channel's own word; `is_settled` is False while, or because, that word
    says that no money has moved for good. `balance_minor` only in a statement of funds. A `withdrawal` went to the
    merchant's bank, a `transfer` to somebody else. A tuple, because a frozen dataclass is made at a fifth of its speed,
    and a statement has a million.
    """

    kind: LineKind
    number: str
    refund_number: str
    channel_transaction_no: str
    channel_refund_no: str
    amount_minor: int
    fee_minor: int
    currency: str
    state: str
    happened_at: datetime
    balance_minor: int | None = None
    is_settled: bool = True


class StatementDamaged(ValueError):
    """The file is not what the channel's document describes, or does not agree with its own totals."""


class StatementVerbs(Protocol[S_contra]):
    """Fetching and reading statements."""

    def fetch_statement(self, settings: S_contra, of: StatementOf, moment: Moment) -> Flow[StatementAnswer]:
        """Fetch one. Unknown when it did not arrive whole or does not match its checksum."""
        ...

    def read_statement(self, settings: S_contra, file: StatementFile) -> Iterator[StatementLine]:
        """Its lines in order, streaming; checks the totals at its end. Raises StatementDamaged."""
        ...

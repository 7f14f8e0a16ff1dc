"""Lines of a statement on their way into the database, batch by batch, counted, summed and hashed as they pass.

A file from outside is hostile: what cannot be stored is damage. Runs in a thread, so that the event loop goes on.
Must not know: SQL, the event loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import TypeAlias
from uuid import UUID

from shunfu.gateway.statement import LineKind, StatementDamaged, StatementKind, StatementLine
from shunfu.kernel.ids import decode
from shunfu.reconcile.equation import Tally

BATCH_LINES = 5000
TEXT_MAX = 1000
"""How many characters a line's texts may have together: real ones have less than two hundred."""
YEARS = range(2000, 2100)
KEPT_OF_FUNDS: frozenset[LineKind] = frozenset({"withdrawal", "transfer", "other"})
"""What only a statement of funds tells; its payments, refunds and fees stand in the statement of trades already."""
NAMED: dict[StatementKind, frozenset[LineKind]] = {
    "trade": frozenset({"payment", "refund"}),
    "funds": frozenset({"payment", "refund", "fee", "withdrawal"}),
}
"""What we have names of our own for; the rest is known by the channel's word."""

Row: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some lines as rows to write, and how many lines were read for them: none at the end."""

    rows: list[Row]
    lines: int


@dataclass(slots=True)
class _Sum:
    lines: int = 0
    amount_minor: int = 0
    fee_minor: int = 0

    def add(self, line: StatementLine) -> None:
        self.lines += 1
        self.amount_minor += line.amount_minor
        self.fee_minor += line.fee_minor

    def tally(self) -> Tally:
        return Tally(self.lines, self.amount_minor, self.fee_minor)


class Intake:
    """Takes a statement in. `ids` are the merchant's and the statement's; what it has seen is read at the end."""

    def __init__(self, lines: Iterator[StatementLine], ids: tuple[UUID, UUID], kind: StatementKind) -> None:
        self._lines = lines
        self._ids = ids
        self._kind = kind
        self._hash = sha256()
        self._by_kind: dict[LineKind, _Sum] = {}
        self._by_word: dict[str, _Sum] = {}
        self._named = NAMED[kind]
        self.count = 0
        self.currency = ""
        self.balance_minor: int | None = None

    def take(self) -> Batch:
        """The next lines. Raises StatementDamaged."""
        lines = list(islice(self._lines, BATCH_LINES))
        texts: list[str] = []
        rows: list[Row] = []
        for line in lines:
            self.count += 1
            texts.append(self._text(line))
            self._add(line)
            if self._kind == "trade" or line.kind in KEPT_OF_FUNDS:
                rows.append(self._row(line))
        self._hash.update("".join(texts).encode())
        return Batch(rows, len(lines))

    @property
    def statement_id(self) -> UUID:
        """The statement's id."""
        return self._ids[1]

    @property
    def digest(self) -> bytes:
        """SHA-256 of the lines so far, whatever the file around them."""
        return self._hash.digest()

    def by_kind(self) -> dict[LineKind, Tally]:
        """The settled lines by kind."""
        return {kind: summed.tally() for kind, summed in self._by_kind.items()}

    def by_word(self) -> dict[str, Tally]:
        """The settled lines that we have no name for, by the channel's word."""
        return {word: summed.tally() for word, summed in self._by_word.items()}

    def _add(self, line: StatementLine) -> None:
        if line.currency != self.currency:
            if self.currency:
                raise StatementDamaged("the statement has two currencies")
            self.currency = line.currency
        if line.balance_minor is not None:
            self.balance_minor = line.balance_minor
        if line.is_settled:
            self._by_kind.setdefault(line.kind, _Sum()).add(line)
            if line.kind not in self._named:
                self._by_word.setdefault(line.state, _Sum()).add(line)

    def _text(self, line: StatementLine) -> str:
        """A line in one text, to be hashed; what no database and no screen can hold is damage."""
        moment = line.happened_at
        text = (
            f"{line.kind}\x1f{line.number}\x1f{line.refund_number}\x1f{line.channel_transaction_no}"
            f"\x1f{line.channel_refund_no}\x1f{line.amount_minor}\x1f{line.fee_minor}\x1f{line.currency}"
            f"\x1f{line.state}\x1f{int(moment.timestamp())}\x1f{line.balance_minor}\x1e"
        )
        if len(text) > TEXT_MAX or "\0" in text or moment.year not in YEARS:
            raise StatementDamaged(f"line {self.count} has a text or a time that no line has")
        return text

    def _row(self, line: StatementLine) -> Row:
        return (
            *self._ids,
            self.count,
            line.kind,
            decode(line.refund_number if line.kind == "refund" else line.number),
            line.number,
            line.refund_number,
            line.channel_transaction_no,
            line.channel_refund_no,
            line.amount_minor,
            line.fee_minor,
            line.currency,
            line.state,
            line.is_settled,
            line.happened_at,
            line.balance_minor,
        )

"""Lines of a statement on their way into the database, batch by batch, counted, summed and hashed as they pass.

A file from outside is hostile: what cannot be stored is damage. Runs in a thread, so that the event loop goes on.
Must not know: SQL, the event loop.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import islice
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

NULL = "\\N"
TABS = 12
CONTROLS = bytes(code for code in (*range(32), 127) if code not in b"\t\n")
WORDS_MAX = 1000
"""So many words of a channel for what is neither payment, refund nor fee: a hundred times what the documents name."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some lines as rows to write, in COPY's text form, and how many lines were read for them: none at the end."""

    rows: bytes
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
        self._hash = sha256()
        self._by_kind = defaultdict[LineKind, _Sum](_Sum)
        self._by_word = defaultdict[str, _Sum](_Sum)
        self._named = NAMED[kind]
        self._is_whole = kind == "trade"
        self._prefix = f"{ids[0].hex}\t{ids[1].hex}\t"
        self._moment: datetime | None = None
        self._moment_text = ""
        self._nulls = 0
        self.count = 0
        self.currency = ""
        self.balance_minor: int | None = None

    def take(self) -> Batch:
        """The next lines. Raises StatementDamaged."""
        lines = list(islice(self._lines, BATCH_LINES))
        texts: list[str] = []
        rows: list[str] = []
        for line in lines:
            self.count += 1
            text = self._text(line)
            texts.append(text)
            self._add(line)
            if self._is_whole or line.kind in KEPT_OF_FUNDS:
                rows.append(f"{self._prefix}{self.count}\t{text}")
        told = "".join(texts).encode()
        self._weigh(told, len(lines))
        self._hash.update(told)
        return Batch("".join(rows).encode(), len(lines))

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
            self._by_kind[line.kind].add(line)
            if line.kind not in self._named:
                self._by_word[line.state].add(line)
                if len(self._by_word) > WORDS_MAX:
                    raise StatementDamaged(f"the statement has more than {WORDS_MAX} kinds of movement")

    def _text(self, line: StatementLine) -> str:
        """A line's cells from the kind on, as LINE_COLUMNS have them, in COPY's text form: it is hashed and written.

        What no database and no screen can hold is damage.
        """
        if line.happened_at is not self._moment:
            self._moment, self._moment_text = line.happened_at, self._time(line.happened_at)
        subject = decode(line.refund_number if line.kind == "refund" else line.number)
        balance_minor = line.balance_minor
        self._nulls += (subject is None) + (balance_minor is None)
        text = (
            f"{line.kind}\t{subject.hex if subject else NULL}\t{line.number}\t{line.refund_number}"
            f"\t{line.channel_transaction_no}\t{line.channel_refund_no}\t{line.amount_minor}\t{line.fee_minor}"
            f"\t{line.currency}\t{line.state}\t{line.is_settled}\t{self._moment_text}"
            f"\t{NULL if balance_minor is None else balance_minor}\n"
        )
        if len(text) > TEXT_MAX:
            raise StatementDamaged(f"line {self.count} is longer than a line can be")
        return text

    def _weigh(self, told: bytes, lines: int) -> None:
        """Tabs, line ends and backslashes mean something to COPY: there may be only those that we wrote."""
        counts = (told.count(b"\t"), told.count(b"\n"), told.count(b"\\"))
        if counts != (TABS * lines, lines, self._nulls) or len(told.translate(None, CONTROLS)) != len(told):
            raise StatementDamaged(f"one of the lines up to {self.count} has a text that no line has")
        self._nulls = 0

    def _time(self, moment: datetime) -> str:
        if moment.year not in YEARS:
            raise StatementDamaged(f"line {self.count} has a time that no line has")
        return moment.isoformat()

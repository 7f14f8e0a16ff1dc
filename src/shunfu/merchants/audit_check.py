"""Reads a merchant's audit chain row by row and says what was done to it, pure and in bounded memory.

A row that was moved still has the hash of the number it was written under, so a moved row is told from an edited one.
Must not know: where rows and anchors are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from shunfu.merchants.audit import BEGINNING, AuditHead, AuditRow

DamageKind = Literal["edited", "removed", "inserted", "reordered", "truncated", "rewritten", "head"]
DAMAGES_MAX = 100
REACH = 1000
"""How far from its place a moved row is looked for; one from further away counts as edited."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What was done to the chain, and at which row: the number where it stands, or under which it is missing."""

    kind: DamageKind
    sequence: int
    said: str


@dataclass(frozen=True, slots=True)
class _Top:
    """The row with the highest number so far: under which number it was written, where it stands, and its hash."""

    number: int = 0
    sequence: int = 0
    hash: bytes = BEGINNING


class ChainCheck:
    """Takes every row in stored order, then says what is wrong. `anchors` are heads that were written outside."""

    def __init__(self, head: AuditHead | None, anchors: Iterable[AuditHead]) -> None:
        self._head = head
        self._anchored: dict[int, set[bytes]] = {}
        for anchor in anchors:
            self._anchored.setdefault(anchor.sequence, set()).add(anchor.hash)
        self._found: dict[tuple[DamageKind, int], Damage] = {}
        self._missing: set[int] = set()
        self._doubted: dict[int, int] = {}
        self._top = _Top()
        self._last = 0
        self.rows = 0

    @property
    def is_full(self) -> bool:
        """Whether so much is wrong that reading on says nothing new."""
        return len(self._found) + len(self._missing) >= DAMAGES_MAX

    def take(self, row: AuditRow) -> None:
        """The next row in stored order."""
        self.rows += 1
        number = self._written_as(row)
        if number is None:
            self._note("edited", row.sequence, "its contents do not give its hash")
        self._place(row, number)
        self._last = row.sequence

    def _written_as(self, row: AuditRow) -> int | None:
        """The number under which the row has its hash, or None when it was edited."""
        likely = row.sequence + self._top.number - self._top.sequence
        for number in (row.sequence, likely, *_around(row.sequence)):
            if number > 0 and row.hash_at(number) == row.hash:
                return number
        return None

    def _place(self, row: AuditRow, number: int | None) -> None:
        top = self._top
        place = top.number + row.sequence - self._last if number is None else number
        if place == top.number:
            self._claimed_twice(row, place)
        elif place < top.number:
            self._note("reordered", row.sequence, f"it was written as row {place}")
            self._missing.discard(place)
        else:
            if place > top.number + 1:
                self._miss(top.number + 1, place)
            elif number is not None:
                self._check_link(row, number)
            self._climb(row, place)

    def _claimed_twice(self, row: AuditRow, number: int) -> None:
        """Two rows claim one number: the one that was not renumbered to make room is the stranger."""
        is_stranger = row.sequence == number
        sequence = row.sequence if is_stranger else self._top.sequence
        self._note("inserted", sequence, f"another row was written as row {number}")
        if not is_stranger:
            self._climb(row, number)

    def _check_link(self, row: AuditRow, number: int) -> None:
        """A row that was written next must hold the hash before it, and stand in its place or beside the one before."""
        top = self._top
        if row.previous == top.hash:
            if row.sequence not in {number, top.sequence + 1}:
                self._note("reordered", row.sequence, f"it was written as row {number}")
        elif top.sequence == 0:
            self._note("edited", row.sequence, "it does not begin the chain")
        else:
            self._note("edited", top.sequence, f"its hash is not the one that row {row.sequence} follows")

    def _climb(self, row: AuditRow, number: int) -> None:
        self._top = _Top(number, row.sequence, row.hash)
        self._doubted.pop(number, None)  # a stranger may have stood under this number before
        if self._anchored.get(number, {row.hash}) != {row.hash}:
            self._doubted[number] = row.sequence

    def _miss(self, first: int, end: int) -> None:
        room = DAMAGES_MAX - len(self._missing)
        self._missing |= set(range(first, min(end, first + room)))

    def _note(self, kind: DamageKind, sequence: int, said: str) -> None:
        self._found.setdefault((kind, sequence), Damage(kind, sequence, said))

    def finish(self) -> tuple[Damage, ...]:
        """What is wrong, by row; nothing when the chain is whole."""
        is_read_to_the_end = not self.is_full
        for sequence in [sequence for kind, sequence in self._found if kind == "inserted"]:
            self._found.pop(("edited", sequence), None)  # a stranger has no hash to keep
        for number in sorted(self._missing):
            self._note("removed", number, "the row is missing")
        for sequence in self._doubted.values():
            self._note("rewritten", sequence, "an anchor holds another hash: the chain was written anew up to here")
        if is_read_to_the_end:
            self._finish_end()
        return tuple(sorted(self._found.values(), key=lambda damage: damage.sequence))[:DAMAGES_MAX]

    def _finish_end(self) -> None:
        top, head, end = self._top, self._head, max(self._top.number, self._last)
        if head is None:
            self._note("head", end, "the chain's head is missing")
        elif head.sequence > end:
            self._note("truncated", end + 1, f"rows {end + 1} to {head.sequence} are missing at the end")
        elif head.hash != top.hash and head.sequence < end:
            self._note("inserted", head.sequence + 1, f"the chain's head says that it ends at row {head.sequence}")
        elif head.hash != top.hash:
            self._note("edited", top.sequence, "the chain's head holds another hash")
        elif head.sequence != top.number and not self._found:
            self._note("head", head.sequence, f"the chain's head has the hash of row {top.number}")
        known = max(self._anchored, default=0)
        if known > end:
            self._note("truncated", end + 1, f"an anchor knows row {known}")


def _around(sequence: int) -> Iterator[int]:
    for distance in range(1, REACH + 1):
        yield sequence - distance
        yield sequence + distance

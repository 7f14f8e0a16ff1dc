"""What does not reconcile: statement lines and our own payments and refunds, pair by pair, to breaks.

Every break says by how much it lets the statement's sum differ from ours, so that a run ends in an equation.
Must not know: SQL, the network, clocks, any channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from shunfu.kernel.ids import encode
from shunfu.reconcile.days import Window

Side = Literal["payment", "refund"]
SubjectKind = Literal["payment", "refund", "number", "movement"]
LineKey = tuple[Side, UUID]


class BreakKind(StrEnum):
    """The ways in which a statement and our books can differ."""

    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    AMOUNT = "amount"
    STATUS = "status"
    FEE = "fee"
    DUPLICATE = "duplicate"
    CROSSING_MIDNIGHT = "crossing_midnight"


class BreakState(StrEnum):
    """What has become of a break."""

    OPEN = "OPEN"
    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    REPAIRED = "REPAIRED"
    ACCEPTED = "ACCEPTED"
    RESOLVED = "RESOLVED"


UNSETTLED = frozenset({BreakState.OPEN, BreakState.PROPOSED, BreakState.APPROVED})
"""States in which somebody still has something to do."""


class RunState(StrEnum):
    """Where one comparison of an account's day stands. WAITING: for its statement, or for its turn."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"


FINAL = frozenset({"CAPTURED", "SUCCEEDED"})
"""States of ours in which the money has moved."""
ENDED = frozenset({"REFUSED", "CLOSED", "REJECTED"})
"""States of ours that say that no money has moved and none will."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the statement that is about a payment or a refund; amounts as in `gateway.statement`.

    `number` is our number as the line writes it, or the channel's own where it has none of ours.
    """

    line_no: int
    side: Side
    subject_id: UUID | None
    number: str
    channel_no: str
    amount_minor: int
    fee_minor: int
    currency: str
    state: str
    is_settled: bool
    happened_at: datetime

    @property
    def key(self) -> LineKey | None:
        """What it is about, when that is ours."""
        return (self.side, self.subject_id) if self.subject_id else None


@dataclass(frozen=True, slots=True)
class Ours:
    """A payment or a refund of ours. `amount_minor` is positive for both; `happened_at` is when its money moved.

    `is_this_account` is False when it belongs to another account of the merchant.
    """

    side: Side
    subject_id: UUID
    state: str
    amount_minor: int
    currency: str
    channel_no: str | None
    happened_at: datetime | None
    is_this_account: bool = True

    @property
    def key(self) -> LineKey:
        """What lines are looked up by."""
        return self.side, self.subject_id

    @property
    def moved_minor(self) -> int:
        """To the merchant is positive."""
        return self.amount_minor if self.side == "payment" else -self.amount_minor


@dataclass(frozen=True, slots=True)
class Subject:
    """What a break is about: our payment or refund by its number, a number nobody knows, or a kind of movement."""

    kind: SubjectKind
    text: str


@dataclass(frozen=True, slots=True)
class Theirs:
    """The statement's side of a break: one line of it, or `lines` lines that say the same number.

    `day` is the day whose statement has the line, where that is another one (YYYY-MM-DD).
    """

    amount_minor: int
    fee_minor: int
    currency: str
    state: str
    is_settled: bool
    happened_at: datetime | None
    channel_no: str
    line_no: int
    lines: int = 1
    day: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A break as a run finds it. `difference_minor` is what the statement has more than we have in that day.

    `expected_fee_minor` only where the fee is what differs.
    """

    kind: BreakKind
    subject: Subject
    ours: Ours | None
    theirs: Theirs | None
    difference_minor: int
    currency: str
    expected_fee_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Looking:
    """What judging a day's pairs needs: the day, the agreed fee, and where else the lines are.

    `repeats`: all settled lines of a number that this statement has more than once. `before`: what the day before had
    already. `elsewhere`: the day whose statement has what this one lacks. `settled`: what has a settled line here too.
    """

    window: Window
    fee_permyriad: int | None = None
    repeats: Mapping[LineKey, tuple[Line, ...]] = field(default_factory=dict[LineKey, tuple[Line, ...]])
    before: frozenset[LineKey] = frozenset()
    elsewhere: Mapping[LineKey, str] = field(default_factory=dict[LineKey, str])
    settled: frozenset[LineKey] = frozenset()


def judge(line: Line | None, ours: Ours | None, looking: Looking) -> list[Found]:
    """The breaks of one pair; an empty list when both sides agree. At most one of them has a difference."""
    if line is None:
        assert ours is not None, "a pair has a side"
        return _absent(ours, looking)
    if _is_repeat(line, looking):
        return []
    if ours is None or not ours.is_this_account:
        return [_found(BreakKind.MISSING_HERE, line, ours, _if_settled(line))]
    if not line.is_settled:
        return _unsettled(line, ours, looking)
    if ours.state not in FINAL:
        kind = BreakKind.STATUS if ours.state in ENDED else BreakKind.MISSING_HERE
        return [_found(kind, line, ours, line.amount_minor)]
    return _both(line, ours, looking)


def repeated(looking: Looking, ours: Mapping[LineKey, Ours]) -> list[Found]:
    """The numbers that the statement has more than once: each line beyond the first is money too many."""
    found: list[Found] = []
    for key, lines in looking.repeats.items():
        first, extra = lines[0], lines[1:]
        theirs = replace(_theirs(first), lines=len(lines), channel_no=" ".join(line.channel_no for line in lines[:5]))
        difference = sum(line.amount_minor for line in extra)
        subject = Subject(key[0], encode(key[1]))
        found.append(Found(BreakKind.DUPLICATE, subject, ours.get(key), theirs, difference, first.currency))
    return found


def merged(found: Iterable[Found]) -> list[Found]:
    """One break for each kind and subject: a number can be double in more than one way, and unknown more than once."""
    by_key: dict[tuple[BreakKind, Subject], Found] = {}
    for one in found:
        key = (one.kind, one.subject)
        known = by_key.get(key)
        by_key[key] = one if known is None else _together(known, one)
    return list(by_key.values())


def movement(name: str, count: int, amount_minor: int, currency: str) -> Found:
    """Money that moved at the channel and that no payment or refund of ours explains.

    `name` is the statement's kind and the channel's word, as `funds:…`.
    """
    theirs = Theirs(amount_minor, 0, currency, name, is_settled=True, happened_at=None, channel_no="", line_no=0)
    theirs = replace(theirs, lines=count)
    subject = Subject("movement", name)
    return Found(BreakKind.MISSING_HERE, subject, None, theirs, 0, currency)


def fee_share(amount_minor: int, permyriad: int) -> int:
    """A fee in minor units, rounded half up as channels do, of an amount that is not negative."""
    return (amount_minor * permyriad + 5000) // 10_000


def expected_fee(line: Line, permyriad: int | None) -> int | None:
    """The fee that a settled line should have, when it has another; None when its fee will do.

    Without an agreed rate a payment's fee lies between nothing and the amount, and a refund gives at most that back.
    A refund's share may differ by one minor unit: what was refunded before decides how it is rounded. Some channels
    give nothing back.
    """
    amount_minor, fee_minor = abs(line.amount_minor), line.fee_minor
    is_refund = line.side == "refund"
    given = -fee_minor if is_refund else fee_minor
    if permyriad is None:
        return None if 0 <= given <= amount_minor else 0
    share = fee_share(amount_minor, permyriad)
    if is_refund:
        return None if given == 0 or abs(given - share) <= 1 else -share
    return None if given == share else share


def _absent(ours: Ours, looking: Looking) -> list[Found]:
    """Ours, and this statement has no line of it: another day's has, or none."""
    day = looking.elsewhere.get(ours.key)
    is_final = ours.state in FINAL
    if day is not None and not is_final:
        return []
    difference = -_counted(ours, looking) if is_final else 0
    theirs = None
    if day is not None:
        theirs = Theirs(0, 0, ours.currency, "", is_settled=True, happened_at=None, channel_no="", line_no=0, day=day)
    kind = BreakKind.CROSSING_MIDNIGHT if day is not None else BreakKind.MISSING_THERE
    subject = Subject(ours.side, encode(ours.subject_id))
    return [Found(kind, subject, ours, theirs, difference, ours.currency)]


def _unsettled(line: Line, ours: Ours, looking: Looking) -> list[Found]:
    """The channel lists it, and says that nothing has moved for good: that contradicts only what we hold for final."""
    if ours.state not in FINAL or ours.key in looking.settled:
        return []
    return [_found(BreakKind.STATUS, line, ours, -_counted(ours, looking))]


def _both(line: Line, ours: Ours, looking: Looking) -> list[Found]:
    """Settled there and final here: the same amount, day, channel number and fee?"""
    found: list[Found] = []
    difference = line.amount_minor - _counted(ours, looking)
    is_before = ours.key in looking.before
    if line.amount_minor != ours.moved_minor or line.currency != ours.currency:
        found.append(_found(BreakKind.AMOUNT, line, ours, difference))
    elif is_before:
        found.append(_found(BreakKind.DUPLICATE, line, ours, difference))
    elif difference:
        found.append(_found(BreakKind.CROSSING_MIDNIGHT, line, ours, difference))
    if line.channel_no and ours.channel_no and line.channel_no != ours.channel_no:
        found.append(_found(BreakKind.DUPLICATE, line, ours, 0))
    expected = expected_fee(line, looking.fee_permyriad)
    if expected is not None:
        found.append(replace(_found(BreakKind.FEE, line, ours, 0), expected_fee_minor=expected))
    return found


def _counted(ours: Ours, looking: Looking) -> int:
    """What ours adds to our own sum of the day."""
    is_in = ours.happened_at is not None and looking.window.has(ours.happened_at)
    return ours.moved_minor if is_in else 0


def _is_repeat(line: Line, looking: Looking) -> bool:
    lines = looking.repeats.get(line.key) if line.key else None
    return lines is not None and line.is_settled and line.line_no != lines[0].line_no


def _if_settled(line: Line) -> int:
    return line.amount_minor if line.is_settled else 0


def _found(kind: BreakKind, line: Line, ours: Ours | None, difference_minor: int) -> Found:
    if ours is None:
        subject = Subject("number", line.number or f"line {line.line_no}")
    else:
        subject = Subject(ours.side, encode(ours.subject_id))
    return Found(kind, subject, ours, _theirs(line), difference_minor, line.currency)


def _theirs(line: Line) -> Theirs:
    return Theirs(
        amount_minor=line.amount_minor,
        fee_minor=line.fee_minor,
        currency=line.currency,
        state=line.state,
        is_settled=line.is_settled,
        happened_at=line.happened_at,
        channel_no=line.channel_no,
        line_no=line.line_no,
    )


def _together(one: Found, other: Found) -> Found:
    theirs = one.theirs or other.theirs
    if one.theirs and other.theirs and one.subject.kind == "number":
        theirs = replace(
            one.theirs,
            lines=one.theirs.lines + other.theirs.lines,
            amount_minor=one.theirs.amount_minor + other.theirs.amount_minor,
        )
    elif one.theirs and other.theirs:
        theirs = max(one.theirs, other.theirs, key=lambda side: side.lines)
    is_same_money = one.kind is BreakKind.STATUS  # ours alone: two unsettled lines do not take it away twice
    difference = one.difference_minor + (0 if is_same_money else other.difference_minor)
    return replace(one, theirs=theirs, difference_minor=difference)

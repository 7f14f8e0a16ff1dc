"""Find a day's breaks: PostgreSQL brings what does not agree, the model says what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar
from uuid import UUID

from shunfu.db import Reader
from shunfu.reconcile.days import DAY, window_of
from shunfu.reconcile.model import (
    Found,
    Line,
    LineKey,
    Looking,
    Ours,
    RunState,
    Side,
    judge,
    merged,
    movement,
    repeated,
)
from shunfu.reconcile.store import pairs, runs
from shunfu.reconcile.store.pairs import Compared
from shunfu.reconcile.usecases.gathering import Gathered
from shunfu.reconcile.usecases.tools import BREAKS_MAX
from shunfu.reconcile.usecases.work import Stopped, Work

SIDES: tuple[Side, ...] = ("payment", "refund")
Pair = tuple[Line | None, Ours | None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Around:
    """The statements of the days before and after, where those were reconciled."""

    before: UUID | None
    after: UUID | None
    days: Mapping[UUID, date]


async def compare(reader: Reader, work: Work, gathered: Gathered) -> list[Found]:
    """The breaks of a day. Raises Stopped when there are so many that this is no statement of ours."""
    of = Compared(
        work.merchant_id,
        work.account.account_id,
        gathered.trade.statement_id,
        work.window,
        work.run.fee_permyriad,
    )
    around = await _around(reader, work)
    odd = _bounded([pair for side in SIDES for pair in await pairs.odd_pairs(reader, of, side, BREAKS_MAX + 1)])
    repeats = await _repeats(reader, of)
    again = await _again(reader, of, around)
    odd = await _with_partners(reader, of, [*odd, *(await _not_odd(reader, of, again, odd))])
    odd += [(None, refund) for refund in await _absent_refunds(reader, work, of, around)]
    looking = Looking(
        window=of.window,
        fee_permyriad=of.fee_permyriad,
        repeats=repeats,
        before=frozenset(again),
        elsewhere=await _elsewhere(reader, of, around, _keys(ours for line, ours in odd if line is None)),
        settled=await _settled(reader, of, odd),
    )
    found = [one for line, ours in odd for one in judge(line, ours, looking)]
    found += repeated(looking, await pairs.ours_by_id(reader, of, list(repeats)))
    found = merged([*found, *_movements(gathered)])
    work.watch("match", len(found))
    return found


async def _around(reader: Reader, work: Work) -> Around:
    days: dict[UUID, date] = {}
    found: list[UUID | None] = []
    for day in (work.run.day - DAY, work.run.day + DAY):
        last = await runs.last_of_day(reader, work.merchant_id, work.account.account_id, day)
        found.append(last.statement_id if last else None)
        if last:
            days[last.statement_id] = day
    return Around(found[0], found[1], days)


async def _repeats(reader: Reader, of: Compared) -> dict[LineKey, tuple[Line, ...]]:
    """All settled lines of the numbers that the statement has more than once."""
    keys = _bounded(await pairs.repeated_subjects(reader, of, BREAKS_MAX + 1))
    lines = await pairs.settled_lines(reader, of.merchant_id, [of.statement_id], keys, BREAKS_MAX + 1)
    found: dict[LineKey, tuple[Line, ...]] = {}
    for _, line in _bounded(lines):
        assert line.key is not None, "it was looked for by it"
        found[line.key] = (*found.get(line.key, ()), line)
    return found


async def _again(reader: Reader, of: Compared, around: Around) -> Sequence[LineKey]:
    """The numbers that the statement of the day before had already."""
    if around.before is None:
        return []
    return _bounded(await pairs.repeated_from_before(reader, of, around.before, BREAKS_MAX + 1))


async def _not_odd(reader: Reader, of: Compared, again: Sequence[LineKey], odd: Sequence[Pair]) -> list[Pair]:
    """The lines of those numbers that agree with ours in everything else."""
    known = {line.key for line, _ in odd if line is not None}
    keys = [key for key in again if key not in known]
    lines = await pairs.settled_lines(reader, of.merchant_id, [of.statement_id], keys, BREAKS_MAX + 1)
    return [(line, None) for _, line in _bounded(lines)]


async def _with_partners(reader: Reader, of: Compared, odd: Sequence[Pair]) -> list[Pair]:
    """Each line with ours of its number, in whatever state and of whatever day."""
    keys = [line.key for line, ours in odd if line and line.key and ours is None]
    known = await pairs.ours_by_id(reader, of, list(dict.fromkeys(keys)))
    return [(line, known.get(line.key) if line and line.key and ours is None else ours) for line, ours in odd]


async def _absent_refunds(reader: Reader, work: Work, of: Compared, around: Around) -> Sequence[Ours]:
    """Refunds of the day before that the channel took, has not settled, and shows in neither day's statement."""
    hours = work.capabilities.refund_absence_hours
    if hours is None or around.before is None:
        return []
    asked = window_of(work.run.day - DAY, work.capabilities)
    until = min(asked.end, work.tools.now() - timedelta(hours=hours))
    statements = [around.before, of.statement_id]
    return _bounded(await pairs.absent_refunds(reader, of, (asked.begin, until), statements, BREAKS_MAX + 1))


async def _elsewhere(reader: Reader, of: Compared, around: Around, keys: Sequence[LineKey]) -> dict[LineKey, str]:
    """On which neighbouring day the channel has what this statement lacks."""
    lines = await pairs.settled_lines(reader, of.merchant_id, list(around.days), keys, BREAKS_MAX)
    return {line.key: around.days[statement_id].isoformat() for statement_id, line in lines if line.key is not None}


async def _settled(reader: Reader, of: Compared, odd: Sequence[Pair]) -> frozenset[LineKey]:
    """What the statement lists as unsettled and as settled too."""
    keys = [line.key for line, _ in odd if line and line.key and not line.is_settled]
    lines = await pairs.settled_lines(reader, of.merchant_id, [of.statement_id], keys, BREAKS_MAX)
    return frozenset(line.key for _, line in lines if line.key is not None)


def _keys(ours: Iterable[Ours | None]) -> list[LineKey]:
    return [one.key for one in ours if one is not None]


def _movements(gathered: Gathered) -> list[Found]:
    """What moved at the channel under a word that we have no business for: one break a word."""
    statements = [gathered.trade, *([gathered.funds] if gathered.funds else [])]
    return [
        movement(f"{statement.kind}:{word}", tally.lines, tally.amount_minor, statement.currency)
        for statement in statements
        for word, tally in statement.sums.by_word.items()
    ]


def _bounded(found: Sequence[T]) -> Sequence[T]:
    """What was found, when it is no more than a day can have."""
    if len(found) > BREAKS_MAX:
        reason = f"More than {BREAKS_MAX} differences: this is not the statement of this account's day."
        raise Stopped(RunState.FAILED, reason)
    return found

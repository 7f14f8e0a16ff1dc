"""The stories of telemetry: a batch is taken once, figures are read, and old days end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from shunfu.db import Database, Reader, Transaction
from shunfu.kernel.clock import Source
from shunfu.telemetry import store
from shunfu.telemetry.model import (
    UNASKED,
    Arrival,
    Batch,
    Choices,
    Day,
    Funnel,
    Line,
    Slice,
    Taken,
    Timing,
    day_begun,
    day_of,
    first_kept_day,
    fold,
    judge,
)

PART = 5000
PARTS_MAX = 100
"""So many parts are deleted in one go."""
LINES_A_DAY = 10_000


@dataclass(frozen=True, slots=True)
class TelemetryTools:
    """What the stories need. `keep_days`: so many days of visits are kept, today included."""

    database: Database
    source: Source
    keep_days: int


async def take_batch(tools: TelemetryTools, merchant_id: UUID, batch: Batch) -> Taken:
    """Fold what a visit tells into its row, once: the same visit and seq again changes nothing."""
    judged = judge(batch.events)
    day = day_begun(tools.source.now(), judged.kept)
    is_new = await store.take_batch(
        tools.database, merchant_id, Arrival(batch, fold(judged.kept), judged.left_out, day)
    )
    return Taken(len(judged.kept) if is_new else 0, judged.left_out)


async def count_unasked(tools: TelemetryTools, merchant_id: UUID, batch: Batch) -> None:
    """A visit that agreed to nothing is counted when it opens, under its day, and leaves nothing else."""
    if any(event.name == "open" for event in batch.events):
        await store.count_reason(tools.database, merchant_id, day_of(tools.source.now()), UNASKED)


async def read_funnel(reader: Reader, asked: Slice) -> Funnel:
    """How far the visits of a slice came, weighted by what each stands for."""
    return await store.read_funnel(reader, asked)


async def read_timings(reader: Reader, asked: Slice) -> Mapping[str, Timing]:
    """Percentiles by the names of MEASURES; a measure that nobody told of is not in it."""
    return await store.read_timings(reader, asked)


async def read_days(reader: Reader, asked: Slice) -> Sequence[Day]:
    """The days of a slice on which there was a visit, oldest first."""
    return await store.read_days(reader, asked)


async def list_choices(reader: Reader, asked: Slice) -> Choices:
    """By what the visits of a slice's days can be told apart."""
    return await store.list_choices(reader, asked)


async def read_counts(reader: Reader, asked: Slice) -> Mapping[str, int]:
    """How often nothing was stored: `no_consent` are visits, every other reason counts events."""
    return await store.read_counts(reader, asked)


async def every_line(database: Database, asked: Slice) -> AsyncIterator[Line]:
    """The funnel of a slice line by line, oldest first, read day by day."""
    day = asked.first_day
    while day <= asked.last_day:
        async with database.reading() as reader:
            lines = await store.list_lines(reader, replace(asked, first_day=day, last_day=day), LINES_A_DAY)
        for line in lines:
            yield line
        day += timedelta(days=1)


async def delete_old(tools: TelemetryTools, merchant_id: UUID) -> None:
    """End the visits and counts of days that were kept long enough; what is too much for once waits a day."""
    before = first_kept_day(tools.source.now(), tools.keep_days)

    async def clear(tx: Transaction) -> int:
        return await store.delete_old_visits(tx, merchant_id, before, PART)

    await tools.database.transact(lambda tx: store.delete_old_counts(tx, merchant_id, before))
    for _ in range(PARTS_MAX):
        if await tools.database.transact(clear) < PART:
            break

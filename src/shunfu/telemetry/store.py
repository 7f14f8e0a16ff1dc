"""Rows of telemetry to values and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from uuid import UUID

from shunfu.db import Database, Reader, Record, Transaction, named_queries
from shunfu.telemetry.model import Arrival, Choices, Day, Funnel, Line, Slice, Timing

SQL = named_queries("shunfu.telemetry")
CHOICES_MAX = 20
_COUNTED = tuple(field.name for field in fields(Funnel))


async def take_batch(database: Database, merchant_id: UUID, arrival: Arrival) -> bool:
    """Fold a batch into its visit and count what was left out of it, in one statement; False: it was taken before."""
    batch, client, part = arrival.batch, arrival.batch.client, arrival.part
    of_visit = merchant_id, batch.visit, arrival.day, batch.seq
    of_client = (client.version, client.host, client.host_version, client.system, client.system_version, client.device)
    told = (
        *(part.method, part.method_ms, part.step),
        *(part.has_result, part.has_changed, part.has_unknown, part.has_failed, part.taps, part.fields),
        *(part.first_screen_ms, part.ready_ms, part.tap_ms, part.cancel_ms, part.paid_ms),
        *(part.lcp_ms, part.inp_ms, part.cls_milli),
    )
    counts = list(arrival.left_out), list(arrival.left_out.values())
    args = (*of_visit, *of_client, client.network, batch.weight, *told, *counts)
    (row,) = await database.single(SQL["take_batch"], *args)
    return row["taken"] == 1


async def count_reason(database: Database, merchant_id: UUID, day: date, reason: str) -> None:
    """One more for which nothing is stored."""
    await database.single(SQL["count_reason"], merchant_id, day, reason, 1)


async def read_funnel(reader: Reader, asked: Slice) -> Funnel:
    """How far the visits of a slice came."""
    row = await reader.fetch_row(SQL["read_funnel"], *_columns(asked))
    assert row is not None, "an aggregate has a row"
    return _funnel(row)


async def read_timings(reader: Reader, asked: Slice) -> Mapping[str, Timing]:
    """Percentiles by measure, of those that were told of."""
    found = await reader.fetch(SQL["read_timings"], *_columns(asked))
    return {row["measure"]: Timing(row["measure"], row["visits"], row["p50"], row["p75"], row["p95"]) for row in found}


async def read_days(reader: Reader, asked: Slice) -> Sequence[Day]:
    """The days of a slice on which there was a visit, oldest first."""
    found = await reader.fetch(SQL["read_days"], *_columns(asked))
    return [Day(row["day"], row["visits"], row["paid"], row["first_screen_ms"]) for row in found]


async def list_choices(reader: Reader, asked: Slice) -> Choices:
    """The values that were met in a slice's days."""
    days = asked.merchant_id, asked.first_day, asked.last_day
    choices: dict[str, list[str]] = {}
    for row in await reader.fetch(SQL["list_choices"], *days, CHOICES_MAX):
        choices.setdefault(row["kind"], []).append(row["value"])
    return choices


async def list_lines(reader: Reader, asked: Slice, limit: int) -> Sequence[Line]:
    """The funnel of a slice line by line, oldest first, at most `limit`."""
    return [
        Line(
            day=row["day"],
            method=row["method"],
            system=row["system"],
            host=row["host"],
            host_version=row["host_version"],
            version=row["version"],
            funnel=_funnel(row),
        )
        for row in await reader.fetch(SQL["list_lines"], *_columns(asked), limit)
    ]


async def read_counts(reader: Reader, asked: Slice) -> Mapping[str, int]:
    """How often nothing was stored in a slice's days, by reason."""
    found = await reader.fetch(SQL["read_counts"], asked.merchant_id, asked.first_day, asked.last_day)
    return {row["reason"]: row["times"] for row in found}


async def delete_old_visits(tx: Transaction, merchant_id: UUID, before: date, limit: int) -> int:
    """Delete at most `limit` visits of days before a day; how many there were."""
    return await tx.execute(SQL["delete_old_visits"], merchant_id, before, limit)


async def delete_old_counts(tx: Transaction, merchant_id: UUID, before: date) -> None:
    """Delete the counts of days before a day."""
    await tx.execute(SQL["delete_old_counts"], merchant_id, before)


def _columns(asked: Slice) -> tuple[object, ...]:
    days = asked.merchant_id, asked.first_day, asked.last_day
    return (*days, asked.method, asked.system, asked.host, asked.host_version, asked.version)


def _funnel(row: Record) -> Funnel:
    return Funnel(**{name: row[name] for name in _COUNTED})

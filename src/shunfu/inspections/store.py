"""Rows of alarms to values and back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shunfu.db import Reader, Record, Transaction, named_queries
from shunfu.inspections.model import Alarm, AlarmState

SQL = named_queries("shunfu.inspections")


async def add_alarm(tx: Transaction, alarm: Alarm, now: datetime) -> None:
    """Keep an alarm, once."""
    told = alarm.alarm_id, alarm.alarm, alarm.subject, alarm.told, alarm.raised_at
    await tx.execute(SQL["add_alarm"], alarm.merchant_id, *told, now)


async def list_alarms(
    reader: Reader, merchant_id: UUID, before: UUID, state: AlarmState | None, limit: int
) -> list[Alarm]:
    """Alarms with an id below `before`, newest first."""
    if state == "open":
        found = await reader.fetch(SQL["list_open_alarms"], merchant_id, before, limit)
    else:
        found = await reader.fetch(SQL["list_alarms"], merchant_id, before, state == "seen", limit)
    return [_alarm(row) for row in found]


async def count_open_alarms(reader: Reader, merchant_id: UUID) -> int:
    """How many alarms are open, counted up to a thousand."""
    row = await reader.fetch_row(SQL["count_open_alarms"], merchant_id)
    assert row is not None, "an aggregate has a row"
    return row["alarms"]


async def acknowledge_alarm(tx: Transaction, key: tuple[UUID, UUID], subject: str, now: datetime) -> str | None:
    """Note who has seen to the alarm (merchant, alarm); its code, or None when there is no such open one."""
    row = await tx.fetch_row(SQL["acknowledge_alarm"], *key, subject, now)
    return row["alarm"] if row else None


async def get_alarm(reader: Reader, key: tuple[UUID, UUID]) -> Alarm | None:
    """The alarm (merchant, alarm), open or not, or None."""
    row = await reader.fetch_row(SQL["get_alarm"], *key)
    return _alarm(row) if row else None


def _alarm(row: Record) -> Alarm:
    return Alarm(
        merchant_id=row["merchant_id"],
        alarm_id=row["alarm_id"],
        alarm=row["alarm"],
        subject=row["subject"],
        told=row["told"],
        raised_at=row["raised_at"],
        acknowledged_by=row["acknowledged_by"],
        acknowledged_at=row["acknowledged_at"],
    )

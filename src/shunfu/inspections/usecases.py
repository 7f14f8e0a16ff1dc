"""The stories of alarms: kept when they are raised, listed, and seen to by somebody."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from shunfu.db import Database, Reader, Transaction
from shunfu.inspections import store
from shunfu.inspections.model import SUBJECT_MAX, TOLD_MAX, Alarm, AlarmState
from shunfu.kernel.clock import Source
from shunfu.kernel.errors import NotFoundHere
from shunfu.kernel.ids import public
from shunfu.merchants import AuditEntry, write_audit


async def keep_alarm(database: Database, source: Source, alarm: Alarm) -> None:
    """Keep an alarm until somebody has seen to it; the same event a second time changes nothing."""
    bounded = replace(alarm, subject=alarm.subject[:SUBJECT_MAX], told=alarm.told[:TOLD_MAX])
    await database.transact(lambda tx: store.add_alarm(tx, bounded, source.now()))


async def list_alarms(
    reader: Reader, merchant_id: UUID, before: UUID, state: AlarmState | None, limit: int
) -> list[Alarm]:
    """Alarms with an id below `before`, newest first: the open ones, those seen to, or all."""
    return await store.list_alarms(reader, merchant_id, before, state, limit)


async def read_alarm(database: Database, key: tuple[UUID, UUID]) -> Alarm:
    """The alarm (merchant, alarm). Raises NotFoundHere."""
    async with database.reading() as reader:
        found = await store.get_alarm(reader, key)
    if found is None:
        raise NotFoundHere
    return found


async def count_open_alarms(reader: Reader, merchant_id: UUID) -> int:
    """How many alarms nobody has seen to, counted up to a thousand."""
    return await store.count_open_alarms(reader, merchant_id)


async def acknowledge_alarm(database: Database, source: Source, key: tuple[UUID, UUID], subject: str) -> None:
    """Somebody has seen to the alarm (merchant, alarm); the first to say so stays. Raises NotFoundHere."""

    async def story(tx: Transaction) -> None:
        alarm = await store.acknowledge_alarm(tx, key, subject, source.now())
        if alarm is not None:
            entry = AuditEntry(key[0], subject, "alarm.acknowledged", public("alm", key[1]), detail={"alarm": alarm})
            await write_audit(tx, source, entry)
        elif await store.get_alarm(tx, key) is None:
            raise NotFoundHere

    await database.transact(story)

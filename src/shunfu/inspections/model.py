"""Alarms as values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

AlarmState = Literal["open", "seen"]
ALARM_STATES: tuple[AlarmState, AlarmState] = ("open", "seen")
SUBJECT_MAX = 100
TOLD_MAX = 200


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that needs a person: a stable code, the public id of what it is about, and a few words more.

    `alarm_id` is the id of the event that raised it. `acknowledged_by` is the public id of whoever has seen to it.
    """

    merchant_id: UUID
    alarm_id: UUID
    alarm: str
    subject: str
    told: str
    raised_at: datetime
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether nobody has seen to it yet."""
        return self.acknowledged_at is None

"""The base of every event: a frozen fact in the past tense, with the merchant it belongs to and two clocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. `happened_at` is the world's clock; the row that keeps it adds ours."""

    merchant_id: UUID
    happened_at: datetime

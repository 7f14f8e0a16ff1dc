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


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent(Event):
    """Something about an order, its payments or its refunds.

    `sequence` counts such events of one order, 1, 2, 3 …, in the order in which they were committed; 0 until published.
    """

    order_id: UUID
    sequence: int = 0

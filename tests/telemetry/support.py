"""What the telemetry tests share: batches in few words, and a room on a database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from uuid import UUID

from db.support import MERCHANT, manual
from shunfu.db import Database
from shunfu.kernel.clock import ManualClock
from shunfu.telemetry import Batch, Client, Event, Slice, TelemetryTools, take_batch

KEEP_DAYS = 90
CLIENT = Client("1.0.0", "wechat", "8.0.60", "harmony", "5.0", "Mate 60", "5g")
TODAY = date(2026, 1, 1)
"""The clock's 00:00 UTC is eight in the morning in China."""


def room(database: Database) -> tuple[ManualClock, TelemetryTools]:
    """The room on a clock that stands still."""
    clock, source = manual()
    return clock, TelemetryTools(database, source, KEEP_DAYS)


def visit(number: int) -> str:
    """The random name of a visit."""
    return f"{number:022}"


def batch(number: int, events: Iterable[Event], seq: int = 0, weight: int = 1, **client: str) -> Batch:
    """A batch of a visit; `client` says what is not as everywhere."""
    changed = replace(CLIENT, **client)  # pyright: ignore[reportArgumentType]  # the words are the tests' own
    return Batch(visit(number), seq, weight, changed, tuple(events))


def told(*names: str, step_ms: int = 100, method: str = "wechatpay/native") -> list[Event]:
    """These events, one every `step_ms`."""
    return [Event(name, place * step_ms, method=method) for place, name in enumerate(names)]  # pyright: ignore[reportArgumentType]


async def take(tools: TelemetryTools, *batches: Batch, merchant_id: UUID = MERCHANT) -> int:
    """Take batches; how many events were stored."""
    return sum([(await take_batch(tools, merchant_id, one)).taken for one in batches])


def days(first: date = TODAY, last: date = TODAY, merchant_id: UUID = MERCHANT, **only: str) -> Slice:
    """Some days."""
    return Slice(merchant_id, first, last, **only)

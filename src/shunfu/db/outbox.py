"""The outbox: an event is written in the transaction that made it true, with one job for each handler that wants it.

Must not know: which events there are; the wiring passes the subscriptions in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import cast
from uuid import UUID

from shunfu.db.jobs import NEVER_GIVE_UP
from shunfu.db.pool import Reader, Transaction
from shunfu.db.queries import named_queries
from shunfu.kernel.clock import Source, rfc3339
from shunfu.kernel.event import Event
from shunfu.kernel.money import Money

SQL = named_queries("shunfu.db")

Subscriptions = Mapping[str, tuple[str, ...]]
"""Event name to the names of its handlers; a handler's job has the kind `on:<handler>` and the event id as key."""


class Outbox:
    """Publishes events inside the caller's transaction."""

    def __init__(self, subscriptions: Subscriptions, source: Source) -> None:
        self._subscriptions = subscriptions
        self._source = source

    async def publish(self, tx: Transaction, event: Event) -> UUID:
        """Write the event and enqueue its handlers, in one round trip; the answer is the event's id."""
        name = type(event).__name__
        event_id = self._source.new_id()
        kinds = [f"on:{handler}" for handler in self._subscriptions.get(name, ())]
        await tx.execute(
            SQL["publish_event"],
            event.merchant_id,
            event_id,
            name,
            {field.name: to_json(getattr(event, field.name)) for field in fields(event)},
            event.happened_at,
            self._source.now(),
            [self._source.new_id() for _ in kinds],
            kinds,
            str(event_id),
            {"event": name},
            NEVER_GIVE_UP,
        )
        if kinds:
            tx.on_commit(tx.bell.ring)
        return event_id


async def read_event(reader: Reader, merchant_id: UUID, event_id: UUID) -> tuple[str, dict[str, object]] | None:
    """An event's name and its fields as JSON values, or None when the merchant has no such event."""
    row = await reader.fetch_row(SQL["get_event"], merchant_id, event_id)
    return None if row is None else (row["name"], row["body"])


def to_json(value: object) -> object:
    """A field as a JSON value: ids and enumerations as text, times as RFC 3339, money as minor units and currency.

    Raises TypeError for what has no exact and safe form: floats, bytes, secrets, naive times.
    """
    match value:
        case Money(minor=minor, currency=currency):
            return {"minor": minor, "currency": currency}
        case Enum():
            return to_json(value.value)
        case None | bool() | int() | str():
            return value
        case UUID():
            return str(value)
        case datetime() if value.tzinfo is not None:
            return rfc3339(value)
        case _:
            return _composed(value)


def _composed(value: object) -> object:
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in cast("Sequence[object]", value)]
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in cast("Mapping[object, object]", value).items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"an event cannot carry a {type(value).__name__}")

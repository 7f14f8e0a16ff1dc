"""Rows of endpoints, messages and deliveries to values and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

import asyncpg

from shunfu.db import Reader, Transaction, named_queries
from shunfu.gateway.wire import Json
from shunfu.kernel.clock import rfc3339
from shunfu.webhooks.model import (
    GAP_PATIENCE,
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointState,
    KeptSecret,
    Message,
    Sent,
    harmless,
)

SQL = named_queries("shunfu.webhooks")
Where = tuple[UUID, UUID]
"""A merchant and one of its endpoints."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first delivery of its subject that is due, with its message's text; overtaken ones are not sent any more."""

    delivery: Delivery
    body: str
    is_overtaken: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one endpoint, as it is kept."""

    attempt_id: UUID
    endpoint_id: UUID
    attempted_at: datetime
    took_ms: int
    status: int | None
    reason: str
    answer: str


@dataclass(frozen=True, slots=True)
class Try:
    """One try to tell something about a subject: the message's type and what came of it."""

    attempt_id: UUID
    type: str
    attempted_at: datetime
    took_ms: int
    status: int | None
    reason: str


def _endpoint(row: asyncpg.Record) -> Endpoint:
    return Endpoint(
        merchant_id=row["merchant_id"],
        endpoint_id=row["endpoint_id"],
        url=row["url"],
        event_types=tuple(row["event_types"]),
        description=row["description"],
        state=EndpointState(row["state"]),
        secrets=tuple(_secret(kept) for kept in row["secrets"]),
        created_at=row["created_at"],
        failing_since=row["failing_since"],
        warned_at=row["warned_at"],
        disabled_at=row["disabled_at"],
        disabled_reason=row["disabled_reason"],
    )


def _secret(kept: Mapping[str, object]) -> KeptSecret:
    ends_at = kept["ends_at"]
    return KeptSecret(
        secret_id=UUID(str(kept["secret_id"])),
        sealed=cast("Mapping[str, object]", kept["sealed"]),
        made_at=datetime.fromisoformat(str(kept["made_at"])),
        ends_at=datetime.fromisoformat(str(ends_at)) if ends_at else None,
    )


def _secrets(secrets: Iterable[KeptSecret]) -> list[dict[str, Json]]:
    return [
        {
            "secret_id": str(secret.secret_id),
            "sealed": cast("dict[str, Json]", dict(secret.sealed)),
            "made_at": rfc3339(secret.made_at),
            "ends_at": rfc3339(secret.ends_at) if secret.ends_at else None,
        }
        for secret in secrets
    ]


def _delivery(row: asyncpg.Record) -> Delivery:
    return Delivery(
        merchant_id=row["merchant_id"],
        endpoint_id=row["endpoint_id"],
        message_id=row["message_id"],
        subject=row["subject"],
        sequence=row["sequence"],
        state=DeliveryState(row["state"]),
        is_replay=row["is_replay"],
        attempts=row["attempts"],
        next_at=row["next_at"],
        last_status=row["last_status"],
        last_reason=row["last_reason"],
        delivered_at=row["delivered_at"],
    )


async def add_endpoint(tx: Transaction, endpoint: Endpoint) -> bool:
    """Save a new endpoint; False when its id is there already."""
    added = await tx.execute(
        SQL["add_endpoint"],
        endpoint.merchant_id,
        endpoint.endpoint_id,
        endpoint.url,
        list(endpoint.event_types),
        endpoint.description,
        _secrets(endpoint.secrets),
        endpoint.created_at,
    )
    return added == 1


async def get_endpoint(reader: Reader, where: Where) -> Endpoint | None:
    """One endpoint, or None."""
    row = await reader.fetch_row(SQL["get_endpoint"], *where)
    return _endpoint(row) if row else None


async def lock_endpoint(tx: Transaction, where: Where) -> Endpoint | None:
    """One endpoint, locked until the transaction ends, or None."""
    row = await tx.fetch_row(SQL["lock_endpoint"], *where)
    return _endpoint(row) if row else None


async def list_endpoints(reader: Reader, merchant_id: UUID, before: UUID, limit: int) -> list[Endpoint]:
    """Endpoints with an id below `before`, newest first."""
    return [_endpoint(row) for row in await reader.fetch(SQL["list_endpoints"], merchant_id, before, limit)]


async def list_enabled(reader: Reader, merchant_id: UUID) -> list[Endpoint]:
    """The endpoints that are sent something, oldest first."""
    return [_endpoint(row) for row in await reader.fetch(SQL["list_enabled"], merchant_id)]


async def save_endpoint(tx: Transaction, endpoint: Endpoint, now: datetime) -> None:
    """Save state, health and secrets of an endpoint that the caller has locked."""
    await tx.execute(
        SQL["save_endpoint"],
        endpoint.merchant_id,
        endpoint.endpoint_id,
        endpoint.state.value,
        _secrets(endpoint.secrets),
        endpoint.failing_since,
        endpoint.warned_at,
        endpoint.disabled_at,
        endpoint.disabled_reason,
        now,
    )


async def take_place(tx: Transaction, merchant_id: UUID) -> int:
    """The next place in the feed. Until the transaction ends nobody else of the merchant's can take one."""
    return cast("int", await tx.fetch_value(SQL["take_place"], merchant_id))


async def last_place(reader: Reader, merchant_id: UUID) -> int:
    """The last place taken in the feed, 0 before the first message."""
    return cast("int | None", await reader.fetch_value(SQL["last_place"], merchant_id)) or 0


async def add_message(tx: Transaction, message: Message) -> bool:
    """Keep a message; False when it was announced before."""
    added = await tx.execute(
        SQL["add_message"],
        message.merchant_id,
        message.message_id,
        message.place,
        message.type,
        message.subject,
        message.sequence,
        message.body,
        message.happened_at,
        message.recorded_at,
    )
    return added == 1


async def get_message(reader: Reader, merchant_id: UUID, message_id: UUID) -> Message | None:
    """One message, or None."""
    row = await reader.fetch_row(SQL["get_message"], merchant_id, message_id)
    return Message(**dict(row)) if row else None


async def list_messages(reader: Reader, merchant_id: UUID, after: int, limit: int) -> list[Message]:
    """Messages after a place in the feed, oldest first."""
    return [Message(**dict(row)) for row in await reader.fetch(SQL["list_messages"], merchant_id, after, limit)]


async def list_newest_messages(reader: Reader, merchant_id: UUID, before: int, limit: int) -> list[Message]:
    """Messages before a place in the feed, newest first."""
    found = await reader.fetch(SQL["list_newest_messages"], merchant_id, before, limit)
    return [Message(**dict(row)) for row in found]


async def add_deliveries(tx: Transaction, message: Message, endpoint_ids: Sequence[UUID]) -> None:
    """Put a message on its way to endpoints, due at once."""
    await tx.execute(
        SQL["add_deliveries"],
        message.merchant_id,
        list(endpoint_ids),
        message.message_id,
        message.subject,
        message.sequence,
        message.recorded_at,
    )


async def replay_delivery(tx: Transaction, message: Message, endpoint_id: UUID, now: datetime) -> None:
    """Put a message on its way to an endpoint once more, due at once."""
    await tx.execute(
        SQL["replay_delivery"],
        message.merchant_id,
        endpoint_id,
        message.message_id,
        message.subject,
        message.sequence,
        now,
    )


async def list_deliveries(reader: Reader, merchant_id: UUID, message_ids: Sequence[UUID]) -> list[Delivery]:
    """How messages fared at each endpoint, message by message."""
    return [_delivery(row) for row in await reader.fetch(SQL["list_deliveries"], merchant_id, list(message_ids))]


async def list_attempts(reader: Reader, merchant_id: UUID, message_id: UUID) -> list[Attempt]:
    """The tries of one message, oldest first; of very many the newest 200."""
    rows = await reader.fetch(SQL["list_attempts"], merchant_id, message_id)
    return [Attempt(**dict(row)) for row in reversed(rows)]


async def list_tries(reader: Reader, merchant_id: UUID, subject: str) -> list[Try]:
    """The tries of every message about one subject, oldest first; of very many the newest 200."""
    rows = await reader.fetch(SQL["list_tries"], merchant_id, subject)
    return [Try(**dict(row)) for row in reversed(rows)]


async def lock_delivery(tx: Transaction, where: Where, message_id: UUID) -> Delivery | None:
    """One message at one endpoint, locked until the transaction ends, or None."""
    row = await tx.fetch_row(SQL["lock_delivery"], *where, message_id)
    return _delivery(row) if row else None


async def due_heads(reader: Reader, where: Where, now: datetime, room: tuple[Sequence[str], int]) -> list[Head]:
    """What may be sent now, one of each subject; `room` is the subjects already under way and how many more to take."""
    under_way, limit = room
    rows = await reader.fetch(SQL["due_heads"], *where, now, list(under_way), now - GAP_PATIENCE, limit)
    return [Head(_delivery(row), row["body"], row["is_overtaken"]) for row in rows]


async def next_look(reader: Reader, where: Where, now: datetime) -> datetime | None:
    """When something may be due next after all that was due is sent, or None when nothing waits."""
    row = await reader.fetch_row(SQL["next_look"], *where, now, now - GAP_PATIENCE)
    assert row is not None, "an aggregate has a row"
    gap_ends = row["waiting_since"] + GAP_PATIENCE if row["waiting_since"] else None
    moments: list[datetime] = [moment for moment in (row["next_at"], gap_ends) if moment is not None]
    return min(moments, default=None)


async def add_attempt(tx: Transaction, delivery: Delivery, sent: Sent, made: tuple[UUID, datetime]) -> None:
    """Keep one try; `made` is its new id and when it ended."""
    attempt_id, now = made
    await tx.execute(
        SQL["add_attempt"],
        delivery.merchant_id,
        attempt_id,
        delivery.endpoint_id,
        delivery.message_id,
        now,
        sent.took_ms,
        sent.status,
        sent.reason,
        harmless(sent.answer),
    )


async def save_delivery(tx: Transaction, delivery: Delivery, now: datetime) -> None:
    """Save what a try made of a delivery, and let those behind it in its subject be looked at when it is."""
    where = (delivery.merchant_id, delivery.endpoint_id)
    await tx.execute(
        SQL["save_delivery"],
        *where,
        delivery.message_id,
        delivery.state.value,
        delivery.attempts,
        delivery.next_at,
        delivery.last_status,
        delivery.last_reason,
        delivery.delivered_at,
        now,
    )
    lane = (delivery.subject, delivery.sequence, delivery.is_replay)
    await tx.execute(SQL["move_lane"], *where, *lane, delivery.next_at, now)


async def resume_deliveries(tx: Transaction, where: Where, now: datetime) -> None:
    """Let everything that waits for an endpoint be tried from the beginning, now."""
    await tx.execute(SQL["resume_deliveries"], *where, now)

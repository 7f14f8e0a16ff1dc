"""Take an event in as a message to the merchant, once, and put it on its way to every endpoint that wants it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shunfu.db import Transaction
from shunfu.kernel.clock import rfc3339
from shunfu.kernel.ids import public
from shunfu.webhooks import store
from shunfu.webhooks.model import Fact, Message
from shunfu.webhooks.signing import write_body
from shunfu.webhooks.usecases.tools import WebhookTools


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event in a merchant's words. `sequence` counts 1, 2, 3 … in its subject (`ord_…`), in the order of commits."""

    merchant_id: UUID
    event_id: UUID
    type: str
    subject: str
    sequence: int
    happened_at: datetime
    data: Mapping[str, Fact]


async def announce(tools: WebhookTools, announcement: Announcement) -> None:
    """Keep the message, its deliveries and their jobs in one transaction; a second time nothing happens.

    Every enabled endpoint is woken, also one that does not want this type: a later message may have waited for it.
    """

    async def story(tx: Transaction) -> None:
        place = await store.take_place(tx, announcement.merchant_id)
        message = _message(announcement, place, tools.now())
        if not await store.add_message(tx, message):
            return
        endpoints = await store.list_enabled(tx, announcement.merchant_id)
        wanting = [endpoint.endpoint_id for endpoint in endpoints if endpoint.wants(message.type)]
        await store.add_deliveries(tx, message, wanting)
        for endpoint in endpoints:
            await tools.wake(tx, endpoint.merchant_id, endpoint.endpoint_id)

    async with tools.desk:
        await tools.database.transact(story)


def _message(announcement: Announcement, place: int, now: datetime) -> Message:
    body = {
        "id": public("evt", announcement.event_id),
        "type": announcement.type,
        "timestamp": rfc3339(announcement.happened_at),
        "sequence": announcement.sequence,
        "subject": announcement.subject,
        "data": dict(announcement.data),
    }
    return Message(
        merchant_id=announcement.merchant_id,
        message_id=announcement.event_id,
        place=place,
        type=announcement.type,
        subject=announcement.subject,
        sequence=announcement.sequence,
        body=write_body(body),
        happened_at=announcement.happened_at,
        recorded_at=now,
    )

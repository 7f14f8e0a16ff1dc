"""Read the feed of messages and how each fared, and send one once more by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from shunfu.db import Reader, Transaction
from shunfu.kernel.errors import FieldError, NotFoundHere, StateConflict
from shunfu.kernel.ids import public
from shunfu.merchants import COMMAND_LINE, AuditEntry, write_audit
from shunfu.webhooks import store
from shunfu.webhooks.model import Delivery, Endpoint, Message
from shunfu.webhooks.store import Attempt, Try
from shunfu.webhooks.usecases.tools import WebhookTools

PLACE_MAX = (1 << 63) - 1
"""Above every place in a feed."""

After = UUID | int | Literal["latest"]
"""Where to go on in the feed: after a message, after a place, or after all that is there."""


@dataclass(frozen=True, slots=True)
class Told:
    """A message and how it fared at each endpoint."""

    message: Message
    deliveries: Sequence[Delivery]


@dataclass(frozen=True, slots=True)
class Feed:
    """A page of the feed and the place after which the next begins."""

    items: Sequence[Told]
    place: int


async def read_feed(tools: WebhookTools, merchant_id: UUID, after: After, limit: int) -> Feed:
    """Messages after a point in the feed, oldest first. Raises NotFoundHere for a message that there is not."""
    async with tools.database.reading() as reader:
        match after:
            case "latest":
                return Feed((), await store.last_place(reader, merchant_id))
            case UUID():
                found = await store.get_message(reader, merchant_id, after)
                if found is None:
                    raise NotFoundHere(errors=(FieldError("/after", "not_valid"),))
                place = found.place
            case int():
                place = after
        messages = await store.list_messages(reader, merchant_id, place, limit)
        items = await _with_deliveries(reader, merchant_id, messages)
    return Feed(items, messages[-1].place if messages else place)


async def read_newest(tools: WebhookTools, merchant_id: UUID, before: int | None, limit: int) -> Sequence[Told]:
    """Messages before a place in the feed, or all there are, newest first."""
    async with tools.database.reading() as reader:
        messages = await store.list_newest_messages(reader, merchant_id, before or PLACE_MAX, limit)
        return await _with_deliveries(reader, merchant_id, messages)


async def _with_deliveries(reader: Reader, merchant_id: UUID, messages: Sequence[Message]) -> list[Told]:
    by_message: dict[UUID, list[Delivery]] = defaultdict(list)
    for delivery in await store.list_deliveries(reader, merchant_id, [message.message_id for message in messages]):
        by_message[delivery.message_id].append(delivery)
    return [Told(message, by_message[message.message_id]) for message in messages]


async def read_message(tools: WebhookTools, merchant_id: UUID, message_id: UUID) -> tuple[Told, Sequence[Attempt]]:
    """One message, how it fared, and its tries, oldest first. Raises NotFoundHere."""
    async with tools.database.reading() as reader:
        message = await store.get_message(reader, merchant_id, message_id)
        if message is None:
            raise NotFoundHere
        deliveries = await store.list_deliveries(reader, merchant_id, [message_id])
        return Told(message, deliveries), await store.list_attempts(reader, merchant_id, message_id)


async def list_tries(reader: Reader, merchant_id: UUID, subject: str) -> Sequence[Try]:
    """The tries of every message about one subject, oldest first; of very many the newest 200."""
    return await store.list_tries(reader, merchant_id, subject)


@dataclass(frozen=True, slots=True)
class Replay:
    """A wish to send a message once more: to one endpoint, or to every enabled one that wants it; and who asks."""

    merchant_id: UUID
    message_id: UUID
    endpoint_id: UUID | None = None
    actor: str = COMMAND_LINE


async def replay_message(tools: WebhookTools, wish: Replay) -> Told:
    """Send a message once more: same id, same body.

    Raises NotFoundHere, and StateConflict when the endpoint is disabled or none wants it.
    """

    async def story(tx: Transaction) -> None:
        message = await store.get_message(tx, wish.merchant_id, wish.message_id)
        if message is None:
            raise NotFoundHere
        for endpoint in await _addressed(tx, message, wish.endpoint_id):
            await store.replay_delivery(tx, message, endpoint.endpoint_id, tools.now())
            await tools.wake(tx, wish.merchant_id, endpoint.endpoint_id)
        object_id = public("evt", wish.message_id)
        entry = AuditEntry(wish.merchant_id, wish.actor, "webhook.replayed", object_id)
        await write_audit(tx, tools.source, entry)

    await tools.database.transact(story)
    told, _ = await read_message(tools, wish.merchant_id, wish.message_id)
    return told


async def _addressed(tx: Transaction, message: Message, endpoint_id: UUID | None) -> Sequence[Endpoint]:
    if endpoint_id is None:
        enabled = await store.list_enabled(tx, message.merchant_id)
        wanting = [endpoint for endpoint in enabled if endpoint.wants(message.type)]
        if not wanting:
            raise StateConflict("No enabled endpoint wants messages of this type.")
        return wanting
    endpoint = await store.get_endpoint(tx, (message.merchant_id, endpoint_id))
    if endpoint is None:
        raise NotFoundHere
    if not endpoint.is_enabled:
        raise StateConflict("This endpoint is disabled; enable it first.")
    return [endpoint]

"""From the outbox to webhooks: which events a merchant is told, under which type, in which words. The mapping is pure.

Every event of an order's own sequence has a type: a number that is never announced would hold up those after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from shunfu.db import ClaimedJob, Done, Handler, read_event
from shunfu.kernel.ids import public
from shunfu.webhooks import Announcement, Fact, WebhookTools, announce

HANDLER = "webhooks.announce"
Body = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Telling:
    """How one kind of event is told: its type, and the state that it means, fixed or a field of the event."""

    type: str
    state: str | None = None


TELLINGS: Mapping[str, _Telling] = {
    "OrderPaid": _Telling("order.paid", "PAID"),
    "OrderClosed": _Telling("order.closed", "CLOSED"),
    "PaymentCaptured": _Telling("payment.captured", "CAPTURED"),
    "SurplusCaptured": _Telling("payment.surplus", "CAPTURED"),
    "PaymentEnded": _Telling("payment.ended"),
    "RefundRequested": _Telling("refund.requested"),
    "RefundSettled": _Telling("refund.succeeded", "SUCCEEDED"),
    "RefundEnded": _Telling("refund.ended"),
    "RefundTurnedAbnormal": _Telling("refund.abnormal", "ABNORMAL"),
}
"""Event to webhook. An event that is not here is not the merchant's server's business."""

EVENT_TYPES = frozenset(telling.type for telling in TELLINGS.values())
_IDS = {"order_id": "ord", "payment_id": "pay", "refund_id": "rfd"}


def announcement_of(merchant_id: UUID, event_id: UUID, name: str, body: Body) -> Announcement | None:
    """What a merchant is told about an event of the outbox, or None. `body` is the event's fields as JSON values."""
    telling = TELLINGS.get(name)
    if telling is None:
        return None
    data: dict[str, Fact] = {
        field: public(prefix, UUID(str(body[field]))) for field, prefix in _IDS.items() if field in body
    }
    amount = cast("Mapping[str, Fact] | None", body.get("amount"))
    if amount is not None:
        data |= {"amount_minor": amount["minor"], "currency": amount["currency"]}
    if "discount_minor" in body:  # an event of an older version has none
        offer = body["offer_id"]
        data |= {"discount_minor": cast("int", body["discount_minor"])}
        data |= {"offer": public("off", UUID(str(offer))) if offer else None}
    data["state"] = telling.state or str(body["state"])
    return Announcement(
        merchant_id=merchant_id,
        event_id=event_id,
        type=telling.type,
        subject=str(data["order_id"]),
        sequence=cast("int", body["sequence"]),
        happened_at=datetime.fromisoformat(str(body["happened_at"])),
        data=data,
    )


def make_announcer(tools: WebhookTools) -> Handler:
    """The handler of every event that merchants are told."""

    async def tell(job: ClaimedJob) -> Done:
        event_id = UUID(job.key)
        async with tools.database.glancing() as reader:
            found = await read_event(reader, job.merchant_id, event_id)
        assert found is not None, "a handler's job is written with its event"
        announcement = announcement_of(job.merchant_id, event_id, *found)
        assert announcement is not None, "only events that are told have this handler"
        await announce(tools, announcement)
        return Done()

    return tell

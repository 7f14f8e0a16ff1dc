"""What the notifications room tells the rooms above it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from shunfu.gateway.wire import Json
from shunfu.kernel.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReported(Event):
    """A channel has said, in a verified notification, what became of one of our payments.

    `evidence` is `gateway.wire.evidence_to_json`'s form.
    """

    notification_id: UUID
    channel: str
    account_id: UUID
    number: str
    evidence: dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundReported(Event):
    """A channel has said, in a verified notification, what became of one of our refunds.

    `evidence` is `gateway.refund_wire.refund_evidence_to_json`'s form; None when it only said that something happened.
    """

    notification_id: UUID
    channel: str
    account_id: UUID
    number: str
    evidence: dict[str, Json] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationAlarmed(Event):
    """A genuine message says something about our money that cannot be right; `alarm` is a stable code."""

    notification_id: UUID
    number: str
    alarm: str

"""What the refunds room tells the rooms above it, and the merchant by webhook."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from shunfu.kernel.event import Event, OrderEvent
from shunfu.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequested(OrderEvent):
    """Somebody asked for money to go back; `state` is REQUESTED while a second person must agree, else SENDING."""

    refund_id: UUID
    payment_id: UUID
    amount: Money
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSettled(OrderEvent):
    """The money went back."""

    refund_id: UUID
    payment_id: UUID
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundEnded(OrderEvent):
    """No money will go back by this refund: CLOSED or REFUSED by the channel, or REJECTED by a person."""

    refund_id: UUID
    payment_id: UUID
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundTurnedAbnormal(OrderEvent):
    """The money could not go back the way it came; a person must say where it shall go."""

    refund_id: UUID
    payment_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundAlarmed(Event):
    """Something about a refund needs a person now; `alarm` is a stable code."""

    refund_id: UUID
    alarm: str

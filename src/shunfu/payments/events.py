"""What the payments room tells the rooms above it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from shunfu.kernel.event import Event, OrderEvent
from shunfu.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCaptured(OrderEvent):
    """Money moved and it pays the order."""

    payment_id: UUID
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class SurplusCaptured(OrderEvent):
    """Money moved that no order is waiting for; one full refund is due, keyed by the payment's id."""

    payment_id: UUID
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentEnded(OrderEvent):
    """A payment was refused or closed without money; the order may be paid another way while it is open."""

    payment_id: UUID
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaid(OrderEvent):
    """The order is paid; fulfil it."""

    payment_id: UUID
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderClosed(OrderEvent):
    """The order will not be paid any more; release its stock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentAlarmed(Event):
    """Something about a payment needs a person now; `alarm` is a stable code."""

    payment_id: UUID
    alarm: str

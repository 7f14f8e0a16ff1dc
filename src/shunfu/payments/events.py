"""What the payments room tells the rooms above it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from shunfu.kernel.event import Event
from shunfu.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCaptured(Event):
    """Money moved and it pays the order."""

    order_id: UUID
    payment_id: UUID
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class SurplusCaptured(Event):
    """Money moved that no order is waiting for; one full refund is due, keyed by the payment's id."""

    order_id: UUID
    payment_id: UUID
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentEnded(Event):
    """A payment was refused or closed without money; the order may be paid another way while it is open."""

    order_id: UUID
    payment_id: UUID
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaid(Event):
    """The order is paid; fulfil it."""

    order_id: UUID
    payment_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderClosed(Event):
    """The order will not be paid any more; release its stock."""

    order_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentAlarmed(Event):
    """Something about a payment needs a person now; `alarm` is a stable code."""

    payment_id: UUID
    alarm: str

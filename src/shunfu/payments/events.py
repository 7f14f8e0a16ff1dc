"""What the payments room tells the rooms above it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from shunfu.kernel.event import Event, OrderEvent
from shunfu.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCaptured(OrderEvent):
    """Money moved and it pays the order. `amount` is what was paid; an offer took `discount_minor` off before."""

    payment_id: UUID
    amount: Money
    discount_minor: int = 0
    offer_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SurplusCaptured(OrderEvent):
    """Money moved that no order is waiting for; one full refund is due, keyed by the payment's id."""

    payment_id: UUID
    amount: Money
    discount_minor: int = 0
    offer_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentEnded(OrderEvent):
    """A payment was refused or closed without money; the order may be paid another way while it is open."""

    payment_id: UUID
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaid(OrderEvent):
    """The order is paid; fulfil it. `amount` is what was paid: the order's less the discount."""

    payment_id: UUID
    amount: Money
    discount_minor: int = 0
    offer_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderClosed(OrderEvent):
    """The order will not be paid any more; release its stock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopperPaid(Event):
    """A shopper whom we know has paid an order by a method, `channel/scene`."""

    payment_id: UUID
    shopper_id: UUID
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentAlarmed(Event):
    """Something about a payment needs a person now; `alarm` is a stable code."""

    payment_id: UUID
    alarm: str

"""May a payment start now? Decided from the order and its payments, under the order's lock. Source: docs/states.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shunfu.gateway.evidence import Closed, Evidence, NotFound
from shunfu.kernel.errors import (
    FieldError,
    InvalidField,
    OrderNotOpen,
    PaymentUnknown,
    Refusal,
    RequestInFlight,
    StateConflict,
)
from shunfu.payments.model import Order, OrderState, Payment, PaymentState

PAYMENTS_MAX = 50
"""Payments one order may have, so that all of them are read under its lock."""


@dataclass(frozen=True, slots=True)
class StartNew:
    """Nothing stands in the way of a new payment."""


@dataclass(frozen=True, slots=True)
class Resume:
    """The same payment again: it is sent (again) under its own number, for fresh invoke data."""

    payment: Payment


@dataclass(frozen=True, slots=True)
class CloseFirst:
    """A payment of another method is pending; only its Closed or NotFound lets the next begin."""

    payment: Payment


Admission = StartNew | Resume | CloseFirst


@dataclass(frozen=True, slots=True)
class Ask:
    """A wish to pay: the method, and the id that the new payment would get (the same when the client retries).

    `released` are pending payments that their channel does not know any more.
    """

    method: str
    payment_id: UUID
    released: frozenset[UUID] = frozenset()


def admit(order: Order, payments: Sequence[Payment], ask: Ask, now: datetime) -> Admission | Refusal:
    """May a payment start now? `payments` are the order's, newest last. A retry of the same ask finds its payment."""
    own = next((payment for payment in payments if payment.payment_id == ask.payment_id), None)
    if own is not None:
        return Resume(own)
    if order.state is not OrderState.OPEN or now >= order.expires_at:
        return OrderNotOpen()
    if len(payments) >= PAYMENTS_MAX:
        return StateConflict("This order was tried too often; close it and create another.")
    live = [payment for payment in payments if payment.is_live and payment.payment_id not in ask.released]
    if any(payment.state is PaymentState.SENDING for payment in live):
        return RequestInFlight()
    if any(payment.state is PaymentState.UNKNOWN for payment in live):
        return PaymentUnknown()
    other = next((payment for payment in live if payment.method != ask.method), None)
    if other is not None:
        return CloseFirst(other)
    return Resume(live[-1]) if live else StartNew()


def lets_next_begin(evidence: Evidence, *, not_found_is_final: bool) -> bool:
    """Whether what a close brought lets a payment by another method begin.

    NotFound does only where the channel means by it that nobody can pay any more: a signed page that the shopper has
    not opened yet is unknown to the channel and still payable.
    """
    return isinstance(evidence, Closed) or (isinstance(evidence, NotFound) and not_found_is_final)


def check_scene(*, needs_payer: bool, payer: str | None) -> None:
    """Raises InvalidField when the scene needs the shopper's id at the channel and none came."""
    if needs_payer and not payer:
        raise InvalidField(errors=(FieldError("/payer", "required"),))

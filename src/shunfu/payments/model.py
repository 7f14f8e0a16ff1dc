"""Orders and payments: the transition table, and the decisions that follow from it.

Everything that affects a transition lives here. Three doors (reply, notification, query) lead to one function,
`record`. Only evidence from the channel makes a payment's state final; no timer does. Source: docs/states.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Literal
from uuid import UUID

from shunfu.gateway.evidence import (
    Accepted,
    Closed,
    Evidence,
    Invoke,
    NotFound,
    NotPaid,
    Paid,
    Refused,
    Unknown,
)
from shunfu.kernel.money import Money

Need = Literal["address", "phone", "invoice"]
"""What an order can ask of the shopper before it is paid."""


class OrderState(StrEnum):
    """Where an order stands. Refunds and shipping are not order states."""

    OPEN = "OPEN"
    CLOSING = "CLOSING"
    PAID = "PAID"
    CLOSED = "CLOSED"


class PaymentState(StrEnum):
    """Where one attempt to pay stands."""

    SENDING = "SENDING"
    UNKNOWN = "UNKNOWN"
    PENDING = "PENDING"
    REFUSED = "REFUSED"
    CLOSED = "CLOSED"
    CAPTURED = "CAPTURED"


RANK = {
    PaymentState.SENDING: 0,
    PaymentState.UNKNOWN: 1,
    PaymentState.PENDING: 2,
    PaymentState.REFUSED: 3,
    PaymentState.CLOSED: 3,
    PaymentState.CAPTURED: 4,
}
"""A payment's rank never falls."""

LIVE = frozenset({PaymentState.SENDING, PaymentState.UNKNOWN, PaymentState.PENDING})
"""States in which money may still move."""

SETTLE_MARGIN = timedelta(minutes=5)
"""After a channel's expiry, how long we wait before "not found" can mean "never was"."""


@dataclass(frozen=True, slots=True)
class Item:
    """A line of an order, for the shopper's eyes; the amount is the line's total in minor units."""

    name: str
    quantity: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Order:
    """What is bought, for how much, until when. `close_requested_at`: when merchant or expiry asked for its close."""

    merchant_id: UUID
    order_id: UUID
    merchant_order_no: str | None
    amount: Money
    subject: str
    items: tuple[Item, ...]
    return_url: str | None
    state: OrderState
    expires_at: datetime
    created_at: datetime
    close_requested_at: datetime | None = None
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True)
class Payment:
    """One attempt to pay an order through one method. `amount` is what is paid: the order's less `discount_minor`."""

    merchant_id: UUID
    payment_id: UUID
    order_id: UUID
    channel: str
    scene: str
    account_id: UUID
    channel_account: str
    channel_app: str
    amount: Money
    state: PaymentState
    deadline: datetime
    created_at: datetime
    notify_url: str
    payer: dict[str, str | int] | None = None
    client_ip: dict[str, str | int] | None = None
    return_url: str | None = None
    refused_reason: str | None = None
    invoke: Invoke | None = None
    channel_transaction_no: str | None = None
    is_surplus: bool = False
    captured: Money | None = None
    refunded_minor: int = 0
    refund_reserved_minor: int = 0
    asks: int = 0
    not_found_at: datetime | None = None
    captured_at: datetime | None = None
    offer_id: UUID | None = None
    discount_minor: int = 0
    shopper_id: UUID | None = None

    @property
    def method(self) -> str:
        """`channel/scene`."""
        return f"{self.channel}/{self.scene}"

    @property
    def is_live(self) -> bool:
        """Whether money may still move."""
        return self.state in LIVE

    @property
    def refundable(self) -> Money | None:
        """What of the captured money neither went back nor is on its way back; None before money was captured."""
        if self.captured is None:
            return None
        left_minor = self.captured.minor - self.refunded_minor - self.refund_reserved_minor
        return Money(left_minor, self.captured.currency)


class Then(Enum):
    """What a cell asks for besides its state."""

    NOTHING = "nothing"
    TAKE_INVOKE = "take_invoke"
    CAPTURE = "capture"
    CAPTURE_SURPLUS = "capture_surplus"
    COMPARE = "compare"
    CLOSE_AT_CHANNEL = "close_at_channel"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: the next state (None: no change, kept as evidence), whether it alarms, and what else follows."""

    to: PaymentState | None = None
    then: Then = Then.NOTHING
    is_alarm: bool = False


_KEEP = Cell()
_KEEP_ALARM = Cell(is_alarm=True)
_PENDING = Cell(PaymentState.PENDING)
_ACCEPTED = Cell(PaymentState.PENDING, Then.TAKE_INVOKE)
_CLOSED = Cell(PaymentState.CLOSED)
_CAPTURED = Cell(PaymentState.CAPTURED, Then.CAPTURE)
_SURPLUS = Cell(PaymentState.CAPTURED, Then.CAPTURE_SURPLUS, is_alarm=True)
_NOT_FOUND = Cell(then=Then.NOT_FOUND)
_CLOSE = Cell(then=Then.CLOSE_AT_CHANNEL, is_alarm=True)

TABLE: dict[PaymentState, dict[type[Evidence], Cell]] = {
    PaymentState.SENDING: {
        Accepted: _ACCEPTED,
        Refused: Cell(PaymentState.REFUSED),
        Unknown: Cell(PaymentState.UNKNOWN),
        NotPaid: _PENDING,
        Paid: _CAPTURED,
        Closed: _CLOSED,
        NotFound: _NOT_FOUND,
    },
    PaymentState.UNKNOWN: {
        Accepted: _ACCEPTED,
        Refused: _KEEP,
        Unknown: _KEEP,
        NotPaid: _PENDING,
        Paid: _CAPTURED,
        Closed: _CLOSED,
        NotFound: _NOT_FOUND,
    },
    PaymentState.PENDING: {
        Accepted: Cell(then=Then.TAKE_INVOKE),
        Refused: _KEEP,
        Unknown: _KEEP,
        NotPaid: _KEEP,
        Paid: _CAPTURED,
        Closed: _CLOSED,
        NotFound: _NOT_FOUND,
    },
    PaymentState.REFUSED: {
        Accepted: _KEEP_ALARM,
        Refused: _KEEP,
        Unknown: _KEEP,
        NotPaid: _CLOSE,
        Paid: _SURPLUS,
        Closed: _KEEP,
        NotFound: _KEEP,
    },
    PaymentState.CLOSED: {
        Accepted: _KEEP_ALARM,
        Refused: _KEEP,
        Unknown: _KEEP,
        NotPaid: _CLOSE,
        Paid: _SURPLUS,
        Closed: _KEEP,
        NotFound: _KEEP,
    },
    PaymentState.CAPTURED: {
        Accepted: _KEEP,
        Refused: _KEEP,
        Unknown: _KEEP,
        NotPaid: _KEEP_ALARM,
        Paid: Cell(then=Then.COMPARE),
        Closed: _KEEP,
        NotFound: _KEEP_ALARM,
    },
}
"""Every state and every kind of evidence; a test walks all 42 cells."""


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What deciding about a payment needs to know of its order, read under the order's lock."""

    order: Order
    has_other_captured: bool
    has_other_live: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What evidence leads to. `payment` and `order` are the new values; `alarm` is a code or None."""

    payment: Payment
    order: Order
    alarm: str | None = None
    must_close_at_channel: bool = False
    must_send_again: bool = False

    def has_captured(self, before: Payment) -> bool:
        """Whether this decision is the one that captured."""
        return before.state is not PaymentState.CAPTURED and self.payment.state is PaymentState.CAPTURED


def record(payment: Payment, facts: OrderFacts, evidence: Evidence, now: datetime) -> Decision:
    """The one transition function behind reply, notification and query."""
    cell = TABLE[payment.state][type(evidence)]
    if isinstance(evidence, Paid) and not is_ours(payment, evidence):
        return Decision(payment, facts.order, alarm="mismatch")
    moved = _moved(payment, cell, evidence)
    must_send_again = False
    alarm = "unexpected_evidence" if cell.is_alarm else None
    if isinstance(evidence, Paid):
        moved, alarm = _captured(payment, cell, facts, evidence)
    if isinstance(evidence, NotFound) and cell.then is Then.NOT_FOUND:
        moved = _not_found(payment, now)
        must_send_again = now < payment.deadline and payment.state is not PaymentState.PENDING
    assert RANK[moved.state] >= RANK[payment.state], "rank never falls"
    order = _order_after(moved, facts)
    return Decision(moved, order, alarm, cell.then is Then.CLOSE_AT_CHANNEL, must_send_again)


def is_ours(payment: Payment, paid: Paid) -> bool:
    """Guard G: amount, currency, account and app equal ours."""
    payee = (paid.account, paid.app)
    return paid.amount == payment.amount and payee == (payment.channel_account, payment.channel_app)


def _moved(payment: Payment, cell: Cell, evidence: Evidence) -> Payment:
    """The payment in the cell's state, with the invoke data or the reason that the evidence brought."""
    moved = replace(payment, state=cell.to or payment.state)
    if isinstance(evidence, NotFound):
        return moved
    moved = replace(moved, not_found_at=None)
    if isinstance(evidence, Accepted) and cell.then is Then.TAKE_INVOKE:
        return replace(moved, invoke=evidence.invoke)
    if isinstance(evidence, Refused) and cell.to is PaymentState.REFUSED:
        return replace(moved, refused_reason=evidence.reason)
    return moved


def _captured(payment: Payment, cell: Cell, facts: OrderFacts, paid: Paid) -> tuple[Payment, str | None]:
    """Money moved: does it pay the order, is it surplus, or do we know it already?"""
    if cell.then is Then.COMPARE:
        is_same = paid.channel_transaction_no == payment.channel_transaction_no
        return payment, None if is_same else "second_transaction_no"
    is_awaited = facts.order.state in {OrderState.OPEN, OrderState.CLOSING} and not facts.has_other_captured
    is_surplus = cell.then is Then.CAPTURE_SURPLUS or not is_awaited
    captured = replace(
        payment,
        state=PaymentState.CAPTURED,
        captured=paid.amount,
        captured_at=paid.happened_at,
        channel_transaction_no=paid.channel_transaction_no,
        is_surplus=is_surplus,
        not_found_at=None,
    )
    return captured, "surplus" if is_surplus else None


def _not_found(payment: Payment, now: datetime) -> Payment:
    """After the deadline, two "not found" at least five minutes apart close the payment; before it, nothing does."""
    if now < payment.deadline:
        return payment
    if payment.not_found_at is None or payment.not_found_at < payment.deadline:
        return replace(payment, not_found_at=now)
    if now - payment.not_found_at >= SETTLE_MARGIN:
        return replace(payment, state=PaymentState.CLOSED)
    return payment


def _order_after(payment: Payment, facts: OrderFacts) -> Order:
    """PAID by a capture that is not surplus; CLOSED when it was closing and no live payment is left."""
    order = facts.order
    if payment.state is PaymentState.CAPTURED and not payment.is_surplus and order.state is not OrderState.PAID:
        return replace(order, state=OrderState.PAID)
    has_ended = payment.state in {PaymentState.REFUSED, PaymentState.CLOSED}
    if order.state is OrderState.CLOSING and has_ended and not facts.has_other_live:
        return replace(order, state=OrderState.CLOSED)
    return order


def close_asked(order: Order, payments: Sequence[Payment]) -> Order:
    """Expiry and the merchant's close only ask: without a live payment the order closes, else it is closing."""
    if order.state is not OrderState.OPEN:
        return order
    has_live = any(payment.is_live for payment in payments)
    return replace(order, state=OrderState.CLOSING if has_live else OrderState.CLOSED)

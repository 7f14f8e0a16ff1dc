"""Which events a merchant is told, and in which words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from shunfu.app.announcing import EVENT_TYPES, HANDLER, TELLINGS, announcement_of
from shunfu.app.wiring import ALARM_HANDLER, SUBSCRIPTIONS
from shunfu.db.outbox import to_json
from shunfu.kernel.event import Event, OrderEvent
from shunfu.kernel.ids import public
from shunfu.kernel.money import Money
from shunfu.payments.events import (
    OrderClosed,
    OrderPaid,
    PaymentAlarmed,
    PaymentCaptured,
    PaymentEnded,
    SurplusCaptured,
)
from shunfu.refunds.events import RefundEnded, RefundRequested, RefundSettled, RefundTurnedAbnormal

MERCHANT, EVENT, ORDER, PAYMENT, REFUND, OFFER = (UUID(int=number) for number in range(1, 7))
AT = datetime(2026, 1, 1, 8, 30, tzinfo=UTC)
ORD, PAY, RFD, OFF = public("ord", ORDER), public("pay", PAYMENT), public("rfd", REFUND), public("off", OFFER)
YUAN = Money(8600, "CNY")
MONEY = {"amount_minor": 8600, "currency": "CNY"}
FULL_PRICE = {"discount_minor": 0, "offer": None}
KEYS = {"merchant_id": MERCHANT, "happened_at": AT, "order_id": ORDER, "sequence": 7}


def body_of(event: Event) -> dict[str, object]:
    """The event's fields as the outbox keeps them."""
    body = to_json(event)
    assert isinstance(body, dict)
    return body


CASES: list[tuple[OrderEvent, str, dict[str, object]]] = [
    (
        OrderPaid(payment_id=PAYMENT, amount=YUAN, **KEYS),
        "order.paid",
        {"payment_id": PAY, **MONEY, **FULL_PRICE, "state": "PAID"},
    ),
    (
        OrderPaid(payment_id=PAYMENT, amount=YUAN, discount_minor=500, offer_id=OFFER, **KEYS),
        "order.paid",
        {"payment_id": PAY, **MONEY, "discount_minor": 500, "offer": OFF, "state": "PAID"},
    ),
    (OrderClosed(**KEYS), "order.closed", {"state": "CLOSED"}),
    (
        PaymentCaptured(payment_id=PAYMENT, amount=YUAN, **KEYS),
        "payment.captured",
        {"payment_id": PAY, **MONEY, **FULL_PRICE, "state": "CAPTURED"},
    ),
    (
        SurplusCaptured(payment_id=PAYMENT, amount=YUAN, **KEYS),
        "payment.surplus",
        {"payment_id": PAY, **MONEY, **FULL_PRICE, "state": "CAPTURED"},
    ),
    (
        PaymentEnded(payment_id=PAYMENT, state="REFUSED", **KEYS),
        "payment.ended",
        {"payment_id": PAY, "state": "REFUSED"},
    ),
    (
        RefundRequested(refund_id=REFUND, payment_id=PAYMENT, amount=YUAN, state="REQUESTED", **KEYS),
        "refund.requested",
        {"payment_id": PAY, "refund_id": RFD, **MONEY, "state": "REQUESTED"},
    ),
    (
        RefundSettled(refund_id=REFUND, payment_id=PAYMENT, amount=YUAN, **KEYS),
        "refund.succeeded",
        {"payment_id": PAY, "refund_id": RFD, **MONEY, "state": "SUCCEEDED"},
    ),
    (
        RefundEnded(refund_id=REFUND, payment_id=PAYMENT, state="CLOSED", **KEYS),
        "refund.ended",
        {"payment_id": PAY, "refund_id": RFD, "state": "CLOSED"},
    ),
    (
        RefundTurnedAbnormal(refund_id=REFUND, payment_id=PAYMENT, **KEYS),
        "refund.abnormal",
        {"payment_id": PAY, "refund_id": RFD, "state": "ABNORMAL"},
    ),
]


@pytest.mark.parametrize(("event", "event_type", "data"), CASES, ids=lambda value: str(value)[:40])
def test_an_event_in_the_merchants_words(event: OrderEvent, event_type: str, data: dict[str, object]) -> None:
    told = announcement_of(MERCHANT, EVENT, type(event).__name__, body_of(event))
    assert told is not None
    assert (told.merchant_id, told.event_id, told.type) == (MERCHANT, EVENT, event_type)
    assert (told.subject, told.sequence, told.happened_at) == (ORD, 7, AT)
    assert dict(told.data) == {"order_id": ORD, **data}


def kinds(parent: type[Event]) -> Iterator[type[Event]]:
    for kind in parent.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_every_event_of_an_orders_sequence_is_told() -> None:
    """One that is not would hold up those after it for an hour each."""
    names = {kind.__name__ for kind in kinds(OrderEvent) if kind.__module__.startswith("shunfu.")}
    assert names == set(TELLINGS)
    assert {type(event).__name__ for event, _, _ in CASES} == names
    assert {event_type for _, event_type, _ in CASES} == EVENT_TYPES


def test_an_event_that_an_older_version_wrote_is_told_without_a_discount() -> None:
    body = body_of(PaymentCaptured(payment_id=PAYMENT, amount=YUAN, **KEYS))
    older = {name: value for name, value in body.items() if name not in {"discount_minor", "offer_id"}}
    told = announcement_of(MERCHANT, EVENT, "PaymentCaptured", older)
    assert told is not None
    assert dict(told.data) == {"order_id": ORD, "payment_id": PAY, **MONEY, "state": "CAPTURED"}


def test_other_events_are_not_the_merchants_business() -> None:
    alarm = PaymentAlarmed(merchant_id=MERCHANT, happened_at=AT, payment_id=PAYMENT, alarm="surplus")
    assert announcement_of(MERCHANT, EVENT, "PaymentAlarmed", body_of(alarm)) is None


def test_the_wiring_hands_them_on_beside_our_own_handlers() -> None:
    assert all(HANDLER in SUBSCRIPTIONS[name] for name in TELLINGS)
    assert len(SUBSCRIPTIONS["SurplusCaptured"]) == 2, "it is refunded, and told"
    assert SUBSCRIPTIONS["WebhookEndpointDisabled"] == SUBSCRIPTIONS["WebhookEndpointFailing"] == (ALARM_HANDLER,)
    assert HANDLER not in SUBSCRIPTIONS["PaymentAlarmed"]

"""Payments, orders and kept evidence for tests that need no database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from shunfu.gateway.wire import Json
from shunfu.kernel.money import Money
from shunfu.kernel.plain import Words
from shunfu.payments.evidence import Door, KeptEvidence, Kind
from shunfu.payments.model import Order, OrderState, Payment, PaymentState

NOW = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
"""14:30:00 in Shanghai."""

CREATED = NOW - timedelta(minutes=20)
MERCHANT, ORDER, PAYMENT = UUID(int=1), UUID(int=2), UUID(int=3)
AMOUNT = Money(8600, "CNY")
LABEL = Words("微信支付", "WeChat Pay")
BODIES: dict[Kind, dict[str, Json]] = {
    "accepted": {"kind": "accepted"},
    "refused": {"kind": "refused", "reason": "risk", "channel_code": "RULE_LIMIT"},
    "unknown": {"kind": "unknown", "why": "HTTP 500"},
    "not_paid": {"kind": "not_paid", "channel_state": "NOTPAY"},
    "paid": {"kind": "paid", "amount_minor": 8600, "currency": "CNY", "channel_transaction_no": "4200001"},
    "closed": {"kind": "closed", "channel_state": "CLOSED"},
    "not_found": {"kind": "not_found", "channel_code": "ORDER_NOT_EXIST"},
}


def order(state: OrderState = OrderState.OPEN, expires_in: float = 10) -> Order:
    """An order that expires so many minutes from now."""
    ends = NOW + timedelta(minutes=expires_in)
    return Order(MERCHANT, ORDER, None, AMOUNT, "咖啡豆", (), None, state, ends, CREATED)


def payment(state: PaymentState = PaymentState.PENDING, **changes: object) -> Payment:
    """A payment of 86 yuan in a state."""
    made = Payment(
        merchant_id=MERCHANT,
        payment_id=PAYMENT,
        order_id=ORDER,
        channel="wechatpay",
        scene="native",
        account_id=UUID(int=9),
        channel_account="1900007291",
        channel_app="wx1",
        amount=AMOUNT,
        state=state,
        deadline=NOW + timedelta(minutes=15),
        created_at=CREATED,
        notify_url="https://pay.example.com/notifications",
    )
    if state is PaymentState.CAPTURED:
        made = replace(made, captured=AMOUNT, captured_at=CREATED, channel_transaction_no="4200001")
    return replace(made, **changes)


def evidence(
    kind: Kind,
    states: tuple[str, str],
    door: Door = "reply",
    minute: int = 1,
    alarm: str | None = None,
    **body: Json,
) -> KeptEvidence:
    """A line of evidence, kept `minute` minutes after the payment began, that led from a state to a state."""
    at = CREATED + timedelta(minutes=minute)
    return KeptEvidence(
        evidence_id=UUID(int=100 + minute),
        payment_id=PAYMENT,
        door=door,
        kind=kind,
        state_before=states[0],
        state_after=states[1],
        alarm=alarm,
        notification_id=None,
        happened_at=at,
        recorded_at=at,
        body={**BODIES[kind], **body},
    )

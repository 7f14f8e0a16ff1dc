"""The one way evidence becomes state: lock, decide, save, post to the ledger, publish; all in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypedDict, cast
from uuid import UUID

from shunfu.db import Transaction
from shunfu.driver import About, keep_exchanges
from shunfu.gateway.evidence import Evidence
from shunfu.gateway.wire import Json, evidence_from_json
from shunfu.kernel.errors import NotFoundHere
from shunfu.kernel.event import OrderEvent
from shunfu.kernel.ids import decode, encode
from shunfu.kernel.money import Money
from shunfu.ledger import Posting, capture, capture_surplus, post
from shunfu.offers import Fate, settle_redemption
from shunfu.payments import store
from shunfu.payments.events import (
    OrderClosed,
    OrderPaid,
    PaymentAlarmed,
    PaymentCaptured,
    PaymentEnded,
    ShopperPaid,
    SurplusCaptured,
)
from shunfu.payments.model import (
    Decision,
    Order,
    OrderFacts,
    OrderState,
    Payment,
    PaymentState,
    record,
)
from shunfu.payments.store import Arrival, when_it_happened
from shunfu.payments.timetable import is_overdue
from shunfu.payments.usecases.telling import tell
from shunfu.payments.usecases.tools import CLOSE_JOB, PaymentTools


class _OfOrder(TypedDict):
    """What every fact about an order has."""

    merchant_id: UUID
    happened_at: datetime
    order_id: UUID


class _Money(TypedDict):
    """What every fact about a payment's money has."""

    payment_id: UUID
    amount: Money
    discount_minor: int
    offer_id: UUID | None


async def record_evidence(tools: PaymentTools, merchant_id: UUID, payment_id: UUID, arrival: Arrival) -> Decision:
    """Apply evidence to a payment. Raises NotFoundHere when the merchant has no such payment."""

    async def story(tx: Transaction) -> Decision:
        order = await store.lock_order_of_payment(tx, merchant_id, payment_id)
        if order is None:
            raise NotFoundHere
        payments = await store.list_payments(tx, merchant_id, order.order_id)
        before = next(payment for payment in payments if payment.payment_id == payment_id)
        decision = record(before, facts_about(order, payments, before), arrival.evidence, tools.now())
        return await _save(tools, tx, (order, before), decision, arrival)

    return await tools.database.transact(story)


def facts_about(order: Order, payments: Sequence[Payment], own: Payment) -> OrderFacts:
    """What deciding about one of an order's payments needs to know of the others."""
    others = [payment for payment in payments if payment.payment_id != own.payment_id]
    has_captured = any(other.state is PaymentState.CAPTURED and not other.is_surplus for other in others)
    return OrderFacts(order, has_captured, any(other.is_live for other in others))


async def _save(
    tools: PaymentTools, tx: Transaction, before: tuple[Order, Payment], decision: Decision, arrival: Arrival
) -> Decision:
    order, payment = before
    now = tools.now()
    after = decision.payment
    if arrival.door in {"query", "close"}:
        after = replace(after, asks=after.asks + 1)
    alarm = decision.alarm or await _overdue_alarm(tools, tx, after)
    evidence_id = tools.source.new_id()
    await store.save_decision(tx, (payment, after), arrival, (evidence_id, alarm), now)
    about = About(payment.channel, encode(payment.payment_id), evidence_id)
    await keep_exchanges(tx, payment.merchant_id, about, arrival.exchanges, now)
    if after.offer_id is not None and after.state is not payment.state:
        await _settle_offer(tx, after, now)
    if decision.has_captured(payment):
        await _post(tools, tx, after)
        await _tell_of_shopper(tools, tx, after, arrival)
    decision = replace(decision, payment=after, alarm=alarm)
    await tell(tools, tx, (order, decision.order), _facts_of((order, payment), decision, arrival))
    if alarm is not None:
        await tools.outbox.publish(tx, _alarmed(after, alarm, arrival))
    if decision.must_close_at_channel:
        await tools.jobs.enqueue(tx, tools.job(CLOSE_JOB, payment.merchant_id, payment.payment_id, now))
    return decision


async def _overdue_alarm(tools: PaymentTools, tx: Transaction, payment: Payment) -> str | None:
    """The alarm for a result that stays unknown too long, raised once."""
    if not is_overdue(payment, tools.now(), tools.pace):
        return None
    return None if await store.has_alarm(tx, payment, "unknown_too_long") else "unknown_too_long"


async def _settle_offer(tx: Transaction, payment: Payment, now: datetime) -> None:
    """What became of a payment becomes of the offer that it holds, in the same transaction."""
    key = (payment.merchant_id, payment.payment_id)
    match payment.state:
        case PaymentState.CAPTURED:
            await settle_redemption(tx, key, Fate.SURPLUS if payment.is_surplus else Fate.PAID, now)
        case PaymentState.REFUSED | PaymentState.CLOSED:
            await settle_redemption(tx, key, Fate.UNPAID, now)
        case _:
            return


async def _tell_of_shopper(tools: PaymentTools, tx: Transaction, payment: Payment, arrival: Arrival) -> None:
    """Whoever remembers a shopper's way to pay is told of it; surplus money says nothing about one."""
    if payment.shopper_id is None or payment.is_surplus:
        return
    paid = ShopperPaid(
        merchant_id=payment.merchant_id,
        happened_at=arrival.happened_at,
        payment_id=payment.payment_id,
        shopper_id=payment.shopper_id,
        method=payment.method,
    )
    await tools.outbox.publish(tx, paid)


async def _post(tools: PaymentTools, tx: Transaction, payment: Payment) -> None:
    await post(tx, tools.source, payment.merchant_id, posting_of(payment))


def posting_of(payment: Payment) -> Posting:
    """What a captured payment is to the ledger."""
    assert payment.captured is not None, "captured money has an amount"
    assert payment.captured_at is not None, "captured money has a time"
    recipe = capture_surplus if payment.is_surplus else capture
    channel = (payment.channel, payment.channel_account)
    return recipe(payment.payment_id, payment.captured, channel, payment.captured_at)


def _facts_of(before: tuple[Order, Payment], decision: Decision, arrival: Arrival) -> list[OrderEvent]:
    """The facts that a decision made, in the order in which they follow from each other."""
    order, payment = before
    after = decision.payment
    of_order = _OfOrder(merchant_id=payment.merchant_id, happened_at=arrival.happened_at, order_id=order.order_id)
    money = _Money(
        payment_id=payment.payment_id,
        amount=payment.amount,
        discount_minor=payment.discount_minor,
        offer_id=payment.offer_id,
    )
    facts: list[OrderEvent] = []
    if decision.has_captured(payment):
        kind = SurplusCaptured if after.is_surplus else PaymentCaptured
        facts.append(kind(**of_order, **money))
    if after.state is not payment.state and after.state in {PaymentState.REFUSED, PaymentState.CLOSED}:
        facts.append(PaymentEnded(**of_order, payment_id=payment.payment_id, state=after.state.value))
    if decision.order.state is not order.state and decision.order.state is OrderState.PAID:
        facts.append(OrderPaid(**of_order, **money))
    if decision.order.state is not order.state and decision.order.state is OrderState.CLOSED:
        facts.append(OrderClosed(**of_order))
    return facts


def _alarmed(payment: Payment, alarm: str, arrival: Arrival) -> PaymentAlarmed:
    return PaymentAlarmed(
        merchant_id=payment.merchant_id, happened_at=arrival.happened_at, payment_id=payment.payment_id, alarm=alarm
    )


async def apply_report(tools: PaymentTools, merchant_id: UUID, report: dict[str, Json]) -> None:
    """Apply a PaymentReported event's body: the notification's door to the transition function."""
    payment_id = decode(cast("str", report["number"]))
    assert payment_id is not None, "notifications accept only numbers that we expect"
    evidence = evidence_from_json(cast("dict[str, Json]", report["evidence"]))
    notification_id = UUID(cast("str", report["notification_id"]))
    arrival = Arrival(evidence, "notification", when_it_happened(evidence, tools.now()), notification_id)
    await record_evidence(tools, merchant_id, payment_id, arrival)


async def record_statement(tools: PaymentTools, merchant_id: UUID, payment_id: UUID, evidence: Evidence) -> Decision:
    """Apply what a statement says of a payment: one more door to the transition function. Raises NotFoundHere."""
    arrival = Arrival(evidence, "statement", when_it_happened(evidence, tools.now()))
    return await record_evidence(tools, merchant_id, payment_id, arrival)

"""The one way evidence becomes a refund's state: lock, decide, save, move the money's rows, post, tell; all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypedDict, cast
from uuid import UUID

from shunfu.db import Transaction
from shunfu.driver import About, keep_exchanges
from shunfu.gateway.refund_wire import refund_evidence_from_json
from shunfu.gateway.wire import Json
from shunfu.kernel.errors import NotFoundHere
from shunfu.kernel.event import OrderEvent
from shunfu.kernel.ids import decode, encode
from shunfu.ledger import Posting, post, refund_over, refund_paid, refund_surplus
from shunfu.payments import Order, lock_payment, move_refund_money, tell
from shunfu.refunds import store
from shunfu.refunds.events import RefundAlarmed, RefundEnded, RefundSettled, RefundTurnedAbnormal
from shunfu.refunds.model import Decision, Refund, RefundState, record
from shunfu.refunds.store import Arrival, arrived
from shunfu.refunds.timetable import next_visit, overdue_alarm
from shunfu.refunds.usecases.tools import Named, RefundTools


class _About(TypedDict):
    """What every fact about a refund has."""

    merchant_id: UUID
    happened_at: datetime
    order_id: UUID
    refund_id: UUID
    payment_id: UUID


async def lock_refund(tx: Transaction, named: Named) -> tuple[Order, Refund]:
    """A refund and its order, held by the order's lock until the transaction ends. Raises NotFoundHere."""
    found = await store.get_refund(tx, named.merchant_id, named.refund_id)
    if found is None:
        raise NotFoundHere
    order, _ = await lock_payment(tx, named.merchant_id, found.payment_id)
    refund = await store.get_refund(tx, named.merchant_id, named.refund_id)
    assert refund is not None, "a refund is never deleted"
    return order, refund


async def record_evidence(tools: RefundTools, named: Named, arrival: Arrival) -> Decision:
    """Apply evidence to a refund. Raises NotFoundHere when the merchant has no such refund."""

    async def story(tx: Transaction) -> Decision:
        order, before = await lock_refund(tx, named)
        decision = record(before, arrival.evidence, tools.now())
        if arrival.door == "query":
            asked = replace(decision.refund, asks=before.asks + 1)
            decision = replace(decision, refund=asked)
        return await _save(tools, tx, (order, before), decision, arrival)

    return await tools.database.transact(story)


async def _save(
    tools: RefundTools, tx: Transaction, before: tuple[Order, Refund], decision: Decision, arrival: Arrival
) -> Decision:
    order, refund = before
    decision = await _move_money(tools, tx, decision)
    after = decision.refund
    alarm = decision.alarm or await _overdue_alarm(tools, tx, after)
    line = store.kept(arrival, tools.payments.source.new_id(), alarm)
    await store.save_decision(tx, (refund, after), line, tools.now())
    about = About(refund.channel, encode(refund.refund_id), line.evidence_id)
    await keep_exchanges(tx, refund.merchant_id, about, arrival.exchanges, tools.now())
    if after.state is RefundState.SUCCEEDED and refund.state is not RefundState.SUCCEEDED:
        await _post(tools, tx, after)
    await tell(tools.payments, tx, (order, order), facts_of(refund, after, arrival.happened_at))
    if refund.state is RefundState.REQUESTED and after.is_open:  # nobody visits what waits for a person
        due = next_visit(after, tools.now(), tools.payments.pace.divisor)
        await tools.payments.jobs.enqueue(tx, tools.visit(after, due))
    if alarm is not None:
        await tools.payments.outbox.publish(tx, alarmed(after, alarm, arrival))
    return replace(decision, alarm=alarm)


async def _move_money(tools: RefundTools, tx: Transaction, decision: Decision) -> Decision:
    """Move what is reserved on the payment's row; a late success that finds nothing left is over-refunded."""
    refund, amount_minor = decision.refund, decision.refund.amount.minor
    payment = (refund.merchant_id, refund.payment_id)
    reserved_minor, refunded_minor = {
        "stays": (0, 0),
        "released": (-amount_minor, 0),
        "settled": (-amount_minor, amount_minor),
        "settled_late": (0, amount_minor),
    }[decision.reservation]
    if not reserved_minor and not refunded_minor:
        return decision
    if await move_refund_money(tx, payment, reserved_minor, refunded_minor, tools.now()):
        return decision
    assert decision.reservation == "settled_late", "what was reserved can be released and given back"
    return replace(decision, refund=replace(refund, is_over=True), alarm="over_refunded")


async def _overdue_alarm(tools: RefundTools, tx: Transaction, refund: Refund) -> str | None:
    """The alarm for a refund that takes too long, each kind raised once."""
    alarm = overdue_alarm(refund, tools.now(), tools.payments.pace.divisor)
    return None if alarm is None or await store.has_alarm(tx, refund, alarm) else alarm


async def _post(tools: RefundTools, tx: Transaction, refund: Refund) -> None:
    await post(tx, tools.payments.source, refund.merchant_id, posting_of(refund))


def posting_of(refund: Refund) -> Posting:
    """What money that went back is to the ledger."""
    assert refund.succeeded_at is not None, "money that went back has a time"
    recipe = refund_over if refund.is_over else refund_surplus if refund.is_surplus else refund_paid
    channel = (refund.channel, refund.channel_account)
    return recipe(refund.refund_id, refund.amount, channel, refund.succeeded_at)


def facts_of(before: Refund, after: Refund, at: datetime) -> Sequence[OrderEvent]:
    """The fact that a move made, if the merchant should hear of it."""
    if after.state is before.state:
        return []
    about = _About(
        merchant_id=after.merchant_id,
        happened_at=at,
        order_id=after.order_id,
        refund_id=after.refund_id,
        payment_id=after.payment_id,
    )
    match after.state:
        case RefundState.SUCCEEDED:
            return [RefundSettled(**about, amount=after.amount)]
        case RefundState.CLOSED | RefundState.REFUSED | RefundState.REJECTED:
            return [RefundEnded(**about, state=after.state.value)]
        case RefundState.ABNORMAL:
            return [RefundTurnedAbnormal(**about)]
        case _:
            return []


def alarmed(refund: Refund, alarm: str, arrival: Arrival) -> RefundAlarmed:
    """The event that calls a person."""
    return RefundAlarmed(
        merchant_id=refund.merchant_id, happened_at=arrival.happened_at, refund_id=refund.refund_id, alarm=alarm
    )


async def apply_report(tools: RefundTools, merchant_id: UUID, report: dict[str, Json]) -> None:
    """Apply a RefundReported event's body: the notification's door to the transition function.

    A report without evidence only says that something happened; the refund is then asked about at once.
    """
    refund_id = decode(cast("str", report["number"]))
    assert refund_id is not None, "notifications accept only numbers that we expect"
    named = Named(merchant_id, refund_id)
    if report["evidence"] is None:
        await _ask_soon(tools, named)
        return
    evidence = refund_evidence_from_json(cast("dict[str, Json]", report["evidence"]))
    notification_id = UUID(cast("str", report["notification_id"]))
    await record_evidence(tools, named, arrived(evidence, "notification", tools.now(), notification_id))


async def _ask_soon(tools: RefundTools, named: Named) -> None:
    async def story(tx: Transaction) -> None:
        _, refund = await lock_refund(tx, named)
        if refund.is_open:
            await tools.payments.jobs.enqueue(tx, tools.visit(refund, tools.now()))

    await tools.database.transact(story)

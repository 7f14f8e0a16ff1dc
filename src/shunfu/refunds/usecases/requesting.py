"""Ask for a refund, and give back what was paid too often or too late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shunfu.db import Transaction
from shunfu.kernel.errors import AmountExceedsRefundable, Refusal
from shunfu.kernel.money import Money
from shunfu.merchants import OpenAccount
from shunfu.payments import Order, Payment, PaymentAlarmed, account_of, lock_payment, move_refund_money, tell
from shunfu.refunds import store
from shunfu.refunds.admission import Admitted, Ask, admit
from shunfu.refunds.events import RefundRequested
from shunfu.refunds.model import Refund, RefundState
from shunfu.refunds.timetable import next_visit
from shunfu.refunds.usecases.sending import send_if_due
from shunfu.refunds.usecases.tools import RefundTools

SURPLUS_REASON = "重复或超时支付，自动原路退回"
AUTOMATIC = "shunfu"
"""Who asked for a refund that asked for itself."""


@dataclass(frozen=True, slots=True)
class RequestRefund:
    """A wish to refund part or all of a payment. `refund_id` is the id it gets; a retry brings the same one."""

    merchant_id: UUID
    payment_id: UUID
    refund_id: UUID
    amount_minor: int
    reason: str
    subject: str
    is_automatic: bool = False


async def request_refund(tools: RefundTools, wish: RequestRefund) -> Refund:
    """Save a refund with its amount reserved, send it unless it must wait, and return it as it stands.

    Raises NotFoundHere, StateConflict, AmountExceedsRefundable or RefundNotAllowed.
    """

    async def story(tx: Transaction) -> Refund:
        order, payment = await lock_payment(tx, wish.merchant_id, wish.payment_id)
        known = await store.get_refund(tx, wish.merchant_id, wish.refund_id)
        return known or await _add(tools, tx, (order, payment), wish)

    return await send_if_due(tools, await tools.database.transact(story))


async def refund_surplus_payment(tools: RefundTools, merchant_id: UUID, payment_id: UUID) -> None:
    """Give a surplus payment back, whole and once: the same payment again finds the refund that there is.

    What the channel takes no refund for any more calls a person.
    """

    async def story(tx: Transaction) -> None:
        order, payment = await lock_payment(tx, merchant_id, payment_id)
        refunds = await store.list_of_payment(tx, merchant_id, payment_id)
        left = payment.refundable
        assert left is not None, "a surplus is captured"
        if left.minor == 0 or any(refund.is_automatic for refund in refunds):
            return
        refund_id = tools.payments.source.new_id()
        wish = RequestRefund(
            merchant_id, payment_id, refund_id, left.minor, SURPLUS_REASON, AUTOMATIC, is_automatic=True
        )
        try:
            await _add(tools, tx, (order, payment), wish)
        except Refusal:
            await tools.payments.outbox.publish(tx, _stuck(tools, payment))

    await tools.database.transact(story)


async def _add(tools: RefundTools, tx: Transaction, paid: tuple[Order, Payment], wish: RequestRefund) -> Refund:
    order, payment = paid
    account = await account_of(tools.payments, tx, payment)
    others = await store.list_of_payment(tx, wish.merchant_id, wish.payment_id)
    ask = Ask(wish.amount_minor, wish.is_automatic, tools.approval_above_minor)
    admitted = admit(payment, others, account.channel.capabilities, (ask, tools.now()))
    if isinstance(admitted, Refusal):
        raise admitted
    refund = _new(tools, (payment, account), wish, admitted)
    is_reserved = await move_refund_money(
        tx, (payment.merchant_id, payment.payment_id), wish.amount_minor, 0, tools.now()
    )
    if not is_reserved:
        raise AmountExceedsRefundable
    await store.add_refund(tx, refund)
    fact = RefundRequested(
        merchant_id=refund.merchant_id,
        happened_at=refund.created_at,
        order_id=refund.order_id,
        refund_id=refund.refund_id,
        payment_id=refund.payment_id,
        amount=refund.amount,
        state=refund.state.value,
    )
    await tell(tools.payments, tx, (order, order), [fact])
    if refund.state is RefundState.SENDING:
        await tools.payments.jobs.enqueue(tx, tools.visit(refund, _first_visit(tools, refund)))
    return refund


def _first_visit(tools: RefundTools, refund: Refund) -> datetime:
    """A refund that nobody sends at once is sent by its first visit; else that one asks what became of the send."""
    if refund.is_automatic or refund.send_after > tools.now():
        return refund.send_after
    return next_visit(refund, tools.now(), tools.payments.pace.divisor)


def _new(tools: RefundTools, paid: tuple[Payment, OpenAccount], wish: RequestRefund, admitted: Admitted) -> Refund:
    payment, account = paid
    assert payment.captured is not None, "only captured payments are admitted"
    return Refund(
        merchant_id=wish.merchant_id,
        refund_id=wish.refund_id,
        payment_id=wish.payment_id,
        order_id=payment.order_id,
        channel=payment.channel,
        account_id=payment.account_id,
        channel_account=payment.channel_account,
        channel_transaction_no=payment.channel_transaction_no or "",
        amount=Money(wish.amount_minor, payment.captured.currency),
        total=payment.captured,
        reason=wish.reason,
        notify_url=tools.payments.notify_url(payment.channel, wish.merchant_id, account.account_id),
        is_surplus=payment.is_surplus,
        is_automatic=wish.is_automatic,
        state=admitted.state,
        requested_by=wish.subject,
        send_after=admitted.send_after,
        created_at=tools.now(),
    )


def _stuck(tools: RefundTools, payment: Payment) -> PaymentAlarmed:
    """The call for a person: a surplus that the channel takes no refund for any more."""
    return PaymentAlarmed(
        merchant_id=payment.merchant_id,
        happened_at=tools.now(),
        payment_id=payment.payment_id,
        alarm="surplus_not_refundable",
    )

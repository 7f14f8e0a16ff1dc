"""A second person agrees to a waiting refund, or not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from shunfu.db import Transaction
from shunfu.merchants import write_audit
from shunfu.payments import Order, account_of, lock_payment, move_refund_money, tell
from shunfu.refunds import store
from shunfu.refunds.admission import earliest_send, may_decide
from shunfu.refunds.model import Refund, RefundState
from shunfu.refunds.timetable import next_visit
from shunfu.refunds.usecases.auditing import audited
from shunfu.refunds.usecases.sending import send_if_due
from shunfu.refunds.usecases.settling import facts_of, lock_refund
from shunfu.refunds.usecases.tools import Named, RefundTools


@dataclass(frozen=True, slots=True)
class Decide:
    """A person's word on a waiting refund: who, and whether it may go."""

    refund: Named
    subject: str
    is_approved: bool


async def decide_refund(tools: RefundTools, word: Decide) -> Refund:
    """Approve or reject a waiting refund, and send an approved one. Raises NotFoundHere or StateConflict."""

    async def story(tx: Transaction) -> Refund:
        order, refund = await lock_refund(tx, word.refund)
        if refusal := may_decide(refund, word.subject):
            raise refusal
        after = replace(refund, decided_by=word.subject, state=RefundState.REJECTED)
        if word.is_approved:
            after = replace(after, state=RefundState.SENDING, send_after=await _earliest(tools, tx, refund))
        await _save(tools, tx, (order, refund), after)
        return after

    return await send_if_due(tools, await tools.database.transact(story))


async def _earliest(tools: RefundTools, tx: Transaction, refund: Refund) -> datetime:
    _, payment = await lock_payment(tx, refund.merchant_id, refund.payment_id)
    account = await account_of(tools.payments, tx, payment)
    others = await store.list_of_payment(tx, refund.merchant_id, refund.payment_id)
    gap_seconds = account.channel.capabilities.refund_gap_seconds
    return earliest_send([other for other in others if other.refund_id != refund.refund_id], gap_seconds, tools.now())


async def _save(tools: RefundTools, tx: Transaction, before: tuple[Order, Refund], after: Refund) -> None:
    """Save a person's word with its line in the timeline, what follows from it, and its line in the audit log."""
    order, refund = before
    now = tools.now()
    is_approved = after.state is RefundState.SENDING
    word = "approved" if is_approved else "rejected"
    line = store.Kept(tools.payments.source.new_id(), "person", {"kind": word}, None, now)
    await store.save_decision(tx, (refund, after), line, now)
    if is_approved:
        due = max(after.send_after, next_visit(after, now, tools.payments.pace.divisor))
        await tools.payments.jobs.enqueue(tx, tools.visit(after, due))
    else:
        await move_refund_money(tx, (refund.merchant_id, refund.payment_id), -refund.amount.minor, 0, now)
        await tell(tools.payments, tx, (order, order), facts_of(refund, after, now))
    subject = after.decided_by or ""
    await write_audit(tx, tools.payments.source, audited(refund, after, subject, f"refund.{word}"))

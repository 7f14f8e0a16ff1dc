"""The deeds that repair a break: evidence from the statement to the room that decides, or a question to the channel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from uuid import UUID

from shunfu.gateway.evidence import NotFound, Paid, Unknown
from shunfu.gateway.refund import RefundAbnormal, RefundClosed, RefundEvidence, RefundSucceeded
from shunfu.kernel.money import Money
from shunfu.merchants import OpenAccount
from shunfu.payments import PaymentState, account_by_id, ask_anew, channel_app_of, record_statement
from shunfu.reconcile.model import ENDED, FINAL
from shunfu.reconcile.proposals import Deed
from shunfu.reconcile.store.breaks import Break
from shunfu.reconcile.usecases.tools import ReconcileTools
from shunfu.refunds import Named, RefundState, arrived, ask_refund, read_refund, record_evidence

ABSENT = "absent from the statement"


class Outcome(Enum):
    """How a deed went, as the break's note says it."""

    REPAIRED = "Carried out."
    UNANSWERED = "The channel did not answer; it will be asked again."
    NOT_TAKEN = "The statement's word was not taken: account, amount or state do not fit. Look at the timeline."
    DENIED = "The channel's own answer contradicts our books. Look at the timeline."
    UNDECIDED = "The channel has not decided yet."


@dataclass(frozen=True, slots=True)
class Act:
    """An approved break with what its deed needs. `app` is what a payment of ours names, if it is one."""

    found: Break
    account: OpenAccount
    subject_id: UUID
    named: Named
    app: str | None


async def carry_out(tools: ReconcileTools, found: Break) -> Outcome:
    """Do what was approved. Doing it again does no harm: the transition functions know what they have taken."""
    assert found.proposal is not None, "only what was proposed is approved"
    return await _DEEDS[found.proposal.deed](tools, await act_of(tools, found))


async def act_of(tools: ReconcileTools, found: Break) -> Act:
    """What a deed about a break needs."""
    assert found.ours is not None, "no deed is proposed for what is not ours"
    async with tools.database.reading() as reader:
        account = await account_by_id(tools.payments, reader, found.merchant_id, found.account_id)
        app = await channel_app_of(reader, found.merchant_id, found.ours.subject_id)
    subject_id = found.ours.subject_id
    return Act(found, account, subject_id, Named(found.merchant_id, subject_id), app)


async def is_unknown_there(tools: ReconcileTools, found: Break) -> bool:
    """Whether the channel has said, long enough after it was last asked to refund, that it has none, and still says so.

    A refund may wait for its approval for days and be sent again: its age proves nothing.
    """
    ours = found.ours
    if ours is None or ours.side != "refund" or ours.state in FINAL | ENDED:
        return False
    async with tools.database.reading() as reader:
        account = await account_by_id(tools.payments, reader, found.merchant_id, found.account_id)
    hours = account.channel.capabilities.refund_absence_hours
    refund, timeline = await read_refund(tools.refunds, Named(found.merchant_id, ours.subject_id))
    answers = [line for line in timeline if line.door == "query"]
    asked_at = refund.last_sent_at or refund.created_at
    is_late = hours is not None and tools.now() - asked_at >= timedelta(hours=hours)
    return refund.is_open and is_late and bool(answers) and answers[-1].kind == "not_found"


def paid_by(act: Act) -> Paid:
    """The line as evidence about a payment: the statement is the account's, so the payee is the account's too.

    A line names no application, so it speaks of the one that the payment named.
    """
    theirs = act.found.theirs
    assert theirs is not None, "a line is what this deed rests on"
    assert theirs.happened_at is not None, "a line has a time"
    assert act.app is not None, "a payment of ours is there for good"
    amount = Money(theirs.amount_minor, theirs.currency)
    return Paid(amount, act.account.identity.account, act.app, theirs.channel_no, theirs.happened_at)


def refunded_by(act: Act) -> RefundSucceeded:
    """The line as evidence about a refund."""
    theirs = act.found.theirs
    assert theirs is not None, "a line is what this deed rests on"
    assert theirs.happened_at is not None, "a line has a time"
    return RefundSucceeded(Money(-theirs.amount_minor, theirs.currency), theirs.channel_no, theirs.happened_at)


async def _apply_payment(tools: ReconcileTools, act: Act) -> Outcome:
    decision = await record_statement(tools.payments, act.found.merchant_id, act.subject_id, paid_by(act))
    is_taken = decision.payment.state is PaymentState.CAPTURED and decision.alarm != "mismatch"
    return Outcome.REPAIRED if is_taken else Outcome.NOT_TAKEN


async def _apply_refund(tools: ReconcileTools, act: Act) -> Outcome:
    arrival = arrived(refunded_by(act), "statement", tools.now())
    decision = await record_evidence(tools.refunds, act.named, arrival)
    is_taken = decision.refund.state is RefundState.SUCCEEDED and decision.alarm != "refund_mismatch"
    return Outcome.REPAIRED if is_taken else Outcome.NOT_TAKEN


async def _ask_payment(tools: ReconcileTools, act: Act) -> Outcome:
    evidence, decision = await ask_anew(tools.payments, act.found.merchant_id, act.subject_id)
    if isinstance(evidence, Unknown):
        return Outcome.UNANSWERED
    return Outcome.REPAIRED if isinstance(evidence, Paid) and decision.alarm is None else Outcome.DENIED


async def _ask_refund(tools: ReconcileTools, act: Act) -> Outcome:
    return _heard(act, await ask_refund(tools.refunds, act.named))


def _heard(act: Act, evidence: RefundEvidence) -> Outcome:
    """What the channel said of the break: what we hold for final is confirmed, what is open may have ended."""
    assert act.found.ours is not None, "it is about a refund of ours"
    is_final = act.found.ours.state in FINAL
    match evidence:
        case Unknown():
            return Outcome.UNANSWERED
        case RefundSucceeded():
            return Outcome.REPAIRED
        case RefundClosed():
            return Outcome.DENIED if is_final else Outcome.REPAIRED
        case NotFound() | RefundAbnormal():
            return Outcome.DENIED
        case _:
            return Outcome.DENIED if is_final else Outcome.UNDECIDED


async def _close_refund(tools: ReconcileTools, act: Act) -> Outcome:
    """Only when the channel still does not know it; done before, it is done."""
    refund, _ = await read_refund(tools.refunds, act.named)
    if refund.state is RefundState.CLOSED:
        return Outcome.REPAIRED
    evidence = await ask_refund(tools.refunds, act.named)
    if not isinstance(evidence, NotFound):
        return _heard(act, evidence)
    if not await is_unknown_there(tools, act.found):
        return Outcome.NOT_TAKEN
    arrival = arrived(RefundClosed(ABSENT), "statement", tools.now())
    decision = await record_evidence(tools.refunds, act.named, arrival)
    return Outcome.REPAIRED if decision.refund.state is RefundState.CLOSED else Outcome.NOT_TAKEN


_DEEDS: dict[Deed, Callable[[ReconcileTools, Act], Awaitable[Outcome]]] = {
    "apply_payment": _apply_payment,
    "apply_refund": _apply_refund,
    "ask_payment": _ask_payment,
    "ask_refund": _ask_refund,
    "close_refund": _close_refund,
}

"""What a repair would do, before anybody approves it. Nothing is written, nobody is asked."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from shunfu.gateway.refund import RefundClosed, RefundEvidence
from shunfu.ledger import Posting
from shunfu.payments import foresee
from shunfu.reconcile.proposals import Proposal
from shunfu.reconcile.store.breaks import Break
from shunfu.reconcile.usecases.deeds import ABSENT, Act, act_of, paid_by, refunded_by
from shunfu.reconcile.usecases.repairing import read_break
from shunfu.reconcile.usecases.tools import ReconcileTools
from shunfu.refunds import foresee_refund


@dataclass(frozen=True, slots=True)
class Change:
    """A state before and after; after is None where only the channel's answer will tell."""

    what: str
    before: str
    after: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """A break, the repair that is or would be proposed, what it changes and posts, and the alarm it would raise."""

    found: Break
    proposal: Proposal
    changes: tuple[Change, ...]
    posting: Posting | None = None
    alarm: str | None = None


async def preview_repair(tools: ReconcileTools, merchant_id: UUID, break_id: UUID) -> Preview:
    """Look ahead. Raises NotFoundHere."""
    found, advised = await read_break(tools, merchant_id, break_id)
    proposal = found.proposal or advised
    if proposal.deed == "none" or found.ours is None:
        return Preview(found, proposal, ())
    act = await act_of(tools, found)
    match proposal.deed:
        case "apply_payment":
            return await _of_payment(tools, act, proposal)
        case "apply_refund":
            return await _of_refund(tools, act, proposal, refunded_by(act))
        case "close_refund":
            return await _of_refund(tools, act, proposal, RefundClosed(ABSENT))
        case _:
            return Preview(found, proposal, (Change(found.ours.side, found.ours.state, None),))


async def _of_payment(tools: ReconcileTools, act: Act, proposal: Proposal) -> Preview:
    async with tools.database.reading() as reader:
        seen = await foresee(reader, act.found.merchant_id, act.subject_id, paid_by(act), tools.now())
    assert seen is not None, "a payment of ours is there for good"
    after = seen.decision
    changes = (
        Change("payment", seen.payment.state.value, after.payment.state.value),
        Change("order", seen.order.state.value, after.order.state.value),
    )
    return Preview(act.found, proposal, changes, seen.posting, after.alarm)


async def _of_refund(tools: ReconcileTools, act: Act, proposal: Proposal, evidence: RefundEvidence) -> Preview:
    async with tools.database.reading() as reader:
        seen = await foresee_refund(tools.refunds, reader, act.named, evidence)
    assert seen is not None, "a refund of ours is there for good"
    changes = (Change("refund", seen.refund.state.value, seen.decision.refund.state.value),)
    return Preview(act.found, proposal, changes, seen.posting, seen.decision.alarm)

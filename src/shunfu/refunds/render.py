"""Refunds to their wire shapes."""

from __future__ import annotations

from collections.abc import Sequence

from shunfu.kernel.clock import rfc3339
from shunfu.kernel.ids import public
from shunfu.payments.render import render_line, render_words
from shunfu.refunds.evidence import KeptRefundEvidence
from shunfu.refunds.model import Refund, RefundState
from shunfu.refunds.schemas import RefundEvidenceOut, RefundOut, RefundWithTimeline, WayOut
from shunfu.refunds.usecases import ExplainedRefund


def render_refund(refund: Refund) -> RefundOut:
    """A refund's wire shape."""
    return RefundOut(
        id=public("rfd", refund.refund_id),
        payment_id=public("pay", refund.payment_id),
        order_id=public("ord", refund.order_id),
        amount_minor=refund.amount.minor,
        currency=refund.amount.currency,
        reason=refund.reason,
        state=refund.state.value,
        refused_reason=refund.refused_reason,
        is_automatic=refund.is_automatic,
        requested_by=refund.requested_by,
        decided_by=refund.decided_by,
        channel_refund_no=refund.channel_refund_no,
        send_after=rfc3339(refund.send_after),
        created_at=rfc3339(refund.created_at),
        succeeded_at=rfc3339(refund.succeeded_at) if refund.succeeded_at else None,
    )


def render_timeline(found: ExplainedRefund) -> RefundWithTimeline:
    """A refund with the way of its money, its timeline, and why it is in its state."""
    return RefundWithTimeline(
        **render_refund(found.refund).model_dump(),
        way=_way(found.refund, found.evidence),
        timeline=[_line(line) for line in found.evidence],
        why=render_words(found.why),
        lines=[render_line(line) for line in found.lines],
        is_cut=found.is_cut,
    )


def _way(refund: Refund, timeline: Sequence[KeptRefundEvidence]) -> list[WayOut]:
    """The steps that the money has taken, each at its first moment, as the evidence shows them."""
    steps = [WayOut(step="requested", at=rfc3339(refund.created_at))]
    steps += [step for line in timeline for step in _steps(line)]
    first = {step.step: step for step in reversed(steps)}
    return [step for step in steps if first[step.step] is step]


def _steps(line: KeptRefundEvidence) -> list[WayOut]:
    at = rfc3339(line.happened_at)
    if line.door == "person":
        return [WayOut(step="approved" if line.kind == "approved" else "rejected", at=at)]
    steps = [WayOut(step="sent", at=at)] if line.door == "reply" else []
    if line.state_after == line.state_before:
        return steps
    match RefundState(line.state_after):
        case RefundState.PROCESSING:
            steps.append(WayOut(step="accepted", at=at))
        case RefundState.ABNORMAL:
            steps.append(WayOut(step="stuck", at=at))
        case RefundState.SUCCEEDED:
            steps.append(WayOut(step="returned", at=at))
        case RefundState.CLOSED | RefundState.REFUSED:
            steps.append(WayOut(step="ended", at=at))
        case _:
            pass
    return steps


def _line(line: KeptRefundEvidence) -> RefundEvidenceOut:
    return RefundEvidenceOut(
        door=line.door,
        kind=line.kind,
        state_before=line.state_before,
        state_after=line.state_after,
        alarm=line.alarm,
        happened_at=rfc3339(line.happened_at),
        recorded_at=rfc3339(line.recorded_at),
    )

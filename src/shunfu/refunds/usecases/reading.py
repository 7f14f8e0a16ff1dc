"""Read a refund with everything that explains it: all of one moment of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shunfu.db import Reader, recovering_since
from shunfu.driver import list_exchanges
from shunfu.kernel.errors import NotFoundHere
from shunfu.kernel.ids import encode
from shunfu.kernel.plain import Words
from shunfu.notifications import list_for_number
from shunfu.payments import Line, channel_words, how_heard
from shunfu.refunds import store
from shunfu.refunds.evidence import KeptRefundEvidence
from shunfu.refunds.model import Refund, RefundState
from shunfu.refunds.sentences import RefundCause, explain_refund
from shunfu.refunds.timeline import KeptRefund, put_together
from shunfu.refunds.timetable import next_visit
from shunfu.refunds.usecases.tools import Named, RefundTools


@dataclass(frozen=True, slots=True)
class ExplainedRefund:
    """A refund with its evidence, its timeline and why it is in its state."""

    refund: Refund
    evidence: Sequence[KeptRefundEvidence]
    lines: Sequence[Line]
    is_cut: bool
    why: Words


async def read_refund_explained(tools: RefundTools, named: Named) -> ExplainedRefund:
    """One refund, explained. Raises NotFoundHere."""
    async with tools.database.reading() as reader:
        refund = await store.get_refund(reader, named.merchant_id, named.refund_id)
        if refund is None:
            raise NotFoundHere
        kept = await _kept(tools, reader, refund)
        mover = await store.last_move(reader, refund)
        is_held = await recovering_since(reader, named.merchant_id) is not None
    lines, is_cut = put_together(kept, tools.now())
    why = explain_refund(_cause(tools, kept, mover, is_held=is_held))
    return ExplainedRefund(refund, kept.evidence, lines, is_cut, why)


async def _kept(tools: RefundTools, reader: Reader, refund: Refund) -> KeptRefund:
    merchant_id, number = refund.merchant_id, encode(refund.refund_id)
    return KeptRefund(
        refund=refund,
        label=channel_words(tools.payments, refund.channel),
        evidence=await store.list_evidence(reader, merchant_id, refund.refund_id),
        exchanges=await list_exchanges(reader, merchant_id, number),
        notifications=await list_for_number(reader, merchant_id, number),
    )


def _cause(tools: RefundTools, kept: KeptRefund, mover: KeptRefundEvidence | None, *, is_held: bool) -> RefundCause:
    """What the sentence is made from. What moved the refund is put back where the timeline is cut."""
    is_there = mover is None or any(line.evidence_id == mover.evidence_id for line in kept.evidence)
    return RefundCause(
        refund=kept.refund,
        label=kept.label,
        evidence=kept.evidence if is_there or mover is None else [mover, *kept.evidence],
        now=tools.now(),
        heard=how_heard(kept.exchanges),
        next_at=_next_at(tools, kept.refund, kept.evidence),
        is_held=is_held,
    )


def _next_at(tools: RefundTools, refund: Refund, evidence: Sequence[KeptRefundEvidence]) -> datetime | None:
    """When we send or ask next: by the timetable, counted from the last visit."""
    if not refund.is_open:
        return None
    if refund.state is RefundState.SENDING and not refund.sends and not evidence:
        return refund.send_after
    visits = [line.recorded_at for line in evidence if line.door in {"reply", "query"}]
    return next_visit(refund, visits[-1] if visits else refund.created_at, tools.payments.pace.divisor)

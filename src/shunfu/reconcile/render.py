"""Runs and breaks to their wire shapes."""

from __future__ import annotations

from datetime import datetime

from shunfu.kernel.clock import rfc3339
from shunfu.kernel.ids import public
from shunfu.reconcile.proposals import Proposal
from shunfu.reconcile.schemas import (
    AdviceOut,
    BreakOut,
    BreakWithAdvice,
    ChangeOut,
    LegOut,
    OursOut,
    PreviewOut,
    RunOut,
    SummaryOut,
    TheirsOut,
)
from shunfu.reconcile.usecases import Break, Preview, Run


def render_run(run: Run) -> RunOut:
    """A run's wire shape."""
    return RunOut(
        id=public("rcn", run.run_id),
        account=public("acc", run.account_id),
        channel=run.channel,
        date=run.day.isoformat(),
        state=run.state.value,
        reason=run.reason,
        requested_by=run.requested_by,
        fee_permyriad=run.fee_permyriad,
        requested_at=rfc3339(run.requested_at),
        started_at=_moment(run.started_at),
        ended_at=_moment(run.ended_at),
        summary=SummaryOut.model_validate(run.summary) if run.summary else None,
    )


def render_break(found: Break) -> BreakOut:
    """A break's wire shape."""
    return BreakOut(
        id=public("brk", found.break_id),
        account=public("acc", found.account_id),
        channel=found.channel,
        date=found.day.isoformat(),
        kind=found.kind.value,
        subject_kind=found.subject.kind,
        subject=found.subject.text,
        state=found.state.value,
        difference_minor=found.difference_minor,
        currency=found.currency,
        ours=_ours(found),
        theirs=_theirs(found),
        proposal=_advice(found.proposal) if found.proposal else None,
        proposed_by=found.proposed_by,
        decided_by=found.decided_by,
        note=found.note,
        opened_run=public("rcn", found.opened_run_id),
        last_run=public("rcn", found.last_run_id),
        found_at=rfc3339(found.found_at),
        repaired_at=_moment(found.repaired_at),
    )


def render_with_advice(found: Break, advice: Proposal) -> BreakWithAdvice:
    """A break and what can be done about it now."""
    return BreakWithAdvice(**render_break(found).model_dump(), advice=_advice(advice))


def render_preview(preview: Preview) -> PreviewOut:
    """What a repair would do."""
    legs = preview.posting.legs if preview.posting else ()
    return PreviewOut(
        id=public("brk", preview.found.break_id),
        deed=preview.proposal.deed,
        words=preview.proposal.words.by_language(),
        changes=[ChangeOut(what=one.what, before=one.before, after=one.after) for one in preview.changes],
        ledger=[
            LegOut(
                debit=leg.debit.code,
                credit=leg.credit.code,
                amount_minor=leg.amount.minor,
                currency=leg.amount.currency,
            )
            for leg in legs
        ],
        alarm=preview.alarm,
    )


def _ours(found: Break) -> OursOut | None:
    ours = found.ours
    if ours is None:
        return None
    return OursOut(
        kind=ours.side,
        id=public("pay" if ours.side == "payment" else "rfd", ours.subject_id),
        state=ours.state,
        amount_minor=ours.amount_minor,
        currency=ours.currency,
        channel_no=ours.channel_no,
        happened_at=_moment(ours.happened_at),
        is_this_account=ours.is_this_account,
        expected_fee_minor=found.expected_fee_minor,
    )


def _theirs(found: Break) -> TheirsOut | None:
    theirs = found.theirs
    if theirs is None:
        return None
    return TheirsOut(
        amount_minor=theirs.amount_minor,
        fee_minor=theirs.fee_minor,
        currency=theirs.currency,
        state=theirs.state,
        is_settled=theirs.is_settled,
        happened_at=_moment(theirs.happened_at),
        channel_no=theirs.channel_no,
        line_no=theirs.line_no,
        lines=theirs.lines,
        date=theirs.day,
    )


def _advice(proposal: Proposal) -> AdviceOut:
    return AdviceOut(deed=proposal.deed, words=proposal.words.by_language())


def _moment(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None

"""The evidence timeline of a refund, in the same three lanes as a payment's: every message and every decision. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shunfu.driver import KeptExchange
from shunfu.kernel.ids import public
from shunfu.kernel.plain import NOTHING, Words, amount_text
from shunfu.notifications import KeptNotification
from shunfu.payments import Brought, Detail, Line, exchange_lines, newest, notification_lines
from shunfu.refunds.evidence import KeptRefundEvidence
from shunfu.refunds.model import Refund
from shunfu.refunds.phrases import PURPOSES, STATES, alarm_words, kind_words

UNRECORDED_AFTER = timedelta(minutes=1)
"""A channel call takes seconds: after this a request without a recorded outcome was cut off."""

_UNHEARD = Words("没有可采信的答复", "no answer that can be trusted")


@dataclass(frozen=True, slots=True)
class KeptRefund:
    """All that is kept about one refund, each part oldest first."""

    refund: Refund
    label: Words
    evidence: Sequence[KeptRefundEvidence]
    exchanges: Sequence[KeptExchange]
    notifications: Sequence[KeptNotification]


def put_together(kept: KeptRefund, now: datetime) -> tuple[list[Line], bool]:
    """The lines, oldest first, and whether older ones were left out."""
    lines = [
        _asked_for(kept.refund),
        *exchange_lines(kept.exchanges, {line.evidence_id: _brought(line) for line in kept.evidence}, kept.label),
        *notification_lines(kept.notifications, kept.label),
        *(_decision(line) for line in kept.evidence),
        *_missing_lines(kept, now),
    ]
    parts = ((kept.evidence, 500), (kept.exchanges, 500), (kept.notifications, 200))
    return newest(lines, is_more=any(len(part) >= most for part, most in parts))


def _asked_for(refund: Refund) -> Line:
    """The wish that began it: the merchant's, or our own when surplus money gives itself back."""
    words = (
        Words("多付的钱自动退回 {a}", "Surplus money gives itself back: {a}")
        if refund.is_automatic
        else Words("申请退款 {a}", "Refund asked for: {a}")
    )
    return Line(
        at=refund.created_at,
        lane="shunfu" if refund.is_automatic else "merchant",
        towards=None if refund.is_automatic else "shunfu",
        kind="decision" if refund.is_automatic else "message_in",
        summary=words.filled(a=amount_text(refund.amount)),
        detail=Detail(),
        id=public("rfd", refund.refund_id),
        key=(refund.refund_id.int, 0),
    )


def _brought(line: KeptRefundEvidence) -> Brought:
    return Brought(line.door, line.kind, PURPOSES[line.door], _says(line), _said(line))


def _says(line: KeptRefundEvidence) -> Words:
    """What a piece of evidence says, standing alone."""
    if line.kind == "unknown":
        return _UNHEARD
    words = kind_words(line)
    return Words(words.zh, words.en.removeprefix("that "))


def _said(line: KeptRefundEvidence) -> str | None:
    """The channel's own word that a piece of evidence rests on: its code, its state, or why nothing is known."""
    found = (line.body.get(name) for name in ("channel_code", "channel_state", "channel_refund_no", "why"))
    return next((str(word) for word in found if word), None)


def _decision(line: KeptRefundEvidence) -> Line:
    """What we made of a piece of evidence; a person's word comes from the merchant's side."""
    after = STATES.get(line.state_after, Words(line.state_after, line.state_after))
    moved = Words("判为“{s}”：", "Now “{s}”: ") if line.has_moved else Words("仍为“{s}”：", "Still “{s}”: ")
    tail = Words("；告警：{alarm}", "; alarm: {alarm}").filled(alarm=alarm_words(line.alarm)) if line.alarm else NOTHING
    detail = Detail(
        door=line.door,
        evidence=line.kind,
        reason=_said(line),
        state_before=line.state_before,
        state_after=line.state_after,
        alarm=line.alarm,
    )
    is_person = line.door == "person"
    return Line(
        at=line.recorded_at,
        lane="merchant" if is_person else "shunfu",
        towards="shunfu" if is_person else None,
        kind="message_in" if is_person else "decision",
        summary=_persons_word(line) if is_person else moved.filled(s=after).plus(_says(line), tail),
        detail=detail,
        id=public("evd", line.evidence_id),
        key=(line.evidence_id.int, 2),
    )


def _persons_word(line: KeptRefundEvidence) -> Words:
    if line.kind == "approved":
        return Words("有人批准了退款", "A person approved the refund")
    return Words("有人没有批准退款", "A person did not approve the refund")


def _missing_lines(kept: KeptRefund, now: datetime) -> Iterator[Line]:
    """A request whose outcome was never recorded: what was begun may have arrived, and asking settles it."""
    sent_at = kept.refund.last_sent_at
    if sent_at is None or now - sent_at < UNRECORDED_AFTER:
        return
    if any(line.door == "reply" and line.recorded_at >= sent_at for line in kept.evidence):
        return
    told = Words(
        "退款请求的结果没有记录，靠查询{c}确定", "The outcome of the request was not recorded; asking {c} settles it"
    )
    yield Line(
        at=sent_at,
        lane="channel",
        towards="shunfu",
        kind="expected_missing",
        summary=told.filled(c=kept.label),
        detail=Detail(verdict="missing"),
        id=public("rfd", kept.refund.refund_id),
        key=(kept.refund.refund_id.int, 1),
    )

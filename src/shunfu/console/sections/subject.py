"""A payment and a refund as HTML: why it is in its state, the evidence timeline, the facts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shunfu.checkout.kit import moment_text
from shunfu.console.kit import (
    ActForm,
    Fact,
    FormField,
    Frame,
    Label,
    NavItem,
    render,
    scene_text,
    second_text,
    state_chip,
)
from shunfu.console.model import RefundRow, SubjectKind
from shunfu.console.sections.rows import refund_row
from shunfu.gateway.wording import reason_words
from shunfu.kernel.clock import rfc3339
from shunfu.kernel.ids import public
from shunfu.kernel.money import Money
from shunfu.kernel.plain import SHANGHAI, amount_text
from shunfu.payments import Explained, Line, Payment
from shunfu.refunds import ExplainedRefund, Refund, RefundState

_WAYS = {
    ("merchant", "shunfu"): "ev ev-ab",
    ("shunfu", "merchant"): "ev ev-ba",
    ("shunfu", "channel"): "ev ev-bc",
    ("channel", "shunfu"): "ev ev-cb",
}
_KINDS: Mapping[type, SubjectKind] = {Explained: "payment", ExplainedRefund: "refund"}
_PLACES: Mapping[type, str] = {Explained: "orders", ExplainedRefund: "refunds"}
NOTE_MAX = 120


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the timeline, ready to show. `way`: from whom to whom, empty for a decision of ours."""

    count: int
    at: str
    clock: str
    style: str
    way: str
    text: str
    note: str
    digest: str
    id: str


def render_payment(frame: Frame, found: Explained, refunds: Sequence[RefundRow] | None, label: Label) -> str:
    """One payment, as HTML; `refunds` None: the visitor may not see them."""
    rows = None if refunds is None else [refund_row(frame, one) for one in refunds]
    number = public("pay", found.payment.payment_id)
    facts = _payment_facts(frame, found.payment, label)
    title = frame.say("console.payment.title")
    acts = _payment_acts(frame, found.payment)
    return _subject(frame, found, label, title=title, number=number, facts=facts, refunds=rows, acts=acts)


def render_refund(frame: Frame, found: ExplainedRefund, label: Label) -> str:
    """One refund, as HTML."""
    number, title = public("rfd", found.refund.refund_id), frame.say("console.refund.title")
    facts = _refund_facts(frame, found.refund, label)
    acts = _refund_acts(frame, found.refund)
    return _subject(frame, found, label, title=title, number=number, facts=facts, refunds=None, acts=acts)


def _subject(frame: Frame, found: Explained | ExplainedRefund, label: Label, **own: object) -> str:
    """What both have: the amount, the state and why, and the timeline."""
    say, kind, place = frame.say, _KINDS[type(found)], _PLACES[type(found)]
    subject = found.payment if isinstance(found, Explained) else found.refund
    lanes, chip = _lanes(frame, subject.channel, label), state_chip(say, kind, subject.state.value)
    return render(
        frame,
        "subject.html",
        place,
        crumb=NavItem(f"/console/{place}", say(f"console.{place}")),
        amount=subject.amount,
        chip=chip,
        created_at=moment_text(subject.created_at),
        why_title=say("console.why", state=chip.text),
        why=frame.word(found.why),
        steps=_steps(frame, found.lines, lanes),
        last_step=f"#e{len(found.lines)}",
        lanes=tuple(lanes.values()),
        is_cut=found.is_cut,
        **own,
    )


def _lanes(frame: Frame, channel: str, label: Label) -> dict[str, str]:
    say = frame.say
    ours = {"merchant": say("console.lane.merchant"), "shunfu": say("console.lane.shunfu")}
    return ours | {"channel": frame.word(label(channel))}


def _steps(frame: Frame, lines: Sequence[Line], lanes: dict[str, str]) -> list[Step]:
    first = lines[0].at if lines else None
    return [
        Step(
            count=count,
            at=rfc3339(line.at),
            clock=_clock(line.at, first),
            style=_style(line),
            way=f"{lanes[line.lane]} → {lanes[line.towards]}" if line.towards else "",
            text=frame.word(line.summary),
            note=_note(frame, line)[:NOTE_MAX],
            digest=(line.detail.body_sha256 or "")[:12],
            id=line.id,
        )
        for count, line in enumerate(lines, 1)
    ]


def _clock(at: datetime, first: datetime | None) -> str:
    """`14:02:09.118` in Shanghai; on another day than the first line, the day instead of the milliseconds."""
    there = at.astimezone(SHANGHAI)
    if first is not None and there.date() != first.astimezone(SHANGHAI).date():
        return there.strftime("%m-%d %H:%M")
    return there.strftime("%H:%M:%S.") + f"{there.microsecond // 1000:03}"


def _style(line: Line) -> str:
    if line.towards is None:
        is_doubt = line.detail.alarm is not None or line.detail.state_after == "UNKNOWN"
        return "dec dec-u" if is_doubt else "dec"
    way = _WAYS[line.lane, line.towards]
    return f"{way} ev-lost" if line.kind == "expected_missing" else way


def _note(frame: Frame, line: Line) -> str:
    """What proves a line, in a few words."""
    say, detail = frame.say, line.detail
    parts = [f"HTTP {detail.status}" if detail.status is not None else ""]
    parts.append(say(f"console.verdict.{detail.verdict}") if detail.verdict else "")
    parts.append(detail.reason or "")
    took = detail.took_milliseconds
    parts.append(say("console.took", milliseconds=took) if took is not None else "")
    return " · ".join(part for part in parts if part)


def _payment_facts(frame: Frame, payment: Payment, label: Label) -> list[Fact]:
    say = frame.say
    order = public("ord", payment.order_id)
    reason = payment.refused_reason
    told = {
        "method": scene_text(say, frame.word(label(payment.channel)), payment.scene),
        "channel_account": payment.channel_account,
        "channel_transaction_no": payment.channel_transaction_no,
        "refused_reason": frame.word(reason_words(reason)) if reason else None,
        "captured_at": second_text(payment.captured_at) if payment.captured_at else None,
        "discount": _some(payment.discount_minor, payment.amount),
        "refunded": _some(payment.refunded_minor, payment.amount),
        "reserved": _some(payment.refund_reserved_minor, payment.amount),
    }
    links = [Fact(say("console.fact.order"), order, f"/console/orders/{order}")]
    return links + [Fact(say(f"console.fact.{name}"), text) for name, text in told.items() if text]


def _payment_acts(frame: Frame, payment: Payment) -> list[ActForm]:
    """What the visitor may do to a payment: ask the channel, and give money back while some is left."""
    say, capabilities = frame.say, frame.visitor.caller.capabilities
    path = f"/console/payments/{public('pay', payment.payment_id)}"
    acts: list[ActForm] = []
    left = payment.refundable
    if left is not None and left.minor > 0 and "refunds:write" in capabilities:
        told = say("console.act.refund.text", amount=amount_text(left))
        fields = (
            FormField("amount", say("console.amount"), left.major(), length=16),
            FormField("reason", say("console.reason"), hint=say("console.act.refund.reason"), length=80),
        )
        refund = ActForm(
            f"{path}/refund", say("console.act.refund"), told, fields, hidden=(("form_id", frame.form_id),)
        )
        acts.append(refund)
    if "payments:write" in capabilities:
        acts.append(ActForm(f"{path}/ask", say("console.act.ask"), say("console.act.ask.text")))
    return acts


def _refund_acts(frame: Frame, refund: Refund) -> list[ActForm]:
    """What the visitor may do to a refund. Whoever asked for it never decides about it."""
    say, caller = frame.say, frame.visitor.caller
    path = f"/console/refunds/{public('rfd', refund.refund_id)}"
    acts: list[ActForm] = []
    if "refunds:approve" in caller.capabilities:
        acts += _deciding(frame, refund, path)
    if "refunds:write" in caller.capabilities and refund.state is not RefundState.REQUESTED:
        acts.append(ActForm(f"{path}/ask", say("console.act.ask"), say("console.act.ask.text")))
    return acts


def _deciding(frame: Frame, refund: Refund, path: str) -> list[ActForm]:
    say = frame.say
    if refund.state is RefundState.ABNORMAL:
        return [ActForm(f"{path}/redirect", say("console.act.redirect"), say("console.act.redirect.text"))]
    if refund.state is not RefundState.REQUESTED:
        return []
    if refund.requested_by == frame.visitor.caller.subject:
        return [ActForm("", "", say("console.act.own_refund"))]
    told = say("console.act.approve.text", amount=amount_text(refund.amount))
    return [
        ActForm(f"{path}/approve", say("console.act.approve"), told, is_main=True),
        ActForm(f"{path}/reject", say("console.act.reject"), say("console.act.reject.text"), is_danger=True),
    ]


def _some(minor: int, like: Money) -> str | None:
    return amount_text(Money(minor, like.currency)) if minor else None


def _refund_facts(frame: Frame, refund: Refund, label: Label) -> list[Fact]:
    say = frame.say
    order, payment = public("ord", refund.order_id), public("pay", refund.payment_id)
    told = {
        "reason": refund.reason,
        "method": frame.word(label(refund.channel)),
        "channel_refund_no": refund.channel_refund_no,
        "refused_reason": frame.word(reason_words(refund.refused_reason)) if refund.refused_reason else None,
        "requested_by": refund.requested_by,
        "decided_by": refund.decided_by,
        "succeeded_at": second_text(refund.succeeded_at) if refund.succeeded_at else None,
    }
    links = [
        Fact(say("console.fact.payment"), payment, f"/console/payments/{payment}"),
        Fact(say("console.fact.order"), order, f"/console/orders/{order}"),
    ]
    return links + [Fact(say(f"console.fact.{name}"), text) for name, text in told.items() if text]

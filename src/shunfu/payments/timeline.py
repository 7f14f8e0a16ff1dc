"""The evidence timeline: every message in and out, every decision, and what should have come and did not. Pure.

Three lanes: merchant, Shunfu, channel. The lines are made from what is kept, oldest first, and nothing is guessed: a
line that says "missing" says how we know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from shunfu.driver import Exchange, KeptExchange
from shunfu.gateway.wording import Heard
from shunfu.kernel.ids import PLATFORM, public
from shunfu.kernel.money import Money
from shunfu.kernel.plain import Words
from shunfu.notifications import KeptNotification
from shunfu.payments import summaries
from shunfu.payments.evidence import KeptEvidence
from shunfu.payments.model import Order, Payment, PaymentState

Lane = Literal["merchant", "shunfu", "channel"]
LineKind = Literal["message_out", "message_in", "decision", "expected_missing"]

Verdict = Literal[
    "sent",
    "not_sent",
    "trusted",
    "not_trusted",
    "missing",
    "accepted",
    "duplicate",
    "refused",
    "probe",
    "delivered",
    "failed",
]

LINES_MAX = 500
UNRECORDED_AFTER = timedelta(minutes=1)
"""A channel call takes seconds: after this a first request without a recorded outcome was cut off."""


@dataclass(frozen=True, slots=True)
class Detail:
    """What proves a line. Members that a line has not are None; bodies are their SHA-256 (hexadecimal) and length."""

    door: str | None = None
    evidence: str | None = None
    verdict: Verdict | None = None
    reason: str | None = None
    event_type: str | None = None
    method: str | None = None
    host: str | None = None
    path: str | None = None
    status: int | None = None
    headers: dict[str, str] | None = None
    body_sha256: str | None = None
    body_bytes: int | None = None
    took_milliseconds: int | None = None
    state_before: str | None = None
    state_after: str | None = None
    alarm: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line: from a lane to another, or in one lane with `towards` None. `key` orders lines of one instant."""

    at: datetime
    lane: Lane
    towards: Lane | None
    kind: LineKind
    summary: Words
    detail: Detail
    id: str
    key: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Brought:
    """The evidence that a conversation brought: its door and kind, what we asked for, what it says, the raw word."""

    door: str
    kind: str
    purpose: Words
    says: Words
    said: str | None

    @property
    def is_unknown(self) -> bool:
        """Whether nothing that came can be trusted or read."""
        return self.kind == "unknown"


@dataclass(frozen=True, slots=True)
class Told:
    """One try to tell the merchant's server something about the order. `status` None: no answer came."""

    attempt_id: UUID
    type: str
    at: datetime
    took_milliseconds: int
    status: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Kept:
    """All that is kept about one payment, each part oldest first."""

    payment: Payment
    order: Order
    label: Words
    evidence: Sequence[KeptEvidence]
    exchanges: Sequence[KeptExchange]
    notifications: Sequence[KeptNotification]
    told: Sequence[Told] = ()


def how_heard(kept: Sequence[KeptExchange]) -> dict[UUID, Heard]:
    """By evidence id: how its conversation ended."""
    return {each.evidence_id: _ended(each.exchange) for each in kept if each.evidence_id is not None}


def _ended(exchange: Exchange) -> Heard:
    if exchange.status is not None:
        return "unclear"
    return "nothing" if exchange.was_sent else "unsent"


def put_together(kept: Kept, now: datetime) -> tuple[list[Line], bool]:
    """The lines, oldest first, and whether older ones were left out."""
    lines = [
        *_merchant_lines(kept),
        *exchange_lines(kept.exchanges, {line.evidence_id: _brought(line) for line in kept.evidence}, kept.label),
        *notification_lines(kept.notifications, kept.label),
        *(_decision(line) for line in kept.evidence),
        *_told_lines(kept.told),
        *_order_lines(kept),
        *_missing_lines(kept, now),
    ]
    parts = ((kept.evidence, 500), (kept.exchanges, 500), (kept.notifications, 200), (kept.told, 200))
    return newest(lines, is_more=any(len(part) >= most for part, most in parts))


def newest(lines: list[Line], *, is_more: bool) -> tuple[list[Line], bool]:
    """The newest lines, oldest first, and whether older ones are left out; `is_more`: not all of them were read."""
    lines.sort(key=lambda line: (line.at, line.key))
    return lines[-LINES_MAX:], is_more or len(lines) > LINES_MAX


def _brought(line: KeptEvidence) -> Brought:
    return Brought(line.door, line.kind, summaries.PURPOSES[line.door], summaries.kind_words(line), _said(line))


def _merchant_lines(kept: Kept) -> Iterator[Line]:
    """What the merchant asked of us: the order and this payment."""
    order, payment = kept.order, kept.payment
    asked = Line(
        at=order.created_at,
        lane="merchant",
        towards="shunfu",
        kind="message_in",
        summary=summaries.order_created(order.amount),
        detail=Detail(),
        id=public("ord", order.order_id),
        key=(order.order_id.int, 0),
    )
    yield asked
    discount = Money(payment.discount_minor, payment.amount.currency)
    summary = summaries.payment_started(kept.label, payment.scene, discount)
    key = (payment.payment_id.int, 0)
    yield replace(asked, at=payment.created_at, summary=summary, id=public("pay", payment.payment_id), key=key)


def exchange_lines(exchanges: Sequence[KeptExchange], evidence: Mapping[UUID, Brought], label: Words) -> Iterator[Line]:
    """Each request to the channel and its reply, or that none came; a conversation's last one brought its evidence."""
    last = {each.evidence_id: each.exchange.exchange_id for each in exchanges}
    for each in exchanges:
        brought = evidence.get(each.evidence_id) if each.evidence_id else None
        is_last = last[each.evidence_id] == each.exchange.exchange_id
        yield _asked_line(each.exchange, brought, label)
        if each.exchange.was_sent:
            yield _reply_line(each.exchange, brought if is_last else None, label)


def _asked_line(exchange: Exchange, brought: Brought | None, label: Words) -> Line:
    detail = Detail(
        door=brought.door if brought else None,
        verdict="sent" if exchange.was_sent else "not_sent",
        reason=None if exchange.was_sent else exchange.no_reply,
        method=exchange.method,
        host=exchange.host,
        path=exchange.path,
        headers=dict(exchange.request_headers),
        body_sha256=exchange.request_sha256.hex(),
        body_bytes=exchange.request_bytes,
        took_milliseconds=None if exchange.was_sent else exchange.took_milliseconds,
    )
    return Line(
        at=exchange.started_at,
        lane="shunfu",
        towards="channel",
        kind="message_out",
        summary=summaries.asked(label, brought.purpose if brought else None, is_sent=exchange.was_sent),
        detail=detail,
        id=public("xch", exchange.exchange_id),
        key=(exchange.exchange_id.int, 0),
    )


def _reply_line(exchange: Exchange, brought: Brought | None, label: Words) -> Line:
    is_missing = exchange.status is None
    why = brought.said if brought is not None and brought.is_unknown else None
    detail = Detail(
        door=brought.door if brought else None,
        evidence=brought.kind if brought else None,
        verdict=_verdict(exchange, brought),
        reason=exchange.no_reply or why,
        status=exchange.status,
        headers=dict(exchange.reply_headers) if exchange.reply_headers is not None else None,
        body_sha256=exchange.reply_sha256.hex() if exchange.reply_sha256 is not None else None,
        body_bytes=exchange.reply_bytes,
        took_milliseconds=exchange.took_milliseconds,
    )
    return Line(
        at=exchange.started_at + timedelta(milliseconds=exchange.took_milliseconds),
        lane="channel",
        towards="shunfu",
        kind="expected_missing" if is_missing else "message_in",
        summary=summaries.replied(label, exchange.status, brought.says if brought else None),
        detail=detail,
        id=public("xch", exchange.exchange_id),
        key=(exchange.exchange_id.int, 1),
    )


def _verdict(exchange: Exchange, brought: Brought | None) -> Verdict | None:
    """What was made of a reply; None for one that only led to the next request."""
    if exchange.status is None:
        return "missing"
    if brought is None:
        return None
    return "not_trusted" if brought.is_unknown else "trusted"


def notification_lines(notifications: Sequence[KeptNotification], label: Words) -> Iterator[Line]:
    """Each message that the channel sent by itself, refused ones too."""
    for each in notifications:
        detail = Detail(
            door="notification",
            verdict=each.verdict,
            reason=each.reason,
            event_type=each.event_type,
            headers=each.headers,
            body_sha256=each.body_sha256.hex(),
        )
        yield Line(
            at=each.recorded_at,
            lane="channel",
            towards="shunfu",
            kind="message_in",
            summary=summaries.notified(label, each.verdict, each.reason),
            detail=detail,
            id=public("ntf", each.notification_id),
            key=(each.notification_id.int, 0),
        )


def _decision(line: KeptEvidence) -> Line:
    detail = Detail(
        door=line.door,
        evidence=line.kind,
        reason=_said(line),
        state_before=line.state_before,
        state_after=line.state_after,
        alarm=line.alarm,
    )
    return Line(
        at=line.recorded_at,
        lane="shunfu",
        towards=None,
        kind="decision",
        summary=summaries.decided(line),
        detail=detail,
        id=public("evd", line.evidence_id),
        key=(line.evidence_id.int, 2),
    )


def _said(line: KeptEvidence) -> str | None:
    """The channel's own word that a piece of evidence rests on: its code, its state, or why nothing is known."""
    for name in ("channel_code", "channel_state", "channel_transaction_no", "why"):
        if line.body.get(name):
            return str(line.body[name])
    return None


def _told_lines(told: Sequence[Told]) -> Iterator[Line]:
    for each in told:
        is_taken = each.status is not None and 200 <= each.status < 300
        detail = Detail(
            verdict="delivered" if is_taken else "failed",
            reason=each.reason,
            event_type=each.type,
            status=each.status,
            took_milliseconds=each.took_milliseconds,
        )
        yield Line(
            at=each.at,
            lane="shunfu",
            towards="merchant",
            kind="message_out",
            summary=summaries.told(each.type, each.status, is_taken=is_taken),
            detail=detail,
            id=public("att", each.attempt_id),
            key=(each.attempt_id.int, 3),
        )


def _order_lines(kept: Kept) -> Iterator[Line]:
    """Decisions about the order that bear on this payment: a close asked for while it could still be paid."""
    asked_at = kept.order.close_requested_at
    mover = _mover(kept)
    if asked_at is None or (mover is not None and not kept.payment.is_live and mover.recorded_at < asked_at):
        return
    is_expiry = asked_at >= kept.order.expires_at
    yield Line(
        at=asked_at,
        lane="shunfu" if is_expiry else "merchant",
        towards=None if is_expiry else "shunfu",
        kind="decision" if is_expiry else "message_in",
        summary=summaries.CLOSE_ASKED_BY_EXPIRY if is_expiry else summaries.CLOSE_ASKED_BY_MERCHANT,
        detail=Detail(),
        id=public("ord", kept.order.order_id),
        key=(PLATFORM.int, 0),
    )


def _missing_lines(kept: Kept, now: datetime) -> Iterator[Line]:
    """What should have come and did not: the outcome of the first request, the notification of a payment."""
    payment = kept.payment
    is_recorded = any(line.door == "reply" for line in kept.evidence) or len(kept.evidence) >= LINES_MAX
    if not is_recorded and now - payment.created_at >= UNRECORDED_AFTER:
        key = (payment.payment_id.int, 1)
        yield _missing(
            payment.created_at, summaries.UNRECORDED.filled(c=kept.label), public("pay", payment.payment_id), key
        )
    mover = _mover(kept)
    if payment.state is PaymentState.CAPTURED and mover is not None and not _has_notification(kept):
        key = (mover.evidence_id.int, 3)
        summary = summaries.never_notified(kept.label, mover.door)
        yield _missing(mover.recorded_at, summary, public("evd", mover.evidence_id), key)


def _missing(at: datetime, summary: Words, line_id: str, key: tuple[int, int]) -> Line:
    return Line(at, "channel", "shunfu", "expected_missing", summary, Detail(verdict="missing"), line_id, key)


def _mover(kept: Kept) -> KeptEvidence | None:
    """What brought the payment into its state."""
    state = kept.payment.state.value
    return next((line for line in reversed(kept.evidence) if line.has_moved and line.state_after == state), None)


def _has_notification(kept: Kept) -> bool:
    """Whether the channel told of the payment by itself, before or after we knew."""
    is_applied = any(line.door == "notification" and line.kind == "paid" for line in kept.evidence)
    return is_applied or any(each.verdict in {"accepted", "duplicate"} for each in kept.notifications)

"""Why a payment is in its state: one plain sentence in Chinese and English, made from the evidence. Pure.

It says what is known and only that: "nothing was charged" stands only where the channel's word has ended a payment and
nothing contradicts it, and a clock time is either when something was said or when we ask next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from shunfu.gateway.wording import UNHEARD, Heard, ask_words, reason_words
from shunfu.kernel.money import Money
from shunfu.kernel.plain import NOTHING, Words, amount_text, clock_words
from shunfu.payments.evidence import KeptEvidence
from shunfu.payments.model import Order, OrderState, Payment, PaymentState
from shunfu.payments.phrases import ASKED, KINDS, SAID, alarm_words

_LATE = timedelta(seconds=60)
"""A payment of which we heard later than this after it was made is told with both times."""

_UNCHARGED = Words("，没有扣款", ", so nothing was charged")


@dataclass(frozen=True, slots=True)
class Cause:
    """What a payment's state follows from.

    `evidence` is oldest first and holds at least what brought the payment into its state; `heard` says, by evidence id,
    why an "unknown" told nothing; `next_ask_at` is when the janitor comes again, None when it does not.
    """

    payment: Payment
    order: Order
    label: Words
    can_close: bool
    evidence: Sequence[KeptEvidence]
    now: datetime
    heard: Mapping[UUID, Heard] = field(default_factory=dict[UUID, Heard])
    next_ask_at: datetime | None = None

    def at(self, moment: datetime) -> Words:
        """A moment as it is told."""
        return clock_words(moment, self.now)


@dataclass(frozen=True, slots=True)
class _Story:
    """A cause, taken apart: what moved the payment into its state, what came later, and the alarm that still stands."""

    cause: Cause
    mover: KeptEvidence | None
    later: Sequence[KeptEvidence]
    alarm: KeptEvidence | None

    @property
    def payment(self) -> Payment:
        return self.cause.payment

    @property
    def latest(self) -> KeptEvidence | None:
        """What was heard last since; money that is not this payment's and contradictions are the alarm's to tell."""
        words = [line for line in self.later if line.alarm in {None, "unknown_too_long"}]
        return words[-1] if words else None


def explain(cause: Cause) -> Words:
    """The sentence, with its full stop."""
    story = _taken_apart(cause)
    told = _no_evidence(story) if _is_unexplained(story) else _TELL[cause.payment.state](story)
    return told.plus(_alarm(story)).as_sentence()


def _taken_apart(cause: Cause) -> _Story:
    state = cause.payment.state.value
    moves = [place for place, line in enumerate(cause.evidence) if line.has_moved and line.state_after == state]
    mover = cause.evidence[moves[-1]] if moves else None
    later = list(cause.evidence[moves[-1] + 1 :] if moves else cause.evidence)
    return _Story(cause, mover, later, _standing_alarm([*([mover] if mover else []), *later]))


def _standing_alarm(lines: Sequence[KeptEvidence]) -> KeptEvidence | None:
    """The last alarm of this state that nothing has answered since; that money is surplus is told elsewhere."""
    found: KeptEvidence | None = None
    for line in lines:
        if line.alarm is not None and line.alarm != "surplus":
            found = line
        elif found is not None and found.alarm == "unexpected_evidence" and line.kind == _answer_to(found):
            found = None
    return found


def _answer_to(alarm: KeptEvidence) -> str:
    """The kind of evidence by which a channel takes a contradiction back."""
    return "paid" if alarm.state_after == PaymentState.CAPTURED else "closed"


def _is_unexplained(story: _Story) -> bool:
    return story.mover is None and story.payment.state is not PaymentState.SENDING


def _no_evidence(story: _Story) -> Words:
    """A state without the evidence that would prove it: nothing of ours writes that."""
    told = Words(
        "这笔付款记为 {state}，但记录里没有使它如此的证据，需要人核对",
        "this payment is kept as {state}, but no evidence for that is on record, so a person must check",
    )
    return told.filled(state=story.payment.state.value)


# --- one state after the other


def _sending(story: _Story) -> Words:
    cause = story.cause
    if story.latest is not None:
        head = Words("下单还没有结果：", "placing it has no result yet: ")
        return head.plus(_latest(story, story.latest), _asks(story))
    told = Words(
        "正在请{c}收下这笔 {a}，{c}还没有答复", "we are asking {c} to take this payment of {a} and have no answer yet"
    )
    return told.filled(c=cause.label, a=amount_text(story.payment.amount)).plus(_asks(story))


def _unknown(story: _Story) -> Words:
    assert story.mover is not None, "a story without a mover is told by _no_evidence"
    head = Words("结果未明：", "the result is unknown: ").plus(_clause(story.cause, story.mover))
    return head.plus(_unless_same(story), _asks(story))


def _pending(story: _Story) -> Words:
    assert story.mover is not None, "a story without a mover is told by _no_evidence"
    return _clause(story.cause, story.mover).plus(_waits(story.cause), _unless_same(story))


def _waits(cause: Cause) -> Words:
    """What we wait for: the shopper, or the channel's last word once the time is over or the merchant asked."""
    ends = (
        Words("我们正请{c}关单", "and we are asking {c} to close it")
        if cause.can_close
        else Words("我们查到{c}说清为止", "and we ask until {c} says what became of it")
    ).filled(c=cause.label)
    if cause.now >= cause.order.expires_at:
        told = Words("，付款时间 {e} 已过，", ", the time to pay was over at {e}, ")
        return told.filled(e=cause.at(cause.order.expires_at)).plus(ends)
    if cause.order.state is OrderState.CLOSING:
        return Words("，商户要求关单，", ", the merchant asked to close the order, ").plus(ends)
    told = Words("，等顾客在 {e} 前付 {a}", ", so we wait for the shopper to pay {a} by {e}")
    return told.filled(e=cause.at(cause.order.expires_at), a=amount_text(cause.payment.amount))


def _refused(story: _Story) -> Words:
    assert story.mover is not None, "a story without a mover is told by _no_evidence"
    return _clause(story.cause, story.mover).plus(NOTHING if story.alarm else _UNCHARGED)


def _closed(story: _Story) -> Words:
    assert story.mover is not None, "a story without a mover is told by _no_evidence"
    twice = Words("；付款期限过后再次如此，因此关闭", " for the second time after the deadline, and that closes it")
    told = _clause(story.cause, story.mover).plus(twice if story.mover.kind == "not_found" else NOTHING)
    return told.plus(NOTHING if story.alarm else _UNCHARGED)


def _captured(story: _Story) -> Words:
    assert story.mover is not None, "a story without a mover is told by _no_evidence"
    told = _clause(story.cause, story.mover)
    if not story.payment.is_surplus:
        return told.plus(Words("，订单因此已付", ", so the order is paid"), _given_back(story.payment))
    return told.plus(_surplus(story.mover, story.cause.order), _going_back(story.payment))


def _surplus(mover: KeptEvidence, order: Order) -> Words:
    """Why no order was waiting for this money."""
    match mover.state_before:
        case PaymentState.REFUSED:
            return Words("，但这笔付款先前已被拒绝", ", but it had refused this payment before")
        case PaymentState.CLOSED:
            return Words("，但这笔付款先前已关闭", ", but this payment had been closed before")
        case _ if order.state is OrderState.CLOSED:
            return Words("，但订单已经关闭", ", but the order is closed")
        case _:
            return Words("，但订单已由另一笔付款付清", ", but another payment has already paid the order")


_TELL = {
    PaymentState.SENDING: _sending,
    PaymentState.UNKNOWN: _unknown,
    PaymentState.PENDING: _pending,
    PaymentState.REFUSED: _refused,
    PaymentState.CLOSED: _closed,
    PaymentState.CAPTURED: _captured,
}


# --- the parts of a sentence


def _clause(cause: Cause, line: KeptEvidence) -> Words:
    """Who said what, when, through which door."""
    t = cause.at(line.recorded_at)
    if line.kind == "unknown":
        heard = UNHEARD[cause.heard.get(line.evidence_id, "unclear")]
        return heard.filled(c=cause.label, t=t, asked=ASKED[line.door])
    said = SAID[line.door].filled(c=cause.label, t=t)
    reason = reason_words(str(line.body.get("reason", "")))
    kind = KINDS[line.kind].filled(a=_amount(line), reason=reason).plus(_paid_at(cause, line))
    return Words(said.zh + kind.zh, f"{said.en} {kind.en}")


def _paid_at(cause: Cause, line: KeptEvidence) -> Words:
    if line.kind != "paid" or line.recorded_at - line.happened_at < _LATE:
        return NOTHING
    return Words("（顾客 {p} 付的）", " at {p}").filled(p=cause.at(line.happened_at))


def _amount(line: KeptEvidence) -> str:
    if line.kind != "paid":
        return ""
    return amount_text(Money(cast("int", line.body["amount_minor"]), cast("str", line.body["currency"])))


def _unless_same(story: _Story) -> Words:
    """What was heard last, where it is another thing than what brought the state and where it leaves a doubt."""
    line = story.latest
    if line is None or line.kind not in {"unknown", "refused", "not_found"}:
        return NOTHING
    return Words("；", "; ").plus(_latest(story, line))


def _latest(story: _Story, line: KeptEvidence) -> Words:
    """What was heard last about a payment that is still open, and why that does not settle it."""
    told = _clause(story.cause, line)
    if line.kind == "not_found" and story.payment.not_found_at is not None and _is_late(story):
        return told.plus(
            Words(
                "，付款期限已过，至少 5 分钟后再次如此才关闭",
                ", and saying so again at least 5 minutes later closes it",
            )
        )
    if line.kind == "not_found":
        return told.plus(Words("，但这还不能证明没有付", ", which proves nothing yet"))
    if line.kind == "refused":
        return told.plus(Words("，但先前的请求可能已收下", ", but it may have taken an earlier request"))
    return told


def _is_late(story: _Story) -> bool:
    return story.cause.now >= story.payment.deadline


def _asks(story: _Story) -> Words:
    """How often we have asked, and when we ask next."""
    return ask_words(story.payment.asks, story.cause.next_ask_at, story.cause.now)


def _given_back(payment: Payment) -> Words:
    """What of a payment that paid its order went back, or was asked back."""
    refunded, reserved = _parts(payment)
    if payment.captured is not None and payment.refunded_minor == payment.captured.minor:
        return Words("；现已全部退回", "; all of it has gone back since")
    told = Words("；其中 {r} 已退回", "; {r} of it has gone back").filled(r=refunded) if refunded else NOTHING
    if not reserved:
        return told
    asked = Words("；{more} {r} 已申请退回", "; a refund of {more}{r} has been asked for")
    more = Words("另有" if refunded else "其中", "another " if refunded else "")
    return told.plus(asked.filled(more=more, r=reserved))


def _going_back(payment: Payment) -> Words:
    """Where the return of surplus money stands."""
    refunded, reserved = _parts(payment)
    if payment.captured is not None and payment.refunded_minor == payment.captured.minor:
        return Words("，属于多付，现已全部退回", "; it was surplus and all of it has gone back")
    if refunded:
        told = Words("，属于多付，已退回 {r}，其余要原路退回", "; it is surplus, {r} has gone back and the rest must")
        return told.filled(r=refunded)
    if reserved:
        return Words("，属于多付，已申请原路退回", "; it is surplus and its refund has been asked for")
    return Words("，属于多付，要原路退回", "; it is surplus and must go back")


def _parts(payment: Payment) -> tuple[str, str]:
    """What went back and what is asked back, as texts; empty where there is none."""
    amounts = (payment.refunded_minor, payment.refund_reserved_minor)
    refunded, reserved = (amount_text(Money(minor, payment.amount.currency)) if minor else "" for minor in amounts)
    return refunded, reserved


def _alarm(story: _Story) -> Words:
    """The alarm that still stands, as the last part of the sentence."""
    line = story.alarm
    if line is None:
        return NOTHING
    cause = story.cause
    said = SAID[line.door].filled(c=cause.label, t=cause.at(line.recorded_at))
    words = _ALARM_TAILS.get(str(line.alarm), _OTHER_ALARM)
    if line.alarm == "unexpected_evidence" and line.kind == "not_paid" and line.state_after != PaymentState.CAPTURED:
        words = _STILL_PAYABLE
    kind = KINDS[line.kind].filled(a=_amount(line), reason=reason_words(str(line.body.get("reason", ""))))
    t = cause.at(line.recorded_at)
    return words.filled(said=said, kind=kind, x=_amount(line), t=t, c=cause.label, alarm=alarm_words(str(line.alarm)))


_ALARM_TAILS: Mapping[str, Words] = {
    "mismatch": Words(
        "；{said}有一笔 {x} 的付款，但收款方或金额与本单不符，没有入账，需要人核对",
        "; {said} that {x} was paid, but payee or amount is not this payment's: nothing is booked and a person must "
        "check",
    ),
    "unexpected_evidence": Words(
        "；但{said}{kind}，与先前的说法矛盾，需要人核对",
        "; but {said} {kind}, which contradicts what it said before, so a person must check",
    ),
    "second_transaction_no": Words(
        "；但{said}另一个渠道单号也收到 {x}，可能付了两次，需要人核对",
        "; but {said} that {x} was paid under another number of its own, so it may have been paid twice and a person "
        "must check",
    ),
    "unknown_too_long": Words("；拖得太久，{t} 已告警，需要人跟进", "; it takes too long: an alarm was raised at {t}"),
}
_STILL_PAYABLE = Words(
    "；但{said}还没有付款，说明仍能付，我们请{c}关单，需要人核对",
    "; but {said} that nothing has been paid, so it can still be paid: we ask {c} to close it and a person must check",
)
_OTHER_ALARM = Words(
    "；{t} 告警：{alarm}，需要人核对", "; an alarm was raised at {t}, {alarm}, and a person must check"
)

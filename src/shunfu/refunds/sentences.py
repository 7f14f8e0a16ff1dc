"""Why a refund is in its state: one plain sentence in Chinese and English, made from the evidence. Pure.

It says what is known and only that: "nothing went back" stands only where the channel or a person has ended a refund
and nothing contradicts it, and a clock time is either when something was said or when we act next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from shunfu.gateway.wording import UNHEARD, Heard, ask_words
from shunfu.kernel.plain import NOTHING, Words, amount_text, clock_words
from shunfu.refunds.evidence import KeptRefundEvidence
from shunfu.refunds.model import Refund, RefundState
from shunfu.refunds.phrases import ASKED, SAID, alarm_words, amount_of, kind_words

_LATE = timedelta(seconds=60)
"""Money of which we heard later than this after it went back is told with both times."""

_NOTHING_BACK = Words("，没有退款", ", so nothing went back")
_HEAD_ALARMS = frozenset({"refund_abnormal", "late_refund", "over_refunded"})
"""Alarms that the state's own words tell of."""
_SLOW_ALARMS = frozenset({"refund_unknown_too_long", "refund_too_long"})
_ENDED = {
    RefundState.CLOSED: Words("，虽然它先前说已关闭", ", although it had closed it before"),
    RefundState.REFUSED: Words("，虽然它先前拒绝了", ", although it had refused it before"),
    RefundState.REJECTED: Words("，虽然这笔没有获批", ", although it was never approved"),
}


@dataclass(frozen=True, slots=True)
class RefundCause:
    """What a refund's state follows from.

    `evidence` is oldest first and holds at least what brought the refund into its state; `heard` says, by evidence id,
    why an "unknown" told nothing; `next_at` is when we send or ask next, None when we do not; `is_held`: no money
    leaves because the database was restored and the channels are still being asked.
    """

    refund: Refund
    label: Words
    evidence: Sequence[KeptRefundEvidence]
    now: datetime
    heard: Mapping[UUID, Heard] = field(default_factory=dict[UUID, Heard])
    next_at: datetime | None = None
    is_held: bool = False

    def at(self, moment: datetime) -> Words:
        """A moment as it is told."""
        return clock_words(moment, self.now)


@dataclass(frozen=True, slots=True)
class _Story:
    """A cause, taken apart: what moved the refund into its state, what came later, and the alarm that still stands."""

    cause: RefundCause
    mover: KeptRefundEvidence | None
    later: Sequence[KeptRefundEvidence]
    alarm: KeptRefundEvidence | None

    @property
    def refund(self) -> Refund:
        return self.cause.refund

    @property
    def latest(self) -> KeptRefundEvidence | None:
        """What was heard last since; what contradicts is the alarm's to tell."""
        words = [line for line in self.later if line.alarm is None or line.alarm in _SLOW_ALARMS]
        return words[-1] if words else None

    @property
    def moved(self) -> KeptRefundEvidence:
        """The mover of a state that cannot be without one."""
        assert self.mover is not None, "a story without a mover is told by _no_evidence"
        return self.mover


def explain_refund(cause: RefundCause) -> Words:
    """The sentence, with its full stop."""
    story = _taken_apart(cause)
    is_begun = cause.refund.state in {RefundState.REQUESTED, RefundState.SENDING}
    told = _TELL[cause.refund.state](story) if story.mover is not None or is_begun else _no_evidence(story)
    return told.plus(_alarm(story)).as_sentence()


def _taken_apart(cause: RefundCause) -> _Story:
    state = cause.refund.state.value
    moves = [place for place, line in enumerate(cause.evidence) if line.has_moved and line.state_after == state]
    mover = cause.evidence[moves[-1]] if moves else None
    later = list(cause.evidence[moves[-1] + 1 :] if moves else cause.evidence)
    alarms = [line for line in ([mover] if mover else []) + later if line.alarm and line.alarm not in _HEAD_ALARMS]
    return _Story(cause, mover, later, alarms[-1] if alarms else None)


def _no_evidence(story: _Story) -> Words:
    """A state without the evidence that would prove it: nothing of ours writes that."""
    told = Words(
        "这笔退款记为 {state}，但记录里没有使它如此的证据，需要人核对",
        "this refund is kept as {state}, but no evidence for that is on record, so a person must check",
    )
    return told.filled(state=story.refund.state.value)


# --- one state after the other


def _requested(story: _Story) -> Words:
    told = Words(
        "{a} 的退款等另一人批准，还没有发给{c}",
        "the refund of {a} waits for another person's approval and has not been sent to {c}",
    )
    return _about(story, told).plus(_doubt(story))


def _sending(story: _Story) -> Words:
    head = NOTHING
    if story.mover is not None:
        head = Words("{t} 已获批；", "it was approved at {t}; ").filled(t=story.cause.at(story.mover.recorded_at))
    if story.latest is not None:
        return head.plus(_clause(story.cause, story.latest), _sends_again(story, story.latest))
    if story.refund.sends:
        told = Words("正在请{c}退回 {a}，{c}还没有答复", "we are asking {c} to give {a} back and have no answer yet")
        return head.plus(_about(story, told), _asks(story))
    return head.plus(
        _about(story, Words("{a} 的退款还没有发给{c}", "the refund of {a} has not been sent to {c} yet")), _due(story)
    )


def _due(story: _Story) -> Words:
    """Why a refund that nobody has sent waits, and until when."""
    cause = story.cause
    if cause.is_held:
        return Words(
            "：数据库刚恢复，问清每个渠道之前不出款",
            ": the database was restored, and no money leaves before each channel was asked",
        )
    if story.refund.send_after > cause.now:
        return Words("，{n} 发出", " and goes at {n}").filled(n=cause.at(story.refund.send_after))
    return Words("，马上发出", " and goes now")


def _sends_again(story: _Story, line: KeptRefundEvidence) -> Words:
    """What follows from an answer that left nothing behind: the same number again."""
    if story.cause.is_held:
        return Words(
            "；数据库刚恢复，问清每个渠道之前不出款",
            "; the database was restored, and no money leaves before each channel was asked",
        )
    if line.kind not in {"not_yet", "not_found"}:
        return _asks(story)
    if story.cause.next_at is None or story.cause.next_at <= story.cause.now:
        return Words("，马上用同一单号再发", ", so it is sent again under the same number now")
    told = Words("，{n} 用同一单号再发", ", so it is sent again under the same number at {n}")
    return told.filled(n=story.cause.at(story.cause.next_at))


def _unknown(story: _Story) -> Words:
    head = Words("退款结果未明：", "the result of the refund is unknown: ").plus(_clause(story.cause, story.moved))
    if story.moved.kind == "refused":
        head = head.plus(_MAY_HAVE_TAKEN)
    return head.plus(_doubt(story), _asks(story))


_MAY_HAVE_TAKEN = Words("，但先前的请求可能已受理", ", but it may have taken an earlier request")


def _processing(story: _Story) -> Words:
    told = Words("，等它把钱退完", ", so we wait until the money has gone back")
    return _clause(story.cause, story.moved).plus(told, _doubt(story), _asks(story))


def _abnormal(story: _Story) -> Words:
    told = _clause(story.cause, story.moved)
    if story.refund.redirected_at is None:
        return told.plus(Words("，需要人指定退到哪里", ", so a person must say where it shall go"), _doubt(story))
    redirected = Words("；已在 {t} 请求改退别处", "; we asked at {t} to send it another way")
    return told.plus(redirected.filled(t=story.cause.at(story.refund.redirected_at)), _doubt(story))


def _closed(story: _Story) -> Words:
    return _clause(story.cause, story.moved).plus(NOTHING if story.alarm else _NOTHING_BACK)


def _refused(story: _Story) -> Words:
    twice = Words("；拒绝之后再次如此，因此作罢", " for the second time after it had refused it, and that ends it")
    told = _clause(story.cause, story.moved).plus(twice if story.moved.kind == "not_found" else NOTHING)
    return told.plus(NOTHING if story.alarm else _NOTHING_BACK)


def _rejected(story: _Story) -> Words:
    told = Words("这笔 {a} 的退款在 {t} 没有获批", "the refund of {a} was not approved at {t}")
    told = told.filled(t=story.cause.at(story.moved.recorded_at), a=amount_text(story.refund.amount))
    return told.plus(NOTHING if story.alarm else _NOTHING_BACK)


def _succeeded(story: _Story) -> Words:
    told = _clause(story.cause, story.moved)
    told = told.plus(_ENDED.get(RefundState(story.moved.state_before), NOTHING))
    if story.refund.is_over:
        return told.plus(
            Words(
                "，而这笔付款已没有这么多可退：退多了，需要人追回",
                "; the payment had less left than that: it is too much, and a person must claim it",
            )
        )
    if story.refund.is_surplus:
        return told.plus(Words("，多付的钱已退", ", so what was paid too much is given back"))
    return told.plus(Words("，退款完成", ", so the refund is done"))


_TELL = {
    RefundState.REQUESTED: _requested,
    RefundState.SENDING: _sending,
    RefundState.UNKNOWN: _unknown,
    RefundState.PROCESSING: _processing,
    RefundState.ABNORMAL: _abnormal,
    RefundState.CLOSED: _closed,
    RefundState.REFUSED: _refused,
    RefundState.REJECTED: _rejected,
    RefundState.SUCCEEDED: _succeeded,
}


# --- the parts of a sentence


def _about(story: _Story, told: Words) -> Words:
    return told.filled(c=story.cause.label, a=amount_text(story.refund.amount))


def _clause(cause: RefundCause, line: KeptRefundEvidence) -> Words:
    """Who said what, when, through which door."""
    t = cause.at(line.recorded_at)
    if line.kind == "unknown":
        heard = UNHEARD[cause.heard.get(line.evidence_id, "unclear")]
        return heard.filled(c=cause.label, t=t, asked=ASKED[line.door])
    said, kind = SAID[line.door].filled(c=cause.label, t=t), kind_words(line)
    return Words(said.zh + kind.zh, f"{said.en} {kind.en}").plus(_back_at(cause, line))


def _back_at(cause: RefundCause, line: KeptRefundEvidence) -> Words:
    if line.kind != "succeeded" or line.recorded_at - line.happened_at < _LATE:
        return NOTHING
    return Words("（{p} 退的）", " (at {p})").filled(p=cause.at(line.happened_at))


def _doubt(story: _Story) -> Words:
    """What was heard last, where it is another thing than what brought the state and settles nothing."""
    line = story.latest
    if line is None or line.kind not in {"unknown", "refused", "not_yet", "not_found"}:
        return NOTHING
    told = Words("；", "; ").plus(_clause(story.cause, line))
    if story.refund.state is not RefundState.UNKNOWN:
        return told
    match line.kind:
        case "refused":
            return told.plus(_MAY_HAVE_TAKEN)
        case "not_found" if story.refund.not_found_at is not None:
            return told.plus(
                Words(
                    "，拒绝过的，至少 5 分钟后再次如此才作罢",
                    ", and saying so again at least 5 minutes later ends it, as it refused it",
                )
            )
        case "not_found":
            return told.plus(Words("，要用同一单号再发", ", so it is to be sent again under the same number"))
        case _:
            return told


def _asks(story: _Story) -> Words:
    """How often we have asked, and when we ask next."""
    return ask_words(story.refund.asks, story.cause.next_at, story.cause.now)


def _alarm(story: _Story) -> Words:
    """The alarm that still stands, as the last part of the sentence."""
    line = story.alarm
    if line is None:
        return NOTHING
    cause, t = story.cause, story.cause.at(line.recorded_at)
    words = _ALARM_TAILS.get(str(line.alarm), _OTHER_ALARM)
    if line.alarm == "unexpected_evidence" and line.state_before == RefundState.REQUESTED:
        words = _NEVER_SENT
    said = SAID[line.door].filled(c=cause.label, t=t)
    return words.filled(said=said, kind=kind_words(line), x=amount_of(line), t=t, alarm=alarm_words(str(line.alarm)))


_SLOW = Words("；拖得太久，{t} 已告警，需要人跟进", "; it takes too long: an alarm was raised at {t}")
_ALARM_TAILS: Mapping[str, Words] = {
    "refund_mismatch": Words(
        "；{said}退回的是 {x}，与本单金额不符，没有入账，需要人核对",
        "; {said} that {x} has gone back, which is not this refund's amount: nothing is booked and a person must check",
    ),
    "unexpected_evidence": Words(
        "；但{said}{kind}，与先前的说法矛盾，需要人核对",
        "; but {said} {kind}, which contradicts what it said before, so a person must check",
    ),
    "second_refund_no": Words(
        "；但{said}另一个渠道退款单号也退回 {x}，可能退了两次，需要人核对",
        "; but {said} that {x} has gone back under another number of its own, so it may have gone back twice and a "
        "person must check",
    ),
    "refund_unknown_too_long": _SLOW,
    "refund_too_long": Words(
        "；一直没有退完，{t} 已告警，需要人跟进", "; it is still not done: an alarm was raised at {t}"
    ),
}
_NEVER_SENT = Words(
    "；但我们的记录里这笔还没有获批，也没有发出，需要人核对",
    "; but by our records it was neither approved nor sent, so a person must check",
)
_OTHER_ALARM = Words(
    "；{t} 告警：{alarm}，需要人核对", "; an alarm was raised at {t} ({alarm}) and a person must check"
)

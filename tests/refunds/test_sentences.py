"""Why a refund is in its state: every state, door, evidence and alarm has its own words, and none says too much."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import get_args
from uuid import UUID

import pytest

from refunds.test_table import AMOUNT, NOW, SAMPLES, refund
from shunfu.gateway.evidence import RefusedReason
from shunfu.gateway.refund_wire import refund_evidence_to_json
from shunfu.gateway.wire import Json
from shunfu.gateway.wording import Heard
from shunfu.kernel.plain import Words
from shunfu.refunds.evidence import Door, KeptRefundEvidence, Kind
from shunfu.refunds.model import Refund, RefundState, record
from shunfu.refunds.phrases import KINDS as KIND_WORDS
from shunfu.refunds.sentences import RefundCause, explain_refund

S = RefundState
LABEL = Words("微信支付", "WeChat Pay")
HEARD: tuple[Heard, ...] = get_args(Heard)
DOORS: tuple[Door, ...] = tuple(door for door in get_args(Door) if door != "person")
ASKING: tuple[Door, ...] = ("reply", "query", "redirect")
ENDED = (S.CLOSED, S.REFUSED, S.REJECTED)
Key = tuple[object, ...]
BODIES: dict[Kind, dict[str, Json]] = {
    "succeeded": {"amount_minor": AMOUNT.minor, "currency": "CNY", "channel_refund_no": "5030001"},
    "refused": {"reason": "risk", "channel_code": "RULE_LIMIT"},
    "not_yet": {"channel_code": "NOT_ENOUGH"},
    "closed": {"channel_state": "CLOSED"},
}
AT = NOW + timedelta(hours=1)
"""15:00:00 in Shanghai; refunds of the samples were asked for an hour before."""


def evidence(
    kind: Kind, states: tuple[str, str], door: Door = "reply", minute: int = 1, alarm: str | None = None
) -> KeptRefundEvidence:
    at = NOW + timedelta(minutes=minute)
    return KeptRefundEvidence(
        evidence_id=UUID(int=100 + minute),
        refund_id=UUID(int=4),
        door=door,
        kind=kind,
        state_before=states[0],
        state_after=states[1],
        alarm=alarm,
        notification_id=None,
        happened_at=at,
        recorded_at=at,
        body=BODIES.get(kind, {}),
    )


def cause(of: Refund, *lines: KeptRefundEvidence, **changes: object) -> RefundCause:
    return replace(RefundCause(of, LABEL, lines, AT), **changes)


def unheard(line: KeptRefundEvidence, how: Heard) -> dict[UUID, Heard]:
    return {line.evidence_id: how}


# --- every cause that there can be, each with a key that is its own


def requested() -> Iterator[tuple[Key, RefundCause]]:
    yield ("waits",), cause(refund(S.REQUESTED, sends=0))
    for door, kind in product(DOORS, ("refused", "not_yet", "not_found")):
        line = evidence(kind, ("REQUESTED", "REQUESTED"), door)
        yield (door, kind), cause(refund(S.REQUESTED, sends=0), line)


def sending() -> Iterator[tuple[Key, RefundCause]]:
    approved = evidence("approved", ("REQUESTED", "SENDING"), "person", 0)
    for who, lines in (("asked", ()), ("approved", (approved,))):
        unsent = refund(S.SENDING, sends=0)
        yield (who, "at once"), cause(unsent, *lines)
        yield (who, "gap"), cause(replace(unsent, send_after=AT + timedelta(seconds=60)), *lines)
        yield (who, "restored"), cause(unsent, *lines, is_held=True)
        yield (who, "sent"), cause(refund(S.SENDING), *lines)
        yield (who, "sent", "next"), cause(refund(S.SENDING), *lines, next_at=AT + timedelta(seconds=9))
        for door, kind in product(DOORS, ("not_yet", "not_found")):
            line = evidence(kind, ("SENDING", "SENDING"), door)
            told = cause(refund(S.SENDING), *lines, line)
            yield (who, door, kind), told
            yield (who, door, kind, "later"), replace(told, next_at=AT + timedelta(seconds=9))
            yield (who, door, kind, "restored"), replace(told, is_held=True)


def unknown() -> Iterator[tuple[Key, RefundCause]]:
    for door, how in product(DOORS, HEARD):
        if door in ASKING or how == "unclear":
            line = evidence("unknown", ("SENDING", "UNKNOWN"), door)
            told = cause(refund(S.UNKNOWN), line, heard=unheard(line, how))
            yield (door, how), told
            yield from _doubted((door, how), told)
    for door in DOORS:
        line = evidence("refused", ("SENDING", "UNKNOWN"), door)
        yield (door, "refused"), cause(refund(S.UNKNOWN, sends=2), line)
        yield from _doubted((door, "refused"), cause(refund(S.UNKNOWN, sends=2), line))
    line = evidence("unknown", ("SENDING", "UNKNOWN"))
    for asks, wait in product((0, 1, 3), (None, -1, 8)):
        if asks or wait:
            ahead = None if wait is None else AT + timedelta(seconds=wait)
            yield ("asks", asks, wait), cause(refund(S.UNKNOWN, asks=asks), line, next_at=ahead)
    again = evidence("not_found", ("UNKNOWN", "UNKNOWN"), "query", 5)
    of = refund(S.UNKNOWN, sends=2, refused_reason="risk", not_found_at=again.recorded_at)
    yield ("not found after refused",), cause(of, line, again)


def _doubted(key: Key, told: RefundCause) -> Iterator[tuple[Key, RefundCause]]:
    """The same with something said later that settles nothing."""
    state = told.refund.state.value
    for door, kind in product(DOORS, ("refused", "not_yet", "not_found")):
        last = evidence(kind, (state, state), door, 5)
        yield (*key, door, kind), replace(told, evidence=[*told.evidence, last])
    for door, how in product(ASKING, HEARD):
        last = evidence("unknown", (state, state), door, 5)
        heard = {**told.heard, **unheard(last, how)}
        yield (*key, door, how), replace(told, evidence=[*told.evidence, last], heard=heard)


def processing() -> Iterator[tuple[Key, RefundCause]]:
    for door, kind in product(DOORS, ("accepted", "processing")):
        told = cause(refund(S.PROCESSING), evidence(kind, ("SENDING", "PROCESSING"), door))
        yield (door, kind), told
        yield from _doubted((door, kind), told)
        yield (door, kind, "next"), replace(told, next_at=AT + timedelta(minutes=5))


def abnormal() -> Iterator[tuple[Key, RefundCause]]:
    for door in DOORS:
        line = evidence("abnormal", ("PROCESSING", "ABNORMAL"), door, alarm="refund_abnormal")
        for how, of in (("", refund(S.ABNORMAL)), ("redirected", refund(S.ABNORMAL, redirected_at=AT))):
            yield (door, how), cause(of, line)
            yield from _doubted((door, how), cause(of, line))


def closed() -> Iterator[tuple[Key, RefundCause]]:
    for door in DOORS:
        yield (door,), cause(refund(S.CLOSED), evidence("closed", ("PROCESSING", "CLOSED"), door))


def refused() -> Iterator[tuple[Key, RefundCause]]:
    for door in DOORS:
        for reason in get_args(RefusedReason):
            line = evidence("refused", ("SENDING", "REFUSED"), door)
            yield (door, reason), cause(refund(S.REFUSED), replace(line, body={"reason": reason}))
        yield (door, "not found"), cause(refund(S.REFUSED), evidence("not_found", ("UNKNOWN", "REFUSED"), door))


def rejected() -> Iterator[tuple[Key, RefundCause]]:
    yield (), cause(refund(S.REJECTED), evidence("rejected", ("REQUESTED", "REJECTED"), "person"))


def succeeded() -> Iterator[tuple[Key, RefundCause]]:
    before = ("PROCESSING", "CLOSED", "REFUSED", "REJECTED")
    kinds = {"plain": {}, "surplus": {"is_surplus": True}, "over": {"is_over": True}}
    for door, was, (kind, changes), late in product(DOORS, before, kinds.items(), (0, 5)):
        line = evidence("succeeded", (was, "SUCCEEDED"), door)
        line = replace(line, happened_at=line.recorded_at - timedelta(minutes=late))
        if was != "PROCESSING":
            line = replace(line, alarm="over_refunded" if kind == "over" else "late_refund")
        yield (door, was, kind, late), cause(refund(S.SUCCEEDED, **changes), line)


Maker = Callable[[], Iterator[tuple[Key, RefundCause]]]
MAKERS: dict[RefundState, Maker] = {
    S.REQUESTED: requested,
    S.SENDING: sending,
    S.UNKNOWN: unknown,
    S.PROCESSING: processing,
    S.ABNORMAL: abnormal,
    S.CLOSED: closed,
    S.REFUSED: refused,
    S.REJECTED: rejected,
    S.SUCCEEDED: succeeded,
}


def alarms(state: RefundState) -> dict[Key, list[KeptRefundEvidence]]:
    """Every alarm that can stand in a state, by a key of its own; () is none."""
    stay = (state.value, state.value)
    found: dict[Key, list[KeptRefundEvidence]] = {(): []}
    for door in DOORS:
        other = evidence("succeeded", stay, door, 9, "refund_mismatch")
        found["mismatch", door] = [replace(other, body={**other.body, "amount_minor": 100})]
        if state in ENDED:
            for kind in ("accepted", "processing", "abnormal"):
                found["unexpected", kind, door] = [evidence(kind, stay, door, 9, "unexpected_evidence")]
        if state in {S.PROCESSING, S.ABNORMAL}:
            found["unexpected", door] = [evidence("not_found", stay, door, 9, "unexpected_evidence")]
        if state is S.SUCCEEDED:
            found["second", door] = [evidence("succeeded", stay, door, 9, "second_refund_no")]
    found["other code",] = [evidence("accepted", stay, "query", 9, "something_new")]
    if state is S.UNKNOWN:
        found["slow",] = [evidence("unknown", stay, "query", 9, "refund_unknown_too_long")]
    if state in {S.UNKNOWN, S.PROCESSING, S.ABNORMAL, S.SENDING}:
        found["very slow",] = [evidence("processing", stay, "query", 9, "refund_too_long")]
    return found


ALL = [
    ((state, *key, *alarm), replace(told, evidence=[*told.evidence, *lines]), alarm)
    for state, make in MAKERS.items()
    for key, told in make()
    for alarm, lines in alarms(state).items()
]
SLOW = {("slow",), ("very slow",)}


def by_state(state: RefundState) -> list[tuple[Key, RefundCause, Words, Key]]:
    return [(key, told, explain_refund(told), alarm) for key, told, alarm in ALL if told.refund.state is state]


def test_every_state_is_walked() -> None:
    assert {told.refund.state for _, told, _ in ALL} == set(S)
    assert len(ALL) > 2000


@pytest.mark.parametrize("state", list(S))
def test_no_two_causes_share_a_sentence(state: RefundState) -> None:
    for language in ("zh", "en"):
        seen: dict[str, Key] = {}
        for key, _, words, alarm in by_state(state):
            if alarm in SLOW:
                continue  # its own word is then the latest, whatever was heard before
            text = getattr(words, language)
            assert text not in seen, f"{key} and {seen[text]}: {text}"
            seen[text] = key


@pytest.mark.parametrize("state", list(S))
def test_every_alarm_has_its_own_words(state: RefundState) -> None:
    for _, told in MAKERS[state]():
        texts = {
            explain_refund(replace(told, evidence=[*told.evidence, *lines])).zh for lines in alarms(state).values()
        }
        assert len(texts) == len(alarms(state))


def test_no_two_states_share_a_sentence() -> None:
    texts = {state: {words.en for _, _, words, _ in by_state(state)} for state in S}
    for one, other in product(S, S):
        assert one is other or not texts[one] & texts[other]


@pytest.mark.parametrize("state", list(S))
def test_every_sentence_is_whole(state: RefundState) -> None:
    for key, told, words, _ in by_state(state):
        assert re.fullmatch(r"[^\n{}]+[^。]。", words.zh), (key, words.zh)
        assert words.zh.count("。") == 1
        assert re.fullmatch(r"[A-Z][^\n{}]*[^. ]\.", words.en), (key, words.en)
        for text in (words.zh, words.en):
            assert not re.search(r"None|  |，，|；；|, ,|; ;|，；|；，|：；|\(\)|（）|（—）|\(—\)", text), (key, text)
        if told.refund.state is not S.REJECTED:
            assert "微信支付" in words.zh, key
            assert "WeChat Pay" in words.en, key
        assert not re.search(r"[一-鿿]", words.en), (key, words.en)


@pytest.mark.parametrize("state", list(S))
def test_nothing_went_back_is_said_only_where_the_refund_ended_without_money(state: RefundState) -> None:
    for key, _, words, alarm in by_state(state):
        is_certain = state in ENDED and not alarm
        assert ("没有退款" in words.zh) is is_certain, (key, words.zh)
        assert ("nothing went back" in words.en) is is_certain, (key, words.en)


@pytest.mark.parametrize("state", list(S))
def test_given_back_and_unknown_are_said_only_where_they_are_so(state: RefundState) -> None:
    for key, told, words, alarm in by_state(state):
        is_done = state is S.SUCCEEDED and not told.refund.is_over and not told.refund.is_surplus
        assert ("退款完成" in words.zh) is is_done, (key, words.zh)
        assert ("so the refund is done" in words.en) is is_done, (key, words.en)
        assert ("退款结果未明" in words.zh) is (state is S.UNKNOWN), (key, words.zh)
        if state is not S.SUCCEEDED and alarm[:1] != ("mismatch",):
            assert not re.search(
                r"已退回|has gone back", words.zh + words.en.replace("until the money has gone back", "")
            )


@pytest.mark.parametrize("state", list(S))
def test_who_must_act_is_told(state: RefundState) -> None:
    for key, told, words, alarm in by_state(state):
        is_stuck = state is S.ABNORMAL and told.refund.redirected_at is None
        needs = bool(alarm) or is_stuck or (state is S.SUCCEEDED and told.refund.is_over)
        assert bool(re.search("需要人", words.zh)) is needs, (key, words.zh)
        assert bool(re.search("a person must|an alarm was raised", words.en)) is needs, (key, words.en)


# --- the model's own decisions


@pytest.mark.parametrize(("state", "kind", "door"), list(product(S, SAMPLES, DOORS)))
def test_what_the_model_decides_can_always_be_told(state: RefundState, kind: type, door: Door) -> None:
    """Every cell of the table, through every door: the sentence is of the new state and tells of the alarm."""
    decision = record(refund(state), SAMPLES[kind], AT)
    body = refund_evidence_to_json(SAMPLES[kind])
    name = next(name for name in get_args(Kind) if name == body["kind"])
    line = replace(evidence(name, (state.value, decision.refund.state.value), door, 9, decision.alarm), body=dict(body))
    way = [told.evidence[0] for _, told in MAKERS[state]() if told.evidence and told.evidence[0].has_moved][:1]
    words = explain_refund(cause(decision.refund, *way, line))
    assert "no evidence" not in words.en
    if decision.alarm is not None and decision.alarm not in {"refund_abnormal", "late_refund"}:
        assert "需要人" in words.zh
    if decision.alarm == "late_refund":
        assert re.search("先前|没有获批", words.zh)
    if state is S.REQUESTED and decision.alarm == "unexpected_evidence":
        assert "neither approved nor sent" in words.en


# --- examples, word for word


def test_a_refund_that_went_its_way() -> None:
    line = evidence("succeeded", ("PROCESSING", "SUCCEEDED"), "notification", 9)
    words = explain_refund(cause(refund(S.SUCCEEDED), line))
    assert words.zh == "微信支付在 14:09:00 通知我们已退回 ¥28.00，退款完成。"
    assert words.en == "WeChat Pay told us at 14:09:00 that ¥28.00 has gone back, so the refund is done."


def test_a_refund_for_which_the_merchant_has_too_little_money() -> None:
    line = evidence("not_yet", ("SENDING", "SENDING"))
    words = explain_refund(cause(refund(S.SENDING), line, next_at=AT + timedelta(minutes=10)))
    assert words.zh == "微信支付在 14:01:00 答复退款请求时说现在还不能退（NOT_ENOUGH），15:10:00 用同一单号再发。"
    assert words.en == (
        "When we asked for it at 14:01:00, WeChat Pay said that it cannot give it back yet (NOT_ENOUGH), "
        "so it is sent again under the same number at 15:10:00."
    )


def test_a_refund_whose_money_is_stuck() -> None:
    line = evidence("abnormal", ("PROCESSING", "ABNORMAL"), "query", 5, "refund_abnormal")
    words = explain_refund(cause(refund(S.ABNORMAL), line))
    assert words.zh == "我们在 14:05:00 查询，微信支付回答退款异常，钱退不回原处，需要人指定退到哪里。"


def test_a_refund_that_waits_for_approval() -> None:
    words = explain_refund(cause(refund(S.REQUESTED, sends=0)))
    assert words.zh == "¥28.00 的退款等另一人批准，还没有发给微信支付。"


@pytest.mark.parametrize("state", [state for state in S if state not in {S.REQUESTED, S.SENDING}])
def test_a_state_without_its_evidence_is_said_to_be_so(state: RefundState) -> None:
    words = explain_refund(cause(refund(state)))
    assert words.zh == f"这笔退款记为 {state.value}，但记录里没有使它如此的证据，需要人核对。"


def test_every_kind_has_words() -> None:
    assert set(KIND_WORDS) == set(get_args(Kind))

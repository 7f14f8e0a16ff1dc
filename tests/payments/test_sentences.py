"""Why a payment is in its state: every state, door, evidence and alarm has its own words, and none says too much."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import get_args
from uuid import UUID

import pytest

from payments.samples import AMOUNT, BODIES, LABEL, NOW, evidence, order, payment
from payments.test_table import SAMPLES
from shunfu.gateway.evidence import EVIDENCE_KINDS, Evidence, RefusedReason
from shunfu.gateway.wire import evidence_to_json
from shunfu.gateway.wording import REASONS, Heard
from shunfu.kernel.plain import Words
from shunfu.payments.evidence import Door, KeptEvidence, Kind
from shunfu.payments.model import OrderFacts, OrderState, PaymentState, record
from shunfu.payments.sentences import Cause, explain

S = PaymentState
DOORS: tuple[Door, ...] = get_args(Door)
KINDS: tuple[Kind, ...] = get_args(Kind)
HEARD: tuple[Heard, ...] = get_args(Heard)
ASKING: tuple[Door, ...] = ("reply", "query", "close")
"""Doors behind which a request of ours stands, which can be lost or stay unanswered."""

Key = tuple[object, ...]
Alarms = dict[Key, list[KeptEvidence]]
CONTRADICTIONS: dict[PaymentState, tuple[Kind, ...]] = {
    S.REFUSED: ("accepted", "not_paid"),
    S.CLOSED: ("accepted", "not_paid"),
    S.CAPTURED: ("not_paid", "not_found"),
}
BEFORE = {S.UNKNOWN: "SENDING", S.PENDING: "SENDING", S.REFUSED: "SENDING", S.CLOSED: "PENDING", S.CAPTURED: "PENDING"}


def cause(state: PaymentState, lines: list[KeptEvidence], **changes: object) -> Cause:
    told = Cause(payment(state), order(), LABEL, can_close=True, evidence=lines, now=NOW)
    return replace(told, **changes)


def unheard(line: KeptEvidence, how: Heard) -> dict[UUID, Heard]:
    return {line.evidence_id: how}


# --- every cause that there can be, each with a key that is its own


def movers(state: PaymentState) -> Iterator[tuple[Key, KeptEvidence]]:
    """What can bring a payment into a state, through every door."""
    kinds: dict[PaymentState, tuple[Kind, ...]] = {
        S.UNKNOWN: ("unknown",),
        S.PENDING: ("accepted", "not_paid"),
        S.REFUSED: ("refused",),
        S.CLOSED: ("closed", "not_found"),
        S.CAPTURED: ("paid",),
    }
    for kind, door in product(kinds.get(state, ()), DOORS):
        yield (kind, door), evidence(kind, (BEFORE[state], state.value), door)


def alarms(state: PaymentState) -> Alarms:
    """Every alarm that can stand in a state, by a key of its own; () is none."""
    stay = (state.value, state.value)
    found: Alarms = {(): []}
    for door in DOORS:
        other = evidence("paid", stay, door, 9, "mismatch", amount_minor=100)
        found["mismatch", door] = [other]
        if state in {S.SENDING, S.UNKNOWN}:
            found["unknown_too_long",] = [evidence("unknown", stay, "query", 9, "unknown_too_long")]
        if state is S.CAPTURED:
            found["second", door] = [evidence("paid", stay, door, 9, "second_transaction_no")]
        for kind in CONTRADICTIONS.get(state, ()):
            found["unexpected", kind, door] = [evidence(kind, stay, door, 9, "unexpected_evidence")]
        found["other code",] = [evidence("accepted", stay, "query", 9, "something_new")]
    return found


def sending() -> Iterator[tuple[Key, Cause]]:
    yield ("fresh",), cause(S.SENDING, [])
    yield ("asked next",), cause(S.SENDING, [], next_ask_at=NOW + timedelta(seconds=5))
    for door in DOORS:
        line = evidence("not_found", ("SENDING", "SENDING"), door)
        yield ("not found", door), cause(S.SENDING, [line])
        late = payment(S.SENDING, deadline=NOW, not_found_at=NOW)
        yield ("not found, late", door), cause(S.SENDING, [line], payment=late)


def unknown() -> Iterator[tuple[Key, Cause]]:
    for (_, line), how in product(movers(S.UNKNOWN), HEARD):
        if line.door in ASKING or how == "unclear":
            told = cause(S.UNKNOWN, [line], heard=unheard(line, how))
            yield (line.door, how), told
            for later, kind in product(DOORS, ("refused", "not_found")):
                last = evidence(kind, ("UNKNOWN", "UNKNOWN"), later, 5)
                yield (line.door, how, later, kind), replace(told, evidence=[line, last])
            for later, then in product(ASKING, HEARD):
                last = evidence("unknown", ("UNKNOWN", "UNKNOWN"), later, 5)
                heard = {**told.heard, **unheard(last, then)}
                yield (line.door, how, later, then), replace(told, evidence=[line, last], heard=heard)
    line = evidence("unknown", ("SENDING", "UNKNOWN"))
    for asks, wait in product((0, 1, 3), (None, -1, 8)):
        ahead = None if wait is None else NOW + timedelta(seconds=wait)
        told = cause(S.UNKNOWN, [line], payment=payment(S.UNKNOWN, asks=asks), next_ask_at=ahead)
        if asks or wait:
            yield ("asks", asks, wait), told


def pending() -> Iterator[tuple[Key, Cause]]:
    waits = {
        "shopper": order(),
        "merchant closes": order(OrderState.CLOSING),
        "time over": order(OrderState.CLOSING, expires_in=-2),
    }
    for (key, line), (wait, of), can_close in product(movers(S.PENDING), waits.items(), (True, False)):
        if wait == "shopper" and not can_close:
            continue
        told = cause(S.PENDING, [line], order=of, can_close=can_close)
        yield (*key, wait, can_close), told
        for then, later in product(HEARD, ASKING):
            last = evidence("unknown", ("PENDING", "PENDING"), later, 5)
            yield (*key, wait, can_close, later, then), replace(told, evidence=[line, last], heard=unheard(last, then))
        for later in DOORS:
            last = evidence("not_found", ("PENDING", "PENDING"), later, 5)
            yield (*key, wait, can_close, later, "not found"), replace(told, evidence=[line, last])


def refused() -> Iterator[tuple[Key, Cause]]:
    for (key, line), reason in product(movers(S.REFUSED), get_args(RefusedReason)):
        yield (*key, reason), cause(S.REFUSED, [replace(line, body={**line.body, "reason": reason})])


def closed() -> Iterator[tuple[Key, Cause]]:
    for key, line in movers(S.CLOSED):
        yield key, cause(S.CLOSED, [line])


def captured() -> Iterator[tuple[Key, Cause]]:
    surplus = {
        "pays": (False, "PENDING", OrderState.PAID),
        "paid otherwise": (True, "PENDING", OrderState.PAID),
        "order closed": (True, "PENDING", OrderState.CLOSED),
        "refused before": (True, "REFUSED", OrderState.OPEN),
        "closed before": (True, "CLOSED", OrderState.OPEN),
    }
    back = {"": (0, 0), "part": (2000, 0), "asked": (0, 2000), "part and asked": (2000, 1000), "all": (8600, 0)}
    for (key, line), (why, (is_surplus, before, of)), (how, (done, asked)), is_late in product(
        movers(S.CAPTURED), surplus.items(), back.items(), (False, True)
    ):
        if is_surplus and how == "part and asked":
            continue  # the rest of surplus money is always asked for: "part" says so already
        happened = line.recorded_at - timedelta(minutes=3 if is_late else 0)
        money = payment(S.CAPTURED, is_surplus=is_surplus, refunded_minor=done, refund_reserved_minor=asked)
        moved = replace(line, state_before=before, happened_at=happened, alarm="surplus" if is_surplus else None)
        yield (*key, why, how, is_late), cause(S.CAPTURED, [moved], payment=money, order=order(of))


MAKERS = {S.SENDING: sending, S.UNKNOWN: unknown, S.PENDING: pending, S.REFUSED: refused, S.CLOSED: closed}
MAKERS[S.CAPTURED] = captured


def every_cause() -> Iterator[tuple[Key, Cause, Key]]:
    """(key, cause, alarm's key) of every state, with every alarm on top of the plain ones."""
    for state, make in MAKERS.items():
        for key, told in make():
            for alarm, lines in alarms(state).items():
                yield (state, *key, *alarm), replace(told, evidence=[*told.evidence, *lines]), alarm


ALL = list(every_cause())


def by_state(state: PaymentState) -> list[tuple[Key, Cause, Words, Key]]:
    return [(key, told, explain(told), alarm) for key, told, alarm in ALL if told.payment.state is state]


def test_every_state_is_walked() -> None:
    assert {told.payment.state for _, told, _ in ALL} == set(S)
    assert len(ALL) > 3000


@pytest.mark.parametrize("state", list(S))
def test_no_two_causes_share_a_sentence(state: PaymentState) -> None:
    for language in ("zh", "en"):
        seen: dict[str, Key] = {}
        for key, _, words, alarm in by_state(state):
            if alarm == ("unknown_too_long",):
                continue  # its own word is then the latest, whatever was heard before
            text = getattr(words, language)
            assert text not in seen, f"{key} and {seen[text]}: {text}"
            seen[text] = key


@pytest.mark.parametrize("state", [S.SENDING, S.UNKNOWN, S.PENDING])
def test_every_alarm_of_an_open_payment_has_its_own_words(state: PaymentState) -> None:
    for _, told in MAKERS[state]():
        texts = {explain(replace(told, evidence=[*told.evidence, *lines])).zh for lines in alarms(state).values()}
        assert len(texts) == len(alarms(state))


def test_no_two_states_share_a_sentence() -> None:
    texts = {state: {words.en for _, _, words, _ in by_state(state)} for state in S}
    for one, other in product(S, S):
        assert one is other or not texts[one] & texts[other]


@pytest.mark.parametrize("state", list(S))
def test_every_sentence_is_whole(state: PaymentState) -> None:
    for key, _, words, _ in by_state(state):
        assert re.fullmatch(r"[^\n{}]+[^。]。", words.zh), (key, words.zh)
        assert words.zh.count("。") == 1
        assert re.fullmatch(r"[A-Z][^\n{}]*[^. ]\.", words.en), (key, words.en)
        for text in (words.zh, words.en):
            assert not re.search(r"None|  |，，|；；|, ,|; ;|，；|；，|\(\)|（）", text), (key, text)
        assert "微信支付" in words.zh, key
        assert "WeChat Pay" in words.en, key
        assert not re.search(r"[一-鿿]", words.en), (key, words.en)
        assert not re.search(r"WeChat|[A-Za-z]{4,}", words.zh.replace("something_new", "")), (key, words.zh)


@pytest.mark.parametrize("state", list(S))
def test_nothing_was_charged_is_said_only_when_the_channel_ended_it_unpaid(state: PaymentState) -> None:
    for key, _, words, alarm in by_state(state):
        is_certain = state in {S.REFUSED, S.CLOSED} and not alarm
        assert ("没有扣款" in words.zh) is is_certain, (key, words.zh)
        assert ("nothing was charged" in words.en) is is_certain, (key, words.en)


@pytest.mark.parametrize("state", list(S))
def test_paid_unknown_and_given_back_are_said_only_where_they_are_so(state: PaymentState) -> None:
    for key, told, words, _ in by_state(state):
        pays = state is S.CAPTURED and not told.payment.is_surplus
        assert ("so the order is paid" in words.en) is pays, (key, words.en)
        assert ("订单因此已付" in words.zh) is pays, (key, words.zh)
        assert ("结果未明" in words.zh) is (state is S.UNKNOWN), (key, words.zh)
        assert ("result is unknown" in words.en) is (state is S.UNKNOWN), (key, words.en)
        assert ("属于多付" in words.zh) is (state is S.CAPTURED and told.payment.is_surplus), (key, words.zh)
        is_all_back = told.payment.refunded_minor == AMOUNT.minor
        assert ("全部退回" in words.zh) is is_all_back, (key, words.zh)
        assert bool(re.search(r"all of it has gone back", words.en)) is is_all_back, (key, words.en)


@pytest.mark.parametrize("state", [S.SENDING, S.UNKNOWN, S.PENDING])
def test_an_open_payment_is_never_called_failed_or_final(state: PaymentState) -> None:
    for key, _, words, _ in by_state(state):
        assert not re.search(r"失败|已关闭|因此关闭|订单已付", words.zh), (key, words.zh)
        assert not re.search(r"fail|is closed|was closed", words.en), (key, words.en)


@pytest.mark.parametrize("state", list(S))
def test_an_alarm_that_stands_is_told(state: PaymentState) -> None:
    for key, _, words, alarm in by_state(state):
        assert bool(re.search("需要人", words.zh)) is bool(alarm), (key, words.zh)
        assert bool(re.search("a person must check|an alarm was raised", words.en)) is bool(alarm), (key, words.en)


# --- the model's own decisions


CELLS = list(product(S, EVIDENCE_KINDS, DOORS))


@pytest.mark.parametrize(("state", "kind", "door"), CELLS)
def test_what_the_model_decides_can_always_be_told(state: PaymentState, kind: type[Evidence], door: Door) -> None:
    """Every cell of the table, through every door: the sentence is of the new state and tells of the alarm."""
    before = payment(state, channel_transaction_no="4200001" if state is S.CAPTURED else None)
    decision = record(before, OrderFacts(order(), False, False), SAMPLES[kind], NOW)
    body = evidence_to_json(SAMPLES[kind])
    name = next(name for name in KINDS if name == body["kind"])
    moved = (state.value, decision.payment.state.value)
    line = replace(evidence(name, moved, door, 9, decision.alarm), body=body)
    way = [mover for _, mover in movers(state)][:1]
    told = cause(state, [*way, line], payment=decision.payment, order=decision.order)
    words = explain(told)
    is_surplus = decision.payment.is_surplus
    assert "no evidence" not in words.en
    assert ("需要人" in words.zh) is (decision.alarm not in {None, "surplus"})
    assert ("属于多付" in words.zh) is is_surplus


# --- examples, word for word


def test_a_notification_that_paid_the_order() -> None:
    words = explain(cause(S.CAPTURED, [evidence("paid", ("PENDING", "CAPTURED"), "notification")]))
    assert words.zh == "微信支付在 14:11:00 通知我们已收到 ¥86.00，订单因此已付。"
    assert words.en == "WeChat Pay told us at 14:11:00 that ¥86.00 was paid, so the order is paid."


def test_a_payment_of_which_we_heard_late() -> None:
    line = replace(evidence("paid", ("UNKNOWN", "CAPTURED"), "query", 6), happened_at=NOW - timedelta(minutes=18))
    words = explain(cause(S.CAPTURED, [line]))
    assert words.zh == "我们在 14:16:00 查询，微信支付回答已收到 ¥86.00（顾客 14:12:00 付的），订单因此已付。"
    assert (
        words.en == "When we asked at 14:16:00, WeChat Pay said that ¥86.00 was paid at 14:12:00, so the order is paid."
    )


def test_an_unknown_result_says_how_often_and_when_we_ask() -> None:
    line = evidence("unknown", ("SENDING", "UNKNOWN"))
    told = cause(
        S.UNKNOWN,
        [line],
        payment=payment(S.UNKNOWN, asks=3),
        heard=unheard(line, "nothing"),
        next_ask_at=NOW + timedelta(seconds=43),
    )
    assert explain(told).zh == "结果未明：微信支付在 14:11:00 没有答复下单请求；已查 3 次，14:30:43 再查。"
    assert explain(told).en == (
        "The result is unknown: WeChat Pay did not answer our order at 14:11:00; "
        "we have asked 3 times and ask again at 14:30:43."
    )


def test_surplus_money_goes_back() -> None:
    line = evidence("paid", ("PENDING", "CAPTURED"), "notification", alarm="surplus")
    told = cause(S.CAPTURED, [line], payment=payment(S.CAPTURED, is_surplus=True), order=order(OrderState.PAID))
    assert explain(told).zh == (
        "微信支付在 14:11:00 通知我们已收到 ¥86.00，但订单已由另一笔付款付清，属于多付，要原路退回。"
    )
    assert explain(told).en == (
        "WeChat Pay told us at 14:11:00 that ¥86.00 was paid, but another payment has already paid the order; "
        "it is surplus and must go back."
    )


def test_a_refused_payment_says_why() -> None:
    told = cause(S.REFUSED, [evidence("refused", ("SENDING", "REFUSED"), reason="payer")])
    assert explain(told).zh == "微信支付在 14:11:00 答复下单时说不收这一单（付款人标识不对），没有扣款。"
    assert explain(told).en == (
        "When we placed it at 14:11:00, WeChat Pay said that it does not take the order (the payer's id is not right), "
        "so nothing was charged."
    )


def test_a_moment_of_another_day_is_told_with_its_day() -> None:
    line = evidence("closed", ("PENDING", "CLOSED"), "query")
    tomorrow = replace(cause(S.CLOSED, [line]), now=NOW + timedelta(days=1))
    assert "11 月 22 日 14:11:00" in explain(tomorrow).zh
    assert "14:11:00 on 22 Nov," in explain(tomorrow).en
    later = replace(tomorrow, now=NOW + timedelta(days=400))
    assert "2026 年 11 月 22 日 14:11:00" in explain(later).zh
    assert "14:11:00 on 22 Nov 2026," in explain(later).en


# --- what stands and what does not


def test_a_contradiction_that_the_channel_took_back_stands_no_longer() -> None:
    line = evidence("closed", ("PENDING", "CLOSED"), "query")
    doubt = evidence("not_paid", ("CLOSED", "CLOSED"), "query", 5, "unexpected_evidence")
    settled = evidence("closed", ("CLOSED", "CLOSED"), "close", 6)
    assert "没有扣款" not in explain(cause(S.CLOSED, [line, doubt])).zh
    assert "没有扣款" in explain(cause(S.CLOSED, [line, doubt, settled])).zh
    paid = evidence("paid", ("PENDING", "CAPTURED"), "notification")
    doubt = evidence("not_found", ("CAPTURED", "CAPTURED"), "query", 5, "unexpected_evidence")
    again = evidence("paid", ("CAPTURED", "CAPTURED"), "query", 6)
    assert "需要人" in explain(cause(S.CAPTURED, [paid, doubt])).zh
    assert "需要人" not in explain(cause(S.CAPTURED, [paid, doubt, again])).zh
    mismatch = evidence("paid", ("CAPTURED", "CAPTURED"), "query", 5, "mismatch")
    assert "需要人" in explain(cause(S.CAPTURED, [paid, mismatch, again])).zh


def test_an_alarm_of_an_earlier_state_is_not_told_of_a_later_one() -> None:
    late = evidence("unknown", ("UNKNOWN", "UNKNOWN"), "query", 5, "unknown_too_long")
    paid = evidence("paid", ("UNKNOWN", "CAPTURED"), "query", 6)
    assert "需要人" not in explain(cause(S.CAPTURED, [late, paid])).zh


@pytest.mark.parametrize("state", [state for state in S if state is not S.SENDING])
def test_a_state_without_its_evidence_is_said_to_be_so(state: PaymentState) -> None:
    words = explain(cause(state, []))
    assert words.zh == f"这笔付款记为 {state.value}，但记录里没有使它如此的证据，需要人核对。"
    assert "no evidence" in words.en


def test_every_reason_of_a_refusal_has_words() -> None:
    assert set(REASONS) == set(get_args(RefusedReason))
    assert set(BODIES) == set(KINDS)

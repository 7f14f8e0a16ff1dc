"""The refund's transition table, every cell, as docs/states.md draws it, and what may be asked for; no I/O."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shunfu.driver import discover
from shunfu.gateway.evidence import NotFound, Refused, Unknown
from shunfu.gateway.refund import (
    RefundAbnormal,
    RefundAccepted,
    RefundClosed,
    RefundEvidence,
    RefundNotYet,
    RefundProcessing,
    RefundSucceeded,
)
from shunfu.gateway.refund_wire import refund_evidence_from_json, refund_evidence_to_json
from shunfu.kernel.errors import AmountExceedsRefundable, RefundNotAllowed, StateConflict
from shunfu.kernel.money import Money
from shunfu.payments import Payment, PaymentState
from shunfu.refunds.admission import Admitted, Ask, admit, earliest_send, may_decide
from shunfu.refunds.model import RESERVING, TABLE, Refund, RefundState, record
from shunfu.refunds.timetable import next_visit, overdue_alarm

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
AMOUNT, TOTAL = Money(2800, "CNY"), Money(8600, "CNY")
SUCCEEDED = RefundSucceeded(AMOUNT, "5030001", NOW)
SAMPLES: dict[type, RefundEvidence] = {
    RefundAccepted: RefundAccepted("5030001"),
    RefundNotYet: RefundNotYet("NOT_ENOUGH"),
    Refused: Refused("invalid_request", "PARAM_ERROR"),
    Unknown: Unknown("time-out"),
    RefundProcessing: RefundProcessing("5030001"),
    RefundAbnormal: RefundAbnormal("5030001"),
    RefundSucceeded: SUCCEEDED,
    RefundClosed: RefundClosed("CLOSED"),
    NotFound: NotFound("RESOURCE_NOT_EXISTS"),
}
S = RefundState


def refund(state: RefundState = S.SENDING, **changes: object) -> Refund:
    made = Refund(
        merchant_id=UUID(int=1),
        refund_id=UUID(int=4),
        payment_id=UUID(int=3),
        order_id=UUID(int=2),
        channel="wechatpay",
        account_id=UUID(int=9),
        channel_account="1900007291",
        channel_transaction_no="4200001",
        amount=AMOUNT,
        total=TOTAL,
        reason="少了一件",
        notify_url="https://pay.example.com/notifications",
        is_surplus=False,
        is_automatic=False,
        state=state,
        requested_by="key_1",
        send_after=NOW,
        created_at=NOW,
        sends=1,
    )
    if state is S.SUCCEEDED:
        made = replace(made, channel_refund_no="5030001", succeeded_at=NOW)
    return replace(made, **changes)


# state -> Accepted, NotYet, Refused, Unknown, Processing, Abnormal, Succeeded, Closed, NotFound: the document's table,
# written out. `*` releases what is reserved, `+` gives it back, `!` alarms.
DOCUMENT = {
    S.REQUESTED: ("PROCESSING !", "=", "=", "=", "PROCESSING !", "ABNORMAL !", "SUCCEEDED+ !", "CLOSED* !", "="),
    S.SENDING: ("PROCESSING", "=", "REFUSED*", "UNKNOWN", "PROCESSING", "ABNORMAL !", "SUCCEEDED+", "CLOSED*", "="),
    S.UNKNOWN: ("PROCESSING", "=", "=", "=", "PROCESSING", "ABNORMAL !", "SUCCEEDED+", "CLOSED*", "="),
    S.PROCESSING: ("=", "=", "=", "=", "=", "ABNORMAL !", "SUCCEEDED+", "CLOSED*", "=!"),
    S.ABNORMAL: ("PROCESSING", "=", "=", "=", "=", "=", "SUCCEEDED+", "CLOSED*", "=!"),
    S.CLOSED: ("=!", "=", "=", "=", "=!", "=!", "SUCCEEDED+ !", "=", "="),
    S.REFUSED: ("=!", "=", "=", "=", "=!", "=!", "SUCCEEDED+ !", "=", "="),
    S.REJECTED: ("=!", "=", "=", "=", "=!", "=!", "SUCCEEDED+ !", "=", "="),
    S.SUCCEEDED: ("=", "=", "=", "=", "=", "=", "=", "=", "="),
}
CELLS = [(state, kind, DOCUMENT[state][index]) for state in S for index, kind in enumerate(SAMPLES)]


@pytest.mark.parametrize(("state", "kind", "said"), CELLS)
def test_every_cell_does_what_the_document_says(state: RefundState, kind: type, said: str) -> None:
    decision = record(refund(state), SAMPLES[kind], NOW)
    word = said.split(maxsplit=1)[0].strip("=*+!")
    assert decision.refund.state is (S(word) if word else state)
    assert (decision.alarm is not None) is ("!" in said)
    is_late = state in {S.CLOSED, S.REFUSED, S.REJECTED}
    settled = "settled_late" if is_late else "settled"
    assert decision.reservation == ("released" if "*" in said else settled if "+" in said else "stays")


def test_no_cell_is_missing() -> None:
    assert set(TABLE) == set(S)
    for cells in TABLE.values():
        assert set(cells) == set(get_args(RefundEvidence)) == set(SAMPLES)


@pytest.mark.parametrize("state", list(S))
def test_another_amount_settles_nothing_and_alarms(state: RefundState) -> None:
    before = refund(state)
    decision = record(before, replace(SUCCEEDED, amount=Money(2801, "CNY")), NOW)
    assert (decision.refund, decision.reservation, decision.alarm) == (before, "stays", "refund_mismatch")


def test_a_refusal_of_a_second_send_decides_nothing() -> None:
    """The first send may have arrived, so its money may be on the way."""
    decision = record(refund(S.SENDING, sends=2), SAMPLES[Refused], NOW)
    assert (decision.refund.state, decision.reservation) == (S.UNKNOWN, "stays")


def test_after_a_first_send_that_left_nothing_behind_the_second_is_the_first() -> None:
    after = record(refund(S.SENDING, sends=1), SAMPLES[RefundNotYet], NOW).refund
    assert after.sends == 0
    assert record(replace(after, sends=1), SAMPLES[Refused], NOW).refund.state is S.REFUSED


def test_after_two_sends_of_which_one_left_nothing_behind_the_other_may_have_arrived() -> None:
    assert record(refund(S.SENDING, sends=2), SAMPLES[RefundNotYet], NOW).refund.sends == 2


@pytest.mark.parametrize("state", [S.SENDING, S.UNKNOWN])
def test_what_the_channel_does_not_know_is_sent_again(state: RefundState) -> None:
    decision = record(refund(state), SAMPLES[NotFound], NOW)
    assert decision.must_send_again
    assert decision.refund.not_found_at is None


def test_refused_and_then_twice_not_found_leaves_nothing() -> None:
    asked = record(refund(S.UNKNOWN, sends=2), SAMPLES[Refused], NOW).refund
    first = record(asked, SAMPLES[NotFound], NOW)
    assert (first.refund.state, first.must_send_again) == (S.UNKNOWN, False)
    soon = record(first.refund, SAMPLES[NotFound], NOW + timedelta(minutes=4))
    assert soon.refund.state is S.UNKNOWN
    late = record(first.refund, SAMPLES[NotFound], NOW + timedelta(minutes=5))
    assert (late.refund.state, late.reservation) == (S.REFUSED, "released")


def test_another_answer_between_two_not_found_begins_the_count_anew() -> None:
    asked = record(refund(S.UNKNOWN, sends=2), SAMPLES[Refused], NOW).refund
    first = record(asked, SAMPLES[NotFound], NOW).refund
    between = record(first, SAMPLES[Unknown], NOW).refund
    again = record(between, SAMPLES[NotFound], NOW + timedelta(minutes=6))
    assert again.refund.state is S.UNKNOWN


def test_an_abnormal_refund_is_under_way_again_only_after_we_asked_for_it() -> None:
    assert record(refund(S.ABNORMAL), SAMPLES[RefundProcessing], NOW).refund.state is S.ABNORMAL
    redirected = refund(S.ABNORMAL, redirected_at=NOW)
    assert record(redirected, SAMPLES[RefundProcessing], NOW).refund.state is S.PROCESSING


def test_a_second_number_of_the_channel_for_one_refund_alarms() -> None:
    decision = record(refund(S.SUCCEEDED), replace(SUCCEEDED, channel_refund_no="5030002"), NOW)
    assert decision.alarm == "second_refund_no"


@given(st.sampled_from(list(S)), st.lists(st.sampled_from(list(SAMPLES.values())), max_size=12))
def test_any_order_of_evidence_settles_at_most_once_and_only_on_a_success(
    state: RefundState, told: list[RefundEvidence]
) -> None:
    now, settled = refund(state), 0
    reserved = state in RESERVING
    for step, evidence in enumerate(told):
        decision = record(now, evidence, NOW + timedelta(minutes=step))
        match decision.reservation:
            case "released":
                assert reserved
                reserved = False
            case "settled":
                assert reserved
                reserved, settled = False, settled + 1
            case "settled_late":
                assert not reserved
                settled += 1
            case "stays":
                pass
        assert (decision.refund.state in RESERVING) is reserved
        now = decision.refund
    is_new_success = state is not S.SUCCEEDED and any(isinstance(one, RefundSucceeded) for one in told)
    assert settled == int(is_new_success)
    assert (now.state is S.SUCCEEDED) is (is_new_success or state is S.SUCCEEDED)


@pytest.mark.parametrize("evidence", list(SAMPLES.values()), ids=lambda one: type(one).__name__)
def test_evidence_is_kept_as_it_was(evidence: RefundEvidence) -> None:
    assert refund_evidence_from_json(refund_evidence_to_json(evidence)) == evidence


# --- what may be asked for --------------------------------------------------------------------------------------------


def paid(**changes: object) -> Payment:
    made = Payment(
        merchant_id=UUID(int=1),
        payment_id=UUID(int=3),
        order_id=UUID(int=2),
        channel="wechatpay",
        scene="native",
        account_id=UUID(int=9),
        channel_account="1900007291",
        channel_app="wx1",
        amount=TOTAL,
        state=PaymentState.CAPTURED,
        deadline=NOW,
        created_at=NOW,
        notify_url="https://pay.example.com/notifications",
        captured=TOTAL,
        captured_at=NOW,
        channel_transaction_no="4200001",
    )
    return replace(made, **changes)


LIMITS = discover().channels["wechatpay"].capabilities


def ask(minor: int = 2800, *, is_automatic: bool = False, limit: int = 500_000) -> Ask:
    return Ask(minor, is_automatic, limit)


def test_within_the_limits_it_is_sent_now() -> None:
    assert admit(paid(), [], LIMITS, (ask(), NOW)) == Admitted(S.SENDING, NOW)


@pytest.mark.parametrize("state", [state for state in PaymentState if state is not PaymentState.CAPTURED])
def test_only_captured_payments(state: PaymentState) -> None:
    assert isinstance(admit(paid(state=state, captured=None), [], LIMITS, (ask(), NOW)), StateConflict)


@pytest.mark.parametrize(("refunded", "reserved"), [(8600, 0), (0, 8600), (3000, 2801), (0, 5801)])
def test_never_more_than_is_left(refunded: int, reserved: int) -> None:
    payment = paid(refunded_minor=refunded, refund_reserved_minor=reserved)
    refusal = admit(payment, [], LIMITS, (ask(), NOW))
    assert isinstance(refusal, AmountExceedsRefundable)
    assert refusal.members == {"refundable_minor": str(8600 - refunded - reserved)}


def test_exactly_what_is_left() -> None:
    payment = paid(refunded_minor=3000, refund_reserved_minor=2800)
    assert isinstance(admit(payment, [], LIMITS, (ask(2800), NOW)), Admitted)


def test_a_year_and_a_day_is_too_late() -> None:
    assert isinstance(admit(paid(), [], LIMITS, (ask(), NOW + timedelta(days=365))), Admitted)
    late = NOW + timedelta(days=365, seconds=1)
    assert isinstance(admit(paid(), [], LIMITS, (ask(), late)), RefundNotAllowed)


def test_fifty_refunds_and_no_more() -> None:
    others = [refund(S.SUCCEEDED, last_sent_at=NOW - timedelta(days=1)) for _ in range(49)]
    assert isinstance(admit(paid(), [*others, refund(S.REJECTED)], LIMITS, (ask(1), NOW)), Admitted)
    assert isinstance(admit(paid(), [*others, others[0]], LIMITS, (ask(1), NOW)), RefundNotAllowed)


def test_a_gap_delays_and_does_not_refuse() -> None:
    others = [refund(S.PROCESSING, last_sent_at=NOW - timedelta(seconds=20))]
    assert admit(paid(), others, LIMITS, (ask(), NOW)) == Admitted(S.SENDING, NOW + timedelta(seconds=40))


def test_several_that_wait_stand_in_line() -> None:
    others = [refund(S.SENDING, sends=0, send_after=NOW + timedelta(seconds=40))]
    assert earliest_send(others, 60, NOW) == NOW + timedelta(seconds=100)


def test_what_was_never_sent_holds_nobody_up() -> None:
    assert earliest_send([refund(S.REJECTED, sends=0), refund(S.REQUESTED, sends=0)], 60, NOW) == NOW


def test_above_the_limit_a_second_person_must_agree() -> None:
    above = admit(paid(), [], LIMITS, (ask(2801, limit=2800), NOW))
    assert above == Admitted(S.REQUESTED, NOW)
    assert admit(paid(), [], LIMITS, (ask(2800, limit=2800), NOW)) == Admitted(S.SENDING, NOW)
    assert admit(paid(), [], LIMITS, (ask(8600, is_automatic=True, limit=0), NOW)) == Admitted(S.SENDING, NOW)


def test_nobody_approves_what_they_asked_for() -> None:
    waiting = refund(S.REQUESTED)
    assert may_decide(waiting, "key_2") is None
    assert isinstance(may_decide(waiting, "key_1"), StateConflict)
    assert isinstance(may_decide(refund(S.SENDING), "key_2"), StateConflict)


# --- the timetable ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tries", "age", "wait"),
    [(0, 0, 60), (1, 60, 600), (2, 660, 1800), (3, 2460, 3600), (20, 70_000, 3600), (30, 86_400, 86_400)],
)
def test_it_is_asked_about_less_and_less_often_and_for_ever(tries: int, age: int, wait: int) -> None:
    now = NOW + timedelta(seconds=age)
    assert next_visit(refund(S.PROCESSING, asks=tries), now, 1.0) == now + timedelta(seconds=wait)
    assert next_visit(refund(S.PROCESSING, asks=tries), now, 20.0) == now + timedelta(seconds=wait / 20)


def test_what_may_not_be_sent_yet_is_visited_when_it_may() -> None:
    due = NOW + timedelta(seconds=40)
    assert next_visit(refund(S.SENDING, sends=0, send_after=due), NOW, 1.0) == due


@pytest.mark.parametrize(
    ("state", "age", "alarm"),
    [
        (S.UNKNOWN, timedelta(minutes=29), None),
        (S.UNKNOWN, timedelta(minutes=30), "refund_unknown_too_long"),
        (S.PROCESSING, timedelta(days=2, hours=23), None),
        (S.PROCESSING, timedelta(days=3), "refund_too_long"),
        (S.SENDING, timedelta(days=3), "refund_too_long"),
        (S.REQUESTED, timedelta(days=30), None),
        (S.SUCCEEDED, timedelta(days=30), None),
    ],
)
def test_a_person_hears_of_what_takes_too_long(state: RefundState, age: timedelta, alarm: str | None) -> None:
    assert overdue_alarm(refund(state), NOW + age, 1.0) == alarm


@pytest.mark.parametrize(("state", "kind"), list(product(S, SAMPLES)))
def test_nothing_but_the_channel_ends_a_refund(state: RefundState, kind: type) -> None:
    """No cell leads to an end on Unknown, NotYet or a first NotFound."""
    after = record(refund(state), SAMPLES[kind], NOW).refund.state
    if kind in {Unknown, RefundNotYet, NotFound, RefundAccepted, RefundProcessing}:
        assert after in {state, S.UNKNOWN, S.PROCESSING}

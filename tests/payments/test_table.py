"""The payment's and the order's transition tables, every cell, as docs/states.md draws them; no I/O."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shunfu.gateway.evidence import (
    EVIDENCE_KINDS,
    Accepted,
    Closed,
    Evidence,
    Invoke,
    NotFound,
    NotPaid,
    Paid,
    Refused,
    Unknown,
)
from shunfu.kernel.errors import FieldError, InvalidField, OrderNotOpen, PaymentUnknown, RequestInFlight, StateConflict
from shunfu.kernel.money import Money
from shunfu.payments.admission import (
    Ask,
    CloseFirst,
    Resume,
    StartNew,
    admit,
    check_scene,
    lets_next_begin,
)
from shunfu.payments.model import (
    RANK,
    TABLE,
    Order,
    OrderFacts,
    OrderState,
    Payment,
    PaymentState,
    close_asked,
    record,
)
from shunfu.payments.timetable import Pace, ask_kind, is_early, is_overdue, next_ask

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
MERCHANT, ORDER, PAYMENT = UUID(int=1), UUID(int=2), UUID(int=3)
AMOUNT = Money(8600, "CNY")
INVOKE = Invoke("qr", {"code_url": "weixin://x"}, NOW + timedelta(hours=2))
PAID = Paid(AMOUNT, "1900007291", "wx1", "4200001", NOW)
SAMPLES: dict[type, Evidence] = {
    Accepted: Accepted(INVOKE),
    Refused: Refused("configuration", "NO_AUTH"),
    Unknown: Unknown("time-out"),
    NotPaid: NotPaid("NOTPAY"),
    Paid: PAID,
    Closed: Closed("CLOSED"),
    NotFound: NotFound("ORDER_NOT_EXIST"),
}
S = PaymentState


def order(state: OrderState = OrderState.OPEN) -> Order:
    return Order(MERCHANT, ORDER, None, AMOUNT, "咖啡豆", (), None, state, NOW + timedelta(minutes=30), NOW)


def payment(state: PaymentState = S.PENDING, number: int = 3, scene: str = "native") -> Payment:
    made = Payment(
        merchant_id=MERCHANT,
        payment_id=UUID(int=number),
        order_id=ORDER,
        channel="wechatpay",
        scene=scene,
        account_id=UUID(int=9),
        channel_account="1900007291",
        channel_app="wx1",
        amount=AMOUNT,
        state=state,
        deadline=NOW + timedelta(minutes=35),
        created_at=NOW,
        notify_url="https://pay.example.com/notifications",
    )
    if state is S.CAPTURED:
        return replace(made, captured=AMOUNT, captured_at=NOW, channel_transaction_no="4200001")
    return made


def facts(state: OrderState = OrderState.OPEN, *, captured: bool = False, live: bool = False) -> OrderFacts:
    return OrderFacts(order(state), captured, live)


# state, evidence -> next state, alarm; the document's table, written out
DOCUMENT = {
    S.SENDING: ("PENDING", "REFUSED", "UNKNOWN", "PENDING", "CAPTURED", "CLOSED", "="),
    S.UNKNOWN: ("PENDING", "=", "=", "PENDING", "CAPTURED", "CLOSED", "="),
    S.PENDING: ("=", "=", "=", "=", "CAPTURED", "CLOSED", "="),
    S.REFUSED: ("=!", "=", "=", "=!", "CAPTURED surplus !", "=", "="),
    S.CLOSED: ("=!", "=", "=", "=!", "CAPTURED surplus !", "=", "="),
    S.CAPTURED: ("=", "=", "=", "=!", "=", "=", "=!"),
}
COLUMNS = (Accepted, Refused, Unknown, NotPaid, Paid, Closed, NotFound)
CELLS = [(state, kind, DOCUMENT[state][index]) for state in S for index, kind in enumerate(COLUMNS)]


@pytest.mark.parametrize(("state", "kind", "said"), CELLS)
def test_every_cell_does_what_the_document_says(state: PaymentState, kind: type, said: str) -> None:
    decision = record(payment(state), facts(), SAMPLES[kind], NOW)
    expected = state if said.startswith("=") else S(said.split(maxsplit=1)[0])
    assert decision.payment.state is expected
    assert (decision.alarm is not None) is ("!" in said)
    assert decision.payment.is_surplus is ("surplus" in said)


def test_no_cell_is_missing() -> None:
    assert set(TABLE) == set(S)
    for cells in TABLE.values():
        assert set(cells) == set(EVIDENCE_KINDS)


@pytest.mark.parametrize(("state", "kind"), list(product(S, EVIDENCE_KINDS)))
def test_rank_never_falls(state: PaymentState, kind: type) -> None:
    after = record(payment(state), facts(), SAMPLES[kind], NOW).payment.state
    assert RANK[after] >= RANK[state]


@pytest.mark.parametrize(
    "wrong",
    [
        replace(PAID, amount=Money(8601, "CNY")),
        replace(PAID, amount=Money(8599, "CNY")),
        replace(PAID, amount=Money(8600, "JPY")),
        replace(PAID, account="1900000000"),
        replace(PAID, app="wx2"),
    ],
)
@pytest.mark.parametrize("state", list(S))
def test_guard_money_that_is_not_ours_changes_nothing_and_alarms(state: PaymentState, wrong: Paid) -> None:
    before = payment(state)
    decision = record(before, facts(), wrong, NOW)
    assert decision.payment == before
    assert decision.order == order()
    assert decision.alarm == "mismatch"


def test_a_capture_pays_the_order() -> None:
    decision = record(payment(), facts(), PAID, NOW)
    assert decision.order.state is OrderState.PAID
    assert decision.payment.captured == AMOUNT
    assert decision.payment.channel_transaction_no == "4200001"


@pytest.mark.parametrize(
    ("about", "is_surplus", "after"),
    [
        (facts(OrderState.OPEN), False, OrderState.PAID),
        (facts(OrderState.CLOSING), False, OrderState.PAID),
        (facts(OrderState.PAID, captured=True), True, OrderState.PAID),
        (facts(OrderState.CLOSED), True, OrderState.CLOSED),
        (facts(OrderState.OPEN, captured=True), True, OrderState.OPEN),
    ],
)
def test_surplus_is_decided_under_the_orders_lock(about: OrderFacts, is_surplus: bool, after: OrderState) -> None:
    decision = record(payment(), about, PAID, NOW)
    assert decision.payment.is_surplus is is_surplus
    assert decision.order.state is after
    assert decision.alarm == ("surplus" if is_surplus else None)


def test_the_same_success_again_is_nothing_but_another_transaction_number_alarms() -> None:
    captured = payment(S.CAPTURED)
    assert record(captured, facts(OrderState.PAID), PAID, NOW).alarm is None
    other = record(captured, facts(OrderState.PAID), replace(PAID, channel_transaction_no="4299999"), NOW)
    assert other.alarm == "second_transaction_no"
    assert other.payment == captured


def test_not_found_closes_only_after_the_deadline_and_twice_five_minutes_apart() -> None:
    before = payment(S.UNKNOWN)
    early = record(before, facts(), NotFound(), NOW)
    assert early.payment.state is S.UNKNOWN
    assert early.must_send_again
    late = before.deadline + timedelta(seconds=1)
    first = record(before, facts(), NotFound(), late)
    assert first.payment.state is S.UNKNOWN
    assert not first.must_send_again
    soon = record(first.payment, facts(), NotFound(), late + timedelta(minutes=4))
    assert soon.payment.state is S.UNKNOWN
    second = record(first.payment, facts(), NotFound(), late + timedelta(minutes=5))
    assert second.payment.state is S.CLOSED
    between = record(first.payment, facts(), Unknown("time-out"), late + timedelta(minutes=1))
    again = record(between.payment, facts(), NotFound(), late + timedelta(minutes=6))
    assert again.payment.state is S.UNKNOWN, "the two must follow each other"


def test_a_pending_payment_is_not_sent_again_when_not_found() -> None:
    assert not record(payment(), facts(), NotFound(), NOW).must_send_again


@pytest.mark.parametrize("state", [S.REFUSED, S.CLOSED])
def test_a_channel_that_still_holds_an_ended_payment_open_is_asked_to_close_it(state: PaymentState) -> None:
    assert record(payment(state), facts(), NotPaid("NOTPAY"), NOW).must_close_at_channel


@pytest.mark.parametrize(
    ("about", "after"),
    [
        (facts(OrderState.OPEN), OrderState.OPEN),
        (facts(OrderState.CLOSING), OrderState.CLOSED),
        (facts(OrderState.CLOSING, live=True), OrderState.CLOSING),
        (facts(OrderState.PAID), OrderState.PAID),
        (facts(OrderState.CLOSED), OrderState.CLOSED),
    ],
)
def test_the_order_when_its_last_live_payment_ends(about: OrderFacts, after: OrderState) -> None:
    assert record(payment(), about, Closed("CLOSED"), NOW).order.state is after


# --- the order's table: start, close ---

LATER = NOW + timedelta(minutes=31)
ASK = Ask("wechatpay/native", UUID(int=77))


@pytest.mark.parametrize(
    ("state", "payments", "now", "expected"),
    [
        (OrderState.OPEN, [], NOW, StartNew),
        (OrderState.OPEN, [], LATER, OrderNotOpen),
        (OrderState.CLOSING, [], NOW, OrderNotOpen),
        (OrderState.PAID, [], NOW, OrderNotOpen),
        (OrderState.CLOSED, [], NOW, OrderNotOpen),
        (OrderState.OPEN, [payment(S.SENDING)], NOW, RequestInFlight),
        (OrderState.OPEN, [payment(S.UNKNOWN)], NOW, PaymentUnknown),
        (OrderState.OPEN, [payment(S.PENDING)], NOW, Resume),
        (OrderState.OPEN, [payment(S.PENDING, scene="miniprogram")], NOW, CloseFirst),
        (OrderState.OPEN, [payment(S.REFUSED), payment(S.CLOSED, 4)], NOW, StartNew),
        (OrderState.OPEN, [payment(S.CLOSED), payment(S.PENDING, 4)], NOW, Resume),
        (OrderState.OPEN, [payment(S.SENDING, 77)], NOW, Resume),
        (OrderState.OPEN, [payment(S.CLOSED, number) for number in range(100, 149)], NOW, StartNew),
        (OrderState.OPEN, [payment(S.CLOSED, number) for number in range(100, 150)], NOW, StateConflict),
        (OrderState.PAID, [payment(S.CAPTURED, 77)], LATER, Resume),
    ],
)
def test_start_payment(state: OrderState, payments: list[Payment], now: datetime, expected: type) -> None:
    assert isinstance(admit(order(state), payments, ASK, now), expected)


def test_a_payment_its_channel_does_not_know_lets_the_next_begin() -> None:
    pending = payment(S.PENDING, scene="miniprogram")
    released = replace(ASK, released=frozenset({pending.payment_id}))
    assert isinstance(admit(order(), [pending], released, NOW), StartNew)
    assert lets_next_begin(NotFound(), not_found_is_final=True)
    assert not lets_next_begin(NotFound(), not_found_is_final=False)
    for is_final in (True, False):
        assert lets_next_begin(Closed("CLOSED"), not_found_is_final=is_final)
        others = [SAMPLES[kind] for kind in (Accepted, Refused, Unknown, NotPaid, Paid)]
        assert not any(lets_next_begin(evidence, not_found_is_final=is_final) for evidence in others)


@pytest.mark.parametrize(
    ("state", "payments", "after"),
    [
        (OrderState.OPEN, [], OrderState.CLOSED),
        (OrderState.OPEN, [payment(S.CLOSED), payment(S.REFUSED, 4)], OrderState.CLOSED),
        (OrderState.OPEN, [payment(S.PENDING)], OrderState.CLOSING),
        (OrderState.OPEN, [payment(S.UNKNOWN)], OrderState.CLOSING),
        (OrderState.CLOSING, [payment(S.PENDING)], OrderState.CLOSING),
        (OrderState.PAID, [payment(S.CAPTURED)], OrderState.PAID),
        (OrderState.CLOSED, [], OrderState.CLOSED),
    ],
)
def test_close_only_asks(state: OrderState, payments: list[Payment], after: OrderState) -> None:
    assert close_asked(order(state), payments).state is after


def test_a_scene_that_needs_the_payer_says_so() -> None:
    check_scene(needs_payer=False, payer=None)
    check_scene(needs_payer=True, payer="o1")
    with pytest.raises(InvalidField) as caught:
        check_scene(needs_payer=True, payer=None)
    assert caught.value.errors == (FieldError("/payer", "required"),)


# --- no timer decides ---


@pytest.mark.parametrize("state", [S.SENDING, S.UNKNOWN, S.PENDING])
@pytest.mark.parametrize("order_state", [OrderState.OPEN, OrderState.CLOSING])
def test_a_channel_that_stays_silent_ends_nothing(state: PaymentState, order_state: OrderState) -> None:
    late = payment(state).deadline + timedelta(days=400)
    decision = record(payment(state), facts(order_state), Unknown("time-out"), late)
    assert decision.payment.state is (S.UNKNOWN if state is S.SENDING else state)
    assert decision.order.state is order_state


EVIDENCE = st.lists(st.sampled_from([SAMPLES[kind] for kind in COLUMNS]), max_size=12)


@given(EVIDENCE)
def test_any_order_of_evidence_ends_captured_exactly_if_money_moved(story: list[Evidence]) -> None:
    now, current, about = NOW, payment(S.SENDING), facts()
    for evidence in story:
        decision = record(current, about, evidence, now)
        current, about = decision.payment, replace(about, order=decision.order)
        now += timedelta(minutes=1)
    has_money = any(isinstance(evidence, Paid) for evidence in story)
    assert (current.state is S.CAPTURED) is has_money
    assert (current.captured == AMOUNT) is has_money
    if has_money and not current.is_surplus:
        assert about.order.state is OrderState.PAID


@given(st.integers(0, 400), st.sampled_from([S.SENDING, S.UNKNOWN, S.PENDING]))
def test_the_janitor_always_comes_again(minutes: int, state: PaymentState) -> None:
    now = NOW + timedelta(minutes=minutes)
    for asks in range(12):
        assert next_ask(replace(payment(state), asks=asks), order(), now, Pace()) > now


def test_the_janitors_timetable() -> None:
    waits = [
        (next_ask(replace(payment(S.UNKNOWN), asks=n), order(), NOW, Pace()) - NOW).total_seconds() for n in range(9)
    ]
    assert waits == [5, 15, 30, 60, 120, 300, 600, 1800, 3600]
    pending = payment()
    assert next_ask(pending, order(), NOW, Pace()) == NOW + timedelta(minutes=5)
    assert next_ask(pending, order(), NOW + timedelta(minutes=6), Pace()) == order().expires_at
    assert next_ask(pending, order(), order().expires_at, Pace()) == pending.deadline
    assert next_ask(pending, order(), NOW, Pace(20, 10)) == NOW + timedelta(seconds=10)


def test_what_the_janitor_asks() -> None:
    assert ask_kind(payment(), order(), NOW) == "query"
    assert ask_kind(payment(), order(), order().expires_at) == "close"
    assert ask_kind(payment(), order(OrderState.CLOSING), NOW) == "close"
    assert ask_kind(payment(S.UNKNOWN), order(), LATER) == "query"


def test_a_young_pending_payment_is_left_to_its_notification() -> None:
    assert is_early(payment(), order(), NOW + timedelta(minutes=4), Pace())
    assert not is_early(payment(), order(), NOW + timedelta(minutes=5), Pace())
    assert not is_early(payment(), order(OrderState.CLOSING), NOW, Pace())
    assert not is_early(payment(S.UNKNOWN), order(), NOW, Pace())


def test_unknown_too_long_is_for_a_person() -> None:
    assert not is_overdue(payment(S.UNKNOWN), NOW + timedelta(minutes=29), Pace())
    assert is_overdue(payment(S.UNKNOWN), NOW + timedelta(minutes=30), Pace())
    assert not is_overdue(payment(), NOW + timedelta(days=3), Pace())

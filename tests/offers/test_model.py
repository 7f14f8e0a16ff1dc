"""What an offer saves, who may have it, which is the best, and how a redemption ends: tables and properties."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shunfu.kernel.errors import InvalidField
from shunfu.kernel.money import MAX_MINOR, Money
from shunfu.offers.model import (
    SHOWN_MAX,
    TABLE,
    Basket,
    Fate,
    Offer,
    OfferState,
    RedemptionState,
    Terms,
    best,
    check_terms,
    judge,
    saving,
    settled,
)

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
MERCHANT, SHOPPER = UUID(int=1), UUID(int=2)
FIVE_OFF = Terms("amount_off", "CNY", NOW - timedelta(days=1), NOW + timedelta(days=1), amount_minor=500)
TENTH_OFF = Terms("percent_off", "CNY", NOW - timedelta(days=1), NOW + timedelta(days=1), percent_bp=1000)


def offer(terms: Terms = FIVE_OFF, number: int = 1, **changes: object) -> Offer:
    """A running offer of these terms."""
    return replace(Offer(MERCHANT, UUID(int=number), "减五元", terms, OfferState.ACTIVE, NOW), **changes)


def basket(minor: int = 8600, shopper_id: UUID | None = None, now: datetime = NOW) -> Basket:
    """An order of so much, at an instant."""
    return Basket(Money(minor, "CNY"), shopper_id, now)


@pytest.mark.parametrize(
    ("terms", "minor", "saved"),
    [
        (FIVE_OFF, 8600, 500),
        (FIVE_OFF, 501, 500),
        (FIVE_OFF, 500, 499),
        (FIVE_OFF, 2, 1),
        (FIVE_OFF, 1, 0),
        (TENTH_OFF, 8600, 860),
        (TENTH_OFF, 8609, 860),
        (TENTH_OFF, 9, 0),
        (TENTH_OFF, 10, 1),
        (replace(TENTH_OFF, cap_minor=300), 8600, 300),
        (replace(TENTH_OFF, cap_minor=300), 2990, 299),
        (replace(TENTH_OFF, percent_bp=10_000), 8600, 8599),
        (replace(TENTH_OFF, percent_bp=1), MAX_MINOR, 9_999_999),
    ],
)
def test_what_is_saved(terms: Terms, minor: int, saved: int) -> None:
    assert saving(terms, Money(minor, "CNY")) == saved


ANY_MINOR = st.integers(1, MAX_MINOR)
ANY_TERMS = st.one_of(
    st.builds(lambda minor: replace(FIVE_OFF, amount_minor=minor), ANY_MINOR),
    st.builds(
        lambda percent, cap: replace(TENTH_OFF, percent_bp=percent, cap_minor=cap),
        st.integers(1, 10_000),
        st.none() | ANY_MINOR,
    ),
)


@given(ANY_TERMS, ANY_MINOR)
def test_a_saving_leaves_something_to_pay_and_is_never_more_than_was_offered(terms: Terms, minor: int) -> None:
    saved = saving(terms, Money(minor, "CNY"))
    assert 0 <= saved <= minor - 1
    if terms.kind == "amount_off":
        assert saved == min(terms.amount_minor or 0, minor - 1)
        return
    exact = Fraction(minor * (terms.percent_bp or 0), 10_000)
    assert saved <= exact, "a percentage rounds down"
    assert terms.cap_minor is None or saved <= terms.cap_minor
    if saved < min(minor - 1, terms.cap_minor or MAX_MINOR):
        assert exact - saved < 1


@given(ANY_TERMS, ANY_MINOR, ANY_MINOR)
def test_who_buys_more_never_saves_less(terms: Terms, one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert saving(terms, Money(less, "CNY")) <= saving(terms, Money(more, "CNY"))


ONE_EACH = replace(FIVE_OFF, per_shopper_max=1)


@pytest.mark.parametrize(
    ("judged", "on", "taken", "verdict"),
    [
        (offer(), basket(), 0, 500),
        (offer(state=OfferState.ENDED), basket(), 0, "ended"),
        (offer(), basket(now=FIVE_OFF.starts_at), 0, 500),
        (offer(), basket(now=FIVE_OFF.starts_at - timedelta(microseconds=1)), 0, "not_begun"),
        (offer(), basket(now=FIVE_OFF.ends_at - timedelta(microseconds=1)), 0, 500),
        (offer(), basket(now=FIVE_OFF.ends_at), 0, "over"),
        (offer(replace(FIVE_OFF, currency="JPY")), basket(), 0, "other_currency"),
        (offer(replace(FIVE_OFF, minimum_minor=8600)), basket(), 0, 500),
        (offer(replace(FIVE_OFF, minimum_minor=8601)), basket(), 0, "below_minimum"),
        (offer(ONE_EACH), basket(), 0, "no_shopper"),
        (offer(ONE_EACH), basket(shopper_id=SHOPPER), 0, 500),
        (offer(ONE_EACH), basket(shopper_id=SHOPPER), 1, "had_it"),
        (offer(replace(FIVE_OFF, per_shopper_max=2)), basket(shopper_id=SHOPPER), 1, 500),
        (offer(), basket(minor=1), 0, "saves_nothing"),
        (offer(TENTH_OFF), basket(minor=9), 0, "saves_nothing"),
    ],
)
def test_whether_an_offer_can_be_had(judged: Offer, on: Basket, taken: int, verdict: object) -> None:
    assert judge(judged, on, taken) == verdict


def test_the_best_come_first_and_five_are_shown() -> None:
    late = replace(FIVE_OFF, ends_at=NOW + timedelta(days=9))
    offers = [
        offer(late, 1),
        offer(FIVE_OFF, 2),
        offer(TENTH_OFF, 3),
        offer(replace(FIVE_OFF, amount_minor=1), 4),
        offer(replace(FIVE_OFF, minimum_minor=9000, amount_minor=8000), 5),
        offer(replace(FIVE_OFF, stock=3, amount_minor=7000), 6, held=2, used=1),
        offer(replace(FIVE_OFF, stock=3, amount_minor=600), 7, held=1, used=1),
        offer(replace(ONE_EACH, amount_minor=700), 8),
        offer(replace(ONE_EACH, amount_minor=650), 9),
        offer(FIVE_OFF, 10),
    ]
    shown = best(offers, basket(shopper_id=SHOPPER), {UUID(int=8): 1})
    assert [(view.offer_id.int, view.saving_minor) for view in shown] == [
        (3, 860),
        (9, 650),
        (7, 600),
        (2, 500),
        (10, 500),
    ]
    assert len(shown) == SHOWN_MAX
    assert best(offers, basket(minor=1), {}) == []


@pytest.mark.parametrize(
    ("terms", "wrong"),
    [
        (replace(FIVE_OFF, amount_minor=None), ["/amount_minor required"]),
        (replace(FIVE_OFF, percent_bp=100), ["/percent_bp not_allowed"]),
        (replace(TENTH_OFF, percent_bp=None, amount_minor=1), ["/amount_minor not_allowed", "/percent_bp required"]),
        (replace(FIVE_OFF, cap_minor=100), ["/cap_minor not_allowed"]),
        (replace(FIVE_OFF, ends_at=FIVE_OFF.starts_at), ["/ends_at too_small"]),
    ],
)
def test_terms_that_contradict_each_other_are_refused(terms: Terms, wrong: list[str]) -> None:
    with pytest.raises(InvalidField) as refused:
        check_terms(terms)
    assert [f"{error.pointer} {error.code}" for error in refused.value.errors] == wrong


def test_terms_that_agree_are_taken() -> None:
    for terms in (FIVE_OFF, TENTH_OFF, replace(TENTH_OFF, cap_minor=1)):
        check_terms(terms)


HELD, USED, RETURNED = RedemptionState
ENDS = {
    (HELD, Fate.PAID): USED,
    (HELD, Fate.SURPLUS): RETURNED,
    (HELD, Fate.UNPAID): RETURNED,
    (USED, Fate.PAID): USED,
    (USED, Fate.SURPLUS): USED,
    (USED, Fate.UNPAID): USED,
    (RETURNED, Fate.PAID): RETURNED,
    (RETURNED, Fate.SURPLUS): RETURNED,
    (RETURNED, Fate.UNPAID): RETURNED,
}
"""Read from docs/states.md, section Redemption, by hand."""


@pytest.mark.parametrize(("state", "fate"), ENDS)
def test_every_cell_of_a_redemption(state: RedemptionState, fate: Fate) -> None:
    assert settled(state, fate) is ENDS[state, fate]


def test_no_cell_is_left_out() -> None:
    assert {(state, fate) for state, row in TABLE.items() for fate in row} == set(ENDS)


@given(st.lists(st.sampled_from(Fate), min_size=1))
def test_what_is_settled_once_is_settled_for_good(fates: list[Fate]) -> None:
    state = settled(HELD, fates[0])
    assert state is not HELD
    for fate in fates[1:]:
        assert settled(state, fate) is state

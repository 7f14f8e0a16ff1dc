"""Recipes turn a fact into legs that balance; a leg that moves nothing, nowhere or across currencies is a bug."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shunfu.kernel.money import EXPONENTS, MAX_MINOR, Money
from shunfu.ledger import (
    CAPTURE,
    CAPTURE_SURPLUS,
    REFUND,
    REFUND_OVER,
    REFUND_SURPLUS,
    Balance,
    Proof,
    capture,
    capture_surplus,
    refund_over,
    refund_paid,
    refund_surplus,
)
from shunfu.ledger.model import Account, Leg, Side
from shunfu.ledger.recipes import channel_receivable, owed_to_shoppers, sales

NOW = datetime(2026, 11, 22, tzinfo=UTC)
AMOUNTS = st.builds(Money, st.integers(1, MAX_MINOR), st.sampled_from(sorted(EXPONENTS)))
WHERE = ("wechatpay", "1900000001")


@pytest.mark.parametrize(
    ("recipe", "name", "credited"),
    [(capture, CAPTURE, "sales"), (capture_surplus, CAPTURE_SURPLUS, "owed_to_shoppers")],
)
@given(amount=AMOUNTS, payment_id=st.uuids())
def test_money_comes_from_the_channel(recipe: type, name: str, credited: str, amount: Money, payment_id: UUID) -> None:
    posting = recipe(payment_id, amount, WHERE, NOW)
    assert (posting.recipe, posting.reference_id, posting.happened_at) == (name, payment_id, NOW)
    (leg,) = posting.legs
    assert leg.amount == amount
    assert leg.debit == Account("channel_receivable:wechatpay:1900000001", amount.currency, "debit")
    assert leg.credit == Account(credited, amount.currency, "credit")


@pytest.mark.parametrize(
    ("recipe", "name", "debited", "grows_by"),
    [
        (refund_paid, REFUND, "sales", "credit"),
        (refund_surplus, REFUND_SURPLUS, "owed_to_shoppers", "credit"),
        (refund_over, REFUND_OVER, "over_refunded", "debit"),
    ],
)
@given(amount=AMOUNTS, refund_id=st.uuids())
def test_money_goes_back_through_the_channel(
    recipe: type, name: str, debited: str, grows_by: Side, amount: Money, refund_id: UUID
) -> None:
    posting = recipe(refund_id, amount, WHERE, NOW)
    assert (posting.recipe, posting.reference_id, posting.happened_at) == (name, refund_id, NOW)
    (leg,) = posting.legs
    assert leg.amount == amount
    assert leg.debit == Account(debited, amount.currency, grows_by)
    assert leg.credit == Account("channel_receivable:wechatpay:1900000001", amount.currency, "debit")


SALES, OWED, HELD = sales("CNY"), owed_to_shoppers("CNY"), channel_receivable(*WHERE, "CNY")


@pytest.mark.parametrize(
    ("debit", "credit", "amount"),
    [
        (HELD, SALES, Money(0, "CNY")),
        (HELD, SALES, Money(-1, "CNY")),
        (SALES, SALES, Money(1, "CNY")),
        (HELD, sales("JPY"), Money(1, "CNY")),
        (channel_receivable(*WHERE, "JPY"), SALES, Money(1, "CNY")),
        (HELD, SALES, Money(1, "JPY")),
    ],
)
def test_a_leg_moves_something_somewhere_in_one_currency(debit: Account, credit: Account, amount: Money) -> None:
    with pytest.raises(AssertionError):
        Leg(debit, credit, amount)


@given(st.uuids(), st.uuids())
def test_an_account_has_one_id_a_merchant(merchant: UUID, other: UUID) -> None:
    ids = {account.id_for(merchant) for account in (SALES, OWED, HELD, sales("JPY"))}
    assert len(ids) == 4
    assert SALES.id_for(merchant) == Account("sales", "CNY", "credit").id_for(merchant)
    assert (SALES.id_for(merchant) == SALES.id_for(other)) == (merchant == other)


@pytest.mark.parametrize(
    ("side", "debit_minor", "credit_minor", "balance_minor"),
    [("debit", 5, 2, 3), ("credit", 5, 2, -3), ("credit", 0, 7, 7), ("debit", 0, 0, 0)],
)
def test_a_balance_is_on_its_normal_side(side: Side, debit_minor: int, credit_minor: int, balance_minor: int) -> None:
    assert Balance("sales", "CNY", side, debit_minor, credit_minor).balance_minor == balance_minor


@pytest.mark.parametrize(
    ("balances", "unbalanced", "is_balanced"),
    [
        ((), (), True),
        ((("CNY", 5, 0), ("CNY", 0, 5)), (), True),
        ((("CNY", 5, 0), ("CNY", 0, 4)), (), False),
        ((("CNY", 5, 0), ("JPY", 0, 5)), (), False),
        ((("CNY", 5, 0), ("CNY", 0, 5)), (UUID(int=1),), False),
    ],
)
def test_a_proof_is_by_currency_and_by_transaction(
    balances: tuple[tuple[str, int, int], ...], unbalanced: tuple[UUID, ...], *, is_balanced: bool
) -> None:
    lines = tuple(Balance("x", currency, "debit", debit, credit) for currency, debit, credit in balances)
    assert Proof(1, 2, lines, unbalanced).is_balanced is is_balanced

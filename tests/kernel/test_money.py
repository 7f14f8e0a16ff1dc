"""Money is whole minor units of one known currency: no float gets in, and rounding is half to even, exactly."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shunfu.kernel.money import EXPONENTS, MAX_MINOR, Money

CURRENCIES = st.sampled_from(sorted(EXPONENTS))
MINORS = st.integers(-MAX_MINOR, MAX_MINOR)


def test_the_table_of_exponents() -> None:
    assert EXPONENTS == {"CNY": 2, "JPY": 0, "KWD": 3}
    assert MAX_MINOR == 99_999_999_999


@pytest.mark.parametrize("minor", [1.0, 0.5, True, "1", Decimal(1), None, 10**3 / 10])
def test_only_a_whole_number_is_counted(minor: object) -> None:
    with pytest.raises(AssertionError):
        Money(minor, "CNY")


@pytest.mark.parametrize("currency", ["", "cny", "USD", "CNY ", "元", None])
def test_a_currency_is_one_of_the_table(currency: str) -> None:
    with pytest.raises(AssertionError):
        Money(1, currency)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (8600, "CNY", "86.00"),
        (1, "CNY", "0.01"),
        (0, "CNY", "0.00"),
        (-5, "CNY", "-0.05"),
        (MAX_MINOR, "CNY", "999999999.99"),
        (8600, "JPY", "8600"),
        (1, "KWD", "0.001"),
        (MAX_MINOR, "KWD", "99999999.999"),
    ],
)
def test_major_units_as_text(minor: int, currency: str, text: str) -> None:
    assert Money(minor, currency).major() == text


@given(MINORS, CURRENCIES)
def test_major_units_are_exact_and_never_in_exponents(minor: int, currency: str) -> None:
    text = Money(minor, currency).major()
    assert Fraction(text) * 10 ** EXPONENTS[currency] == minor
    assert "E" not in text.upper()


@pytest.mark.parametrize(
    ("minor", "ratio", "rounded"),
    [
        (1, "0.5", 0),
        (3, "0.5", 2),
        (5, "0.5", 2),
        (7, "0.5", 4),
        (-1, "0.5", 0),
        (-3, "0.5", -2),
        (1, "0.51", 1),
        (8600, "0.006", 52),
        (100, "0.005", 0),
        (300, "0.005", 2),
        (MAX_MINOR, "1", MAX_MINOR),
        (1, "0.500000000000000000000000000000001", 1),
        (1, "0.499999999999999999999999999999999", 0),
    ],
)
def test_half_goes_to_even(minor: int, ratio: str, rounded: int) -> None:
    assert Money(minor, "CNY").times(Decimal(ratio)) == Money(rounded, "CNY")


@given(MINORS, st.decimals(allow_nan=False, allow_infinity=False, min_value=-100, max_value=100))
def test_times_is_within_half_a_unit_of_the_exact_product(minor: int, ratio: Decimal) -> None:
    exact = minor * Fraction(ratio)
    result = Money(minor, "KWD").times(ratio)
    assert type(result.minor) is int
    assert abs(result.minor - exact) <= Fraction(1, 2)
    if abs(result.minor - exact) == Fraction(1, 2):
        assert result.minor % 2 == 0


@given(MINORS, MINORS, CURRENCIES)
def test_plus_adds_units(one: int, other: int, currency: str) -> None:
    assert Money(one, currency).plus(Money(other, currency)) == Money(one + other, currency)


def test_two_currencies_do_not_add() -> None:
    with pytest.raises(AssertionError):
        Money(1, "CNY").plus(Money(1, "JPY"))


def test_amounts_of_two_currencies_are_not_equal_and_have_no_order() -> None:
    assert Money(1, "CNY") != Money(1, "JPY")
    with pytest.raises(TypeError):
        assert Money(1, "CNY") < Money(2, "CNY")


def test_money_does_not_change() -> None:
    with pytest.raises(AttributeError):
        Money(1, "CNY").minor = 2


@given(st.integers(1, MAX_MINOR), CURRENCIES)
def test_what_is_written_in_major_units_is_read_back(minor: int, currency: str) -> None:
    amount = Money(minor, currency)
    assert Money.read(amount.major(), currency) == amount


@pytest.mark.parametrize(
    ("text", "minor"),
    [("86", 8600), ("86.5", 8650), (" 1,286.00 ", 128600), ("0.01", 1), ("999,999,999.99", MAX_MINOR)],
)
def test_people_type_amounts_in_several_ways(text: str, minor: int) -> None:
    assert Money.read(text, "CNY") == Money(minor, "CNY")


@pytest.mark.parametrize(
    "text", ["", "0", "0.00", "-1", "+1", "1e2", "1.005", "1,28", "12,86.00", "¥86", "１２", "1.", ".5", "9" * 12]
)
def test_what_is_no_amount_is_none(text: str) -> None:
    assert Money.read(text, "CNY") is None


def test_a_currency_without_minor_units_takes_no_fraction() -> None:
    assert Money.read("86", "JPY") == Money(86, "JPY")
    assert Money.read("86.5", "JPY") is None

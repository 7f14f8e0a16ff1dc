"""Money as integer minor units and a currency. Never a float. Must not know: channels, rounding policy of others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

EXPONENTS: dict[str, int] = {"CNY": 2, "JPY": 0, "KWD": 3}
"""ISO 4217 minor-unit exponents of the currencies we know; a currency not listed is refused."""

MAX_MINOR = 99_999_999_999
"""Largest amount of one order or payment, in minor units."""


_MAJOR = re.compile(r"([0-9]{1,12}|[0-9]{1,3}(?:,[0-9]{3}){1,3})(?:\.([0-9]{1,3}))?", re.ASCII)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units (fen for CNY) of one ISO 4217 currency."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        assert type(self.minor) is int, "money is counted in whole minor units"
        assert self.currency in EXPONENTS, f"unknown currency {self.currency!r}"

    def plus(self, other: Money) -> Money:
        """The sum of two amounts of one currency."""
        assert self.currency == other.currency, "two currencies do not add"
        return Money(self.minor + other.minor, self.currency)

    def times(self, ratio: Decimal) -> Money:
        """This amount times a ratio, rounded half to even to whole minor units (IEEE 754 and ISO 80000 default)."""
        return Money(round(self.minor * Fraction(ratio)), self.currency)  # Fraction: exact, and round() is half-even

    @classmethod
    def read(cls, text: str, currency: str) -> Money | None:
        """The amount that a person typed in major units, `86`, `86.5` or `1,286.00`; None for nothing or no amount."""
        match = _MAJOR.fullmatch(text.strip())
        if match is None or currency not in EXPONENTS:
            return None
        whole, fraction = match[1].replace(",", ""), match[2] or ""
        places = EXPONENTS[currency]
        minor = int(whole) * 10**places + int(fraction.ljust(places, "0") or 0) if len(fraction) <= places else 0
        return cls(minor, currency) if 0 < minor <= MAX_MINOR else None

    def major(self) -> str:
        """Plain decimal text in major units, `86.00` for 8600 fen."""
        places = EXPONENTS[self.currency]
        return f"{Decimal(self.minor).scaleb(-places):.{places}f}"

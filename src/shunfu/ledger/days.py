"""The books by day, pure: what a day's movements mean for the merchant. A day is one in China and begins at 16:00 UTC.

Must not know: where rows are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from shunfu.kernel.plain import SHANGHAI
from shunfu.ledger.recipes import CAPTURE, CAPTURE_SURPLUS, REFUND, REFUND_OVER, REFUND_SURPLUS

DAYS_MAX = 366
"""So many days are read at once."""

BOOKS = {"channel_receivable": "held_minor", "bank": "settled_minor", "fees": "fees_minor"}
"""The first word of an account's code to the column that it moves: by debit up, by credit down."""

RECIPES = {
    CAPTURE: ("captured_minor", 1),
    CAPTURE_SURPLUS: ("surplus_minor", 1),
    REFUND: ("refunded_minor", -1),
    REFUND_SURPLUS: ("surplus_refunded_minor", -1),
    REFUND_OVER: ("over_refunded_minor", -1),
}
"""What moved into or out of a channel's hands by a recipe: its column, and the direction that counts up."""


@dataclass(frozen=True, slots=True)
class Movement:
    """What moved in one kind of account (`book`) by one recipe, on one day at one channel."""

    day: date
    channel: str
    currency: str
    recipe: str
    book: str
    debit_minor: int
    credit_minor: int


@dataclass(frozen=True, slots=True)
class LedgerDay:
    """One day at one channel in one currency, in minor units; channel "" is what touched none.

    Captured and refunded belong to orders; surplus is money that came too often or too late, and what of it went back.
    Fees and settled are what the channel kept and paid out. `held_minor` is by how much more it holds for us than
    before: captured and surplus, less all the others, unless a recipe moved money that none of these names.
    """

    day: date
    channel: str
    currency: str
    captured_minor: int = 0
    surplus_minor: int = 0
    refunded_minor: int = 0
    surplus_refunded_minor: int = 0
    over_refunded_minor: int = 0
    fees_minor: int = 0
    settled_minor: int = 0
    held_minor: int = 0

    @property
    def other_minor(self) -> int:
        """By how much the channel holds more or less for a reason that has no column."""
        came = self.captured_minor + self.surplus_minor
        back = self.refunded_minor + self.surplus_refunded_minor + self.over_refunded_minor
        return self.held_minor - (came - back - self.fees_minor - self.settled_minor)


def day_of(moment: datetime) -> date:
    """The day in China on which something happened."""
    return moment.astimezone(SHANGHAI).date()


def fold(movements: Iterable[Movement]) -> list[LedgerDay]:
    """One line for each day, channel and currency, in this order."""
    days: dict[tuple[date, str, str], Counter[str]] = {}
    for movement in movements:
        columns = days.setdefault((movement.day, movement.channel, movement.currency), Counter())
        in_minor = movement.debit_minor - movement.credit_minor
        if movement.book in BOOKS:
            columns[BOOKS[movement.book]] += in_minor
        if movement.book == "channel_receivable" and movement.recipe in RECIPES:
            column, direction = RECIPES[movement.recipe]
            columns[column] += direction * in_minor
    return [LedgerDay(*key, **days[key]) for key in sorted(days)]

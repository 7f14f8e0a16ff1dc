"""How a run ends: the statement's sum is our books' sum and the named breaks, to the last minor unit. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shunfu.reconcile.model import BreakKind, Found


@dataclass(frozen=True, slots=True)
class Tally:
    """How many lines of a kind there are and what they add up to: to the merchant, and the fees that it pays."""

    lines: int = 0
    amount_minor: int = 0
    fee_minor: int = 0

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(self.lines + other.lines, self.amount_minor + other.amount_minor, self.fee_minor + other.fee_minor)


@dataclass(frozen=True, slots=True)
class Equation:
    """Statement net = captures − refunds − fees of the books of the day, and each kind of break's difference.

    `other_minor` are the statement's lines that are neither payment nor refund; they are breaks by their own names.
    Minor units of one currency.
    """

    currency: str
    statement_gross_minor: int
    statement_fee_minor: int
    other_minor: int
    ledger_captured_minor: int
    ledger_refunded_minor: int
    ledger_fee_minor: int
    differences: Mapping[BreakKind, int] = field(default_factory=dict[BreakKind, int])

    @property
    def statement_net_minor(self) -> int:
        """What the channel owes the merchant for the day."""
        return self.statement_gross_minor + self.other_minor - self.statement_fee_minor

    @property
    def ledger_net_minor(self) -> int:
        """How the day moved what the channel holds for us, payouts to the bank left out."""
        return self.ledger_captured_minor - self.ledger_refunded_minor - self.ledger_fee_minor

    @property
    def unexplained_minor(self) -> int:
        """What no break explains; anything but zero is a fault of ours."""
        named = sum(self.differences.values()) + self.other_minor
        return self.statement_net_minor - self.ledger_net_minor - named


def sums_by_kind(found: Iterable[Found]) -> dict[BreakKind, int]:
    """The differences of each kind of break that has one."""
    sums: dict[BreakKind, int] = {}
    for one in found:
        if one.difference_minor:
            sums[one.kind] = sums.get(one.kind, 0) + one.difference_minor
    return sums

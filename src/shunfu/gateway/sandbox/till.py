"""The merchant's money at a sandbox: every movement with its fee and the balance after it, so that bills reconcile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

FEE_PER_MILLE = 6

MovementKind = Literal["payment", "refund", "transfer", "transfer_back", "share", "share_back"]


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement. Signed: a positive `amount_minor` is to the merchant, a positive `fee_minor` from it."""

    at_ms: int
    kind: MovementKind
    number: str
    channel_no: str
    amount_minor: int
    fee_minor: int = 0
    refund_number: str = ""
    channel_refund_no: str = ""
    balance_minor: int = 0


@dataclass(frozen=True, slots=True)
class Till:
    """The balance and how it came about. A sandbox's merchant may begin with money, so that transfers can be tried."""

    balance_minor: int = 0
    movements: tuple[Movement, ...] = ()

    def book(self, movement: Movement) -> Till:
        """The till after this movement, which learns the balance."""
        balance = self.balance_minor + movement.amount_minor - movement.fee_minor
        return Till(balance, (*self.movements, replace(movement, balance_minor=balance)))

    def between(self, begin_ms: int, end_ms: int) -> tuple[Movement, ...]:
        """The movements from the first moment up to the second."""
        return tuple(one for one in self.movements if begin_ms <= one.at_ms < end_ms)


def fee_of(amount_minor: int) -> int:
    """0.6 percent, rounded half up to the minor unit, as the channels charge."""
    return (amount_minor * FEE_PER_MILLE + 500) // 1000


def fee_back(total_minor: int, refunded_minor: int, amount_minor: int) -> int:
    """The fee given back with a refund, so that after the last one exactly the whole fee is back (not negative)."""
    return fee_of(total_minor - refunded_minor) - fee_of(total_minor - refunded_minor - amount_minor)

"""Accounts, transfers and the trial balance as values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from shunfu.kernel.money import Money

Side = Literal["debit", "credit"]


@dataclass(frozen=True, slots=True)
class Account:
    """An account of one merchant, by its code. `normal_side` is the side on which it grows."""

    code: str
    currency: str
    normal_side: Side

    def id_for(self, merchant_id: UUID) -> UUID:
        """The account's id: the same wherever it is computed, so that opening it twice is opening it once."""
        digest = hashlib.sha256(f"{merchant_id}|{self.code}|{self.currency}".encode()).digest()
        return UUID(bytes=digest[:16], version=5)


@dataclass(frozen=True, slots=True)
class Leg:
    """One transfer: an amount from the credit account to the debit account."""

    debit: Account
    credit: Account
    amount: Money

    def __post_init__(self) -> None:
        assert self.amount.minor > 0, "a transfer moves something"
        assert self.debit != self.credit, "a transfer moves it somewhere"
        assert self.debit.currency == self.credit.currency == self.amount.currency, "a transfer keeps its currency"


@dataclass(frozen=True, slots=True)
class Posting:
    """A business fact as balanced legs. `recipe` and `reference_id` together are posted once."""

    recipe: str
    reference_id: UUID
    happened_at: datetime
    legs: tuple[Leg, ...]


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A transfer as it is read: what recipe made it of what, and the codes of the accounts that it moved between."""

    transfer_id: UUID
    recipe: str
    reference_id: UUID
    debit: str
    credit: str
    amount: Money
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class Balance:
    """One account's totals in minor units, summed from entries."""

    code: str
    currency: str
    normal_side: Side
    debit_minor: int
    credit_minor: int

    @property
    def balance_minor(self) -> int:
        """The balance on the account's normal side."""
        difference = self.debit_minor - self.credit_minor
        return difference if self.normal_side == "debit" else -difference


@dataclass(frozen=True, slots=True)
class Proof:
    """What `prove` found from the entries alone."""

    transactions: int
    entries: int
    balances: tuple[Balance, ...]
    unbalanced: tuple[UUID, ...]

    @property
    def is_balanced(self) -> bool:
        """No transaction is off, and all debits equal all credits in each currency."""
        totals: dict[str, int] = {}
        for balance in self.balances:
            totals[balance.currency] = totals.get(balance.currency, 0) + balance.debit_minor - balance.credit_minor
        return not self.unbalanced and not any(totals.values())

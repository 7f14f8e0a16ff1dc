"""A second count of the books, pure: sums every transfer in Python and compares with what the views show.

It shares nothing with the views' SQL, so that a view that was changed, or that is wrong, does not prove itself.
Must not know: where rows are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from uuid import UUID

from shunfu.ledger.days import day_of
from shunfu.ledger.model import Account, Balance

DIFFERENCES_MAX = 100


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer as it was written."""

    transfer_id: UUID
    recipe: str
    debit_account_id: UUID
    credit_account_id: UUID
    amount_minor: int
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class DayKey:
    """What a line of the days' view is about."""

    day: date
    channel: str
    channel_account: str
    recipe: str
    code: str
    currency: str


@dataclass(frozen=True, slots=True)
class DaySums:
    """What a line of the days' view says: totals in minor units, and how many entries they are of."""

    debit_minor: int
    credit_minor: int
    entries: int

    def plus(self, other: DaySums) -> DaySums:
        """Both together."""
        debit_minor, credit_minor = self.debit_minor + other.debit_minor, self.credit_minor + other.credit_minor
        return DaySums(debit_minor, credit_minor, self.entries + other.entries)


NOTHING = DaySums(0, 0, 0)


@dataclass(frozen=True, slots=True)
class ViewDifference:
    """A line that a view shows otherwise than the transfers add up to; None where there is no such line."""

    view: str
    line: str
    shown: str | None
    recounted: str | None


class Recount:
    """Adds transfers up, one merchant's: `add` each of them, then ask what differs."""

    def __init__(self, merchant_id: UUID, accounts: Mapping[UUID, Account]) -> None:
        self._merchant_id = merchant_id
        self._accounts = accounts
        self._sums: Counter[tuple[date, str, UUID, UUID]] = Counter()
        self._counts: Counter[tuple[date, str, UUID, UUID]] = Counter()

    def add(self, transfer: Transfer) -> None:
        """One transfer, each once."""
        day = day_of(transfer.happened_at)
        group = (day, transfer.recipe, transfer.debit_account_id, transfer.credit_account_id)
        self._sums[group] += transfer.amount_minor
        self._counts[group] += 1

    @cached_property
    def _lines(self) -> Mapping[DayKey, DaySums]:
        """What the days' view should show: each group of transfers is entries on two accounts."""
        lines: dict[DayKey, DaySums] = {}
        for (day, recipe, debit_id, credit_id), minor in self._sums.items():
            count = self._counts[day, recipe, debit_id, credit_id]
            debit, credit = self._accounts[debit_id], self._accounts[credit_id]
            where = _channel(debit.code) or _channel(credit.code) or ("", "")
            for account, sums in ((debit, DaySums(minor, 0, count)), (credit, DaySums(0, minor, count))):
                key = DayKey(day, *where, recipe, account.code, account.currency)
                lines[key] = lines.get(key, NOTHING).plus(sums)
        return lines

    @property
    def days(self) -> tuple[date, date] | None:
        """The first and the last day on which something moved."""
        days = [group[0] for group in self._sums]
        return (min(days), max(days)) if days else None

    def accounts_differ(self) -> Iterator[ViewDifference]:
        """An account's id is made from its code and currency: one that does not fit was written over."""
        for account_id, account in self._accounts.items():
            if account.id_for(self._merchant_id) != account_id:
                yield ViewDifference("accounts", str(account_id), f"{account.code} {account.currency}", None)

    def balances_differ(self, shown: Iterable[Balance]) -> Iterator[ViewDifference]:
        """Where the trial balance from the entries' view is not the sum of the transfers."""
        debited: Counter[UUID] = Counter()
        credited: Counter[UUID] = Counter()
        for (_, _, debit_id, credit_id), minor in self._sums.items():
            debited[debit_id] += minor
            credited[credit_id] += minor
        ours = {
            f"{account.code} {account.currency}": _sides(debited[account_id], credited[account_id])
            for account_id, account in self._accounts.items()
        }
        theirs = {f"{line.code} {line.currency}": _sides(line.debit_minor, line.credit_minor) for line in shown}
        yield from _differ("ledger_view_entries", theirs, ours)

    def days_differ(self, shown: Mapping[DayKey, DaySums], first: date, last: date) -> Iterator[ViewDifference]:
        """Where the days' view, from `first` to `last`, is not the sum of the transfers."""
        ours = {_text(key): str(sums) for key, sums in self._lines.items() if first <= key.day <= last}
        theirs = {_text(key): str(sums) for key, sums in shown.items()}
        yield from _differ("ledger_view_days", theirs, ours)


def _channel(code: str) -> tuple[str, str] | None:
    """The channel and our account there in an account's code, or None when it is no channel's."""
    book, _, rest = code.partition(":")
    if book not in {"channel_receivable", "bank"}:
        return None
    channel, _, account = rest.partition(":")
    return channel, account


def _sides(debit_minor: int, credit_minor: int) -> str:
    return f"{debit_minor} debit, {credit_minor} credit"


def _text(key: DayKey) -> str:
    return f"{key.day} {key.channel}:{key.channel_account} {key.recipe} {key.code} {key.currency}"


def _differ(view: str, shown: Mapping[str, str], ours: Mapping[str, str]) -> Iterator[ViewDifference]:
    for line in sorted(shown.keys() | ours.keys()):
        if shown.get(line) != ours.get(line):
            yield ViewDifference(view, line, shown.get(line), ours.get(line))

"""A merchant's books for a bill of `_bills.py`, written by COPY, and the damage that makes the two differ.

Fifty breaks of each kind. Rows are written as the owner of the database writes a restored dump, without checking one
against another; nothing of the running server does that. Must not know: how anything is reconciled or timed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import chain, count, islice
from pathlib import Path
from uuid import UUID

from _bills import (
    DAY,
    FEE_MINOR,
    PAID_MINOR,
    REFUNDED_MINOR,
    Bill,
    Sums,
    channel_number,
    channel_refund_number,
    is_refund,
    payment_number,
    refund_number,
    wechat_row,
    write_wechatpay,
)
from shunfu.db.driver import Connection, session
from shunfu.kernel.ids import decode
from shunfu.kernel.plain import SHANGHAI
from shunfu.ledger import channel_receivable
from shunfu.ledger.model import Account
from shunfu.ledger.recipes import sales

CHANNEL = "wechatpay"
SEEDED = 50
BATCH = 20_000
KINDS = ("missing_here", "status", "amount", "duplicate", "fee", "crossing_midnight")
"""The first payments of the bill are damaged, fifty a kind, in this order; missing_there are payments without a row."""
FEE_PERMYRIAD = 60
MIDNIGHT = datetime(DAY.year, DAY.month, DAY.day, tzinfo=SHANGHAI)
PLACED = MIDNIGHT - timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Whose:
    """The merchant and its account at the channel, with the channel's names for them."""

    merchant_id: UUID
    account_id: UUID
    account: str
    app: str


@dataclass(frozen=True)
class Books:
    """A bill of `rows` lines and the books that belong to it."""

    whose: Whose
    rows: int

    @property
    def expected(self) -> dict[str, int]:
        """How many breaks of each kind there are."""
        return dict.fromkeys([*KINDS, "missing_there"], SEEDED)

    @cached_property
    def bill(self) -> Bill:
        """The undamaged rows: those that are double come in addition."""
        return Bill(self.whose.account, self.whose.app, self.rows - SEEDED)

    @cached_property
    def damaged(self) -> dict[int, str]:
        """The damaged payments by their serial."""
        payments = (serial for serial in range(self.bill.rows) if not is_refund(serial))
        return {serial: kind for kind in KINDS for serial in islice(payments, SEEDED)}

    def write_bill(self, path: Path) -> None:
        """The bill with its damage, in gzip, its totals those of its rows."""
        refunds = self.bill.refunds
        paid = self.rows - refunds
        sums = Sums(
            self.rows, paid * PAID_MINOR + SEEDED, refunds * REFUNDED_MINOR, paid * FEE_MINOR + SEEDED
        )  # an altered row is a fen more, in the amount or in the fee
        write_wechatpay(path, self._lines(), sums)

    def _lines(self) -> Iterator[str]:
        for serial in range(self.bill.rows):
            row = wechat_row(self.bill, serial)
            kind = self.damaged.get(serial)
            if kind == "amount":
                row = row.replace("`28.00", "`28.01")
            if kind == "fee":
                row = row.replace("`0.17000", "`0.18000")
            yield row
            if kind == "duplicate":
                yield row

    def fill(self, admin_url: str) -> None:
        """Write orders, payments, refunds and the ledger."""
        asyncio.run(self._fill(admin_url))

    async def _fill(self, admin_url: str) -> None:
        async with session(admin_url, settings={"search_path": "shunfu", "session_replication_role": "replica"}) as to:
            await _copy(to, "payments", PAYMENT_COLUMNS, self._payments())
            await _copy(to, "refunds", REFUND_COLUMNS, self._refunds())
            await _copy(to, "accounts", ACCOUNT_COLUMNS, self._accounts())
            await _copy(to, "transfers", TRANSFER_COLUMNS, self._transfers())
            await to.execute("ANALYZE")

    def _serials(self) -> Iterator[tuple[int, UUID, str, datetime]]:
        """The payments of the books: serial, id, state and when they were captured."""
        missing_there = islice((serial for serial in count(self.bill.rows) if not is_refund(serial)), SEEDED)
        for serial in chain(range(self.bill.rows), missing_there):
            kind = self.damaged.get(serial)
            if is_refund(serial) or kind == "missing_here":
                continue
            moment = MIDNIGHT + timedelta(seconds=serial % 86_400)
            if kind == "crossing_midnight":
                moment = MIDNIGHT - timedelta(minutes=30)
            yield serial, _id(payment_number(serial)), "CLOSED" if kind == "status" else "CAPTURED", moment

    def _payments(self) -> Iterator[tuple[object, ...]]:
        whose = self.whose
        for serial, payment_id, state, moment in self._serials():
            is_captured = state == "CAPTURED"
            yield (
                *(whose.merchant_id, payment_id, payment_id, CHANNEL, "native", whose.account_id, whose.account),
                *(whose.app, "http://127.0.0.1/", PAID_MINOR, "CNY", state, PLACED, PLACED, PLACED),
                channel_number(serial) if is_captured else None,
                PAID_MINOR if is_captured else 0,
                moment if is_captured else None,
            )

    def _refunds(self) -> Iterator[tuple[object, ...]]:
        whose = self.whose
        for serial in range(9, self.bill.rows, 10):
            payment_id, refund_id = _id(payment_number(serial)), _id(refund_number(serial))
            yield (
                *(whose.merchant_id, refund_id, payment_id, payment_id, CHANNEL, whose.account_id, whose.account),
                *(channel_number(serial), REFUNDED_MINOR, PAID_MINOR, "CNY", "一件不要了", "http://127.0.0.1/"),
                *(False, False, "SUCCEEDED", "key_bench", channel_refund_number(serial), PLACED, PLACED),
                *(MIDNIGHT + timedelta(seconds=serial % 86_400), PLACED),
            )

    def _accounts(self) -> Iterator[tuple[object, ...]]:
        for account in (self._held, sales("CNY")):
            account_id = account.id_for(self.whose.merchant_id)
            yield self.whose.merchant_id, account_id, account.code, "CNY", account.normal_side, PLACED

    def _transfers(self) -> Iterator[tuple[object, ...]]:
        merchant_id = self.whose.merchant_id
        held, sold = self._held.id_for(merchant_id), sales("CNY").id_for(merchant_id)
        for _, one, state, moment in self._serials():
            if state == "CAPTURED":
                yield merchant_id, one, one, "capture", one, 0, held, sold, PAID_MINOR, "CNY", moment, moment
        for serial in range(9, self.bill.rows, 10):
            one, moment = _id(refund_number(serial)), MIDNIGHT + timedelta(seconds=serial % 86_400)
            yield merchant_id, one, one, "refund", one, 0, sold, held, REFUNDED_MINOR, "CNY", moment, moment

    @property
    def _held(self) -> Account:
        return channel_receivable(CHANNEL, self.whose.account, "CNY")


PAYMENT_COLUMNS = (
    *("merchant_id", "payment_id", "order_id", "channel", "scene", "account_id", "channel_account", "channel_app"),
    *("notify_url", "amount_minor", "currency", "state", "deadline", "created_at", "updated_at"),
    *("channel_transaction_no", "captured_minor", "captured_at"),
)
REFUND_COLUMNS = (
    *("merchant_id", "refund_id", "payment_id", "order_id", "channel", "account_id", "channel_account"),
    *("channel_transaction_no", "amount_minor", "total_minor", "currency", "reason", "notify_url", "is_surplus"),
    *("is_automatic", "state", "requested_by", "channel_refund_no", "send_after", "created_at", "succeeded_at"),
    "updated_at",
)
ACCOUNT_COLUMNS = ("merchant_id", "account_id", "code", "currency", "normal_side", "created_at")
TRANSFER_COLUMNS = (
    *("merchant_id", "transfer_id", "transaction_id", "recipe", "reference_id", "leg", "debit_account_id"),
    *("credit_account_id", "amount_minor", "currency", "happened_at", "recorded_at"),
)


async def _copy(to: Connection, table: str, columns: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> None:
    while batch := list(islice(rows, BATCH)):
        await to.copy_records_to_table(table, records=batch, columns=columns)


def _id(number: str) -> UUID:
    found = decode(number)
    assert found is not None, "a number of the bill has the form of ours"
    return found

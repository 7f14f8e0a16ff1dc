"""Statements and their lines. Append-only: what a channel wrote is never edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, cast
from uuid import UUID

from shunfu.db import Reader, Record, Transaction, named_queries
from shunfu.gateway.statement import LineKind, StatementKind
from shunfu.gateway.wire import Json
from shunfu.reconcile.equation import Tally

SQL = named_queries("shunfu.reconcile")
Origin = Literal["fetched", "file", "none"]

LINES = "statement_lines"
LINE_COLUMNS = (
    *("merchant_id", "statement_id", "line_no", "kind", "subject_id", "number", "refund_number"),
    *("channel_transaction_no", "channel_refund_no", "amount_minor", "fee_minor", "currency", "state", "is_settled"),
    *("happened_at", "balance_minor"),
)


@dataclass(frozen=True, slots=True)
class Sums:
    """A statement's settled lines by kind, and what we have no name for by the channel's word for it."""

    by_kind: dict[LineKind, Tally]
    by_word: dict[str, Tally]

    def of(self, *kinds: LineKind) -> Tally:
        """The lines of these kinds together; of all without any."""
        total = Tally()
        for kind in kinds or tuple(self.by_kind):
            total = total.plus(self.by_kind.get(kind, Tally()))
        return total


@dataclass(frozen=True, slots=True)
class Statement:
    """One file of a channel, or its word that there is none. Both hashes are SHA-256: of the file as it came, and of
    its lines, which stay the same when the channel packs or dates the file anew.
    """

    statement_id: UUID
    account_id: UUID
    channel: str
    day: date
    kind: StatementKind
    origin: Origin
    sha256: bytes
    lines_sha256: bytes
    bytes: int
    lines: int
    currency: str
    sums: Sums
    balance_minor: int | None
    fetched_at: datetime


async def add_statement(tx: Transaction, merchant_id: UUID, statement: Statement) -> None:
    """Save a statement, beside its lines. Raises ConstraintViolated when the day has one with the same lines."""
    await tx.execute(
        SQL["add_statement"],
        merchant_id,
        statement.statement_id,
        statement.account_id,
        statement.channel,
        statement.day,
        statement.kind,
        statement.origin,
        statement.sha256,
        statement.lines_sha256,
        statement.bytes,
        statement.lines,
        statement.currency,
        _sums_to_json(statement.sums),
        statement.balance_minor,
        statement.fetched_at,
    )


async def append_lines(tx: Transaction, rows: bytes) -> None:
    """Add many lines at once: LINE_COLUMNS in COPY's text form."""
    await tx.append(LINES, LINE_COLUMNS, rows)


async def list_statements(
    reader: Reader, merchant_id: UUID, account_id: UUID, day: date, kind: StatementKind
) -> Sequence[Statement]:
    """Every statement that an account's day ever had, newest first, at most 100."""
    rows = await reader.fetch(SQL["list_statements_of_day"], merchant_id, account_id, day, kind)
    return [_statement(row) for row in rows]


def _statement(row: Record) -> Statement:
    told = dict(row)
    return Statement(sums=_sums_from_json(told.pop("sums")), **told)


def _sums_to_json(sums: Sums) -> dict[str, Json]:
    return {
        "by_kind": {kind: _tally_to_json(tally) for kind, tally in sums.by_kind.items()},
        "by_word": {word: _tally_to_json(tally) for word, tally in sums.by_word.items()},
    }


def _tally_to_json(tally: Tally) -> list[Json]:
    return [tally.lines, tally.amount_minor, tally.fee_minor]


def _sums_from_json(body: dict[str, dict[str, list[int]]]) -> Sums:
    by_kind: dict[LineKind, Tally] = {cast("LineKind", kind): Tally(*sums) for kind, sums in body["by_kind"].items()}
    return Sums(by_kind, {word: Tally(*tally) for word, tally in body["by_word"].items()})

"""The comparison itself, done by PostgreSQL: only what does not agree comes back, so memory stays flat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from shunfu.db import Reader, Record, named_queries
from shunfu.kernel.plain import SHANGHAI
from shunfu.reconcile.days import DAY, Window
from shunfu.reconcile.model import Line, LineKey, Ours, Side

SQL = named_queries("shunfu.reconcile")
FINAL_STATE: Mapping[Side, str] = {"payment": "CAPTURED", "refund": "SUCCEEDED"}
CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Compared:
    """What is compared: an account's statement of a day, with the agreed fee if there is one."""

    merchant_id: UUID
    account_id: UUID
    statement_id: UUID
    window: Window
    fee_permyriad: int | None


async def odd_pairs(reader: Reader, of: Compared, side: Side, limit: int) -> Sequence[tuple[Line | None, Ours | None]]:
    """Pairs that do not agree, or have one side only, at most `limit`. A line's partner is looked for a day around."""
    window = of.window
    rows = await reader.fetch(
        SQL[f"compare_{side}s"],
        of.merchant_id,
        of.statement_id,
        of.account_id,
        window.begin - DAY,
        window.end + DAY,
        window.begin,
        window.end,
        of.fee_permyriad,
        limit,
    )
    return [(_line(row, side) if row["line_no"] is not None else None, _partner(row, side)) for row in rows]


async def repeated_subjects(reader: Reader, of: Compared, limit: int) -> Sequence[LineKey]:
    """Numbers of ours that the statement has settled more than once."""
    rows = await reader.fetch(SQL["repeated_subjects"], of.merchant_id, of.statement_id, limit)
    return [(cast("Side", row["kind"]), row["subject_id"]) for row in rows]


async def repeated_from_before(reader: Reader, of: Compared, before_id: UUID, limit: int) -> Sequence[LineKey]:
    """Numbers of ours that the statement has settled although the one before had."""
    rows = await reader.fetch(SQL["repeated_from_before"], of.merchant_id, of.statement_id, before_id, limit)
    return [(cast("Side", row["kind"]), row["subject_id"]) for row in rows]


async def settled_lines(
    reader: Reader, merchant_id: UUID, statements: Sequence[UUID], keys: Sequence[LineKey], limit: int
) -> Sequence[tuple[UUID, Line]]:
    """The settled lines about some subjects, with their statement, in its order."""
    found: list[tuple[UUID, Line]] = []
    for side in FINAL_STATE:
        ids = [subject_id for kind, subject_id in keys if kind == side]
        for start in range(0, len(ids) if statements else 0, CHUNK):
            chunk = ids[start : start + CHUNK]
            rows = await reader.fetch(SQL["settled_lines"], merchant_id, list(statements), side, chunk, limit)
            found += [(row["statement_id"], _line(row, side)) for row in rows]
    return found


async def ours_by_id(reader: Reader, of: Compared, keys: Sequence[LineKey]) -> dict[LineKey, Ours]:
    """Payments and refunds of ours in whatever state, of whatever account of the merchant."""
    found: dict[LineKey, Ours] = {}
    for side in FINAL_STATE:
        ids = [subject_id for kind, subject_id in keys if kind == side]
        for start in range(0, len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]
            rows = await reader.fetch(SQL[f"{side}s_by_id"], of.merchant_id, chunk, len(chunk))
            found |= {(side, row["subject_id"]): _ours(row, side, of.account_id) for row in rows}
    return found


async def absent_refunds(
    reader: Reader, of: Compared, asked: tuple[datetime, datetime], statements: Sequence[UUID], limit: int
) -> Sequence[Ours]:
    """Refunds that were asked for between two instants, are still going on, and are in none of these statements."""
    rows = await reader.fetch(SQL["absent_refunds"], of.merchant_id, of.account_id, *asked, list(statements), limit)
    return [_ours(row, "refund", of.account_id) for row in rows]


async def ledger_of_day(reader: Reader, of: Compared, ledger_account_id: UUID) -> dict[str, int]:
    """How the books moved one account in the day, by recipe: debits less credits in minor units."""
    window = of.window
    days = (window.begin.astimezone(SHANGHAI).date(), window.end.astimezone(SHANGHAI).date())
    rows = await reader.fetch(SQL["ledger_of_day"], of.merchant_id, ledger_account_id, window.begin, window.end, *days)
    return {row["recipe"]: row["moved_minor"] for row in rows}


def _line(row: Record, side: Side) -> Line:
    return Line(
        line_no=row["line_no"],
        side=side,
        subject_id=row["line_subject"],
        number=row["number"],
        channel_no=row["channel_no"],
        amount_minor=row["amount_minor"],
        fee_minor=row["fee_minor"],
        currency=row["currency"],
        state=row["state"],
        is_settled=row["is_settled"],
        happened_at=row["happened_at"],
    )


def _partner(row: Record, side: Side) -> Ours | None:
    if row["our_subject"] is None:
        return None
    return Ours(
        side=side,
        subject_id=row["our_subject"],
        state=FINAL_STATE[side],
        amount_minor=row["our_minor"],
        currency=row["our_currency"],
        channel_no=row["our_channel_no"],
        happened_at=row["our_moment"],
    )


def _ours(row: Record, side: Side, account_id: UUID) -> Ours:
    return Ours(
        side=side,
        subject_id=row["subject_id"],
        state=row["state"],
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        channel_no=row["channel_no"],
        happened_at=row["moment"],
        is_this_account=row["account_id"] == account_id,
    )

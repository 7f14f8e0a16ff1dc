"""The sandbox's statement of a day, made of what moved in the till. Must not know: how a client reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

from shunfu.channels._template.sandbox.state import State
from shunfu.gateway.faults import Faults
from shunfu.gateway.sandbox.till import Movement
from shunfu.gateway.sandbox.values import BEIJING, At

READY_HOUR = 9


def tell(state: State, text: str, at: At, faults: Faults) -> tuple[Mapping[str, object], Faults | None]:
    """The reply for a day, and the faults left when rows were damaged."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return {"code": "BAD_FIELD"}, None
    begin = datetime(day.year, day.month, day.day, tzinfo=BEIJING)
    if at.beijing < begin + timedelta(days=1, hours=READY_HOUR):
        return {"code": "NOT_YET"}, None
    begin_ms = int(begin.timestamp() * 1000)
    rows = list(state.till.between(begin_ms, begin_ms + 86_400_000))
    if not rows:
        return {"code": "NO_TRADES"}, None
    rows, left = _damaged(rows, faults)
    lines = ["at_ms,kind,number,refund_number,channel_no,channel_refund_no,amount,fee", *(_line(row) for row in rows)]
    total = sum(row.amount_minor - row.fee_minor for row in rows)
    return {"code": "OK", "file": "\n".join([*lines, f"total,{len(rows)},{total}", ""])}, left


def _line(row: Movement) -> str:
    words = (row.at_ms, row.kind, row.number, row.refund_number, row.channel_no, row.channel_refund_no)
    return ",".join(str(word) for word in (*words, row.amount_minor, row.fee_minor))


def _damaged(rows: list[Movement], faults: Faults) -> tuple[list[Movement], Faults | None]:
    """Rows left out, made up, and altered by a fen; the totals are of what is left, as a channel would print them."""
    if not (faults.rows_missing or faults.rows_extra or faults.rows_altered):
        return rows, None
    rows = rows[max(0, faults.rows_missing) :]
    extra = Movement(rows[0].at_ms if rows else 0, "payment", "01EXTRA0000000000000000000", "TPEXTRA", 4200, 25)
    rows += [replace(extra, channel_no=f"TPEXTRA{i}") for i in range(max(0, faults.rows_extra))]
    altered = [
        replace(row, amount_minor=row.amount_minor + 1) if i < faults.rows_altered else row
        for i, row in enumerate(rows)
    ]
    return altered, replace(faults, rows_missing=0, rows_extra=0, rows_altered=0)

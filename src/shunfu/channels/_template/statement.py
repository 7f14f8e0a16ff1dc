"""Template Pay's statements: CSV in a signed JSON reply, with a last line of totals. Must not know: reconciliation."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime

from shunfu.channels._template.codec import Line, build_request, read_reply
from shunfu.channels._template.settings import Settings
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.moment import Moment
from shunfu.gateway.statement import (
    NoStatement,
    StatementAnswer,
    StatementDamaged,
    StatementFile,
    StatementLine,
    StatementNotReady,
    StatementOf,
)

COLUMNS = ["at_ms", "kind", "number", "refund_number", "channel_no", "channel_refund_no", "amount", "fee"]


class TemplateStatements:
    """Fetching and reading."""

    def fetch_statement(self, settings: Settings, of: StatementOf, moment: Moment) -> Flow[StatementAnswer]:
        """Fetch a day's file; it comes inside the signed reply, so the signature is its checksum."""
        target = f"/template/statements/{of.day.isoformat()}"
        answer = yield build_request(settings, Line("GET", target), moment)
        found = read_reply(settings, answer, moment.now)
        if isinstance(found, Unknown):
            return found
        match found.get("code"), found.get("file"):
            case "OK", str(text):
                return StatementFile(of, text.encode())
            case "NO_TRADES", _:
                return NoStatement("NO_TRADES")
            case "NOT_YET", _:
                return StatementNotReady("NOT_YET")
            case _:
                return Unknown("the code is not one that we know")

    def read_statement(self, settings: Settings, file: StatementFile) -> Iterator[StatementLine]:
        """Its lines in order; the last one must agree with them."""
        try:
            rows = csv.reader(file.content.decode().splitlines())
            if next(rows, None) != COLUMNS:
                raise StatementDamaged("the columns are not the ones that we know")
            yield from _checked(rows)
        except (ValueError, OverflowError, csv.Error) as error:
            raise StatementDamaged(f"the statement is damaged: {type(error).__name__}") from None


def _checked(rows: Iterator[list[str]]) -> Iterator[StatementLine]:
    count = total = 0
    for row in rows:
        if row[0] == "total":
            if [str(count), str(total)] != row[1:] or next(rows, None) is not None:
                raise StatementDamaged("the totals do not agree with the lines")
            return
        line = _line(row)
        count, total = count + 1, total + line.amount_minor - line.fee_minor
        yield line
    raise StatementDamaged("the totals are missing")


def _line(row: list[str]) -> StatementLine:
    if len(row) != len(COLUMNS) or row[1] not in {"payment", "refund"}:
        raise StatementDamaged("a line is malformed")
    at_ms, kind, number, refund_number, channel_no, channel_refund_no, amount, fee = row
    happened_at = datetime.fromtimestamp(int(at_ms) / 1000, UTC)
    return StatementLine(
        "payment" if kind == "payment" else "refund", number, refund_number, channel_no, channel_refund_no,
        int(amount), int(fee), "CNY", kind, happened_at,
    )  # fmt: skip

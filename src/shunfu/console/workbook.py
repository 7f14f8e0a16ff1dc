"""Plain tables as files: workbooks (XLSX), written row by row in constant memory, and CSV.

Cells are texts and numbers and never formulas or links, whatever a text from outside says. In CSV, which knows no
types, a text that a spreadsheet would run begins with an apostrophe (OWASP, CSV Injection). Must not know: what is
told.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import IO, Any, Protocol, cast

from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError

from shunfu.kernel.errors import SetupFault

Cell = str | int | None
OPTIONS: dict[str, Any] = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
RUN = frozenset({"=", "+", "-", "@", "|", "{", "%", "＝", "＋", "－", "＠"})
"""What a text begins with that some spreadsheet would run, full-width forms too."""

TEXT_MAX = 32_767
"""The longest text that a cell can hold."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table: its name, its columns and its rows; a short row leaves the rest empty."""

    name: str
    columns: Sequence[str]
    rows: Iterable[Sequence[Cell]]


class _Worksheet(Protocol):
    """The part of a worksheet that we use."""

    def write_string(self, row: int, column: int, text: str) -> int: ...
    def write_number(self, row: int, column: int, number: int) -> int: ...
    def freeze_panes(self, row: int, column: int) -> None: ...


def write_workbook(path: Path, sheets: Iterable[Sheet]) -> None:
    """Write a workbook. Raises SetupFault when the file cannot be written."""
    try:
        with path.open("wb") as out:
            _write(out, sheets)
    except (OSError, FileCreateError) as error:
        raise SetupFault(f"The workbook {path} cannot be written: {error}.") from error


def workbook_bytes(sheet: Sheet) -> bytes:
    """A workbook of one table."""
    out = BytesIO()
    _write(out, [sheet])
    return out.getvalue()


def csv_head(columns: Sequence[str]) -> str:
    """The headings of a table as CSV (RFC 4180), after the mark of UTF-8, without which some spreadsheets guess."""
    return "\ufeff" + csv_line(columns)


def csv_line(row: Sequence[Cell]) -> str:
    """A row of a table as CSV, every text in quotes: where `;` parts cells, none within a text does."""
    line = StringIO()
    csv.writer(line, quoting=csv.QUOTE_NONNUMERIC).writerow([_csv_cell(cell) for cell in row])
    return line.getvalue()


def _csv_cell(cell: Cell) -> str | int:
    if isinstance(cell, int):
        return cell
    text = cell or ""
    return f"'{text}" if text.lstrip()[:1] in RUN or text[:1] in {"\t", "\r", "\n"} else text


def _write(out: IO[bytes], sheets: Iterable[Sheet]) -> None:
    with Workbook(out, OPTIONS) as book:
        for sheet in sheets:
            added = cast("_Worksheet", book.add_worksheet(sheet.name))  # pyright: ignore[reportUnknownMemberType]  # no types
            added.freeze_panes(1, 0)
            _write_row(added, 0, sheet.columns)
            for number, row in enumerate(sheet.rows, 1):
                _write_row(added, number, row)


def _write_row(sheet: _Worksheet, number: int, row: Sequence[Cell]) -> None:
    for column, cell in enumerate(row):
        if isinstance(cell, int):
            sheet.write_number(number, column, cell)
        elif cell:
            sheet.write_string(number, column, cell[:TEXT_MAX])

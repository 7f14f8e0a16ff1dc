"""docs/security: no attack and no requirement is left out, and every test that is named there exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from house.test_proof import missing

ROOT = Path(__file__).resolve().parents[2]
SECURITY = ROOT / "docs" / "security"
NODE = re.compile(r"`([\w/.-]+\.py::\w+)`")
LATER = ("not yet: ", "does not apply: ")
ATTACKS = frozenset(
    f"A{number:02}"
    for number in range(1, 79)
    if number not in {14, 25, 26, 32, 46, 54, 63, 65, 70, 75}  # numbers that were never given
)
CHOSEN = """
    1.2.4 1.2.10 1.3.1 1.3.2 1.3.6 1.4.2 1.5.1 1.5.3
    2.1.3 2.2.1 2.2.2 2.2.3 2.3.1 2.3.2 2.3.3 2.3.4 2.3.5 2.4.1
    3.2.2 3.3.1 3.3.2 3.3.4 3.4.1 3.4.2 3.4.3 3.4.6 3.5.1 3.5.3 3.7.2
    4.1.3 4.1.5 4.2.1 5.2.1 5.2.3 5.3.2
    6.3.1 6.3.2 6.3.3 7.2.4 7.4.2 7.5.3
    8.2.1 8.2.2 8.2.3 8.3.1 8.4.1 9.1.1 9.1.2 9.2.3
    11.2.1 11.2.4 11.3.2 11.5.1 12.2.1 12.3.2
    13.2.2 13.2.5 13.3.1 13.3.4 13.4.2 14.2.1
    15.1.2 15.3.2 15.3.3 15.3.5 15.4.2
    16.2.5 16.3.3 16.4.1 16.4.2 16.5.1 16.5.3
"""
REQUIREMENTS = frozenset(CHOSEN.split())


def rows(text: str, first: str) -> dict[str, list[str]]:
    """The cells of every row whose first cell looks so, by that cell; an id twice is an error."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("|") and re.fullmatch(first, cells[0]):
            assert cells[0] not in found, f"{cells[0]} stands there twice"
            found[cells[0]] = cells[1:]
    return found


def test_every_attack_is_tried_by_a_test_that_exists() -> None:
    table = rows((SECURITY / "attacks.md").read_text("utf8"), r"A\d\d")
    assert table.keys() == ATTACKS
    assert all(len(cells) == 4 and all(cells) for cells in table.values())
    later = {name for name, cells in table.items() if cells[3].startswith(LATER)}
    tried = {name: NODE.findall(cells[2]) for name, cells in table.items() if name not in later}
    assert missing(tried) == []
    assert not [name for name in later if NODE.findall(table[name][2])], "what is tried is not later"


def test_every_requirement_is_shown_by_a_test_that_exists_or_is_not_met() -> None:
    table = rows((SECURITY / "asvs.md").read_text("utf8"), r"\d+\.\d+\.\d+")
    assert table.keys() == REQUIREMENTS
    assert len(REQUIREMENTS) == 72
    assert all(cells[0] in {"1", "2", "3"} for cells in table.values())
    unmet = {name for name, cells in table.items() if re.search(r"(^|; )not met\b.*[:,]? \w", cells[3])}
    shown = {name: NODE.findall(cells[3]) for name, cells in table.items()}
    assert missing({name: tests for name, tests in shown.items() if name not in unmet}) == []
    assert missing({name: tests for name, tests in shown.items() if tests}) == []


@pytest.mark.parametrize("name", ["README.md", "supply-chain.md"])
def test_every_test_named_elsewhere_exists(name: str) -> None:
    named = NODE.findall((SECURITY / name).read_text("utf8"))
    assert missing({name: named} if named else {}) == []


def test_a_row_is_read_as_it_is_written() -> None:
    text = "| id | x |\n|---|---|\n| A01 | tried | must | `tests/a.py::test_b`, `tests/a.py::test_c` | seen |\n"
    assert rows(text, r"A\d\d") == {"A01": ["tried", "must", "`tests/a.py::test_b`, `tests/a.py::test_c`", "seen"]}
    with pytest.raises(AssertionError, match="A01 stands there twice"):
        rows(text + text, r"A\d\d")

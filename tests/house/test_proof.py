"""docs/proof.md names tests that exist; tools/proof.py, which `make test` runs last, checks that they passed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import proof

ROOT = Path(__file__).resolve().parents[2]
NUMBERED = (
    *(f"2.{number}" for number in range(1, 12)),
    *(f"3.{number}" for number in range(1, 8)),
    *(f"4.{number}" for number in range(1, 8)),
)
"""The numbered lines of the issues; each needs a row, or rows below it such as 2.4.kill."""


def functions(path: Path) -> set[str]:
    """Test names of a file as node ids write them: `test_a`, `TestB::test_c`."""
    found: set[str] = set()
    for node in ast.parse(path.read_text("utf8")).body:
        if isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}::{part.name}"
                for part in node.body
                if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)
            }
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
    return found


def missing(lines: dict[str, list[str]]) -> list[str]:
    wrong: list[str] = []
    for number, tests in lines.items():
        wrong += [f"{number} names no test"] if not tests else []
        for test in tests:
            path, _, name = test.partition("::")
            if not (ROOT / path).is_file():
                wrong.append(f"{number}: no file {path}")
            elif name and name not in functions(ROOT / path):
                wrong.append(f"{number}: no test {name} in {path}")
    return wrong


def test_every_named_test_exists() -> None:
    if not proof.PROOF.exists():
        pytest.skip("docs/proof.md is not written yet")
    lines = proof.proofs(proof.PROOF.read_text("utf8"))
    assert not missing(lines)
    assert not [n for n in NUMBERED if not any(line == n or line.startswith(f"{n}.") for line in lines)]


def test_rows_are_read() -> None:
    text = """
| line | holds | by |
|---|---|---|
| 2.1 | one command | `tests/a/test_b.py::test_c`, `src/shunfu/channels/x/tests/test_d.py::TestE::test_f` |
| 2.bad-input | zero | `tests/g.py::test_h` and `bench/i.py` |
| 2.9 | nothing | later |
"""
    assert proof.proofs(text) == {
        "2.1": ["tests/a/test_b.py::test_c", "src/shunfu/channels/x/tests/test_d.py::TestE::test_f"],
        "2.bad-input": ["tests/g.py::test_h", "bench/i.py"],
        "2.9": [],
    }


@pytest.mark.parametrize(
    ("outcomes", "problem"),
    [
        ({"t.py::test_a[1]": "passed", "t.py::test_a[2]": "passed"}, []),
        ({"t.py::test_a[1]": "passed", "t.py::test_a[2]": "failed"}, ["2.1: t.py::test_a failed/passed"]),
        ({"t.py::test_a": "skipped"}, ["2.1: t.py::test_a skipped"]),
        ({}, ["2.1: t.py::test_a did not run"]),
    ],
)
def test_only_a_pass_proves(outcomes: dict[str, str], problem: list[str]) -> None:
    assert proof.unproved({"2.1": ["t.py::test_a", "bench/i.py"]}, outcomes) == problem


def test_missing_names_are_found() -> None:
    here = "tests/house/test_proof.py"
    assert missing({"1": [f"{here}::test_rows_are_read"]}) == []
    assert missing({"1": [f"{here}::test_nowhere"], "2": ["tests/no.py::test_a"], "3": []}) == [
        f"1: no test test_nowhere in {here}",
        "2: no file tests/no.py",
        "3 names no test",
    ]

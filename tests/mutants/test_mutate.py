"""The runner of seeded bugs, on a tree of one function: only a test that runs and fails kills; all else is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mutate import Mutant, NotRunnable, Verdict, Workshop, keep, read, table

PACKAGE = "def double(number):\n    return number * 2\n"
TESTS = """
import pytest
from shunfu import double
import shunfu

@pytest.fixture
def four():
    return double(2)

def test_double():
    assert double(3) == 6

def test_four(four):
    assert four == 4

def test_type():
    assert isinstance(double(3), int)

def test_nothing():
    pytest.skip("not here")

def test_wrong():
    assert double(3) == 7
"""
SETTINGS = '[tool.pytest.ini_options]\naddopts = "--strict-markers --import-mode=importlib"\nasyncio_mode = "auto"\n'
ONE = "tests/test_double.py::test_double"


def bug(new: str, *killers: str, old: str = "    return number * 2\n") -> Mutant:
    """A bug that puts another line in place of the function's."""
    path = "src/shunfu/__init__.py"
    diff = f"--- a/{path}\n+++ b/{path}\n@@ -1,2 +1,2 @@\n def double(number):\n-{old}+{new}"
    return Mutant("bug", "Something is wrong.", killers or (ONE,), diff)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    tree = tmp_path / "tree"
    (tree / "src" / "shunfu").mkdir(parents=True)
    (tree / "tests").mkdir()
    (tree / "src" / "shunfu" / "__init__.py").write_text(PACKAGE)
    (tree / "tests" / "test_double.py").write_text(TESTS)
    (tree / "pyproject.toml").write_text(SETTINGS)
    folder = tmp_path / "copies"
    folder.mkdir()
    return Workshop(tree, folder)


WRONG = "    return number * 3\n"


def test_a_bug_that_a_test_sees_is_killed_by_that_test(workshop: Workshop) -> None:
    workshop.prove_whole([ONE, "tests/test_double.py::test_type"])
    verdict = workshop.try_out(bug(WRONG, "tests/test_double.py::test_type", ONE))
    assert (verdict.killed_by, verdict.why) == (ONE, "")


def test_a_bug_that_no_named_test_sees_survives(workshop: Workshop) -> None:
    verdict = workshop.try_out(bug(WRONG, "tests/test_double.py::test_type"))
    assert (verdict.killed_by, verdict.why) == (None, "survived: every test that should see it passes")


@pytest.mark.parametrize(
    ("seeded", "why"),
    [
        (bug("    return number +\n"), "no verdict: pytest ended with code 4"),
        (bug(WRONG, "tests/test_double.py::test_gone"), "no verdict: pytest ended with code 4"),
        (bug("    raise ValueError\n", "tests/test_double.py::test_four"), "no verdict: the setup of"),
        (bug("    import os; os._exit(1)\n"), "no verdict: the process ended without a result"),
        (bug(WRONG, old="    return number * 5\n"), "the patch does not apply any more"),
        (replace(bug(WRONG), diff=""), "the patch does not apply any more"),
    ],
    ids=["no code", "no test", "no set-up", "no process", "no such line", "no patch"],
)
def test_what_is_no_verdict_kills_nothing(workshop: Workshop, seeded: Mutant, why: str) -> None:
    verdict = workshop.try_out(seeded)
    assert verdict.killed_by is None
    assert verdict.why.startswith(why), verdict.why


def test_a_bug_that_never_ends_kills_nothing(workshop: Workshop) -> None:
    workshop.trial_seconds = 3.0
    verdict = workshop.try_out(bug("    while True: pass\n"))
    assert (verdict.killed_by, verdict.why) == (None, "no verdict: not done after 3 seconds")


@pytest.mark.parametrize("name", ["wrong", "nothing", "gone"])
def test_tests_that_do_not_pass_without_a_bug_are_named(workshop: Workshop, name: str) -> None:
    with pytest.raises(NotRunnable, match=f"test_{name}"):
        workshop.prove_whole([ONE, f"tests/test_double.py::test_{name}"])


def test_the_tree_itself_is_only_read(workshop: Workshop, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "tree").rglob("*")}
    workshop.prove_whole([ONE])
    workshop.try_out(bug(WRONG))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "tree").rglob("*")} == before
    assert workshop.try_out(bug("    return 2 * number\n")).killed_by is None, "a bug is gone with its copy"


def test_a_patch_begins_with_its_bug_and_its_killers(tmp_path: Path) -> None:
    path = tmp_path / "money_lost.patch"
    path.write_text("bug: Money is lost.\nkillers: tests/a.py::test_b, tests/c.py::test_d[e]\n--- a/x\n+++ b/x\n")
    assert read(path) == Mutant(
        "money_lost", "Money is lost.", ("tests/a.py::test_b", "tests/c.py::test_d[e]"), "--- a/x\n+++ b/x\n"
    )
    for text in ("--- a/x\n+++ b/x\n", "bug: x\nkillers: tests/a.py\n--- a/x\n"):
        path.write_text(text)
        with pytest.raises(NotRunnable):
            read(path)


def test_the_report_names_survivors_first(tmp_path: Path) -> None:
    report = tmp_path / "build" / "mutants.json"
    killed, left = Verdict("a", "A.", ONE, 1.0), Verdict("b", "B.", None, 2.0, "survived: so it goes\nand more")
    keep([killed, left], report)
    told = json.loads(report.read_text())
    assert (told["killed"], told["of"]) == (1, 2)
    assert [line["name"] for line in told["bugs"]] == ["b", "a"]
    assert table(report).splitlines()[-1] == "1 of 2 seeded bugs were killed"
    assert "survived: so it goes" in table(report)
    assert ONE in table(report)

"""The documents: links lead somewhere, and the commands that they show exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/README.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ABSOLUTE = re.compile(r"(?<![\w.~/}])/(?:home|root|Users|work)/[\w.-]+")


def anchor(heading: str) -> str:
    """GitHub's anchor of a heading."""
    text = re.sub(r"[^\w\s-]", "", heading.strip().lower())
    return text.replace(" ", "-")


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", path.read_text("utf8")), re.MULTILINE)
    return {anchor(heading) for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    for target in LINK.findall(FENCE.sub("", path.read_text("utf8"))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, heading = target.partition("#")
        found = (path.parent / file) if file else path
        assert found.exists(), target
        if heading and found.suffix == ".md":
            assert heading in anchors(found), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_path_of_one_machine(path: Path) -> None:
    assert not ABSOLUTE.findall(path.read_text("utf8"))


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command line in a document's shell fences."""
    for block in SHELL.findall(text):
        joined = block.replace("\\\n", " ")
        for line in joined.splitlines():
            for part in re.split(r"&&|\|\||;|\|", line.removeprefix("$ ").partition(" #")[0]):
                words = _words(part)
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                    words = words[1:]
                if words:
                    yield words


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quotation that goes over several lines: a body of curl, no command
        return []


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf8"), re.MULTILINE))


def test_shown_commands_exist() -> None:
    """`make` targets, and `shunfu` sub-commands once there is a CLI, in every README and document."""
    has_cli = (ROOT / "src" / "shunfu" / "app" / "cli").exists()
    known: dict[str, bool] = {}
    for path in DOCUMENTS:
        for words in commands(path.read_text("utf8")):
            program = words[0].rpartition("/")[2]
            if program == "make":
                targets = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
                assert set(targets) <= make_targets(), (path.name, words)
            elif program == "shunfu" and has_cli:
                names = [word for word in words[1:] if re.fullmatch(r"[a-z]+", word)][:2]
                key = " ".join(names)
                known[key] = known.get(key) or answers_help(names)
                assert known[key], (path.name, words)


def answers_help(names: list[str]) -> bool:
    """Whether `shunfu NAMES --help` is known, or NAMES without the last, which may be an argument."""
    for tried in (names, names[:-1]) if len(names) > 1 else (names,):
        code = "from shunfu.app.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, *tried, "--help"], capture_output=True, check=False, cwd=ROOT
        )
        if done.returncode == 0:
            return True
    return False


def test_commands_are_read_from_fences() -> None:
    text = "```sh\n$ make demo ARGS=--check  # it\nA=1 .venv/bin/shunfu up && make test\n```\n```json\nmake x\n```\n"
    assert list(commands(text)) == [["make", "demo", "ARGS=--check"], [".venv/bin/shunfu", "up"], ["make", "test"]]

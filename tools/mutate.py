"""`make mutants`: seeded bugs. Each patch of tests/mutants/ is one bug, and the tests that it names must see it.

    tools/mutate.py            every bug
    tools/mutate.py NAME …     the bugs whose names contain one of these

A patch begins with two or three lines and goes on as a unified diff from the root of the tree:

    bug: A second capture of an order pays it as well.
    killers: tests/payments/test_table.py::test_surplus_is_decided_under_the_orders_lock
    when: long

The third line keeps a bug out of `make test`, where it only has to apply still.

A run copies the tree, proves that the tests pass there, and then, in a copy for each bug, applies the patch and runs
the tests that it names. The bug is killed when one of them fails in its call; it is not when all pass, when the patch
does not apply any more, or when no test comes to a verdict. The tests are run by `tests/mutants/test_mutants.py`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mutant_trial import PRELOADED, Line, Wanted, run

ROOT = Path(__file__).resolve().parent.parent
PATCHES = ROOT / "tests" / "mutants"
REPORT = ROOT / "build" / "mutants.json"
COPIED = ("src", "tests", "tools", "pyproject.toml")
LEFT_OUT = shutil.ignore_patterns("node_modules", "__pycache__", ".*")
AT_A_TIME = 2
TRIAL_SECONDS = 120.0
PROOF_SECONDS = 600.0
TAIL_CHARACTERS = 1500


class NotRunnable(Exception):
    """The run itself is broken: a patch without its header, or tests that fail without any bug."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One seeded bug. `killers` are pytest ids; `diff` what is wrong, as a unified diff."""

    name: str
    bug: str
    killers: tuple[str, ...]
    diff: str
    is_long: bool = False

    @property
    def changes_schema(self) -> bool:
        """Whether the migrations must run anew."""
        return "/schema/" in self.diff


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one bug: the first test that failed by it, or why there is none."""

    name: str
    bug: str
    killed_by: str | None
    seconds: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a trial left behind: where the package came from, pytest's exit code, every phase of every test."""

    package: str
    code: int
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL for the trials: a superuser's address, and a database with every migration of the tree unpatched."""

    url: str
    template: str


def read(path: Path) -> Mutant:
    """A patch file. Raises NotRunnable when it does not begin with its bug and its killers."""
    header, begins, diff = path.read_text("utf8").partition("--- ")
    told = dict(line.split(": ", 1) for line in header.splitlines() if ": " in line)
    if list(told) not in (["bug", "killers"], ["bug", "killers", "when"]) or told.get("when", "long") != "long":
        raise NotRunnable(f"{path.name} begins with `bug: …`, `killers: …` and, if it takes long, `when: long`")
    named = tuple(test.strip() for test in told["killers"].split(","))
    if not all("::" in test for test in named):
        raise NotRunnable(f"{path.name}: a killer is `tests/…/test_x.py::test_y`")
    return Mutant(path.stem, told["bug"], named, begins + diff, is_long="when" in told)


def read_all(folder: Path = PATCHES) -> list[Mutant]:
    """Every patch of a folder, by name."""
    return [read(path) for path in sorted(folder.glob("*.patch"))]


def why_not_applied(tree: Path, mutant: Mutant, *, is_tried_only: bool = True) -> str:
    """Apply a bug's patch to a tree, or only try whether it would; why it cannot be, or nothing."""
    command = ["git", "apply", *(["--check"] if is_tried_only else []), "--whitespace=nowarn", "-"]
    alone = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)}
    done = subprocess.run(command, cwd=tree, input=mutant.diff, env=alone, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"the patch does not apply any more: {done.stderr.strip()}"


class Workshop:
    """Copies of a tree under `folder`, and trials in them, several at a time. The tree itself is only read."""

    def __init__(self, root: Path, folder: Path, server: Server | None = None) -> None:
        self._folder = folder
        self._server = server
        self._whole = folder / "whole"
        self.trial_seconds = TRIAL_SECONDS
        self._forks = multiprocessing.get_context("forkserver")
        self._forks.set_forkserver_preload(list(PRELOADED))
        self._whole.mkdir()
        for name in COPIED:
            source, target = root / name, self._whole / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=LEFT_OUT)
            elif source.exists():
                shutil.copy2(source, target)

    def prove_whole(self, tests: Sequence[str]) -> None:
        """Every test passes while there is no bug. Raises NotRunnable with those that do not."""
        by_file: dict[str, list[str]] = {}
        for test in dict.fromkeys(tests):
            by_file.setdefault(test.partition("::")[0], []).append(test)
        files = sorted(by_file.values(), key=len, reverse=True)
        shares = [tuple(test for file in files[start::AT_A_TIME] for test in file) for start in range(AT_A_TIME)]
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            problems = [problem for problem in pool.map(self._prove, range(AT_A_TIME), shares) if problem]
        if problems:
            raise NotRunnable("\n".join(problems))

    def _prove(self, number: int, tests: tuple[str, ...]) -> str:
        """What does not pass without any bug, or nothing."""
        wanted = self._wanted(Wanted(self._whole, tests, f"proof-{number}", keeps_bytecode=True))
        seen = self._tried(wanted, PROOF_SECONDS) if tests else Seen("", 0)
        if isinstance(seen, str):
            return f"without any bug: {seen}"
        bad = sorted({line.test for line in seen.lines if line.outcome != "passed"})
        passed = {line.test for line in seen.lines if line.phase == "call"} - set(bad)
        unseen = [test for test in tests if not any(_is_of(one, test) for one in passed)]
        is_proved = seen.code == 0 and not bad and not unseen
        return "" if is_proved else f"without any bug, these do not pass: {[*bad, *unseen]}\n{_tail(wanted)}"

    def try_out(self, mutant: Mutant) -> Verdict:
        """Seed one bug into a copy of its own and run its killers there."""
        started = time.monotonic()
        copy = self._folder / mutant.name
        shutil.copytree(self._whole, copy, copy_function=os.link)
        killer, why = None, self._apply(copy, mutant)
        if not why:
            wanted = self._wanted(Wanted(copy, mutant.killers), is_template_kept=not mutant.changes_schema)
            seen = self._tried(wanted, self.trial_seconds)
            killer, why = (None, seen) if isinstance(seen, str) else _judged(seen, wanted)
        shutil.rmtree(copy)
        return Verdict(mutant.name, mutant.bug, killer, round(time.monotonic() - started, 1), why)

    def _apply(self, copy: Path, mutant: Mutant) -> str:
        """Apply the patch; why not, or nothing. Git writes new files: the copies that share the old ones keep them."""
        if why := why_not_applied(copy, mutant) or why_not_applied(copy, mutant, is_tried_only=False):
            return why
        named = [line[6:].strip() for line in mutant.diff.splitlines() if line.startswith("+++ b/")]
        if any((copy / name).samefile(self._whole / name) for name in named):
            return "the patch changes nothing"
        for name in named:
            for compiled in (copy / name).parent.glob(f"__pycache__/{Path(name).stem}.*"):
                compiled.unlink()
        return ""

    def _wanted(self, bare: Wanted, *, is_template_kept: bool = True) -> Wanted:
        """A trial with the server that it may use."""
        if self._server is None:
            return bare
        return replace(
            bare, database_url=self._server.url, template=self._server.template if is_template_kept else None
        )

    def _tried(self, wanted: Wanted, seconds: float) -> Seen | str:
        """Run a trial in a process of its own; what it left behind, or why it left nothing."""
        process = self._forks.Process(target=run, args=(wanted,))
        process.start()
        process.join(seconds)
        if process.is_alive():
            process.kill()
            process.join()
            return f"no verdict: not done after {seconds:.0f} seconds"
        process.close()
        if not wanted.result.exists():
            return f"no verdict: the process ended without a result\n{_tail(wanted)}"
        told = json.loads(wanted.result.read_text("utf8"))
        return Seen(str(told["package"]), told["code"], tuple(Line(**line) for line in told["lines"]))


def _judged(seen: Seen, wanted: Wanted) -> tuple[str | None, str]:
    """The first test that failed, or why nothing was killed. Only a test that failed in its own call is a verdict."""
    first = next((line for line in seen.lines if line.outcome == "failed"), None)
    if seen.code not in {0, 1} or (seen.code == 1 and first is None):
        return None, f"no verdict: pytest ended with code {seen.code}\n{_tail(wanted)}"
    if not Path(seen.package).is_relative_to(wanted.copy):
        return None, f"no verdict: the package came from {seen.package}, not from the patched copy"
    if first is None:
        return None, "survived: every test that should see it passes"
    if first.phase != "call":
        return None, f"no verdict: the {first.phase} of {first.test} broke\n{_tail(wanted)}"
    return first.test, ""


def _is_of(test: str, named: str) -> bool:
    return test == named or test.startswith(f"{named}[")


def _tail(wanted: Wanted) -> str:
    return wanted.log.read_text("utf8", "replace")[-TAIL_CHARACTERS:] if wanted.log.exists() else ""


def keep(verdicts: Sequence[Verdict], report: Path = REPORT) -> None:
    """Write the verdicts as JSON, survivors first."""
    ordered = sorted(verdicts, key=lambda verdict: (verdict.killed_by is not None, verdict.name))
    killed = sum(verdict.killed_by is not None for verdict in verdicts)
    told = {"killed": killed, "of": len(verdicts), "bugs": [asdict(verdict) for verdict in ordered]}
    report.parent.mkdir(exist_ok=True)
    report.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", "utf8")


def table(report: Path = REPORT) -> str:
    """The report as text: a bug a line, and what killed it."""
    verdicts = [Verdict(**bug) for bug in json.loads(report.read_text("utf8"))["bugs"]]
    lines = [
        f"{verdict.name:<38} {verdict.seconds:5.1f} s  {verdict.killed_by or verdict.why.splitlines()[0]}"
        for verdict in verdicts
    ]
    killed = sum(verdict.killed_by is not None for verdict in verdicts)
    return "\n".join([*lines, f"{killed} of {len(verdicts)} seeded bugs were killed"])


def main(names: list[str]) -> int:
    """Exit code: 0 when every bug, or every chosen one, was killed."""
    REPORT.unlink(missing_ok=True)
    chosen = ["-k", " or ".join(names)] if names else []
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-m", "", "tests/mutants/test_mutants.py", *chosen]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if REPORT.exists():
        print(table())
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

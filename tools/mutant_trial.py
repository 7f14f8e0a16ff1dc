"""One trial of a seeded bug: the tests that should see it, in a forked process, against a copy of the tree.

`mutate.py` makes the copies and starts the processes. Must not import the package: the process has to find the copy's.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from hypothesis import settings as effort

PLUGINS = ("pytest_asyncio.plugin", "pytest_socket", "_hypothesis_pytestplugin")
OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "--assert=plain", *(f"-p{plugin}" for plugin in PLUGINS))
"""Stop at the first failure, keep nothing, load only what the suite needs, and rewrite no assert: nobody reads it."""

PRELOADED = (
    "aiohttp",
    "asyncpg",
    "cryptography.hazmat.primitives.asymmetric.padding",
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "cryptography.hazmat.primitives.ciphers.aead",
    "cryptography.x509",
    "fastapi.openapi.utils",
    "httptools",
    "hypothesis.strategies",
    "jinja2",
    "msgspec",
    "mutant_trial",
    *PLUGINS,
    "segno",
    "structlog",
    "uvicorn",
    "yarl",
)
"""What the server of forks imports once for all trials: nothing of ours but this file."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to run and where. `database_url` is a superuser's; `template` a migrated database to copy, or None.

    `name` is what the files that it leaves in the copy are called.
    """

    copy: Path
    tests: tuple[str, ...]
    name: str = "trial"
    database_url: str | None = None
    template: str | None = None
    keeps_bytecode: bool = False

    @property
    def result(self) -> Path:
        """What came of it, as JSON."""
        return self.copy / f"{self.name}.json"

    @property
    def log(self) -> Path:
        """What pytest printed."""
        return self.copy / f"{self.name}.log"


@dataclass(frozen=True, slots=True)
class Line:
    """What one phase (setup, call or teardown) of one test came to: passed, failed or skipped."""

    test: str
    phase: str
    outcome: str


class Witness:
    """A plugin that writes down what each test came to. Property tests draw the same examples each time, unhurried."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def pytest_configure(self) -> None:
        """Chance and the speed of the machine must kill nothing."""
        effort.register_profile("trial", deadline=None, derandomize=True, database=None)
        effort.load_profile("trial")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest after each phase of each test."""
        self.lines.append(Line(report.nodeid, report.when or "", report.outcome))


def run(wanted: Wanted) -> None:
    """Run the tests and leave a result and a log in the copy. The process is made for this: all of it is changed."""
    assert "shunfu" not in sys.modules, "the package must come from the copy"
    with wanted.log.open("wb") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    _move_into(wanted)
    gc.freeze()  # what was loaded before the fork is nobody's garbage: do not look through it again
    witness = Witness()
    code = pytest.main([*OPTIONS, *wanted.tests], plugins=[witness])
    sys.stdout.flush()
    package = sys.modules.get("shunfu")
    told = {
        "package": str(package.__file__) if package else None,
        "code": int(code),
        "lines": [asdict(line) for line in witness.lines],
    }
    wanted.result.write_text(json.dumps(told), "utf8")


def _move_into(wanted: Wanted) -> None:
    """Imports, the working folder and the environment point at the copy, for this process and those it starts."""
    folders = [str(wanted.copy / name) for name in ("src", "tests")]
    for name in [name for name in os.environ if name.startswith(("PYTEST_", "SHUNFU_"))]:
        del os.environ[name]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)
    if wanted.database_url:
        os.environ["SHUNFU_TEST_DATABASE_URL"] = wanted.database_url
    if wanted.template:
        os.environ["SHUNFU_TEST_TEMPLATE"] = wanted.template
    os.chdir(wanted.copy)
    sys.path[:0] = folders
    sys.dont_write_bytecode = not wanted.keeps_bytecode

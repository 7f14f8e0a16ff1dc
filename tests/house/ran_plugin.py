"""pytest plugin of `make test`: keeps which tests ran in .pytest_cache/shunfu-ran.json and prints each suite's seconds.

What a test records as its property `summary` is printed too: it comes from whichever process ran the test.

Loaded with `-p house.ran_plugin` and `tests` on PYTHONPATH, so that a run of one file by hand leaves the record alone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import settings as effort

_WORSE = {"passed": 0, "skipped": 1, "failed": 2}


def suite_of(node_id: str) -> str:
    """`tests/flows` of `tests/flows/test_pay.py::test_it`, and a channel's whole test folder."""
    folders = node_id.partition("::")[0].split("/")[:-1]
    return "/".join(folders[:2] if folders[:1] == ["tests"] else folders)


class Record:
    """Outcome and seconds of every test; a test's worst phase is its outcome."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.seconds: dict[str, float] = defaultdict(float)
        self.summaries: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        before = self.outcomes.get(report.nodeid, "passed")
        self.outcomes[report.nodeid] = max(before, report.outcome, key=_WORSE.__getitem__)
        self.seconds[report.nodeid] += report.duration
        if report.when == "call":
            self.summaries += [str(text) for name, text in report.user_properties if name == "summary"]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        folder = Path(session.config.rootpath, ".pytest_cache")
        folder.mkdir(exist_ok=True)
        folder.joinpath("shunfu-ran.json").write_text(json.dumps(self.outcomes, indent=0), "utf8")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        counts: dict[str, int] = defaultdict(int)
        seconds: dict[str, float] = defaultdict(float)
        for node_id, took in self.seconds.items():
            counts[suite_of(node_id)] += 1
            seconds[suite_of(node_id)] += took
        for text in ("", *sorted(self.summaries), ""):
            terminalreporter.write_line(text)
        for suite in sorted(counts, key=seconds.__getitem__, reverse=True):
            terminalreporter.write_line(f"{seconds[suite]:8.1f} s  {counts[suite]:5} tests  {suite}")
        terminalreporter.write_line(f"{sum(seconds.values()):8.1f} s  {len(self.outcomes):5} tests  in all")


def pytest_configure(config: pytest.Config) -> None:
    effort.register_profile("patient", parent=effort.default, deadline=None)  # a slow machine is no failure
    effort.load_profile("patient")
    if not hasattr(config, "workerinput"):  # one process keeps the record; those that run tests on other cores tell it
        config.pluginmanager.register(Record(), "shunfu-ran")

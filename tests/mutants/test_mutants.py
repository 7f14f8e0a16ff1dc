"""Seeded bugs: each patch beside this file is one, and a test that it names must fail by it.

What the suite does not see it does not prove: a bug that survives here is a missing test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from mutate import AT_A_TIME, Mutant, Server, Verdict, Workshop, keep, read_all, why_not_applied
from shunfu.db import Urls

BUGS = read_all()
ALWAYS = frozenset(bug.name for bug in [bug for bug in BUGS if not bug.is_long][::2])
"""Seeded in every run: each second of the quick ones, which reaches every room. The long run seeds all."""


@pytest.fixture(scope="module")
def verdicts(
    request: pytest.FixtureRequest, pg_server: Urls, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Verdict]]]:
    """A verdict a chosen bug, some of them at a time; all of them are kept in build/mutants.json."""
    items = [item for item in request.session.items if item.path == Path(__file__)]
    chosen: list[Mutant] = [item.callspec.params["bug"] for item in items if hasattr(item, "callspec")]
    workshop = Workshop(
        request.config.rootpath, tmp_path_factory.mktemp("mutants"), Server(pg_server.admin_url, template_database)
    )
    workshop.prove_whole([test for bug in chosen for test in bug.killers])
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        tried = {bug.name: pool.submit(workshop.try_out, bug) for bug in chosen}
        yield tried
        for trial in tried.values():
            trial.cancel()
    keep([trial.result() for trial in tried.values() if not trial.cancelled()])


@pytest.mark.parametrize(
    "bug", [pytest.param(bug, id=bug.name, marks=[] if bug.name in ALWAYS else [pytest.mark.long]) for bug in BUGS]
)
def test_a_seeded_bug_is_seen(bug: Mutant, verdicts: Mapping[str, Future[Verdict]]) -> None:
    verdict = verdicts[bug.name].result()
    assert verdict.killed_by, f"{bug.bug}\n{verdict.why}"


def test_every_patch_still_applies(request: pytest.FixtureRequest) -> None:
    """Also those that are run only when there is time: a bug that cannot be seeded any more proves nothing."""
    gone = {bug.name: why for bug in BUGS if (why := why_not_applied(request.config.rootpath, bug))}
    assert not gone


def test_there_are_enough_of_them() -> None:
    assert len(ALWAYS) >= 24
    assert len({bug.bug for bug in BUGS}) == len(BUGS)

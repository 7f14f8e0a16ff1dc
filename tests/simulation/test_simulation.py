"""A thousand lives of an installation, each under its own faults: whatever happens, the checker finds nothing wrong.

Also that the simulation deserves belief: every class of fault happened, every cell of the three tables was visited, every
rare branch was reached, and the same seed is the same run. A failing seed is repeated by
`tools/simulate.py --seed N --trace`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from simulation.chance import RATES
from simulation.many import run_many
from simulation.running import OPERATIONS_MIN, ORDERS_MIN, run_seed
from simulation.tallying import Tally, order_cells, payment_cells, refund_cells

SEEDS = range(1250)
LONG_SEEDS = range(1250, 11_250)
JOBS = 2
TESTS = Path(__file__).resolve().parents[1]
RESULTS = TESTS.parent / "build" / "simulation.json"
ALIKE = (3, 14, 159)


def nothing(_tally: Tally) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def tally() -> Tally:
    """The sums; the results are in build/simulation.json."""
    began = time.monotonic()
    found = run_many(SEEDS, JOBS, nothing)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(found.as_json(time.monotonic() - began), encoding="utf-8")
    return found


def test_no_seed_breaks_a_promise(tally: Tally) -> None:
    assert tally.seeds == len(SEEDS)
    assert tally.failures == []


def test_each_seed_does_enough(tally: Tally) -> None:
    assert tally.operations_min >= OPERATIONS_MIN
    assert tally.orders_min >= ORDERS_MIN


def test_every_fault_cell_and_branch_was_met(tally: Tally, record_property: Callable[[str, object], None]) -> None:
    """A class of fault that never happened was not tested."""
    for name in RATES:
        record_property("summary", f"simulated fault  {name:30} {tally.faults[name]:7}")
    assert {name: found for name, found in tally.missing().items() if found} == {}


def test_the_tables_have_the_cells_that_we_look_for() -> None:
    assert (len(payment_cells()), len(refund_cells()), len(order_cells())) == (42, 81, 15)


@pytest.mark.long
def test_no_other_seed_breaks_a_promise_either() -> None:
    assert run_many(LONG_SEEDS, JOBS, nothing).failures == []


def test_the_same_seed_is_the_same_run() -> None:
    for seed in ALIKE:
        assert run_seed(seed).play.digest() == run_seed(seed).play.digest()


def test_the_order_of_hashes_changes_nothing() -> None:
    """Under two PYTHONHASHSEEDs, in processes of their own, each seed's trace and final rows are the same."""
    code = f"from simulation.running import run_seed\nfor seed in {ALIKE}: print(run_seed(seed).play.digest())"
    told = set[str]()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONPATH": str(TESTS), "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=300
        )
        told.add(done.stdout)
    assert len(told) == 1
    assert len(told.pop().split()) == len(ALIKE)


def test_another_seed_is_another_run() -> None:
    assert run_seed(ALIKE[0]).play.digest() != run_seed(ALIKE[1]).play.digest()

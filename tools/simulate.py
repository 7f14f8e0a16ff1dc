"""Run the simulation over many seeds, or one seed with its trace. `make simulate SEEDS=100000`.

Each seed is one life of an installation: orders, payments and refunds under faults that the seed draws, then healing,
time, and the independent checker. The results are one JSON document. How to read it: docs/how-to/prove.md.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

TESTS = Path(__file__).resolve().parents[1] / "tests"
ERRORS = Console(stderr=True)


def main() -> int:
    """Exit status: 0 nothing failed and nothing is missing, 1 something is."""
    sys.path.insert(0, str(TESTS))
    asked = _arguments()
    if asked.seed is not None:
        return _one(asked.seed, has_trace=asked.trace)
    return _many(range(asked.first, asked.first + asked.seeds), asked.jobs, asked.json)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first one")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--trace", action="store_true", help="with --seed: print everything that happened")
    return parser.parse_args()


def _one(seed: int, *, has_trace: bool) -> int:
    outcome: Any = importlib.import_module("simulation.running").run_seed(seed)
    if has_trace:
        print("\n".join(outcome.play.world.trace.lines()))
    counts = outcome.play.world.chance.counts
    print(f"seed {seed}: {outcome.play.operations} operations, trace {outcome.play.world.trace.digest()}")
    print("faults: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    for problem in outcome.problems:
        print(f"does not hold: {problem}")
    return 1 if outcome.problems else 0


def _many(seeds: range, jobs: int, to: Path | None) -> int:
    many: Any = importlib.import_module("simulation.many")
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    began = time.monotonic()
    with Progress(*columns, console=ERRORS) as bar:
        task = bar.add_task("seeds", total=len(seeds))

        def progress(tally: Any) -> None:
            bar.update(task, completed=tally.seeds, description=f"seeds, {len(tally.failures)} failed")

        tally: Any = many.run_many(seeds, jobs, progress)
    text: str = tally.as_json(time.monotonic() - began)
    if to is not None:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text, encoding="utf-8")
    else:
        print(text)
    return _judge(tally, len(seeds))


def _judge(tally: Any, seeds: int) -> int:
    """Say what failed and what never happened."""
    for failure in tally.failures[:20]:
        ERRORS.print(f"seed {failure['seed']}: {failure['problems'][0]}", markup=False)
        ERRORS.print(f"  again: tools/simulate.py --seed {failure['seed']} --trace", markup=False)
    missing = {name: found for name, found in tally.missing().items() if found}
    for name, found in missing.items():
        ERRORS.print(f"{name} that never happened in {seeds} seeds: {', '.join(found)}", markup=False)
    return 1 if tally.failures or missing else 0


if __name__ == "__main__":
    sys.exit(main())

"""Many seeds, on several processors: the sums, and which seeds failed."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import get_context

from simulation.running import run_seed
from simulation.tallying import Tally

CHUNK = 25
GARBAGE = (200_000, 20, 100)
"""A seed makes much garbage and keeps none of it: to look for it rarely is a tenth of the time saved."""


def run_range(seeds: range) -> Tally:
    """These seeds in this process. A seed that crashes the simulation itself is a failure too."""
    gc.set_threshold(*GARBAGE)
    tally = Tally()
    for seed in seeds:
        try:
            tally.add(run_seed(seed))
        except Exception:
            tally.seeds += 1
            tally.failures.append({"seed": seed, "problems": [traceback.format_exc()]})
    return tally


def chunks(seeds: range) -> Iterator[range]:
    """The seeds in pieces of one task each."""
    for first in range(seeds.start, seeds.stop, CHUNK):
        yield range(first, min(first + CHUNK, seeds.stop))


def run_many(seeds: range, jobs: int, progress: Callable[[Tally], None]) -> Tally:
    """These seeds on `jobs` processes; `progress` sees the sums so far after each piece."""
    total = Tally()
    if jobs == 1:
        for piece in chunks(seeds):
            total.join(run_range(piece))
            progress(total)
        return total
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        left = chunks(seeds)
        running = {pool.submit(run_range, piece) for piece in islice(left, jobs * 2)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                total.join(future.result())
                running |= {pool.submit(run_range, piece) for piece in islice(left, 1)}
            progress(total)
    total.failures.sort(key=lambda failure: failure["seed"])
    return total

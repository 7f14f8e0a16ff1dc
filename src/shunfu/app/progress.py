"""Progress bars on a terminal's standard error; nothing anywhere else, so that output stays clean."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from shunfu.reconcile import Stage, Watch

WORDS: dict[Stage, str] = {"fetch": "fetch, bytes", "read": "read, lines", "match": "match, breaks"}


class _Count(ProgressColumn):
    """How much is done, and how fast."""

    def render(self, task: Task) -> Text:
        """`1,000,000  41,200/s`, or `2 of 3` where the total is known."""
        if task.total is not None and not task.finished:
            return Text(f"{int(task.completed):,} of {int(task.total):,}")
        speed = task.finished_speed or task.speed
        return Text(f"{int(task.completed):,}" + (f"  {speed:,.0f}/s" if speed else ""))


@contextmanager
def progress_bars() -> Generator[Progress]:
    """Bars for as long as the block runs."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), _Count(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield progress


@contextmanager
def watched(progress: Progress, channel: str) -> Generator[Watch]:
    """One account's bars: fetched, read and matched, each from its first news on."""
    tasks: dict[Stage, TaskID] = {}

    def watch(stage: Stage, count: int) -> None:
        if stage not in tasks:
            tasks[stage] = progress.add_task(f"{channel}: {WORDS[stage]}", total=None)
        progress.update(tasks[stage], completed=count)

    yield watch
    for task_id in tasks.values():
        done = next(task.completed for task in progress.tasks if task.id == task_id)
        progress.update(task_id, total=done)

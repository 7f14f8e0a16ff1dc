"""Jobs: work that outlives its request, kept in the merchant's rows so that it commits with what it belongs to.

A job is named by merchant, kind and key, and is there once. Its handler must bear running twice: the lease makes that
rare, not impossible. Must not know: what any handler does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from shunfu.db.pool import Reader, Transaction
from shunfu.db.queries import named_queries
from shunfu.kernel.clock import Source

SQL = named_queries("shunfu.db")

MAX_ATTEMPTS = 16
"""With the worker's back-off (1 s doubling to 300 s): given up after about an hour."""

NEVER_GIVE_UP = 1_000_000_000
"""Attempts of a job about money, and of an event's handlers: it backs off to minutes between tries, but no number of
faults ends it.
"""

Args = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do at or after `run_at`, once for each (merchant, kind, key). The nil merchant is the platform."""

    merchant_id: UUID
    kind: str
    key: str
    args: Args
    run_at: datetime
    max_attempts: int = MAX_ATTEMPTS


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job that this worker holds. `attempt` counts from 1; `token` fences its completion."""

    merchant_id: UUID
    id: UUID
    kind: str
    key: str
    args: Args
    run_at: datetime
    attempt: int
    max_attempts: int
    token: UUID = field(repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """The job is finished."""


@dataclass(frozen=True, slots=True)
class Again:
    """Not finished and not failed: run it again at `run_at`, with fresh attempts."""

    run_at: datetime


Handler = Callable[[ClaimedJob], Awaitable[Done | Again]]
KINDS_MAX = 200


@dataclass(frozen=True, slots=True)
class JobFigure:
    """How many jobs of a kind are `due` or `dead`, over all merchants; since when the oldest is due."""

    kind: str
    state: str
    count: int
    oldest_at: datetime | None = None


class Jobs:
    """Puts jobs into the caller's transaction."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def enqueue(self, tx: Transaction, job: Job) -> None:
        """Add a job, or wake the one of the same kind and key.

        Waiting: it runs at the earlier of the two times. Running: it runs once more after this run. Done or dead: it
        waits again with fresh attempts. The worker of this process is woken when the transaction commits, if the job is
        due by now; a later one it finds when it next looks.
        """
        now = self._source.now()
        await tx.execute(
            SQL["enqueue_job"],
            job.merchant_id,
            self._source.new_id(),
            job.kind,
            job.key,
            dict(job.args),
            job.run_at,
            job.max_attempts,
            now,
        )
        if job.run_at <= now:
            tx.on_commit(tx.bell.ring)


async def revive_job(tx: Transaction, merchant_id: UUID, job_id: UUID, now: datetime) -> str | None:
    """Let a job that gave up or failed run again at once, with fresh attempts; its kind, or None when it did not."""
    row = await tx.fetch_row(SQL["revive_job"], merchant_id, job_id, now)
    if row is None:
        return None
    tx.on_commit(tx.bell.ring)
    return row["kind"]


async def merchants_with_done(reader: Reader, *, before: datetime, limit: int = 100) -> list[UUID]:
    """At most `limit` merchants that have jobs done before that time: whom retention should visit."""
    return [row["merchant_id"] for row in await reader.fetch(SQL["list_merchants_with_done_jobs"], before, limit)]


async def delete_done(tx: Transaction, merchant_id: UUID, *, before: datetime, limit: int = 1000) -> int:
    """Delete at most `limit` jobs of a merchant that were done before that time, and count them."""
    return await tx.execute(SQL["delete_done_jobs"], merchant_id, before, limit)


async def job_figures(reader: Reader, now: datetime) -> tuple[JobFigure, ...]:
    """The queue at an instant, for monitoring: what is due by kind, and what gave up."""
    due = await reader.fetch(SQL["due_jobs_of_all"], now, KINDS_MAX)
    dead = await reader.fetch(SQL["dead_jobs_of_all"], KINDS_MAX)
    return (
        *(JobFigure(row["kind"], "due", row["times"], row["oldest_at"]) for row in due),
        *(JobFigure(row["kind"], "dead", row["times"]) for row in dead),
    )

"""The worker: finds merchants with due jobs, leases jobs, runs their handlers, records the result under the lease.

Locks only spare work; that a job is not finished twice rests on comparing the lease token. Must not know: what any
handler does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shunfu.db.jobs import Again, ClaimedJob, Done, Handler
from shunfu.db.pool import Database
from shunfu.db.queries import named_queries
from shunfu.kernel.clock import Source
from shunfu.kernel.errors import ShunfuError, TransientFault

SQL = named_queries("shunfu.db")
LOG = logging.getLogger(__name__)

_MERCHANTS_A_ROUND = 100
_ERROR_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Times in seconds. A handler is cancelled, as a failed attempt, shortly before its lease ends.

    `batch` bounds the jobs leased from one merchant at a time, `concurrency` the handlers that run at once.
    """

    lease_seconds: float = 60.0
    poll_seconds: float = 1.0
    batch: int = 10
    concurrency: int = 10
    backoff_seconds: float = 1.0
    backoff_cap_seconds: float = 300.0
    grace_seconds: float = 10.0


class Worker:
    """Runs the jobs whose kind it has a handler for; jobs of other kinds wait for another worker."""

    def __init__(
        self, database: Database, handlers: Mapping[str, Handler], settings: WorkerSettings, source: Source
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._settings = settings
        self._source = source
        self._kinds = list(handlers)
        self._running: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then give running handlers `grace_seconds` to end. Outlives database faults."""
        unlisten = self._database.bell.listen(self._woken.set)
        stopper = asyncio.create_task(stop.wait())
        stopper.add_done_callback(lambda _task: self._woken.set())
        try:
            while not stop.is_set():
                self._woken.clear()
                if not await self._round_or_fault():
                    await self._rest()
        finally:
            unlisten()
            stopper.cancel()
            await self._wind_down()

    async def drain(self) -> int:
        """Run everything that is due now and what becomes due by it; how many handlers ran. For tests and tools."""
        count = 0
        for _ in range(10_000):
            started = await self._round()
            count += started
            if self._running:
                await asyncio.wait(self._running)
            elif not started:
                return count
        raise AssertionError("jobs make each other due without end")

    async def _round_or_fault(self) -> int:
        try:
            return await self._round()
        except TransientFault as fault:
            LOG.warning("worker_waits reason=%r", str(fault))
            return 0
        except Exception:  # the worker loop is one of three places that catch everything: it must outlive any fault
            LOG.exception("worker_round_failed")
            return 0

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._settings.poll_seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _wind_down(self) -> None:
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=self._settings.grace_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _round(self) -> int:
        free = self._settings.concurrency - len(self._running)
        if free <= 0:
            return 0
        now = self._source.now()
        merchants = await self._database.single(SQL["list_due_merchants"], now, self._kinds, _MERCHANTS_A_ROUND)
        started = 0
        for row in merchants:
            if started < free:
                started += await self._claim(row["merchant_id"], now, min(self._settings.batch, free - started))
        return started

    async def _claim(self, merchant_id: UUID, now: datetime, limit: int) -> int:
        token = self._source.new_id()
        until = now + timedelta(seconds=self._settings.lease_seconds)
        rows = await self._database.single(SQL["claim_jobs"], merchant_id, now, self._kinds, limit, until, token)
        for row in rows:
            job = ClaimedJob(
                merchant_id=merchant_id,
                id=row["id"],
                kind=row["kind"],
                key=row["key"],
                args=row["args"],
                run_at=row["run_at"],
                attempt=row["attempts"],
                max_attempts=row["max_attempts"],
                token=token,
            )
            task = asyncio.create_task(self._work(job))
            self._running.add(task)
            task.add_done_callback(self._finished)
        return len(rows)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._woken.set()
        if not task.cancelled() and (bug := task.exception()) is not None:
            LOG.error("job_result_not_recorded error=%s", type(bug).__name__, exc_info=bug)

    async def _work(self, job: ClaimedJob) -> None:
        try:
            match await self._result(job):
                case Done():
                    kept = await self._database.single(
                        SQL["finish_job"], job.merchant_id, job.id, job.token, self._source.now()
                    )
                case Again(run_at=run_at):
                    kept = await self._database.single(SQL["postpone_job"], job.merchant_id, job.id, job.token, run_at)
                case error:
                    kept = await self._fail(job, error)
        except TransientFault as fault:
            LOG.warning("job_result_lost kind=%s job=%s reason=%r", job.kind, job.id, str(fault))
        else:
            if not kept:
                LOG.warning("job_lease_lost kind=%s job=%s", job.kind, job.id)

    async def _result(self, job: ClaimedJob) -> Done | Again | Exception:
        if job.attempt > job.max_attempts:
            return RuntimeError("the worker was lost during the last attempt")
        try:
            async with asyncio.timeout(self._settings.lease_seconds * 0.9):
                return await self._handlers[job.kind](job)
        except Exception as error:  # noqa: BLE001  the worker loop is one of three places that catch everything
            return error

    async def _fail(self, job: ClaimedJob, error: Exception) -> list[object]:
        text = f"{type(error).__name__}: {str(error)[:_ERROR_CHARACTERS]}"
        now = self._source.now()
        again = now + timedelta(seconds=self._backoff_seconds(job.attempt))
        rows = await self._database.single(SQL["fail_job"], job.merchant_id, job.id, job.token, again, text, now)
        is_dead = bool(rows) and rows[0]["state"] == "dead"
        LOG.log(
            logging.ERROR if is_dead else logging.WARNING,
            "%s kind=%s job=%s merchant=%s attempt=%d error=%r",
            "job_dead" if is_dead else "job_failed",
            job.kind,
            job.id,
            job.merchant_id,
            job.attempt,
            text,
            exc_info=None if isinstance(error, ShunfuError) else error,
        )
        return list(rows)

    def _backoff_seconds(self, attempt: int) -> float:
        whole = min(self._settings.backoff_seconds * 2 ** min(attempt - 1, 30), self._settings.backoff_cap_seconds)
        return whole * (0.5 + self._source.entropy.take(1)[0] / 510)

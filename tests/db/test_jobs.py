"""Jobs: leased once, fenced, retried, given up, postponed, woken."""

import asyncio
import logging
from datetime import timedelta
from uuid import UUID

import pytest

from db.support import MERCHANT, OTHER, START, manual, rows, sql
from shunfu.db import (
    Again,
    ClaimedJob,
    Database,
    Done,
    Handler,
    Job,
    Jobs,
    Transaction,
    Urls,
    Worker,
    WorkerSettings,
    delete_done,
    merchants_with_done,
)
from shunfu.db.driver import session
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy

STATE = "SELECT state, attempts, run_at FROM jobs ORDER BY key"


async def enqueue(database: Database, source: Source, *keys: str, merchant_id: UUID = MERCHANT, **more: object) -> None:
    async def story(tx: Transaction) -> None:
        for key in keys:
            job = Job(merchant_id, "k", key, {"n": 1}, more.get("run_at", source.now()), more.get("max_attempts", 3))
            await Jobs(source).enqueue(tx, job)

    await database.transact(story)


def worker(database: Database, source: Source, handler: Handler, **settings: float) -> Worker:
    return Worker(database, {"k": handler}, WorkerSettings(**settings), source)


async def done(_job: ClaimedJob) -> Done:
    return Done()


async def broken(_job: ClaimedJob) -> Done:
    raise ValueError("a" * 1000)


async def test_every_due_job_runs_once_and_is_done(database: Database) -> None:
    clock, source = manual()
    seen: list[tuple[UUID, str, object]] = []

    async def handler(job: ClaimedJob) -> Done:
        seen.append((job.merchant_id, job.key, job.args))
        return Done()

    await enqueue(database, source, *(f"{n:02}" for n in range(25)))
    await enqueue(database, source, "other", merchant_id=OTHER)
    await enqueue(database, source, "later", run_at=START + timedelta(seconds=5))
    assert await worker(database, source, handler, concurrency=4, batch=3).drain() == 26
    assert len({str(each) for each in seen}) == 26
    clock.advance(5)
    assert await worker(database, source, handler).drain() == 1
    assert await rows(database, "SELECT DISTINCT state, attempts, lease_token FROM jobs") == [("done", 1, None)]


async def test_two_workers_never_run_a_leased_job_twice(database: Database) -> None:
    _, source = manual()
    runs: list[str] = []

    async def handler(job: ClaimedJob) -> Done:
        runs.append(job.key)
        await asyncio.sleep(0.01)
        return Done()

    await enqueue(database, source, *(f"{n:02}" for n in range(40)))
    workers = [worker(database, source, handler, batch=2) for _ in range(2)]
    await asyncio.gather(*(each.drain() for each in workers))
    assert sorted(runs) == [f"{n:02}" for n in range(40)]


async def test_a_worker_that_lost_its_lease_changes_nothing(database: Database) -> None:
    """A slow worker's lease ends, another worker runs the job, then the slow one wakes up and reports."""
    clock, source = manual()
    started, may_end = asyncio.Event(), asyncio.Event()

    async def slow(_job: ClaimedJob) -> Again:
        started.set()
        await may_end.wait()
        return Again(START)

    await enqueue(database, source, "1")
    slow_worker = asyncio.create_task(worker(database, source, slow, lease_seconds=60).drain())
    await started.wait()
    assert await worker(database, source, done).drain() == 0
    clock.advance(61)
    assert await worker(database, source, done).drain() == 1
    may_end.set()
    await slow_worker
    assert await rows(database, STATE) == [("done", 2, START)]


async def test_failures_back_off_and_end_dead(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    clock, source = manual()
    await enqueue(database, source, "1")
    failing = worker(database, source, broken, backoff_seconds=10)
    waits: list[float] = []
    for _ in range(2):
        assert await failing.drain() == 1
        [(state, _, run_at)] = await rows(database, STATE)
        assert state == "waiting"
        waits.append((run_at - clock.now()).total_seconds())
        clock.instant = run_at
    assert await failing.drain() == 1
    assert 5 <= waits[0] <= 10
    assert 10 <= waits[1] <= 20
    [(state, attempts, error, lease)] = await rows(
        database, "SELECT state, attempts, last_error, lease_token FROM jobs"
    )
    assert (state, attempts, lease) == ("dead", 3, None)
    assert error == "ValueError: " + "a" * 300
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.WARNING, logging.ERROR]
    clock.advance(100_000)
    assert await failing.drain() == 0


async def test_a_worker_lost_in_the_last_attempt_leaves_a_dead_job(database: Database) -> None:
    """A job that takes the whole process with it is not run for ever."""
    clock, source = manual()
    await enqueue(database, source, "1", max_attempts=1)
    await database.transact(lambda tx: _lease(tx, clock.now() + timedelta(seconds=60)))
    clock.advance(61)
    assert await worker(database, source, done).drain() == 1
    assert await rows(database, "SELECT state, last_error FROM jobs") == [
        ("dead", "RuntimeError: the worker was lost during the last attempt")
    ]


async def _lease(tx: Transaction, until: object) -> None:
    await tx.execute(sql("UPDATE jobs SET attempts = 1, lease_token = $1, lease_until = $2"), UUID(int=1), until)


async def test_again_is_no_failure(database: Database) -> None:
    clock, source = manual()
    at = START + timedelta(seconds=30)

    async def later(_job: ClaimedJob) -> Again:
        return Again(at)

    await enqueue(database, source, "1", max_attempts=1)
    assert await worker(database, source, later).drain() == 1
    assert await rows(database, STATE) == [("waiting", 0, at)]
    clock.advance(30)
    assert await worker(database, source, done).drain() == 1
    assert await rows(database, STATE) == [("done", 1, at)]


async def test_enqueueing_again_brings_forward_and_revives(database: Database) -> None:
    _, source = manual()
    soon, later = START + timedelta(seconds=1), START + timedelta(seconds=9)
    await enqueue(database, source, "1", run_at=later)
    await enqueue(database, source, "1", run_at=soon)
    await enqueue(database, source, "1", run_at=later)
    assert await rows(database, STATE) == [("waiting", 0, soon)]
    await enqueue(database, source, "1", run_at=START)
    await worker(database, source, done).drain()
    assert await rows(database, STATE) == [("done", 1, START)]
    await enqueue(database, source, "1", run_at=later)
    assert await rows(database, STATE) == [("waiting", 0, later)]


@pytest.mark.parametrize("seconds", [0, 20])
async def test_a_job_asked_for_while_it_runs_runs_once_more(database: Database, seconds: int) -> None:
    """The running handler may have read the old state, so its completion must not swallow the new wish."""
    _, source = manual()
    at = START + timedelta(seconds=seconds)
    runs: list[int] = []

    async def handler(_job: ClaimedJob) -> Done:
        runs.append(1)
        if len(runs) == 1:
            await enqueue(database, source, "1", run_at=at)
        return Done()

    await enqueue(database, source, "1")
    await worker(database, source, handler).drain()
    expected = (2, [("done", 1, at)]) if seconds == 0 else (1, [("waiting", 0, at)])
    assert (len(runs), await rows(database, STATE)) == expected


async def test_a_handler_that_outstays_its_lease_is_a_failed_attempt(database: Database) -> None:
    _, source = manual()

    async def hangs(_job: ClaimedJob) -> Done:
        await asyncio.sleep(60)
        return Done()

    await enqueue(database, source, "1")
    await worker(database, source, hangs, lease_seconds=0.1).drain()
    assert await rows(database, "SELECT state, last_error FROM jobs") == [("waiting", "TimeoutError: ")]


async def test_jobs_of_a_kind_without_handler_wait(database: Database) -> None:
    _, source = manual()
    await enqueue(database, source, "1")
    assert await Worker(database, {"other": done}, WorkerSettings(), source).drain() == 0


async def test_a_commit_wakes_the_worker_of_this_process(database: Database) -> None:
    """The worker's own look is a minute away: only the bell can have woken it."""
    source = Source(SystemClock(), SystemEntropy())
    ran, stop = asyncio.Event(), asyncio.Event()

    async def handler(_job: ClaimedJob) -> Done:
        ran.set()
        return Done()

    running = asyncio.create_task(worker(database, source, handler, poll_seconds=60).run(stop))
    await asyncio.sleep(0.2)
    await enqueue(database, source, "1")
    async with asyncio.timeout(5):
        await ran.wait()
        stop.set()
        await running
    assert await rows(database, "SELECT state FROM jobs") == [("done",)]


async def test_stopping_waits_for_running_handlers_and_then_cuts_them(database: Database) -> None:
    source = Source(SystemClock(), SystemEntropy())
    started, stop = asyncio.Event(), asyncio.Event()

    async def handler(job: ClaimedJob) -> Done:
        if job.key == "hangs":
            started.set()
            await asyncio.sleep(60)
        await asyncio.sleep(0.1)
        return Done()

    await enqueue(database, source, "ends", "hangs")
    running = asyncio.create_task(worker(database, source, handler, grace_seconds=0.5).run(stop))
    await started.wait()
    stop.set()
    await running
    assert await rows(database, "SELECT key, state FROM jobs ORDER BY key") == [("ends", "done"), ("hangs", "waiting")]


async def test_jobs_done_are_forgotten_after_their_time(database: Database) -> None:
    clock, source = manual()
    await enqueue(database, source, "1", "2", "3")
    await worker(database, source, done).drain()
    async with database.reading() as reader:
        assert await merchants_with_done(reader, before=clock.now()) == []
        assert await merchants_with_done(reader, before=clock.now() + timedelta(1)) == [MERCHANT]
    before = clock.now() + timedelta(1)
    assert await database.transact(lambda tx: delete_done(tx, OTHER, before=before)) == 0
    assert await database.transact(lambda tx: delete_done(tx, MERCHANT, before=before, limit=2)) == 2
    assert await database.transact(lambda tx: delete_done(tx, MERCHANT, before=before)) == 1


async def test_the_worker_outlives_a_fault_that_does_not_look_passing(
    database: Database, database_urls: Urls, caplog: pytest.LogCaptureFixture
) -> None:
    """For a while the worker may not even read its jobs; afterwards it goes on by itself."""
    source = Source(SystemClock(), SystemEntropy())
    ran, stop = asyncio.Event(), asyncio.Event()

    async def handler(_job: ClaimedJob) -> Done:
        ran.set()
        return Done()

    await enqueue(database, source, "1")
    async with session(database_urls.admin_url) as administrator:
        await administrator.execute("REVOKE SELECT ON shunfu.jobs FROM shunfu_app")
        running = asyncio.create_task(worker(database, source, handler, poll_seconds=0.05).run(stop))
        with caplog.at_level(logging.CRITICAL):
            await asyncio.sleep(0.3)
            assert not ran.is_set()
            await administrator.execute("GRANT SELECT ON shunfu.jobs TO shunfu_app")
            async with asyncio.timeout(10):
                await ran.wait()
    stop.set()
    await running


def test_a_job_that_never_gives_up_still_rests_between_tries(database: Database) -> None:
    _, source = manual()
    tried = Worker(database, {}, WorkerSettings(), source)
    assert tried._backoff_seconds(100_000) <= WorkerSettings().backoff_cap_seconds

"""The unit of work: all or nothing, retried after a lost race, faults of ours and not of the driver."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from db.support import MERCHANT, rows, sql
from shunfu.db import ConstraintViolated, Database, PoolSettings, Transaction, Urls, WriteConflict
from shunfu.db.driver import session
from shunfu.kernel.errors import SetupFault, TransientFault

PUT = sql("INSERT INTO events VALUES ($1, $2, 'X', $3, $4, $4)")
NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


async def put(tx: Transaction, number: int) -> int:
    return await tx.execute(PUT, MERCHANT, UUID(int=number), {"n": number}, NOW)


async def test_a_story_is_committed_as_one(database: Database) -> None:
    async def story(tx: Transaction) -> int:
        return await put(tx, 1) + await put(tx, 2)

    assert await database.transact(story) == 2
    assert await rows(database, "SELECT count(*) FROM events") == [(2,)]


async def test_a_story_that_fails_leaves_nothing(database: Database) -> None:
    told: list[str] = []

    async def story(tx: Transaction) -> None:
        tx.on_commit(lambda: told.append("committed"))
        await put(tx, 1)
        raise LookupError

    with pytest.raises(LookupError):
        await database.transact(story)
    assert await rows(database, "SELECT count(*) FROM events") == [(0,)]
    assert told == []


async def test_a_story_that_is_cancelled_leaves_nothing_and_the_pool_whole(database: Database) -> None:
    entered = asyncio.Event()

    async def story(tx: Transaction) -> None:
        await put(tx, 1)
        entered.set()
        await tx.fetch_value(sql("SELECT pg_sleep(30)"))

    task = asyncio.create_task(database.transact(story))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await rows(database, "SELECT count(*) FROM events") == [(0,)]


async def test_callbacks_run_after_the_commit_and_once(database: Database) -> None:
    told: list[int] = []

    def tell() -> None:
        told.append(1)

    async def story(tx: Transaction) -> None:
        tx.on_commit(tell)
        tx.on_commit(tell)
        assert told == []

    await database.transact(story)
    assert told == [1]


async def test_a_session_cannot_be_used_after_its_end(database: Database) -> None:
    async def story(tx: Transaction) -> Transaction:
        return tx

    tx = await database.transact(story)
    with pytest.raises(AssertionError, match="ended"):
        await put(tx, 1)


async def test_values_travel_whole(database: Database) -> None:
    async def story(tx: Transaction) -> None:
        await tx.execute(PUT, MERCHANT, UUID(int=1), {"text": "顺付", "list": [1, None, True]}, NOW)

    await database.transact(story)
    [(merchant, body, moment)] = await rows(database, "SELECT merchant_id, body, happened_at FROM events")
    assert merchant == MERCHANT
    assert body == {"text": "顺付", "list": [1, None, True]}
    assert moment == NOW
    assert isinstance(moment, datetime)
    assert moment.utcoffset() == timedelta(0)


async def test_a_reader_cannot_write(database: Database) -> None:
    async with database.reading() as reader:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await reader.fetch(sql("INSERT INTO inbox VALUES ($1, 's', 'e', '', now()) RETURNING 1"), MERCHANT)


async def test_a_reader_sees_one_moment(database: Database) -> None:
    async with database.reading() as reader:
        assert await reader.fetch_value(sql("SELECT count(*) FROM events")) == 0
        await database.transact(lambda tx: put(tx, 1))
        assert await reader.fetch_value(sql("SELECT count(*) FROM events")) == 0


async def test_a_deadlock_is_run_again(database: Database) -> None:
    """Two stories lock two rows in opposite order: PostgreSQL ends one, and the pool runs it again."""
    await database.transact(_two_jobs)
    both_hold_one = asyncio.Barrier(2)
    runs: list[int] = []

    def story(first: int, second: int):
        async def body(tx: Transaction) -> None:
            runs.append(first)
            touch = sql(
                "UPDATE jobs SET last_error = coalesce(last_error, '') || 'x' WHERE merchant_id = $1 AND id = $2"
            )
            await tx.execute(touch, MERCHANT, UUID(int=first))
            if len(runs) <= 2:
                await both_hold_one.wait()
            await tx.execute(touch, MERCHANT, UUID(int=second))

        return body

    await asyncio.gather(database.transact(story(1, 2)), database.transact(story(2, 1)))
    assert len(runs) == 3
    assert await rows(database, "SELECT last_error FROM jobs") == [("xx",), ("xx",)]


async def _two_jobs(tx: Transaction) -> None:
    insert = sql(
        "INSERT INTO jobs (merchant_id, id, kind, key, args, run_at, max_attempts, created_at)"
        " VALUES ($1, $2, 'k', $3, '{}', $4, 1, $4)"
    )
    for number in (1, 2):
        await tx.execute(insert, MERCHANT, UUID(int=number), str(number), NOW)


async def test_a_race_lost_each_time_is_given_up(database: Database) -> None:
    runs: list[int] = []

    async def story(tx: Transaction) -> None:
        runs.append(1)
        await tx.execute(sql("DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$"))

    with pytest.raises(WriteConflict) as caught:
        await database.transact(story)
    assert caught.value.is_retryable
    assert len(runs) == 5


async def test_a_constraint_has_a_name(database: Database) -> None:
    await database.transact(lambda tx: put(tx, 1))
    with pytest.raises(ConstraintViolated) as caught:
        await database.transact(lambda tx: put(tx, 1))
    assert caught.value.constraint == "events_pkey"
    assert caught.value.sqlstate == "23505"


@pytest.mark.parametrize("table", ["inbox", "events"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET merchant_id = merchant_id", "DELETE FROM {}", "TRUNCATE {}"])
async def test_facts_are_append_only_by_grant(database: Database, table: str, statement: str) -> None:
    """SQLSTATE 42501: the running server has no right to change a fact."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.transact(lambda tx: tx.execute(sql(statement.format(table))))


async def test_a_full_pool_is_a_passing_fault(database_urls: Urls, app_role: str | None) -> None:
    settings = PoolSettings(database_urls.app_url, role=app_role, max_size=1, acquire_timeout_seconds=1)
    database = await Database.connect(settings)
    async with database.reading():
        with pytest.raises(TransientFault, match="acquire a connection"):
            await database.single(sql("SELECT 1"))
    assert len(await database.single(sql("SELECT 1"))) == 1
    await database.close()


async def test_a_slow_statement_is_a_passing_fault(database_urls: Urls, app_role: str | None) -> None:
    database = await Database.connect(PoolSettings(database_urls.app_url, role=app_role, statement_timeout_seconds=0.1))
    with pytest.raises(TransientFault, match="57014"):
        await database.single(sql("SELECT pg_sleep(5)"))
    await database.close()


async def test_the_pool_mends_itself_after_its_connections_died(database: Database, database_urls: Urls) -> None:
    await database.single(sql("SELECT 1"))
    async with session(database_urls.admin_url) as admin:
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    for _ in range(20):
        try:
            assert len(await database.single(sql("SELECT 1"))) == 1
        except TransientFault:
            await asyncio.sleep(0.05)
        else:
            return
    pytest.fail("the pool did not recover")


async def test_no_server_is_a_passing_fault(tmp_path: Path) -> None:
    with pytest.raises(TransientFault, match="cannot be reached"):
        await Database.connect(PoolSettings(f"postgresql://u:p@/d?host={tmp_path}"))


async def test_a_wrong_password_is_a_wrong_setting(pg_server: Urls) -> None:
    if "?host=/" not in pg_server.app_url:
        pytest.skip("an outside server may trust everyone")
    url = "postgresql://shunfu_app:wrong@" + pg_server.app_url.partition("@")[2]
    with pytest.raises(SetupFault, match="refused the connection"):
        await Database.connect(PoolSettings(url))

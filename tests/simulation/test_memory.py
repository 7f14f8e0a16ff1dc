"""Who waits for whom, and who sees what: the same stories told to PostgreSQL and to the model, with the same ends.

Each story has sessions A and B. A step that has to wait is begun, and its end is looked at after the step that frees it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from shunfu.db import Database, NamedQueries, collect, named_queries, schema_packages
from simulation.chance import Chance, Trace
from simulation.loop import Process, VirtualLoop
from simulation.memory.expressions import Unsupported
from simulation.memory.schema import read_schema
from simulation.memory.statements import compile_statement
from simulation.memory.storage import Store
from simulation.memory.wire import DatabaseServer, SimPool
from simulation.running import ROOMS, plans, shapes

MERCHANT, ORDER, PAYMENT = UUID(int=1), UUID(int=2), UUID(int=3)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAYMENTS, APP, DB, WEBHOOKS = (named_queries(f"shunfu.{room}") for room in ("payments", "app", "db", "webhooks"))
NEW_ORDER = (MERCHANT, ORDER, None, 8600, "CNY", "茶", [], None, "OPEN", NOW, NOW, [])
OTHER_ORDER = (MERCHANT, UUID(int=12), None, 8600, "CNY", "茶", [], None, "OPEN", NOW, NOW, [])
KEY = (MERCHANT, "POST", "/v1/orders", "k")
JOB = (MERCHANT, UUID(int=4), "kind", "key", {}, NOW, 3, NOW)
CLAIM = (MERCHANT, NOW, ["kind"], 10, NOW + timedelta(seconds=60))


@dataclass(frozen=True, slots=True)
class Do:
    """One step of a story: a session begins, ends, or runs a statement. With `waits` it hangs until another step."""

    session: str
    what: str
    query: tuple[NamedQueries, str] | None = None
    args: Sequence[object] = ()
    waits: bool = False


def run(session: str, room: NamedQueries, name: str, *args: object, waits: bool = False) -> Do:
    return Do(session, "run", (room, name), args, waits)


def begin(*sessions: str) -> list[Do]:
    return [Do(session, "begin") for session in sessions]


def begin_request(token: int) -> tuple[object, ...]:
    return (*KEY, b"same", UUID(int=20 + token), UUID(int=30 + token), NOW + timedelta(seconds=60), NOW)


ADD = run("A", PAYMENTS, "add_order", *NEW_ORDER)
STORIES: dict[str, list[Do]] = {
    "a lock is waited for and the newest row is seen": [
        ADD,
        *begin("A", "B"),
        run("A", PAYMENTS, "lock_order", MERCHANT, ORDER),
        run("A", PAYMENTS, "move_order", MERCHANT, ORDER, "OPEN", "CLOSING", NOW, 1),
        run("B", PAYMENTS, "lock_order", MERCHANT, ORDER, waits=True),
        Do("A", "commit"),
        Do("B", "commit"),
    ],
    "what is rolled back never was": [
        ADD,
        *begin("A", "B"),
        run("A", PAYMENTS, "move_order", MERCHANT, ORDER, "OPEN", "CLOSED", NOW, 1),
        run("B", PAYMENTS, "get_order", MERCHANT, ORDER),
        Do("A", "rollback"),
        run("B", PAYMENTS, "move_order", MERCHANT, ORDER, "OPEN", "CLOSING", NOW, 2),
        Do("B", "commit"),
        run("A", PAYMENTS, "get_order", MERCHANT, ORDER),
    ],
    "a compare and set that waited looks again": [
        ADD,
        *begin("A", "B"),
        run("A", PAYMENTS, "move_order", MERCHANT, ORDER, "OPEN", "CLOSED", NOW, 1),
        run("B", PAYMENTS, "move_order", MERCHANT, ORDER, "OPEN", "PAID", NOW, 1, waits=True),
        Do("A", "commit"),
        Do("B", "commit"),
        run("A", PAYMENTS, "get_order", MERCHANT, ORDER),
    ],
    "two requests under one key: the second waits, and does not see what the first has just written": [
        *begin("A"),
        run("A", APP, "begin_request", *begin_request(1)),
        run("B", APP, "begin_request", *begin_request(2), waits=True),
        Do("A", "commit"),
        run("B", APP, "begin_request", *begin_request(3)),
    ],
    "a first request that is rolled back makes room for the second": [
        *begin("A"),
        run("A", APP, "begin_request", *begin_request(1)),
        run("B", APP, "begin_request", *begin_request(2), waits=True),
        Do("A", "rollback"),
        run("A", APP, "begin_request", *begin_request(3)),
    ],
    "a message is remembered once": [
        *begin("A", "B"),
        run("A", DB, "insert_inbox", MERCHANT, "s", "m", b"1", NOW),
        run("B", DB, "insert_inbox", MERCHANT, "s", "m", b"2", NOW, waits=True),
        Do("A", "commit"),
        run("B", DB, "get_inbox_digest", MERCHANT, "s", "m"),
        Do("B", "commit"),
    ],
    "what another worker locks is passed over": [
        run("A", DB, "enqueue_job", *JOB),
        run("A", DB, "enqueue_job", MERCHANT, UUID(int=5), "kind", "other", {}, NOW + timedelta(seconds=1), 3, NOW),
        *begin("A", "B"),
        run("A", DB, "claim_jobs", *CLAIM[:3], 1, CLAIM[4], UUID(int=40)),
        run("B", DB, "claim_jobs", MERCHANT, NOW + timedelta(seconds=5), ["kind"], 10, CLAIM[4], UUID(int=41)),
        Do("A", "commit"),
        Do("B", "commit"),
        run("A", DB, "finish_job", MERCHANT, UUID(int=4), UUID(int=41), NOW),
        run("A", DB, "finish_job", MERCHANT, UUID(int=4), UUID(int=40), NOW),
    ],
    "a job that is asked for while it runs is noted": [
        run("A", DB, "enqueue_job", *JOB),
        run("A", DB, "claim_jobs", *CLAIM, UUID(int=40)),
        run("B", DB, "enqueue_job", MERCHANT, UUID(int=6), "kind", "key", {}, NOW + timedelta(seconds=9), 3, NOW),
        run("A", DB, "finish_job", MERCHANT, UUID(int=4), UUID(int=40), NOW),
        run("A", DB, "list_due_merchants", NOW + timedelta(seconds=9), ["kind"], 5),
    ],
    "one moment of the data stays what it was": [
        ADD,
        Do("B", "begin repeatable"),
        run("B", PAYMENTS, "get_order", MERCHANT, ORDER),
        run("A", PAYMENTS, "move_order", MERCHANT, ORDER, "OPEN", "CLOSED", NOW, 1),
        run("B", PAYMENTS, "get_order", MERCHANT, ORDER),
        Do("B", "rollback"),
        run("B", PAYMENTS, "get_order", MERCHANT, ORDER),
    ],
    "the moment is the first look's, not the beginning's": [
        ADD,
        Do("B", "begin repeatable"),
        run("A", PAYMENTS, "move_order", MERCHANT, ORDER, "OPEN", "CLOSED", NOW, 1),
        run("B", PAYMENTS, "get_order", MERCHANT, ORDER),
        Do("B", "rollback"),
    ],
    "a number of the merchant's is used once": [
        run("A", PAYMENTS, "add_order", MERCHANT, ORDER, "no-1", *NEW_ORDER[3:]),
        run("A", PAYMENTS, "add_order", MERCHANT, UUID(int=12), "no-1", *NEW_ORDER[3:]),
        run("A", PAYMENTS, "add_order", MERCHANT, UUID(int=13), "no-2", 0, *NEW_ORDER[4:]),
        run("A", PAYMENTS, "add_order", MERCHANT, UUID(int=14), None, 1, None, *NEW_ORDER[5:]),
        run("A", PAYMENTS, "add_payment", MERCHANT, PAYMENT, UUID(int=99), "c", "s", MERCHANT, "a", "b", 1, "CNY",
            "SENDING", None, NOW, NOW, "u", None, None, None, 0, None),
    ],
    "places follow commits": [
        *begin("A", "B"),
        run("A", WEBHOOKS, "take_place", MERCHANT),
        run("B", WEBHOOKS, "take_place", MERCHANT, waits=True),
        Do("A", "commit"),
        Do("B", "commit"),
        run("A", WEBHOOKS, "last_place", MERCHANT),
    ],
}  # fmt: skip

CIRCLE: list[Do] = [
    ADD,
    run("A", PAYMENTS, "add_order", *OTHER_ORDER),
    *begin("A", "B"),
    run("A", PAYMENTS, "lock_order", MERCHANT, ORDER),
    run("B", PAYMENTS, "lock_order", MERCHANT, UUID(int=12)),
    run("A", PAYMENTS, "lock_order", MERCHANT, UUID(int=12), waits=True),
    run("B", PAYMENTS, "lock_order", MERCHANT, ORDER),
    Do("B", "rollback"),
    Do("A", "commit"),
]


@dataclass(slots=True)
class Teller:
    """Tells a story to a database; what came of each step is an answer's rows or the SQLSTATE of a refusal."""

    acquire: Callable[[], Awaitable[Any]]
    pause: Callable[[], Awaitable[object]]
    sessions: dict[str, Any] = field(default_factory=dict[str, Any])
    frames: dict[str, Any] = field(default_factory=dict[str, Any])

    async def tell(self, story: Sequence[Do]) -> list[object]:
        ends: list[object] = []
        hanging: list[tuple[int, asyncio.Task[object]]] = []
        for do in story:
            if do.session not in self.sessions:
                self.sessions[do.session] = await self.acquire()
            if do.waits:
                task = asyncio.create_task(self._do(do))
                await self.pause()
                assert not task.done(), f"{do} does not wait"
                hanging.append((len(ends), task))
                ends.append(None)
                continue
            ends.append(await self._do(do))
            await self.pause()
            for place, task in [one for one in hanging if one[1].done()]:
                ends[place] = task.result()
        assert all(task.done() for _, task in hanging), "somebody still waits"
        return ends

    async def _do(self, do: Do) -> object:
        session = self.sessions[do.session]
        if do.query is not None:
            room, name = do.query
            try:
                rows = await session.fetch(room[name].text, *do.args)
            except Exception as error:
                return getattr(error, "sqlstate", repr(error))
            return [dict(row) for row in rows]
        if do.what.startswith("begin"):
            isolation = "repeatable_read" if "repeatable" in do.what else "read_committed"
            self.frames[do.session] = session.transaction(isolation=isolation)
            await self.frames[do.session].start()
        else:
            await getattr(self.frames.pop(do.session), do.what)()
        return None


def tell_model(story: Sequence[Do]) -> list[object]:
    loop, chance = VirtualLoop(), Chance(0)
    chance.is_healed = True
    server = DatabaseServer(Store(shapes()), plans(), (loop, chance, Trace()))
    process = Process("teller")
    pool = SimPool(server, process, 5)
    teller = Teller(pool.acquire, lambda: loop.pause(process, 5.0))
    task = loop.spawn(process, teller.tell(story))
    loop.run_until(task.done, 3600.0)
    ends = task.result()
    loop.end([process])
    return ends


async def tell_postgresql(database: Database, story: Sequence[Do]) -> list[object]:
    pool: Any = database._pool
    teller = Teller(pool.acquire, lambda: asyncio.sleep(0.2))
    ends = await teller.tell(story)
    for session in teller.sessions.values():
        await pool.release(session)
    return ends


@pytest.mark.parametrize("name", STORIES)
async def test_the_model_ends_as_postgresql_does(name: str, database: Database) -> None:
    on_postgresql = await tell_postgresql(database, STORIES[name])
    assert await asyncio.to_thread(tell_model, STORIES[name]) == on_postgresql


async def test_a_circle_of_waiting_ends_for_one_of_the_two(database: Database) -> None:
    """Which one is up to the database."""
    for ends in (await tell_postgresql(database, CIRCLE), await asyncio.to_thread(tell_model, CIRCLE)):
        assert sorted(end == "40P01" for end in ends[-4:-2]) == [False, True]


def test_the_model_reads_every_statement_that_moves_money() -> None:
    """What it cannot read is for reports and for retention, and refuses to run rather than to guess."""
    unread = set[str]()
    for room in ROOMS:
        for query in named_queries(f"shunfu.{room}"):
            try:
                compile_statement(query.text, shapes())
            except Unsupported:
                if not query.name.endswith("_of_all"):  # figures for monitoring
                    unread.add(room)
    assert not unread & {"db", "webhooks", "driver", "notifications", "payments", "refunds"}


def test_the_model_knows_every_table() -> None:
    names = read_schema(migration.text for migration in collect(schema_packages()))
    assert {"orders", "payments", "refunds", "transfers", "jobs", "events"} <= set(names)


def test_sql_that_the_model_does_not_know_is_refused() -> None:
    with pytest.raises(Unsupported):
        compile_statement("SELECT order_id FROM orders o LEFT JOIN payments p USING (order_id)", shapes())

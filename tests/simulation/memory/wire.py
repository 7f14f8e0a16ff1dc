"""asyncpg's stand-in: pool, connection and transaction over the store, on virtual time and with what can go wrong.

The real `shunfu.db.Database` runs on it unchanged, so that its retries, its translation of errors and its sessions are
what is simulated. A statement is carried out before or after its way's time has passed, by chance: a crash or a lost
connection then hits it before or after it took effect. Must not know: any table.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg

from simulation.chance import Chance, Trace
from simulation.loop import Process, VirtualLoop, wake
from simulation.memory.statements import Outcome, Plan
from simulation.memory.storage import Blocked, Row, Statement, Store, Violated, Work

LOCK_SECONDS = 10.0
"""PostgreSQL's statement_timeout, as the pool sets it."""
SWITCHES = 0.35
"""How often time passes before a statement, and as often after it; else it takes none, and nobody else comes between."""
IDLE_SECONDS = 60.0
"""PostgreSQL's idle_in_transaction_session_timeout, as the pool sets it."""
_ERRORS: dict[str, type[asyncpg.PostgresError]] = {
    "unique": asyncpg.UniqueViolationError,
    "check": asyncpg.CheckViolationError,
    "not_null": asyncpg.NotNullViolationError,
    "foreign_key": asyncpg.ForeignKeyViolationError,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a session did: `deed` is begin, run, commit or rollback. `error` is what refused a statement.

    `has_waited`: it was run again after a wait, on its old snapshot.
    """

    session: int
    deed: str
    text: str = ""
    args: Sequence[object] = ()
    rows: list[Row] | None = None
    count: int = 0
    error: str = ""
    has_waited: bool = False
    is_repeatable: bool = False


class DatabaseServer:
    """The server: it outlives every process, and forgets what was not committed when it is restarted."""

    def __init__(self, store: Store, plans: Mapping[str, Plan], world: tuple[VirtualLoop, Chance, Trace]) -> None:
        self.store = store
        self.plans = plans
        self.loop, self.chance, self.trace = world
        self.sessions: dict[SimConnection, None] = {}
        self.down_until = 0.0
        self.ran: Counter[str] = Counter()
        self.touched: Counter[str] = Counter()
        self.waits = self.deadlocks = self.violations = 0
        self.steps: list[Step] | None = None
        self.sessions_made = 0

    def restart(self, down_seconds: float) -> None:
        """Every session ends, and for a while there is nobody to connect to."""
        self.trace.add(self.loop.now, "database", "restart")
        self.down_until = self.loop.now + down_seconds
        self.end_sessions(None)

    def end_sessions(self, process: Process | None) -> None:
        """End the sessions of a process, or of all."""
        for session in list(self.sessions):
            if process is None or session.process is process:
                session.terminate()

    def end_idle(self, process: Process) -> None:
        """What a paused process holds in open transactions is taken from it."""
        for session in list(self.sessions):
            if session.process is process and session.work is not None:
                session.terminate()


class SimPool:
    """One process's pool, of a bounded size."""

    def __init__(self, server: DatabaseServer, process: Process, size: int) -> None:
        self._server = server
        self._process = process
        self._free = size
        self._waiting: list[asyncio.Future[None]] = []
        process.at_death.append(lambda: server.end_sessions(process))

    async def acquire(self, *, timeout: float | None = None) -> SimConnection:
        """A connection, when one is free in time."""
        self._process.require_alive()
        loop = self._server.loop
        if self._free == 0:
            future: asyncio.Future[None] = loop.create_future()
            self._waiting.append(future)
            await self._queue(future, timeout or LOCK_SECONDS)
        else:
            self._free -= 1
        if loop.now < self._server.down_until:
            self._give_back()
            raise ConnectionRefusedError("the server is starting")
        return SimConnection(self._server, self._process)

    async def _queue(self, future: asyncio.Future[None], seconds: float) -> None:
        """Wait for a connection; who stops waiting just when one is given to it gives it on."""
        limit = self._server.loop.at(self._process, seconds, wake, future)
        try:
            await future
            if future in self._waiting:
                raise TimeoutError
        except BaseException:
            if future in self._waiting:
                self._waiting.remove(future)
            else:
                self._give_back()
            raise
        finally:
            limit.cancel()

    async def release(self, connection: SimConnection) -> None:
        """Give a connection back."""
        connection.terminate()
        self._give_back()

    def _give_back(self) -> None:
        if self._process.is_dead:
            return
        if self._waiting:
            wake(self._waiting.pop(0))
        else:
            self._free += 1


class SimConnection:
    """One session."""

    def __init__(self, server: DatabaseServer, process: Process) -> None:
        self.server = server
        self.process = process
        self.work: Work | None = None
        self.is_repeatable = False
        self.is_broken = False
        self.is_failed = False
        server.sessions[self] = None
        server.sessions_made += 1
        self.number = server.sessions_made

    async def fetch(self, query: str, *args: object, timeout: float | None = None) -> list[dict[str, Any]]:
        """All rows."""
        return (await self._run(self.server.plans[query], args))[0]

    async def fetchrow(self, query: str, *args: object, timeout: float | None = None) -> dict[str, Any] | None:
        """The first row."""
        rows = (await self._run(self.server.plans[query], args))[0]
        return rows[0] if rows else None

    async def fetchval(self, query: str, *args: object, timeout: float | None = None) -> object:
        """The first column of the first row."""
        rows = (await self._run(self.server.plans[query], args))[0]
        return next(iter(rows[0].values())) if rows else None

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        """The command tag."""
        plan = self.server.plans[query]
        return f"{plan.verb} {(await self._run(plan, args))[1]}"

    def transaction(self, *, isolation: str | None = None, readonly: bool = False) -> SimFrame:
        """BEGIN, COMMIT, ROLLBACK."""
        return SimFrame(self, is_repeatable=isolation == "repeatable_read")

    def terminate(self) -> None:
        """The session ends, and with it what it has not committed."""
        self.server.sessions.pop(self, None)
        self.is_broken = True
        self.end_work(is_kept=False)

    def begin_work(self, *, is_repeatable: bool) -> None:
        """A transaction begins."""
        self.require_open()
        self.work, self.is_repeatable, self.is_failed = Work(self.server.store), is_repeatable, False
        self.note(Step(self.number, "begin", is_repeatable=is_repeatable))

    def end_work(self, *, is_kept: bool) -> None:
        """The transaction ends, committed or not."""
        work, self.work = self.work, None
        if work is None:
            return
        if work.snapshot is not None:
            self.server.store.snapshots -= 1
        is_kept = is_kept and not self.is_failed
        self.note(Step(self.number, "commit" if is_kept else "rollback"))
        if is_kept:
            work.commit()
        else:
            work.rollback()

    def note(self, step: Step) -> None:
        """Keep a step for whoever wants to do the same elsewhere."""
        if self.server.steps is not None:
            self.server.steps.append(step)

    def require_open(self) -> None:
        """Raises as asyncpg does when the session has ended."""
        self.process.require_alive()
        if self.is_broken:
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    async def travel(self, what: str) -> bool:
        """A statement's way. True: it shall be carried out first, and its answer be under way after that."""
        server = self.server
        self.require_open()
        server.trace.add(server.loop.now, self.process.name, what)
        drawn = server.chance.schedule.random()
        if drawn < SWITCHES:
            await server.loop.pause(self.process, server.chance.travel_seconds())
            self.require_open()
        return drawn > 1 - SWITCHES

    async def come_back(self) -> None:
        """The answer's way."""
        await self.server.loop.pause(self.process, self.server.chance.travel_seconds())
        self.require_open()

    def lose(self) -> None:
        """The connection breaks."""
        self.terminate()
        self.require_open()

    async def _run(self, plan: Plan, args: Sequence[object]) -> Outcome:
        is_early = await self.travel(plan.name)
        chance = self.server.chance
        if chance.hits("connection_lost"):
            if self.work is None and is_early:
                await self._carry_out(plan, args)
            self.lose()
        if self.work is not None and not self.is_repeatable and chance.hits("write_conflict"):
            self._fail()
            raise asyncpg.DeadlockDetectedError("deadlock detected")
        outcome = await self._carry_out(plan, args)
        if is_early:
            await self.come_back()
        return outcome

    async def _carry_out(self, plan: Plan, args: Sequence[object]) -> Outcome:
        if self.is_failed and self.work is not None:
            raise asyncpg.InFailedSQLTransactionError("current transaction is aborted")
        server, store = self.server, self.server.store
        server.ran[plan.name] += 1
        work = self.work or Work(store)
        if self.work is not None and self.is_repeatable and work.snapshot is None:
            work.snapshot = store.seq
            store.snapshots += 1
        snapshot = store.seq if work.snapshot is None else work.snapshot
        has_waited = False
        while True:
            statement = Statement(work, snapshot)
            try:
                rows, count = plan.run(statement, args)
            except Blocked as blocked:
                statement.take_back()
                has_waited = True
                await self._wait(work, blocked.owner)
            except Violated as violated:
                statement.take_back()
                server.violations += 1
                self.note(Step(self.number, "run", plan.text, args, error=violated.kind, has_waited=has_waited))
                self._fail()
                raise _refused(violated) from None
            else:
                break
        server.touched[plan.name] += count > 0
        self.note(Step(self.number, "run", plan.text, args, rows, count, has_waited=has_waited))
        if self.work is None:
            work.commit()
        return rows, count

    async def _wait(self, work: Work, owner: Work) -> None:
        """Until the other transaction is over; a circle of waiting ends for who closes it."""
        server, loop = self.server, self.server.loop
        work.waits_for = owner
        if work.is_deadlock():
            work.waits_for = None
            server.deadlocks += 1
            server.trace.add(loop.now, self.process.name, "deadlock")
            self._fail()
            raise asyncpg.DeadlockDetectedError("deadlock detected")
        server.waits += 1
        server.trace.add(loop.now, self.process.name, "waits")
        future: asyncio.Future[None] = loop.create_future()
        owner.waiters.append(partial(loop.at, self.process, server.chance.travel_seconds(), wake, future))
        limit = loop.at(self.process, LOCK_SECONDS, wake, future)
        began = loop.now
        server.store.snapshots += 1
        try:
            await future
        finally:
            limit.cancel()
            server.store.snapshots -= 1
            work.waits_for = None
        self.require_open()
        if loop.now - began >= LOCK_SECONDS:
            self._fail()
            raise asyncpg.QueryCanceledError("canceling statement due to statement timeout")

    def _fail(self) -> None:
        """The transaction can only be rolled back now; what it locked is free at once, as after the rollback."""
        self.is_failed = True
        if self.work is not None:
            self.work.rollback()


class SimFrame:
    """A transaction's frame."""

    def __init__(self, connection: SimConnection, *, is_repeatable: bool) -> None:
        self._connection = connection
        self._is_repeatable = is_repeatable

    async def start(self) -> None:
        """BEGIN."""
        self._connection.begin_work(is_repeatable=self._is_repeatable)

    async def commit(self) -> None:
        """COMMIT: an answer that is lost says nothing about whether it took effect."""
        connection = self._connection
        chance = connection.server.chance
        is_early = await connection.travel("commit")
        if connection.is_failed:
            connection.end_work(is_kept=False)
            return
        if chance.hits("commit_unknown"):
            if is_early:
                connection.end_work(is_kept=True)
            connection.lose()
        connection.end_work(is_kept=True)
        if is_early:
            await connection.come_back()

    async def rollback(self) -> None:
        """ROLLBACK."""
        self._connection.end_work(is_kept=False)

    async def __aenter__(self) -> None:
        await self.start()

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        await (self.commit() if kind is None else self.rollback())


def _refused(violated: Violated) -> asyncpg.PostgresError:
    error = _ERRORS[violated.kind](f"violates {violated.name}")
    error.constraint_name = None if violated.kind == "not_null" else violated.name
    return error

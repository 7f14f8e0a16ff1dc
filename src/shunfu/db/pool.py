"""The connection pool and the unit of work: one story, one transaction.

`transact` runs a story in one transaction and retries it when PostgreSQL says that it lost a race; `reading` gives a
session that PostgreSQL itself keeps from writing. Infrastructure that fails is a `TransientFault`, never a raw error of
the driver. Must not know: any table.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from shunfu.db.driver import Connection, Frame, Pool, Record, create_pool
from shunfu.db.faults import DRIVER_ERRORS, ConstraintViolated, WriteConflict, connecting, is_broken, translating
from shunfu.db.queries import Query
from shunfu.kernel.errors import TransientFault

__all__ = [
    "Bell",
    "ConstraintViolated",
    "Database",
    "Labour",
    "PoolFigure",
    "PoolSettings",
    "Reader",
    "Transaction",
    "WriteConflict",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Where the database is and how hard to lean on it.

    `role` is SET for each connection (None: stay the login user). `attempts` bounds how often one story runs.
    """

    url: str
    role: str | None = None
    min_size: int = 1
    max_size: int = 10
    statement_timeout_seconds: float = 10.0
    acquire_timeout_seconds: float = 5.0
    attempts: int = 5
    application_name: str = "shunfu"


@dataclass(frozen=True, slots=True)
class PoolFigure:
    """How many connections a pool has, may have, and has lying idle."""

    open: int
    most: int
    idle: int


@dataclass(frozen=True, slots=True)
class Labour:
    """What one heavy transaction may use beyond the pool's settings: seconds a statement, MiB to sort and hash in."""

    statement_seconds: int = 300
    memory_mib: int = 64


class Bell:
    """Tells whoever listens in this process that a job was committed."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` at every ring; the answer takes it off again."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def ring(self) -> None:
        """Call every listener."""
        for listener in tuple(self._listeners):
            listener()


class Reader:
    """A session that reads. Every method raises `TransientFault` when the database is out of reach."""

    def __init__(self, connection: Connection, seconds: float | None = None) -> None:
        self._connection: Connection | None = connection
        self._limits: dict[str, float] = {} if seconds is None else {"timeout": seconds}  # none: the pool's own

    async def fetch(self, query: Query, *args: object) -> list[Record]:
        """All rows."""
        with translating(query.name):
            return await self._open().fetch(query.text, *args, **self._limits)

    async def fetch_row(self, query: Query, *args: object) -> Record | None:
        """The first row, or None."""
        with translating(query.name):
            return await self._open().fetchrow(query.text, *args, **self._limits)

    async def fetch_value(self, query: Query, *args: object) -> object:
        """The first column of the first row, or None."""
        with translating(query.name):
            return await self._open().fetchval(query.text, *args, **self._limits)

    def _open(self) -> Connection:
        assert self._connection is not None, "this session has ended"
        return self._connection

    def end(self) -> None:
        """Called by the pool: whoever still uses this session afterwards has a bug."""
        self._connection = None


class Transaction(Reader):
    """One unit of work: what it writes is committed together or not at all."""

    def __init__(self, connection: Connection, bell: Bell, seconds: float | None = None) -> None:
        super().__init__(connection, seconds)
        self.bell = bell
        self._callbacks: list[Callable[[], None]] = []

    async def execute(self, query: Query, *args: object) -> int:
        """Run a statement and count the rows it touched; `ConstraintViolated` when a constraint says no."""
        with translating(query.name):
            status = await self._open().execute(query.text, *args, **self._limits)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def append(self, table: str, columns: Sequence[str], rows: bytes) -> None:
        """Add many rows to a table of the caller's room by COPY: a fraction of what INSERT costs.

        `rows` are UTF-8 in COPY's text form: a line a row, tabs between cells, `\\N` for null, `\\\\` for a backslash.
        Each begins with its merchant, as `columns` do. `ConstraintViolated` when a constraint says no.
        """
        assert columns[0] == "merchant_id", "every row says whose it is"
        with translating(f"append to {table}"):
            await self._open().copy_to_table(table, source=_in_one_piece(rows), columns=columns)

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call back once this unit of work is committed, and never if it is rolled back. Equal callbacks run once."""
        if callback not in self._callbacks:
            self._callbacks.append(callback)

    def tell_committed(self) -> None:
        """Called by the pool after the commit."""
        for callback in self._callbacks:
            callback()


class Database:
    """A pool of connections that mends itself after the server was away."""

    def __init__(self, pool: Pool, settings: PoolSettings) -> None:
        self._pool = pool
        self._settings = settings
        self.bell = Bell()

    @classmethod
    async def connect(cls, settings: PoolSettings) -> Database:
        """Open the pool; `TransientFault` while the server is away, `SetupFault` when it refuses these credentials."""
        with connecting():
            pool = await create_pool(
                settings.url,
                sizes=(settings.min_size, settings.max_size),
                connect_seconds=settings.acquire_timeout_seconds,
                command_seconds=settings.statement_timeout_seconds + 5,
                session_settings=_session(settings),
                on_connect=_teach_json,
            )
        return cls(pool, settings)

    async def close(self) -> None:
        """Wait a moment for those who hold a connection, then close all."""
        try:
            async with asyncio.timeout(self._settings.statement_timeout_seconds):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    def figure(self) -> PoolFigure:
        """The pool at this moment."""
        return PoolFigure(self._pool.get_size(), self._settings.max_size, self._pool.get_idle_size())

    async def transact(self, story: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a story in one READ COMMITTED transaction and commit it.

        A lost race (SQLSTATE 40001, 40P01) runs the whole story again, at most `attempts` times, then `WriteConflict`.
        A connection lost during the commit is a `TransientFault`: whether it was committed is then not known.
        """
        return await self._retried(lambda: self._attempt(story, None))

    async def labour(self, story: Callable[[Transaction], Awaitable[T]], limits: Labour) -> T:
        """As `transact`, on one moment of the data (REPEATABLE READ), for work on very many rows, within `limits`."""
        return await self._retried(lambda: self._attempt(story, limits))

    async def single(self, query: Query, *args: object) -> list[Record]:
        """Run one statement as a transaction of its own: one round trip instead of three. Retried as in `transact`."""

        async def once() -> list[Record]:
            async with self._lent() as connection:
                with translating(query.name):
                    return await connection.fetch(query.text, *args)

        return await self._retried(once)

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[Reader]:
        """A session on one moment of the data (REPEATABLE READ, READ ONLY): to see later writes, open another."""
        async with self._lent() as connection:
            frame = connection.transaction(isolation="repeatable_read", readonly=True)
            with translating("begin"):
                await frame.start()
            reader = Reader(connection)
            try:
                yield reader
            finally:
                reader.end()
                await _roll_back(frame)

    @asynccontextmanager
    async def glancing(self) -> AsyncGenerator[Reader]:
        """A session whose every statement is a transaction of its own: for one look, one round trip instead of three.

        Two statements may see two moments, and PostgreSQL does not keep it from writing: where that matters, `reading`.
        """
        async with self._lent() as connection:
            reader = Reader(connection)
            try:
                yield reader
            finally:
                reader.end()

    async def _retried(self, once: Callable[[], Awaitable[T]]) -> T:
        for attempt in range(1, self._settings.attempts):
            try:
                return await once()
            except WriteConflict:
                await asyncio.sleep(random.uniform(0.5, 1.5) * 0.005 * 2**attempt)  # noqa: S311  jitter, no secret
        return await once()

    async def _attempt(self, story: Callable[[Transaction], Awaitable[T]], limits: Labour | None) -> T:
        async with self._lent() as connection:
            frame = connection.transaction(isolation="repeatable_read" if limits else "read_committed")
            with translating("begin"):
                await frame.start()
                if limits:
                    await connection.execute(_raised(limits))
            transaction = Transaction(connection, self.bell, limits.statement_seconds + 5 if limits else None)
            try:
                answer = await story(transaction)
            except BaseException:
                await _roll_back(frame)
                raise
            finally:
                transaction.end()
            with translating("commit"):
                await frame.commit()
        transaction.tell_committed()
        return answer

    @asynccontextmanager
    async def _lent(self) -> AsyncGenerator[Connection]:
        with translating("acquire a connection"):
            connection = await self._pool.acquire(timeout=self._settings.acquire_timeout_seconds)
        try:
            yield connection
        except TransientFault as fault:
            if is_broken(fault):
                connection.terminate()
            raise
        finally:
            with suppress(*DRIVER_ERRORS):  # a connection that cannot be given back is thrown away by the pool
                await self._pool.release(connection)


def _session(settings: PoolSettings) -> dict[str, str]:
    milliseconds = str(int(settings.statement_timeout_seconds * 1000))
    session = {
        "application_name": settings.application_name,
        "search_path": "shunfu",
        "timezone": "UTC",
        "jit": "off",
        "statement_timeout": milliseconds,
        "idle_in_transaction_session_timeout": str(60_000),
    }
    return session | ({"role": settings.role} if settings.role else {})


def _raised(limits: Labour) -> str:
    """SET LOCAL: for this transaction alone.

    No nested loops: PostgreSQL knows nothing yet of rows that this transaction wrote, and would join a million with a
    million one by one because it believes in one.
    """
    timeout = f"SET LOCAL statement_timeout = {limits.statement_seconds * 1000:d}"
    return f"{timeout}; SET LOCAL work_mem = '{limits.memory_mib:d}MB'; SET LOCAL enable_nestloop = off"


async def _in_one_piece(rows: bytes) -> AsyncIterator[bytes]:
    yield rows


async def _teach_json(connection: Connection) -> None:
    await connection.set_type_codec("jsonb", encoder=_json, decoder=json.loads, schema="pg_catalog", format="text")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


async def _roll_back(frame: Frame) -> None:
    with suppress(*DRIVER_ERRORS):  # the connection is gone, and PostgreSQL rolls back by itself
        await frame.rollback()

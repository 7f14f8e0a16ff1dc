"""Where a process can die: before and after everything that it sends to PostgreSQL and to a channel.

A fuse counts these moments, and at one of them the process ends: a `Crash` that no code of ours
catches, after which nothing is sent any more. Three seams carry it: the pool's connections, the
driver's stand-in, and the carrier of webhooks.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import shunfu
from flows.world import Line
from shunfu.db import Record, named_queries
from shunfu.db.driver import Connection, Frame, Pool
from shunfu.db.driver import ServerVersion as Version
from shunfu.gateway.flow import Answer, Request
from shunfu.kernel.clock import ManualClock, Source
from shunfu.webhooks import Carrier, Outgoing, Sent

T = TypeVar("T")
NUMBER = re.compile(r"[0-9A-Z]{20,}|[0-9]{8,}|[0-9]{4}-[0-9]{2}-[0-9]{2}")
FILE = re.compile(r"[0-9a-f]{64}")
ROUND_TRIP_SECONDS = 0.001
FRAMES = frozenset({"BEGIN", "COMMIT", "ROLLBACK"})


class Crash(BaseException):
    """The process ends here: no `except Exception` sees it, as none sees a kill -9."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A place where the process can end: before something is sent, or after it took effect and before we know."""

    what: str
    position: Literal["before", "after"]
    is_call: bool = False

    def __str__(self) -> str:
        return f"{self.position} {self.what}"


class Fuse:
    """Counts moments; at the one with the index `at`, and ever after, all ends in a Crash. None: it never does."""

    def __init__(self, clock: ManualClock, at: int | None) -> None:
        self.clock = clock
        self.moments: list[Moment] = []
        self.is_blown = False
        self._at = at

    def reach(self, moment: Moment) -> None:
        """A moment comes. Raises Crash when it is the last, or when the last has been."""
        self.require_life()
        self.moments.append(moment)
        if len(self.moments) - 1 == self._at:
            self.is_blown = True
            raise Crash(str(moment))

    def require_life(self) -> None:
        """Raises Crash once the process has ended."""
        if self.is_blown:
            raise Crash("the process has ended")


class FusedFrame:
    """asyncpg's transaction behind a fuse."""

    def __init__(self, frame: Frame, sent: FusedConnection) -> None:
        self._frame = frame
        self._connection = sent

    async def start(self) -> None:
        await self._connection.send("BEGIN", self._frame.start)

    async def commit(self) -> None:
        await self._connection.send("COMMIT", self._frame.commit)

    async def rollback(self) -> None:
        await self._connection.send("ROLLBACK", self._frame.rollback)

    async def __aenter__(self) -> None:
        await self.start()

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        await (self.commit() if kind is None else self.rollback())


class FusedConnection:
    """asyncpg's connection behind a fuse: the database room's `Connection`."""

    def __init__(self, inner: Connection, fuse: Fuse) -> None:
        self.inner = inner
        self._fuse = fuse

    async def send(self, what: str, work: Callable[[], Awaitable[T]]) -> T:
        """One round trip with a moment on either side."""
        self._fuse.reach(Moment(what, "before"))
        answer = await work()
        self._fuse.clock.advance(ROUND_TRIP_SECONDS)
        self._fuse.reach(Moment(what, "after"))
        return answer

    async def fetch(self, query: str, *args: object, **told: Any) -> list[Record]:
        return await self.send(name_of(query), lambda: self.inner.fetch(query, *args, **told))

    async def fetchrow(self, query: str, *args: object, **told: Any) -> Record | None:
        return await self.send(name_of(query), lambda: self.inner.fetchrow(query, *args, **told))

    async def fetchval(self, query: str, *args: object, **told: Any) -> object:
        return await self.send(name_of(query), lambda: self.inner.fetchval(query, *args, **told))

    async def execute(self, query: str, *args: object, **told: Any) -> str:
        return await self.send(name_of(query), lambda: self.inner.execute(query, *args, **told))

    async def copy_to_table(self, table_name: str, **told: Any) -> str:
        return await self.send(f"COPY {table_name}", lambda: self.inner.copy_to_table(table_name, **told))

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  the driver's own shape
        await self.inner.close(timeout=timeout)

    def terminate(self) -> None:
        self.inner.terminate()

    def transaction(self, *, isolation: str | None = None, readonly: bool = False) -> FusedFrame:
        return FusedFrame(self.inner.transaction(isolation=isolation, readonly=readonly), self)

    def get_server_version(self) -> Version:
        return self.inner.get_server_version()

    async def set_type_codec(self, typename: str, **told: Any) -> None:
        await self.inner.set_type_codec(typename, **told)


class FusedPool:
    """asyncpg's pool behind a fuse. After the end nobody gives a connection back: `terminate` cuts them all."""

    def __init__(self, pool: Pool, fuse: Fuse) -> None:
        self._pool = pool
        self._fuse = fuse

    async def acquire(self, *, timeout: float | None = None) -> FusedConnection:  # noqa: ASYNC109  the driver's own shape
        self._fuse.require_life()
        return FusedConnection(await self._pool.acquire(timeout=timeout), self._fuse)

    async def release(self, connection: FusedConnection) -> None:
        if not self._fuse.is_blown:
            await self._pool.release(connection.inner)

    async def close(self) -> None:
        await self._pool.close()

    def terminate(self) -> None:
        self._pool.terminate()


class FusedLine(Line):
    """The driver of the process that dies: the channel behind a fuse.

    A moment before a request leaves, and one after the channel has done what it asks.
    """

    def __init__(self, line: Line, source: Source, fuse: Fuse) -> None:
        self.clock, self.source = line.clock, source
        self._line, self._fuse = line, fuse

    def answer(self, request: Request) -> Answer:
        """What the sandbox says, if the process lives to hear it."""
        path = NUMBER.sub("{number}", FILE.sub("{file}", urlsplit(request.url).path))
        what = f"{request.method} {path}"
        self._fuse.reach(Moment(what, "before", is_call=True))
        said = self._line.answer(request)
        self._fuse.reach(Moment(what, "after", is_call=True))
        return said


class FusedCarrier:
    """The sender of webhooks of the process that dies: a moment before a message leaves, and one after it arrived."""

    def __init__(self, carrier: Carrier, fuse: Fuse) -> None:
        self._carrier = carrier
        self._fuse = fuse

    async def send(self, outgoing: Outgoing) -> Sent:
        """One try."""
        self._fuse.reach(Moment("POST to the merchant", "before", is_call=True))
        sent = await self._carrier.send(outgoing)
        self._fuse.reach(Moment("POST to the merchant", "after", is_call=True))
        return sent


def name_of(query: str) -> str:
    """A statement by its name, such as `payments.get_order`."""
    return _names().get(query) or " ".join(query.split())[:60]


@cache
def _names() -> dict[str, str]:
    """Every named statement of the package, by its text."""
    rooms = [room.name for room in resources.files(shunfu).iterdir() if room.joinpath("queries.sql").is_file()]
    found = [(query, room) for room in sorted(rooms) for query in named_queries(f"shunfu.{room}")]
    return {query.text: f"{room}.{query.name}" for query, room in found}

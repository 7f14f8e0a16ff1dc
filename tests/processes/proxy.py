"""A TCP proxy that does to a connection what networks do: waits, cuts it at a byte or at a word, changes bytes.

It knows neither HTTP nor PostgreSQL: a rule sees the bytes that pass and says what becomes of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

CHUNK = 1 << 16
Way = Literal["to_server", "to_client"]
Connect: TypeAlias = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
"""Reaches what is behind the proxy."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What becomes of a piece: it is passed on as `data` after `wait_seconds` and after `hold` has come to its end.

    Then perhaps the line is cut.
    """

    data: bytes
    wait_seconds: float = 0.0
    hold: Callable[[], Awaitable[None]] | None = None
    is_cut: bool = False


Rule = Callable[[Way, bytes], Deed]
"""A piece of a connection and the way it goes, to its deed. A connection has a rule of its own: it may remember."""


def pass_on(way: Way, data: bytes) -> Deed:
    """The rule of a good line."""
    return Deed(data)


@dataclass(slots=True)
class Proxy:
    """A proxy that listens on 127.0.0.1. `make_rule` is asked for the rule of each new connection."""

    connect: Connect
    make_rule: Callable[[], Rule] = lambda: pass_on
    port: int = 0
    connections: int = 0
    cuts: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.Event] = field(default_factory=set[asyncio.Event])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until one side ends it, the rule cuts it, or all are broken."""
        self.connections += 1
        is_broken = asyncio.Event()
        self._open.add(is_broken)
        try:
            from_server, upstream = await self.connect()
        except OSError:
            upstream = None  # nobody listens behind us: the client sees a connection that ends
        else:
            rule = self.make_rule()
            parts = [
                asyncio.create_task(self._pump(reader, upstream, ("to_server", rule))),
                asyncio.create_task(self._pump(from_server, writer, ("to_client", rule))),
                asyncio.create_task(is_broken.wait()),
            ]
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
        self._open.discard(is_broken)
        for end in (writer, upstream):
            if end is not None:
                end.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, by: tuple[Way, Rule]) -> None:
        way, rule = by
        try:
            while data := await source.read(CHUNK):
                deed = rule(way, data)
                if deed.wait_seconds:
                    await asyncio.sleep(deed.wait_seconds)
                if deed.hold is not None:
                    await deed.hold()
                sink.write(deed.data)
                await sink.drain()
                if deed.is_cut:
                    self.cuts += 1
                    return
        except OSError:
            return  # the other side is gone

    def break_all(self) -> None:
        """End every connection now: the next ones get the rules of now."""
        for is_broken in self._open:
            is_broken.set()

    async def close(self) -> None:
        """End every connection and listen no more."""
        assert self._server is not None, "the proxy is open"
        self._server.close()
        self.break_all()
        while self._open:
            await asyncio.sleep(0.01)
        await self._server.wait_closed()


@asynccontextmanager
async def proxy_to(connect: Connect) -> AsyncIterator[Proxy]:
    """A proxy in front of whatever `connect` reaches."""
    made = Proxy(connect)
    made._server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = made._server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        await made.close()

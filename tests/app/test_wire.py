"""The server on a real socket: what never ends is ended, what is too large or ambiguous is refused, work goes on."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from starlette.types import Receive, Scope, Send

from shunfu.app.serve import Served, WireBounds, serve

SHORT = WireBounds(request_seconds=0.6, write_seconds=0.6, keep_alive_seconds=1, connections_max=4)
PATIENT_SECONDS = 20


class Host:
    """A small application; every path and body that reached it is noted."""

    def __init__(self) -> None:
        self.reached: list[tuple[str, bytes]] = []
        self.gone = asyncio.Event()
        self.release = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body, has_more = b"", True
        while has_more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone.set()
                return
            body += message["body"]
            has_more = message["more_body"]
        self.reached.append((scope["path"], body))
        if scope["path"] == "/slow":
            await self.release.wait()
        answer = b"x" * 30_000_000 if scope["path"] == "/large" else b"reached"
        length = str(len(answer)).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": answer})


@asynccontextmanager
async def serving(host: Host, bounds: WireBounds = SHORT) -> AsyncIterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    stop, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(serve(Served(host, listener, bounds), stop, ready.set))
    await ready.wait()
    try:
        yield listener.getsockname()[1]
    finally:
        host.release.set()
        stop.set()
        await task


class Line:
    """A client that writes bytes as it pleases."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> Line:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        async with asyncio.timeout(PATIENT_SECONDS):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""
            finally:
                await self.end()

    async def end(self) -> None:
        """Close this side too."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    async def drip(self, pieces: bytes) -> bytes:
        """Write a byte at a time, for longer than the server is patient; what it said until it closed."""
        said = asyncio.create_task(self.rest())
        try:
            while not said.done():
                for byte in pieces:
                    if said.done():
                        break
                    await self.say(bytes([byte]))
                    await asyncio.sleep(0.1)
        except (ConnectionError, OSError):
            await asyncio.wait({said})
        return await said


async def ask(port: int, data: bytes) -> bytes:
    line = await Line.to(port)
    await line.say(data)
    return await line.rest()


GET = b"GET /plain HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


async def test_an_ordinary_request_is_answered() -> None:
    host = Host()
    async with serving(host) as port:
        assert (await ask(port, GET)).endswith(b"reached")
        whole = b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
        assert (await ask(port, whole)).endswith(b"reached")
        head = b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        chunked = head + b"5\r\nhello\r\n0\r\n\r\n"
        assert (await ask(port, chunked)).endswith(b"reached")
    assert host.reached == [("/plain", b""), ("/b", b"hello"), ("/c", b"hello")]


async def test_who_says_nothing_is_hung_up_on() -> None:
    async with serving(Host()) as port:
        assert await ask(port, b"") == b""


@pytest.mark.parametrize("first", [b"", GET.replace(b"close", b"keep-alive")])
async def test_a_head_that_drips_is_ended(first: bytes) -> None:
    """Slow loris, on a new connection and on one that has been served."""
    host = Host()
    async with serving(host) as port:
        line = await Line.to(port)
        if first:
            await line.say(first)
            await line.reader.readuntil(b"reached")
        said = await line.drip(b"GET /never HTTP/1.1\r\nX-A: " + b"b" * 200)
        assert said.startswith(b"HTTP/1.1 408 ")
        assert (await ask(port, GET)).endswith(b"reached")
    assert "/never" not in [path for path, _ in host.reached]


async def test_empty_lines_are_no_request_and_do_not_last() -> None:
    async with serving(Host()) as port:
        line = await Line.to(port)
        assert b"200" not in await line.drip(b"\r\n" * 200)


async def test_a_body_that_drips_is_ended_and_the_application_told() -> None:
    host = Host()
    async with serving(host) as port:
        line = await Line.to(port)
        await line.say(b"POST /never HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n")
        await line.drip(b"b" * 200)
        async with asyncio.timeout(PATIENT_SECONDS):
            await host.gone.wait()
    assert host.reached == []


async def test_slow_work_is_not_a_slow_request() -> None:
    host = Host()
    async with serving(host) as port:
        line = await Line.to(port)
        await line.say(GET.replace(b"/plain", b"/slow"))
        await asyncio.sleep(SHORT.request_seconds * 2.5)
        host.release.set()
        assert (await line.rest()).endswith(b"reached")


async def test_an_idle_connection_ends() -> None:
    async with serving(Host()) as port:
        said = await ask(port, GET.replace(b"close", b"keep-alive"))
        assert said.endswith(b"reached")


async def test_who_does_not_take_the_answer_is_hung_up_on() -> None:
    host = Host()
    async with serving(host) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(GET.replace(b"/plain", b"/large"))
        await asyncio.sleep(SHORT.write_seconds * 3)
        taken = 0
        with suppress(ConnectionResetError):
            while piece := await reader.read(1 << 20):
                taken += len(piece)
        assert taken < 30_000_000
        await Line(reader, writer).end()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX-A: " + b"b" * 40_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX-A: " + b"b" * 4_000_000,  # a header without an end
        b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X-A: b\r\n" * 101 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n" + (b"X-A: " + b"b" * 900 + b"\r\n") * 40 + b"\r\n",
    ],
)
async def test_a_head_has_a_size(head: bytes) -> None:
    host = Host()
    async with serving(host, WireBounds(request_seconds=10)) as port:
        line = await Line.to(port)
        with suppress(ConnectionError):
            await line.say(head)
        said = await line.rest()
        assert said == b"" or said.startswith(b"HTTP/1.1 431 ")
        if len(head) < 100_000:
            assert said.startswith(b"HTTP/1.1 431 ")
    assert host.reached == []


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /outer HTTP/1.1\r\nHost: h\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n" + SMUGGLED,
        POST + b"Content-Length: 0\r\nContent-Length: 37\r\n\r\n" + SMUGGLED,
        POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        POST + b"Content-Length: 5, 5\r\n\r\nhello",
        POST + b"Content-Length: +5\r\n\r\nhello",
        POST + b"Content-Length : 5\r\n\r\nhello",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        POST + b"Transfer-Encoding: chunked\r\n\r\n5;\n\r\nhello\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nHost: evil\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX-A: b\r\n c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX-A: b\0c\r\n\r\n",
        b"GET / HTTP/1.1\nHost: h\nContent-Length: 0\n\n",
        b"GET  / HTTP/9.9\r\nHost: h\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1",
    ],
)
async def test_one_rule_says_where_a_request_ends(request_bytes: bytes) -> None:
    """What could be read in two ways is read in none: 400, closed, and nothing behind it is carried out (A28)."""
    host = Host()
    async with serving(host, WireBounds(request_seconds=3)) as port:
        said = await ask(port, request_bytes)
        assert said.startswith(b"HTTP/1.1 400 "), said
        assert said.count(b"HTTP/1.1 ") == 1
        assert (await ask(port, GET)).endswith(b"reached")
    assert [path for path, _ in host.reached if path != "/plain"] == []


async def test_more_connections_than_allowed_are_told_503() -> None:
    host = Host()
    async with serving(host, WireBounds(request_seconds=10, connections_max=4)) as port:
        held = [await Line.to(port) for _ in range(3)]
        for line in held[:2]:
            await line.say(GET.replace(b"/plain", b"/slow"))
        await asyncio.sleep(0.2)
        assert b"503" in await ask(port, GET)
        host.release.set()
        for line in held[:2]:
            assert (await line.rest()).endswith(b"reached")
        await held[2].end()
        assert (await ask(port, GET)).endswith(b"reached")


async def test_two_requests_in_one_packet_are_answered_in_order() -> None:
    host = Host()
    async with serving(host) as port:
        said = await ask(port, GET.replace(b"close", b"keep-alive") + GET.replace(b"plain", b"second"))
        assert said.count(b"reached") == 2
    assert [path for path, _ in host.reached] == ["/plain", "/second"]

"""One body has one end: a request that tells two is refused, and what hides behind it is never answered (attack A28).

Over a real connection to the server that we ship, because it is its parser that must not be of two minds.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pages.serving import free_listener
from shunfu.app.serve import serve_app

SEEN: list[str] = []
HIDDEN = "GET /hidden HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def heard(request: Request) -> Response:
    SEEN.append(request.url.path)
    return PlainTextResponse((await request.body()).decode("latin-1"))


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    listener, _ = free_listener()
    app = Starlette(routes=[Route("/{path:path}", heard, methods=["GET", "POST"])])
    stop, is_ready = asyncio.Event(), threading.Event()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve_app(app, listener, stop, is_ready.set),))
    thread.start()
    assert is_ready.wait(10), "the server did not start in 10 seconds"
    yield listener.getsockname()[1]
    loop.call_soon_threadsafe(stop.set)
    thread.join(15)
    loop.close()
    listener.close()


def sent(port: int, text: str) -> str:
    """Everything that the server says until it closes the line: after the hidden request, and after a refusal."""
    SEEN.clear()
    with socket.create_connection(("127.0.0.1", port), timeout=2) as line:
        line.sendall(text.encode("latin-1"))
        said = b""
        while piece := line.recv(65_536):
            said += piece
    return said.decode("latin-1")


TWO_ENDS = {
    "length and chunks": f"Content-Length: {5 + len(HIDDEN)}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}",
    "chunks and length": f"Transfer-Encoding: chunked\r\nContent-Length: {5 + len(HIDDEN)}\r\n\r\n0\r\n\r\n{HIDDEN}",
    "two lengths": f"Content-Length: 0\r\nContent-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
    "a length with a sign": f"Content-Length: +0\r\n\r\n{HIDDEN}",
    "a list of lengths": f"Content-Length: 0, 0\r\n\r\n{HIDDEN}",
    "a chunk of no size": f"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n{HIDDEN}",
    "an unknown coding": f"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{HIDDEN}",
    "a space before the colon": f"Content-Length : 0\r\n\r\n{HIDDEN}",
}


@pytest.mark.parametrize("told", TWO_ENDS)
def test_a_body_with_two_ends_is_refused_and_nothing_hides_behind_it(port: int, told: str) -> None:
    said = sent(port, f"POST /open HTTP/1.1\r\nHost: x\r\n{TWO_ENDS[told]}")
    assert "/hidden" not in SEEN, "the hidden request was carried out"
    assert said.startswith("HTTP/1.1 400"), said[:100]


def test_one_end_is_taken(port: int) -> None:
    """The control: the same bytes, as one body of a known length or in chunks, are a body and no request."""
    for ending in (
        f"Content-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
        f"Transfer-Encoding: chunked\r\n\r\n{len(HIDDEN):x}\r\n{HIDDEN}\r\n0\r\n\r\n",
    ):
        said = sent(port, f"POST /open HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{ending}")
        assert said.startswith("HTTP/1.1 200")
        assert said.endswith(HIDDEN)
        assert SEEN == ["/open"]
    pipelined = sent(port, f"POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n{HIDDEN}")
    assert pipelined.count("HTTP/1.1 200") == 2
    assert SEEN == ["/open", "/hidden"], "the check would see a hidden request"

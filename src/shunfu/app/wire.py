"""uvicorn's HTTP/1.1 protocol with our bounds: time for a request to arrive, size of its head, time to take an answer.

uvicorn bounds none of the three: a client that sends a byte a minute would hold a connection for ever, and a header
without end all memory. One rule says where a body ends: a request with both Content-Length and Transfer-Encoding, or
with two Hosts, is answered 400 and its connection closed (ASVS 4.2.1, attack A28, RFC 9112 6.1 and 3.2).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

HANG_UP = "shunfu.hang_up"
"""Under this name a scope's extensions hold `close`: the connection ends at once, without a byte of an answer."""


@dataclass(frozen=True, slots=True)
class WireBounds:
    """`request_seconds`: until head and body are there, also between two requests while bytes trickle in.

    `write_seconds`: how long a client may leave a full buffer of its answer untaken.
    """

    request_seconds: float = 30.0
    write_seconds: float = 60.0
    head_bytes_max: int = 32 * 1024
    headers_max: int = 100
    keep_alive_seconds: int = 15
    connections_max: int = 1000


class TooMuch(ValueError):
    """The head is larger than it may be, or it says two things at once."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. An application may hang up: ASGI has no word for it, and the sandbox has to lose replies."""

    bounds = WireBounds()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None
        self._is_arriving = True
        self._is_head = True
        self._head_bytes = 0
        self._refused = HTTPStatus.BAD_REQUEST

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request's time begins with the connection."""
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """No timer outlives its connection."""
        self._disarm()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head that has not ended; the parser would keep all of it."""
        super().data_received(data)
        if self._is_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > self.bounds.head_bytes_max:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin a request's scope, with its way to hang up."""
        super().on_message_begin()
        self.scope["extensions"] = {HANG_UP: {"close": self.transport.close}}
        self._is_arriving = self._is_head = True
        self._head_bytes = 0
        self._arm()

    def on_url(self, url: bytes) -> None:
        """A long address is a large head too."""
        super().on_url(url)
        self._add(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Refuse what is too many or too long."""
        super().on_header(name, value)
        self._add(len(name) + len(value) + 4)
        if len(self.headers) > self.bounds.headers_max:
            self._stop(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """Refuse a head that says two things at once; else hand the request over."""
        names = [name for name, _ in self.headers]
        has_both = b"content-length" in names and b"transfer-encoding" in names
        if has_both or names.count(b"host") > 1 or names.count(b"content-length") > 1:
            self._stop(HTTPStatus.BAD_REQUEST)
        self._is_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it is here."""
        self._is_arriving = False
        self._disarm()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The next request's time begins; without any byte of it the shorter keep-alive ends the connection."""
        super().on_response_complete()
        if not self.transport.is_closing() and self._deadline is None:
            self._is_head = True
            self._head_bytes = 0
            self._is_arriving = True
            self._arm()

    def send_400_response(self, msg: str) -> None:
        """Say why in one line, and close."""
        status = self._refused
        if status is HTTPStatus.BAD_REQUEST:
            super().send_400_response(msg)
            return
        text = status.phrase.encode()
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        self.transport.write(head.encode() + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(text) + text)
        self.transport.close()

    def pause_writing(self) -> None:
        """The client does not take its answer: it may not for ever."""
        super().pause_writing()
        if self._write_deadline is None:
            self._write_deadline = self.loop.call_later(self.bounds.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It takes it."""
        super().resume_writing()
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None

    def _add(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self.bounds.head_bytes_max:
            self._stop(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _stop(self, status: HTTPStatus) -> None:
        """Within the parser: it ends, and its caller answers with `send_400_response`. Raises TooMuch."""
        self._refused = status
        raise TooMuch

    def _refuse(self, status: HTTPStatus) -> None:
        self._refused = status
        self.send_400_response(status.phrase)

    def _arm(self) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(self.bounds.request_seconds, self._too_late)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        """Close a connection whose request has not come; one that waits behind another's answer has more time."""
        self._deadline = None
        if not self._is_arriving or self.transport.is_closing():
            return
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if self.pipeline or (cycle is not None and not cycle.response_complete and not cycle.more_body):
            self._arm()
            return
        if self._is_head and self._head_bytes:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
            return
        self.transport.close()


WireFactory: TypeAlias = type[BoundedProtocol]


def bounded(wire_bounds: WireBounds) -> WireFactory:
    """The protocol class with these bounds: uvicorn takes a class and makes one a connection."""

    class Bounded(BoundedProtocol):
        """One connection of a server with bounds of its own."""

        bounds = wire_bounds

    return Bounded

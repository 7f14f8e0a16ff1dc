"""How many live streams (`text/event-stream`) one person may hold open at once: each is a connection for half an hour.

Seen by the answer and not by the address, so that a new page with a stream is bounded without being told here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from hashlib import sha256

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shunfu.app.http.problems import problem
from shunfu.app.http.turnstile import address_of, session_of
from shunfu.kernel.errors import Pause, RateLimited

STREAMS_MAX = 8
MEDIA_TYPE = "text/event-stream"
GONE: Message = {"type": "http.disconnect"}
WAIT_SECONDS = 10.0
"""What a browser is told to wait before it asks again."""


class Streams:
    """Lets a session begin at most eight; the ninth is told 429."""

    def __init__(self, app: ASGIApp, streams_max: int = STREAMS_MAX) -> None:
        self._app = app
        self._streams_max = streams_max
        self._open: Counter[object] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        line = _Line(self, scope, receive, send)
        try:
            await self._app(scope, line.receive, line.send)
        finally:
            if line.is_counted:
                self._leave(line.key)

    def enter(self, key: object) -> bool:
        """Count one more stream of somebody; False: there are too many."""
        if self._open[key] >= self._streams_max:
            return False
        self._open[key] += 1
        return True

    def _leave(self, key: object) -> None:
        self._open[key] -= 1
        if self._open[key] <= 0:
            del self._open[key]


class _Line:
    """One request's line to the client. After a refusal the application finds the client gone, and ends."""

    def __init__(self, streams: Streams, scope: Scope, receive: Receive, send: Send) -> None:
        self._streams = streams
        self._scope = scope
        self._receive = receive
        self._send = send
        self._is_refused = False
        self._asked: asyncio.Future[Message] | None = None
        self.is_counted = False
        self.key = holder_of(scope)

    async def receive(self) -> Message:
        """The client's next message."""
        if self._is_refused:
            return GONE
        self._asked = asyncio.ensure_future(self._receive())
        try:
            return await self._asked
        except asyncio.CancelledError:
            if self._is_refused and not _is_being_cancelled():
                return GONE  # who waits for the client's end already is told of it
            raise

    async def send(self, message: Message) -> None:
        """Pass a message on, unless it begins one stream too many."""
        if self._is_refused:
            return
        if message["type"] == "http.response.start" and _is_stream(message):
            self.is_counted = self._streams.enter(self.key)
            if not self.is_counted:
                self._is_refused = True
                if self._asked is not None:
                    self._asked.cancel()
                refusal = RateLimited(pause=Pause("streams", STREAMS_MAX, WAIT_SECONDS))
                await problem(refusal)(self._scope, self._receive, self._send)
                return
        await self._send(message)


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def holder_of(scope: Scope) -> object:
    """Whose stream it is: the staff session's, else the API key's, else the address's."""
    session = session_of(scope)
    if session is not None:
        return session
    key = Headers(scope=scope).get("authorization")
    return sha256(key.encode()).digest() if key else address_of(scope)


def _is_stream(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("content-type", "").startswith(MEDIA_TYPE)

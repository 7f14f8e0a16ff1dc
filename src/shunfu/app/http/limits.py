"""Bounds on every request, before anything reads it: body size, request id, security headers, one access log line.

Plain ASGI, because Starlette's own middleware class would buffer and re-task each request.
"""

from __future__ import annotations

import time

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shunfu.app.http.problems import problem
from shunfu.kernel.clock import Source
from shunfu.kernel.errors import BodyTooLarge
from shunfu.kernel.ids import public

LOG = structlog.stdlib.get_logger("http")
BODY_BYTES_MAX = 256 * 1024
LENGTH_DIGITS_MAX = 20
STATIC_CACHING = "public, max-age=3600"
"""Style sheets and scripts: no request at all within the hour, one with an ETag afterwards."""

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


class Limits:
    """The outermost layer of the server."""

    def __init__(self, app: ASGIApp, source: Source) -> None:
        self._app = app
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request within its bounds."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = public("req", self._source.new_id())
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=request_id)
        watched = _Watched(send, request_id, scope["path"])
        began = time.monotonic()
        try:
            await self._serve(scope, receive, watched)
        finally:
            _log(scope, watched.status, time.monotonic() - began)

    async def _serve(self, scope: Scope, receive: Receive, watched: _Watched) -> None:
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or len(declared) > LENGTH_DIGITS_MAX or int(declared) > BODY_BYTES_MAX:
            await problem(BodyTooLarge())(scope, receive, watched.send)
            return
        seen = 0

        async def bounded() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > BODY_BYTES_MAX:
                raise BodyTooLarge
            return message

        try:
            await self._app(scope, bounded, watched.send)
        except BodyTooLarge:
            if watched.status == 0:
                await problem(BodyTooLarge())(scope, receive, watched.send)


class _Watched:
    """Notes the status and adds headers that every answer carries unless the answer set its own."""

    def __init__(self, send: Send, request_id: str, path: str) -> None:
        self._send = send
        self._request_id = request_id
        self._is_static = path.startswith(("/static/", "/console/static/"))
        self.status = 0

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self._request_id
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", STATIC_CACHING if self._is_static else "no-store")
        await self._send(message)


def _log(scope: Scope, status: int, seconds: float) -> None:
    outcome = scope.get("state", {}).get("outcome", "")
    path = _quiet_path(scope["path"])
    LOG.info(
        "request",
        method=scope["method"],
        path=path,
        status=status,
        outcome=outcome,
        milliseconds=round(seconds * 1000, 1),
    )


def _quiet_path(path: str) -> str:
    """The path without a checkout token's tag or a link's secret: whoever reads a log must not be able to use it."""
    return "/".join(map(_quiet_part, path.split("/")))[:300]


def _quiet_part(part: str) -> str:
    """The ids at the beginning: a checkout token has two, everything else that is long has one."""
    if len(part) < 60:
        return part
    return part[: 52 if len(part) >= 80 else 26] + "…"

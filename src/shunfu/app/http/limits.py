"""Bounds on every request: body size, time, request id, security headers, one access log line, one observation.

Plain ASGI, because Starlette's own middleware class would buffer and re-task each request.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shunfu.app.http.problems import problem
from shunfu.app.settings import Settings
from shunfu.app.watch import RequestSeen, Watch
from shunfu.kernel.clock import Source
from shunfu.kernel.errors import BodyTooLarge, Overloaded
from shunfu.kernel.ids import public

LOG = structlog.stdlib.get_logger("http")
BODY_BYTES_MAX = 256 * 1024
LENGTH_DIGITS_MAX = 20
STATIC_CACHING = "public, max-age=3600"
"""Style sheets and scripts: no request at all within the hour, one with an ETag afterwards."""
HASHED = re.compile(r"/static/client/pay-[0-9a-f]{12}\.js")
HASHED_CACHING = "public, max-age=31536000, immutable"
"""A file whose name is the hash of its content: never asked for again."""
SHARED = "/static/client/"
"""Modules that a merchant's own page may load; a browser asks for those across origins."""

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the settings say of every request: seconds until its answer must begin, headers besides ours, who watches.

    An answer that has begun may take as long as it likes: exports and live figures are streams.
    """

    handling_seconds: float = 50.0
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    watch: Watch = field(default_factory=Watch)


class Limits:
    """The outermost layer of the server."""

    def __init__(self, app: ASGIApp, source: Source, bounds: Bounds = Bounds()) -> None:
        self._app = app
        self._source = source
        self._bounds = bounds
        self._headers = {**SECURITY_HEADERS, **bounds.headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request within its bounds."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = public("req", self._source.new_id())
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=request_id)
        watched = _Watched(send, {"x-request-id": request_id}, self._headers, scope["path"])
        began = time.monotonic()
        with self._bounds.watch.request(scope) as seen:
            try:
                await self._serve_in_time(scope, receive, watched)
            finally:
                seconds = time.monotonic() - began
                seen(RequestSeen(scope["method"], route_of(scope), watched.status, seconds))
                _log(scope, watched.status, seconds)

    async def _serve_in_time(self, scope: Scope, receive: Receive, watched: _Watched) -> None:
        """Work that is cut off leaves its payment as a crash would: the janitor asks the channel what became of it."""
        timer = asyncio.timeout(self._bounds.handling_seconds)
        try:
            async with timer:
                watched.on_start = lambda: timer.reschedule(None)
                await self._serve(scope, receive, watched)
        except TimeoutError:
            if not timer.expired():
                raise
            LOG.warning("request_too_slow", route=route_of(scope), seconds=self._bounds.handling_seconds)
            await problem(Overloaded())(scope, receive, watched.send)

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

    def __init__(self, send: Send, own: Mapping[str, str], defaults: Mapping[str, str], path: str) -> None:
        self._send = send
        self._own = own
        self._defaults = defaults
        self._is_static = path.startswith(("/static/", "/console/static/"))
        self._is_hashed = HASHED.fullmatch(path) is not None
        self._is_shared = path.startswith(SHARED)
        self.status = 0
        self.on_start: Callable[[], None] = lambda: None

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.on_start()
            headers = MutableHeaders(scope=message)
            headers.update(self._own)
            for name, value in self._defaults.items():
                headers.setdefault(name, value)
            if self._is_shared:
                headers.setdefault("access-control-allow-origin", "*")
            headers.setdefault("cache-control", self._caching())
        await self._send(message)

    def _caching(self) -> str:
        if self._is_hashed and self.status in {200, 304}:
            return HASHED_CACHING
        return STATIC_CACHING if self._is_static else "no-store"


def route_of(scope: Scope) -> str:
    """The address's template, such as `/v1/orders/{order_id}`; never what was asked for, which is anybody's text."""
    route = scope.get("route")
    return str(getattr(route, "path_format", None) or getattr(route, "path", None) or "")


def hsts(settings: Settings) -> dict[str, str]:
    """Strict-Transport-Security where browsers reach us by TLS (RFC 6797)."""
    seconds = settings.whole("hsts_seconds")
    if not seconds or not settings.public_url.startswith("https://"):
        return {}
    subdomains = "; includeSubDomains" if settings.is_on("hsts_subdomains") else ""
    return {"strict-transport-security": f"max-age={seconds}{subdomains}"}


def _log(scope: Scope, status: int, seconds: float) -> None:
    """One line a request. An address is only noted of who was turned away: that is what a ban is made from."""
    outcome = scope.get("state", {}).get("outcome", "")
    client = scope.get("client")
    whence = {"address": client[0]} if client and status in {401, 429} else {}
    LOG.info(
        "request",
        method=scope["method"],
        path=_quiet_path(scope["path"]),
        status=status,
        outcome=outcome,
        milliseconds=round(seconds * 1000, 1),
        **whence,
    )


def _quiet_path(path: str) -> str:
    """The path without a checkout token's tag or a link's secret: whoever reads a log must not be able to use it."""
    return "/".join(map(_quiet_part, path.split("/")))[:300]


def _quiet_part(part: str) -> str:
    """The ids at the beginning: a checkout token has two, everything else that is long has one."""
    if len(part) < 60:
        return part
    return part[: 52 if len(part) >= 80 else 26] + "…"

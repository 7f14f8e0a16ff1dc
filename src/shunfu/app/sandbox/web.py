"""The sandbox's HTTP face: the channels' wires, the control API and page, the sheet; loopback hosts only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import cast

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shunfu.app.sandbox.bodies import BodyTooLargeToRead, read_body
from shunfu.app.sandbox.control import Control
from shunfu.app.sandbox.desk import Desk
from shunfu.app.sandbox.host import Host
from shunfu.app.sandbox.sheet import LOOPBACK, SheetPages
from shunfu.app.serve import HANG_UP
from shunfu.gateway.flow import Request

OWN_PATHS = ("/sandbox", "/control")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OUR_SITES = frozenset({"same-origin", "none"})
"""`Sec-Fetch-Site` of a request that our own page or the person at the address bar made."""


class ReplyLost(Exception):
    """A reply that shall be lost, on a server that cannot hang up."""


def build_app(host: Host, return_origins: tuple[str, ...]) -> ASGIApp:
    """The ASGI application over a host. Pages go back to these origins, or to any loopback one."""
    own = Starlette(
        routes=[*Control(host).routes(), *Desk(host).routes(), *SheetPages(host, return_origins).routes()],
        exception_handlers={404: _not_here, 405: _not_here},
    )
    return OnlyLoopback(_Front(OnlyOurPages(own), Wires(host)))


async def _not_here(_: WebRequest, fault: Exception) -> Response:
    is_method = isinstance(fault, HTTPException) and fault.status_code == 405
    return JSONResponse({"problem": "method_unknown" if is_method else "path_unknown"}, 405 if is_method else 404)


class OnlyLoopback:
    """Refuses requests whose Host is not a loopback name, so that no web page reaches the sandbox by DNS rebinding."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry."""
        if scope["type"] == "http" and _host_name(Headers(scope=scope).get("host", "")) not in LOOPBACK:
            await JSONResponse({"problem": "host_not_loopback"}, 403)(scope, receive, send)
        else:
            await self._inner(scope, receive, send)


class OnlyOurPages:
    """Refuses what another site's page would change here: a form of theirs reaches a loopback address too.

    Programs send neither `Origin` nor `Sec-Fetch-Site`.
    """

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry."""
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS and not _is_ours(Headers(scope=scope)):
            await JSONResponse({"problem": "other_origin"}, 403)(scope, receive, send)
        else:
            await self._inner(scope, receive, send)


class Wires:
    """The channels' addresses: exact bytes in, exact bytes out. The longest address that fits says whose it is."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._owners = _owners({name: stage.sandbox.paths for name, stage in host.stages.items()})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry."""
        name = self.owner_of(scope["path"])
        if name is None:
            await JSONResponse({"problem": "path_unknown"}, 404)(scope, receive, send)
            return
        request = WebRequest(scope, receive)
        try:
            body = await read_body(request)
        except BodyTooLargeToRead:
            await Response("413 Request Entity Too Large", 413)(scope, receive, send)
            return
        headers = tuple(request.headers.items())
        told = self._host.answer(name, Request(request.method, _address(scope), headers, body))
        if told.wait_seconds:
            await asyncio.sleep(told.wait_seconds)
        if told.reply is None:
            await _hang_up(scope, receive)
        else:
            await Response(told.reply.body, told.reply.status, told.reply.headers)(scope, receive, send)

    def owner_of(self, path: str) -> str | None:
        """The channel whose address this is, or None."""
        fitting = [address for address in self._owners if _fits(address, path)]
        return self._owners[max(fitting, key=_reach)] if fitting else None


def _owners(addresses: Mapping[str, tuple[str, ...]]) -> Mapping[str, str]:
    """The channel by each of its addresses. Two channels at one address, or one at ours, is a bug in a folder."""
    owners: dict[str, str] = {}
    for name, paths in addresses.items():
        for path in paths:
            assert path.startswith("/"), f"{name}: the address {path} does not begin with a slash"
            assert not _is_own(path.removesuffix("*")), f"{name}: {path} is ours"
            assert path not in owners, f"{name} and {owners.get(path)} both answer at {path}"
            owners[path] = name
    return owners


def _is_own(path: str) -> bool:
    return any(path == own or path.startswith(f"{own}/") for own in OWN_PATHS)


def _fits(address: str, path: str) -> bool:
    return path.startswith(address[:-1]) if address.endswith("*") else path == address


def _reach(address: str) -> tuple[int, bool]:
    """Longer is nearer, and an exact address is nearer than a beginning of the same length."""
    return len(address.removesuffix("*")), not address.endswith("*")


class _Front:
    """Our own addresses first, all others are a channel's."""

    def __init__(self, own: ASGIApp, wires: ASGIApp) -> None:
        self._own = own
        self._wires = wires

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry."""
        is_own = scope["type"] != "http" or _is_own(scope["path"])
        await (self._own if is_own else self._wires)(scope, receive, send)


async def _hang_up(scope: Scope, receive: Receive) -> None:
    """End the connection without an answer, and return once it has ended."""
    found = cast("Mapping[str, Mapping[str, Callable[[], None]]]", scope.get("extensions") or {}).get(HANG_UP)
    if found is None:
        raise ReplyLost
    found["close"]()
    while (await receive())["type"] != "http.disconnect":
        pass


def _is_ours(headers: Headers) -> bool:
    """Whether a program or our own page sent this, by what browsers say of where a request comes from."""
    if headers.get("sec-fetch-site", "none") not in OUR_SITES:
        return False
    origin = headers.get("origin")
    return origin is None or origin.lower() == f"http://{headers.get('host', '')}".lower()


def _host_name(host: str) -> str:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name.lower()


def _address(scope: Scope) -> str:
    """The address with path and query exactly as sent, for they are signed, on the host that the client used.

    A channel that hands out an address (a bill to download) names that host in it.
    """
    host = Headers(scope=scope).get("host", "sandbox")
    path, query = bytes(scope["raw_path"]).decode("latin-1"), bytes(scope["query_string"]).decode("latin-1")
    return f"http://{host}{path}" + (f"?{query}" if query else "")

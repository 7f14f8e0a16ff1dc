"""The sandbox's HTTP face: the channels' wires at the root, the control API, the sheet; loopback hosts only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from shunfu.app.sandbox.bodies import BodyTooLargeToRead, read_body
from shunfu.app.sandbox.control import Control
from shunfu.app.sandbox.host import AnyStand, Host
from shunfu.app.sandbox.sheet import LOOPBACK, SheetPages
from shunfu.gateway.flow import Request

WIRE_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def build_app(host: Host, return_origins: tuple[str, ...]) -> ASGIApp:
    """The ASGI application over a host. Pages go back to these origins, or to any loopback one."""

    wires = [
        Route(f"{path}{{rest:path}}" if path.endswith("/") else path, _wire(host, stand), methods=WIRE_METHODS)
        for stand in host.stands.values()
        for path in stand.sandbox.paths
    ]
    return OnlyLoopback(Starlette(routes=[*Control(host).routes(), *SheetPages(host, return_origins).routes(), *wires]))


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


def _wire(host: Host, stand: AnyStand) -> Callable[[WebRequest], Awaitable[Response]]:
    """The handler of one channel's addresses: exact bytes in, exact bytes out."""

    async def answer(request: WebRequest) -> Response:
        try:
            body = await read_body(request)
        except BodyTooLargeToRead:
            return Response("413 Request Entity Too Large", 413)
        headers = tuple(request.headers.items())
        reply = host.answer(stand, Request(request.method, _address(request.scope), headers, body))
        return Response(reply.body, reply.status, reply.headers)

    return answer


def _host_name(host: str) -> str:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name.lower()


def _address(scope: Scope) -> str:
    """The address with path and query exactly as they were sent, for they are signed."""
    path, query = bytes(scope["raw_path"]).decode("latin-1"), bytes(scope["query_string"]).decode("latin-1")
    return f"http://sandbox{path}" + (f"?{query}" if query else "")

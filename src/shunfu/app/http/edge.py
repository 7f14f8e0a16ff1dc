"""The one place where a request under /v1 is authenticated, read strictly, and made to happen once."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeAlias

import structlog
from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from shunfu.app.http import strict_json
from shunfu.app.http.gates import Gates
from shunfu.app.http.idempotency import Idempotency, scope_of
from shunfu.app.http.identifying import Identifier
from shunfu.app.http.problems import answer_for
from shunfu.kernel.errors import RateLimited, UnsupportedMediaType

Handler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True)
class EdgeTools:
    """What the edge needs."""

    identifier: Identifier
    idempotency: Idempotency
    gates: Gates


class StrictRequest(Request):
    """A request whose JSON is read by our one strict function."""

    async def json(self) -> object:
        """The body's JSON value. Raises MalformedBody, InvalidField or UnsupportedMediaType."""
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise UnsupportedMediaType
        return strict_json.parse(await self.body())


def make_route_class(tools: EdgeTools) -> type[APIRoute]:
    """The route class of everything under /v1."""

    class EdgeRoute(APIRoute):
        """Authenticates, reads strictly, makes a POST happen once, and answers errors as problems."""

        def get_route_handler(self) -> Handler:
            """The handler around FastAPI's own."""
            inner = super().get_route_handler()

            async def handle(request: Request) -> Response:
                strict = StrictRequest(request.scope, request.receive)
                try:
                    return await _handle(tools, strict, inner)
                except Exception as error:  # noqa: BLE001  # the HTTP edge: whatever happens becomes an answer
                    if isinstance(error, RateLimited) and error.pause:
                        request.state.outcome = f"limited:{error.pause.limit}"
                    return answer_for(error)

            return handle

    return EdgeRoute


async def _handle(tools: EdgeTools, request: StrictRequest, inner: Handler) -> Response:
    caller = await tools.identifier.identify(request)
    request.state.caller = caller
    tools.gates.pass_caller(caller)
    structlog.contextvars.bind_contextvars(merchant=str(caller.merchant_id), caller=caller.subject)
    if request.method != "POST":
        return await inner(request)
    body = await request.body()
    if body:
        await request.json()
    scope = scope_of(caller, request.url.path, request.headers.get("idempotency-key", ""), body)

    async def work(resource_id: object) -> Response:
        request.state.resource_id = resource_id
        try:
            return await inner(request)
        except Exception as error:  # noqa: BLE001  # the HTTP edge: the answer to a failure is stored, or its lease ended
            return answer_for(error)

    return await tools.idempotency.once(scope, body, work)

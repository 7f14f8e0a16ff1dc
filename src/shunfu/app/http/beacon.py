"""The edge of what clients tell in passing: small, from anybody, and taken once by what it says itself.

A browser's beacon can send neither a header of ours nor `application/json` to another site, so the body says who sends,
and text is read as JSON (W3C Beacon, section 3.1). Must not know: what is told.
"""

from __future__ import annotations

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from shunfu.app.http import strict_json
from shunfu.app.http.edge import Handler, StrictRequest
from shunfu.app.http.problems import answer_for
from shunfu.kernel.errors import BodyTooLarge, RateLimited, UnsupportedMediaType

BODY_BYTES_MAX = 16 * 1024
MEDIA_TYPES = frozenset({"application/json", "text/plain"})
CONTENT_TYPE = b"content-type"


class BeaconRequest(StrictRequest):
    """A small request whose text is JSON, whatever it calls itself."""

    @classmethod
    def of(cls, request: Request) -> BeaconRequest:
        """The same request; what it calls JSON, all else believes. Raises UnsupportedMediaType."""
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in MEDIA_TYPES:
            raise UnsupportedMediaType
        headers = [pair for pair in request.scope["headers"] if pair[0] != CONTENT_TYPE]
        return cls({**request.scope, "headers": [*headers, (CONTENT_TYPE, b"application/json")]}, request.receive)

    async def json(self) -> object:
        """The body's JSON value. Raises BodyTooLarge, MalformedBody or InvalidField."""
        body = await self.body()
        if len(body) > BODY_BYTES_MAX:
            raise BodyTooLarge
        return strict_json.parse(body)


class BeaconRoute(APIRoute):
    """Reads strictly and answers errors as problems; it identifies nobody and remembers no answer."""

    def get_route_handler(self) -> Handler:
        """The handler around FastAPI's own."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                beacon = BeaconRequest.of(request)
                if await beacon.body():
                    await beacon.json()  # FastAPI would call whatever is wrong with it malformed
                return await inner(beacon)
            except Exception as error:  # noqa: BLE001  # the HTTP edge: whatever happens becomes an answer
                if isinstance(error, RateLimited) and error.pause:
                    request.state.outcome = f"limited:{error.pause.limit}"
                return answer_for(error)

        return handle

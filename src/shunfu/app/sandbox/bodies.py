"""Reads a request's body with a bound. Must not know: what is in it."""

from __future__ import annotations

from starlette.requests import Request

MAX_BODY_BYTES = 1 << 20


class BodyTooLargeToRead(Exception):
    """The body is larger than 1 MiB."""


async def read_body(request: Request) -> bytes:
    """The exact bytes of the body; raises BodyTooLargeToRead beyond 1 MiB."""
    pieces, size = list[bytes](), 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise BodyTooLargeToRead
        pieces.append(piece)
    return b"".join(pieces)

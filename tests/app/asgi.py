"""Calls an ASGI application without sockets: the request in pieces, the answer whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message


@dataclass
class Answer:
    """What came back. `reads` counts the pieces of the request's body that were asked for.

    `cookies` holds every Set-Cookie line; of other headers that come twice the last one counts.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    reads: int = 0
    cookies: list[str] = field(default_factory=list)

    @property
    def problem(self) -> dict[str, object]:
        assert self.headers["content-type"] == "application/problem+json", self.body
        return json.loads(self.body)


async def call(
    app: ASGIApp,
    method: str,
    target: str,
    headers: dict[str, str] | None = None,
    pieces: Sequence[bytes] = (),
    client: str = "127.0.0.1",
) -> Answer:
    """One request from an address. With pieces and no Content-Length header it is chunked."""
    path, _, query = target.partition("?")
    answer = Answer()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), text.encode("latin-1")) for name, text in (headers or {}).items()],
        "server": ("testserver", 80),
        "client": (client, 1),
        "state": {},
    }

    async def receive() -> Message:
        answer.reads += 1
        index = answer.reads - 1
        if index < len(pieces):
            return {"type": "http.request", "body": pieces[index], "more_body": index + 1 < len(pieces)}
        if index == 0:
            return {"type": "http.request", "body": b"", "more_body": False}
        if not pieces:
            await asyncio.Event().wait()  # the connection stays open: whoever waits for its end is cancelled
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            assert answer.status == 0, "an answer begins once"
            answer.status = message["status"]
            answer.headers = {name.decode(): text.decode("latin-1") for name, text in message["headers"]}
            answer.cookies = [text.decode("latin-1") for name, text in message["headers"] if name == b"set-cookie"]
        else:
            answer.body += message.get("body", b"")

    await app(scope, receive, send)
    return answer

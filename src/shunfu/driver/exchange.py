"""What is kept of one HTTP exchange with a channel: no body, no query, no credential. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from urllib.parse import urlsplit
from uuid import UUID

from shunfu.gateway.flow import Answer, Reply, Request
from shunfu.gateway.headers import kept_headers, storable

HOST_CHARACTERS = 255
PATH_CHARACTERS = 512
REASON_CHARACTERS = 200
Scrub = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Sent:
    """When a request left: the exchange's id, the instant, and how long the answer took, in whole milliseconds."""

    exchange_id: UUID
    started_at: datetime
    took_milliseconds: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request to a channel and what came back. Bodies are only their SHA-256 and their length in bytes.

    Without a reply `no_reply` says why, and the four reply values are None. `was_sent` False: the channel cannot have
    seen the request.
    """

    exchange_id: UUID
    method: str
    host: str
    path: str
    request_headers: Mapping[str, str]
    request_sha256: bytes
    request_bytes: int
    was_sent: bool
    no_reply: str | None
    status: int | None
    reply_headers: Mapping[str, str] | None
    reply_sha256: bytes | None
    reply_bytes: int | None
    started_at: datetime
    took_milliseconds: int


def describe(scrub: Scrub, request: Request, answer: Answer, sent: Sent) -> Exchange:
    """An exchange as it is kept; `scrub` is the channel's own."""
    host, path = where(request.url, scrub)
    reply = answer if isinstance(answer, Reply) else None
    no_reply = None if isinstance(answer, Reply) else answer
    return Exchange(
        exchange_id=sent.exchange_id,
        method=request.method,
        host=host,
        path=path,
        request_headers=kept_headers(request.headers, scrub),
        request_sha256=sha256(request.body).digest(),
        request_bytes=len(request.body),
        was_sent=no_reply.was_sent if no_reply else True,
        no_reply=storable(scrub(no_reply.reason))[:REASON_CHARACTERS] if no_reply else None,
        status=reply.status if reply else None,
        reply_headers=kept_headers(reply.headers.items(), scrub) if reply else None,
        reply_sha256=sha256(reply.body).digest() if reply else None,
        reply_bytes=len(reply.body) if reply else None,
        started_at=sent.started_at,
        took_milliseconds=sent.took_milliseconds,
    )


def where(url: str, scrub: Scrub) -> tuple[str, str]:
    """Host with port, and path without the query, of an address; both empty when it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    host = parts.netloc.rpartition("@")[2]
    return storable(host)[:HOST_CHARACTERS], storable(scrub(parts.path))[:PATH_CHARACTERS]

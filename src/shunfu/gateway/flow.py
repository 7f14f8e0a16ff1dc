"""A conversation with a channel as a generator: it yields a request and receives what came back.

One driver runs it over HTTP, a test runs it with canned replies. Must not know: sockets, threads, retries.
Pattern: httpx `auth_flow`, psycopg `generators.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to a channel: absolute URL, headers in order, exact body bytes.

    `backup_urls` are other hosts of the same service, tried in turn while the channel cannot have seen the request.
    A reply longer than `reply_bytes_max` is no reply. It prints no address: some carry a secret in their query.
    """

    method: str
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    timeout_seconds: float = 10.0
    backup_urls: tuple[str, ...] = field(default=(), repr=False)
    reply_bytes_max: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Reply:
    """What a channel answered: status, headers by lower-case name, exact body bytes."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class NoReply:
    """Nothing usable came back. `was_sent` False means that the channel cannot have seen the request."""

    reason: str
    was_sent: bool


Answer: TypeAlias = Reply | NoReply
Flow: TypeAlias = Generator[Request, Answer, T]


def run(flow: Flow[T], answer: Callable[[Request], Answer]) -> T:
    """Run a conversation against a function, to its result: how tests and sandboxes drive a channel without sockets."""
    try:
        request = next(flow)
        while True:
            request = flow.send(answer(request))
    except StopIteration as stop:
        return stop.value

"""The observer that everything tells: meters if there are any, a tracer if there is one, or nobody.

An observation never fails what it observes, and never changes it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol
from uuid import UUID

from starlette.datastructures import Headers
from starlette.types import Scope

from shunfu.app.watch.meters import Meters
from shunfu.db import Again, ClaimedJob, Done, Handler, Outbox, Subscriptions, Transaction
from shunfu.driver import Call
from shunfu.kernel.clock import Source
from shunfu.kernel.event import Event
from shunfu.webhooks import Carrier, Outgoing, Sent

Attributes = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class RequestSeen:
    """One request when it is over: its address's template and its status, 0 when no answer began."""

    method: str
    route: str
    status: int
    seconds: float


class Span(Protocol):
    """A trace's span while it is open."""

    def tell(self, name: str, attributes: Attributes) -> None:
        """What it is called in the end, and what is known of it."""
        ...


class Tracing(Protocol):
    """Where spans go."""

    def span(self, name: str, kind: str, parent: Mapping[str, str]) -> AbstractContextManager[Span]:
        """A span while the block runs; `kind` is `server` or `worker`, `parent` headers of W3C Trace Context."""
        ...

    def note(self, name: str, seconds: float, attributes: Attributes) -> None:
        """A span within the open one that has just ended after so many seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Watch:
    """Tells meters and tracer what happens; without either it does nothing."""

    meters: Meters | None = None
    tracing: Tracing | None = None

    @contextmanager
    def request(self, scope: Scope) -> Generator[Callable[[RequestSeen], None]]:
        """Around one request; the function is told how it ended.

        A trace that a client began is only gone on with when a named proxy sent it: a stranger shall neither join
        another's trace nor decide what is kept.
        """
        if self.tracing is None:
            yield self._requested
            return
        is_proxied = scope.get("state", {}).get("is_proxied", False)
        headers = Headers(scope=scope)
        parent = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers and is_proxied}
        with self.tracing.span("request", "server", parent) as span:
            yield lambda seen: self._requested(seen, span)

    def _requested(self, seen: RequestSeen, span: Span | None = None) -> None:
        if self.meters is not None:
            self.meters.request(seen.method, seen.route, seen.status, seen.seconds)
        if span is not None:
            told = {"http.request.method": seen.method, "http.route": seen.route}
            span.tell(f"{seen.method} {seen.route}".strip(), {**told, "http.response.status_code": seen.status})

    def called(self, call: Call) -> None:
        """A channel was talked to: what the driver tells."""
        if self.meters is not None:
            self.meters.call(call.channel, call.verb, call.outcome, call.seconds)
        if self.tracing is not None:
            told = {"shunfu.channel": call.channel, "shunfu.verb": call.verb, "shunfu.outcome": call.outcome}
            self.tracing.note(f"{call.channel} {call.verb}", call.seconds, told)

    def handlers(self, handlers: Mapping[str, Handler]) -> dict[str, Handler]:
        """The same handlers of jobs, each watched."""
        return {kind: partial(self._work, kind, handler) for kind, handler in handlers.items()}

    async def _work(
        self, kind: str, handler: Callable[[ClaimedJob], Awaitable[Done | Again]], job: ClaimedJob
    ) -> Done | Again:
        if self.tracing is None:
            return await self._timed(kind, handler(job), None)
        with self.tracing.span(f"job {kind}", "worker", {}) as span:
            return await self._timed(kind, handler(job), span)

    async def _timed(self, kind: str, work: Awaitable[Done | Again], span: Span | None) -> Done | Again:
        began, outcome = time.monotonic(), "failed"
        try:
            done = await work
            outcome = "again" if isinstance(done, Again) else "done"
            return done
        finally:
            if self.meters is not None:
                self.meters.job(kind, outcome, time.monotonic() - began)
            if span is not None:
                span.tell(f"job {kind}", {"shunfu.job": kind, "shunfu.outcome": outcome})

    def outbox(self, subscriptions: Subscriptions, source: Source) -> Outbox:
        """An outbox whose committed events are counted."""
        return (
            Outbox(subscriptions, source)
            if self.meters is None
            else _CountingOutbox(subscriptions, source, self.meters)
        )

    def carrier(self, carrier: Carrier) -> Carrier:
        """The same carrier of webhooks, watched."""
        return carrier if self.meters is None else _TimedCarrier(carrier, self.meters)


class _CountingOutbox(Outbox):
    def __init__(self, subscriptions: Subscriptions, source: Source, meters: Meters) -> None:
        super().__init__(subscriptions, source)
        self._meters = meters

    async def publish(self, tx: Transaction, event: Event) -> UUID:
        """Publish, and count once it is committed."""
        event_id = await super().publish(tx, event)
        tx.on_commit(partial(self._meters.event, type(event).__name__))
        return event_id


class _TimedCarrier:
    def __init__(self, carrier: Carrier, meters: Meters) -> None:
        self._carrier = carrier
        self._meters = meters

    async def send(self, outgoing: Outgoing) -> Sent:
        """Send, and note how it went."""
        began = time.monotonic()
        sent = await self._carrier.send(outgoing)
        outcome = f"{sent.status // 100}xx" if sent.status else "no_answer"
        self._meters.webhook(outcome, time.monotonic() - began)
        return sent

"""The inner shape of the sandbox: what a handler gets and gives, and the table of addresses. Must not know: signatures.

A route is `Route(method, path, handler)`: `path` is a regular expression that must match the whole path as it was sent
(percent-encoded: `unquote` what a group caught). The handler is a pure function

    handler(state, found, call) -> Outcome

that runs after the signature was checked: `found` is the match, `call` the request's parts that business rules look at.
`Outcome` carries the next state, what to say (signed by `server`), the letters to post, the timers to be woken for,
the faults that are left when some were used up, and whether the reply gets lost. `beyond/routes.py` exports ROUTES of
this shape, `beyond/timers.py` the `ring` of the timers whose names begin with `beyond/`.

A letter is made with `letters.tell(Event(...), at)`, an error with `wire.problem(...)`, the schema of a body is checked
with `schema.fault_in(...)`. Money moves through `state.till` alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

from shunfu.channels.wechatpay.sandbox.state import State
from shunfu.channels.wechatpay.sandbox.wire import Said
from shunfu.gateway.flow import Request
from shunfu.gateway.sandbox.values import At, Faults, Letter, Timer


@dataclass(frozen=True, slots=True)
class SignedCall:
    """One request past its signature. `named_key` is the WeChat key that it names for the reply, or empty."""

    request: Request
    at: At
    named_key: str = ""
    faults: Faults = field(default_factory=Faults)

    @property
    def body(self) -> bytes:
        """The exact bytes of the body."""
        return self.request.body

    @property
    def query(self) -> Mapping[str, list[str]]:
        """The query's values by name."""
        return parse_qs(urlsplit(self.request.url).query, keep_blank_values=True)

    @property
    def base_url(self) -> str:
        """The origin that the client used: what it is given to download is there too."""
        parts = urlsplit(self.request.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def now_ms(self) -> int:
        """Business time."""
        return self.at.business_ms


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call. `faults` is what is left of the call's, None when none were used."""

    state: State
    said: Said
    letters: tuple[Letter, ...] = ()
    timers: tuple[Timer, ...] = ()
    faults: Faults | None = None
    is_lost: bool = False


Handler: TypeAlias = Callable[[State, "re.Match[str]", SignedCall], Outcome]


@dataclass(frozen=True, slots=True)
class Route:
    """One address: method, the whole path as a regular expression, and who answers."""

    method: str
    path: str
    handler: Handler


def find_route(routes: tuple[Route, ...], method: str, path: str) -> tuple[Route, re.Match[str]] | None:
    """The first route of this address with its match, or None."""
    for route in routes:
        found = re.fullmatch(route.path, path) if route.method == method else None
        if found:
            return route, found
    return None

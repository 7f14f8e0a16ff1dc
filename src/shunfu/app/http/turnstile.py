"""The layer that turns away who comes too often, before anything reads the request, and counts failures afterwards.

It looks at the decoded path, the same text that routing looks at, so that spelling an address differently leads past
both or past neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shunfu.app.http.gates import Gates, pass_one, stop_failing
from shunfu.app.http.identifying import SIGN_IN_PATH
from shunfu.app.http.peers import neighbourhood, read_address
from shunfu.app.http.problems import PageFor, problem
from shunfu.kernel.clock import Source
from shunfu.kernel.errors import RateLimited, Unauthenticated
from shunfu.kernel.signing import Signer
from shunfu.merchants import identify_checkout

UNCOUNTED = frozenset({"/healthz", "/readyz"})
MESSAGES = "/notifications/"
LINKS = "/c/"
GUESSABLE = ("/v1/", LINKS, "/console/first/", "/console/reset/")
"""Where a credential can be guessed at: after too many failures its address is heard no more for a while."""
MISSES = (LINKS, "/console/first/", "/console/reset/", MESSAGES)
"""Where every refusal is a wrong guess: of a link, or of a signature."""
CONSOLE = "/console"
PROVIDER = "provider"
DOORS = frozenset({"login", "code", "first", "reset", "authenticator", "account", "confirm", PROVIDER})
"""The doors' first path parts beneath /console: whoever posts there gives a password, a code, a key or a link.

From the shop's own identity provider people come back by GET.
"""
SESSION_COOKIES = ("__Host-shunfu_staff", "shunfu_staff")
STRANGER = "unknown"


@dataclass(frozen=True, slots=True)
class TurnstileTools:
    """What the layer needs. `page_for` writes the refusal where people look."""

    gates: Gates
    signer: Signer
    source: Source
    page_for: PageFor


class Turnstile:
    """Counts every request once."""

    def __init__(self, app: ASGIApp, tools: TurnstileTools) -> None:
        self._app = app
        self._tools = tools

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or say when to come again."""
        if scope["type"] != "http" or scope["path"] in UNCOUNTED:
            await self._app(scope, receive, send)
            return
        address = address_of(scope)
        try:
            self._admit(scope, address)
        except RateLimited as refusal:
            await self._turn_away(scope, refusal, (receive, send))
            return
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._count(scope, address, status)

    def _admit(self, scope: Scope, address: str) -> None:
        """Raises RateLimited."""
        gates, path = self._tools.gates, str(scope["path"])
        is_far = not is_near(scope)
        if path.startswith(MESSAGES):
            if is_far:
                gates.pass_message(address)
            return
        if is_far:
            self._admit_stranger(scope, address)
        if path.startswith(LINKS):
            self._admit_link(path)
        elif path.startswith(CONSOLE) and (session := session_of(scope)) is not None:
            pass_one(gates.key, ("session", session))

    def _admit_stranger(self, scope: Scope, address: str) -> None:
        """The limits of an address. Behind a proxy that nobody named, all the world is one near address: it has none,
        so that one client cannot shut out all others; guesses at a name have counters of their own.
        """
        gates = self._tools.gates
        pass_one(gates.address, address)
        if str(scope["path"]).startswith(GUESSABLE):
            stop_failing(gates.failures, address)
        if is_door(scope):
            pass_one(gates.login, address)
        if scope["path"] == SIGN_IN_PATH:
            pass_one(gates.sign_in, address)

    def _admit_link(self, path: str) -> None:
        token = path.removeprefix(LINKS).partition("/")[0]
        try:
            caller, _ = identify_checkout(self._tools.signer, token, self._tools.source.now())
        except Unauthenticated:  # the route says so; it counts as a failure of its address
            return
        self._tools.gates.pass_link(caller.merchant_id, caller.subject)

    async def _turn_away(self, scope: Scope, refusal: RateLimited, line: tuple[Receive, Send]) -> None:
        name = refusal.pause.limit if refusal.pause else ""
        scope.setdefault("state", {})["outcome"] = f"limited:{name}"
        page = self._tools.page_for(Request(scope), refusal)
        await (page or problem(refusal))(scope, *line)

    def _count(self, scope: Scope, address: str, status: int) -> None:
        """A wrong key, link or signature is a failure of its address; a genuine message makes it known."""
        path = str(scope["path"])
        if path.startswith(MESSAGES) and scope["state"].get("is_genuine"):
            self._tools.gates.known.note(address)
        elif not is_near(scope) and (status == 401 or (400 <= status < 500 and path.startswith(MISSES))):
            self._tools.gates.failures.take(address)


def address_of(scope: Scope) -> str:
    """What a request's address is counted by."""
    client = scope.get("client")
    address = read_address(client[0]) if client else None
    return neighbourhood(address) if address else STRANGER


def is_near(scope: Scope) -> bool:
    """Whether a request comes from this machine: a proxy that the settings do not name, or the operator's own tools.

    All of a shop's customers would be one address there.
    """
    client = scope.get("client")
    address = read_address(client[0]) if client else None
    return address is None or ip_address(str(address)).is_loopback


def is_door(scope: Scope) -> bool:
    """Whether a request tries a password, a code or a key of staff."""
    parts = str(scope["path"]).split("/")
    if len(parts) < 3 or parts[1] != "console" or parts[2] not in DOORS:
        return False
    return scope["method"] == "POST" or parts[2] == PROVIDER


def session_of(scope: Scope) -> bytes | None:
    """The fingerprint of the staff cookie, whichever spelling the browser sent it in."""
    cookies = Request(scope).cookies
    token = next((cookies[name] for name in SESSION_COOKIES if name in cookies), None)
    return None if token is None else sha256(token.strip().upper().encode()).digest()

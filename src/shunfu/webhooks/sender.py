"""Sends webhooks: the only outgoing HTTP to merchants' servers.

A name is looked up for each try, every address of it must be allowed, and the socket is made for an address that was
judged at that moment: there is no second look-up between the check and the connection. No redirect, cookie or proxy is
ever used; time and size are capped. Must not know: SQL, what a message means.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, TypeAlias
from urllib.parse import urlsplit

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from shunfu.webhooks.addresses import check_url, is_reachable
from shunfu.webhooks.model import Outgoing, Sent

LOG = structlog.stdlib.get_logger("webhooks")
RETRY_AFTER_DIGITS_MAX = 6

Lookup: TypeAlias = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host name; raises OSError when it has none."""

AddressFound: TypeAlias = tuple[int, int, int, str, tuple[object, ...]]
"""What a socket is made for: family, kind, protocol, name, and the socket's address, whose first part is the IP."""


class Carrier(Protocol):
    """Carries one message to a merchant's server; flow tests and simulations bring their own."""

    async def send(self, outgoing: Outgoing) -> Sent:
        """Try once. Never raises for what the network or the receiver did."""
        ...


class AddressRefused(OSError):
    """The address is inside somebody's network."""


async def system_lookup(host: str, port: int) -> list[str]:
    """What the system's resolver says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """Bounds on one try. `look_up` and `trusted` (None: the system's certificates) are seams for tests."""

    timeout_seconds: float = 20.0
    answer_bytes_max: int = 64 * 1024
    connections: int = 64
    look_up: Lookup = system_lookup
    trusted: ssl.SSLContext | None = None


class Sender:
    """One per process; `async with` opens and closes its connections."""

    def __init__(self, settings: SenderSettings) -> None:
        self._settings = settings
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        self._sessions = {
            may_be_private: self._session(may_be_private=may_be_private) for may_be_private in (False, True)
        }
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    async def send(self, outgoing: Outgoing) -> Sent:
        """Try once, within the time-out. Only what the receiver answered, or why it did not, comes back."""
        session = self._sessions.get(outgoing.may_be_private)
        assert session is not None, "the sender is used inside `async with`"
        began = time.monotonic()
        problem = check_url(outgoing.url, may_be_private=outgoing.may_be_private)
        found = Sent(None, problem, 0) if problem else await self._exchange(session, outgoing)
        sent = Sent(
            found.status,
            found.reason,
            round((time.monotonic() - began) * 1000),
            found.answer,
            found.retry_after_seconds,
        )
        _log(outgoing, sent)
        return sent

    async def _exchange(self, session: aiohttp.ClientSession, outgoing: Outgoing) -> Sent:
        try:
            async with session.post(
                URL(outgoing.url, encoded=True),
                headers=outgoing.headers,
                data=outgoing.body,
                allow_redirects=False,
            ) as response:
                answer = await self._beginning(response)
                return Sent(response.status, _reason(response.status), 0, answer, _retry_after(response))
        except aiohttp.ClientConnectorError as error:
            return Sent(None, _why_unconnected(error), 0)
        except (aiohttp.ServerTimeoutError, TimeoutError):
            return Sent(None, "timeout", 0)
        except (aiohttp.ClientError, OSError, ValueError):
            return Sent(None, "broken", 0)

    async def _beginning(self, response: aiohttp.ClientResponse) -> bytes:
        """The answer's first bytes. The status has been said: a body that breaks off or never ends changes nothing."""
        body = bytearray()
        try:
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) >= self._settings.answer_bytes_max:
                    break
        except (aiohttp.ClientError, TimeoutError, OSError):
            LOG.info("webhook_answer_cut", status=response.status, bytes=len(body))
        response.close()
        return bytes(body[: self._settings.answer_bytes_max])

    def _session(self, *, may_be_private: bool) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=self._settings.connections,
            resolver=_CheckedResolver(self._settings.look_up, may_be_private=may_be_private),
            use_dns_cache=False,
            force_close=True,
            socket_factory=_socket_maker(may_be_private=may_be_private),
            ssl=self._settings.trusted or True,
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout_seconds),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
        )


class _CheckedResolver(AbstractResolver):
    """Looks a name up and answers only if every address may be reached: a name with one private address is refused."""

    def __init__(self, look_up: Lookup, *, may_be_private: bool) -> None:
        self._look_up = look_up
        self._may_be_private = may_be_private

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002  aiohttp's signature
    ) -> list[ResolveResult]:
        """The host's addresses, in aiohttp's form. Raises AddressRefused, and OSError when there is none."""
        addresses = await self._look_up(host, port)
        for address in addresses:
            _require(address, may_be_private=self._may_be_private)
        if not addresses:
            raise OSError(f"{host} has no address")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held open."""


def _socket_maker(*, may_be_private: bool) -> Callable[[AddressFound], socket.socket]:
    """Makes the socket for an address just before it is connected to, and only for one that may be reached."""

    def make(found: AddressFound) -> socket.socket:
        family, kind, protocol, _, sockaddr = found
        _require(str(sockaddr[0]), may_be_private=may_be_private)
        return socket.socket(family, kind, protocol)

    return make


def _require(address: str, *, may_be_private: bool) -> None:
    if not is_reachable(address, may_be_private=may_be_private):
        raise AddressRefused(f"{address} is inside somebody's network")


def _why_unconnected(error: aiohttp.ClientConnectorError) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return "tls"
        case _ if isinstance(error.os_error, AddressRefused):
            return "private_address"
        case aiohttp.ClientConnectorDNSError():
            return "no_such_host"
        case _:
            return "unreachable"


def _reason(status: int) -> str:
    if 200 <= status < 300:
        return "ok"
    if 300 <= status < 400:
        return "redirect"
    return "gone" if status == 410 else "status"


def _retry_after(response: aiohttp.ClientResponse) -> int:
    """The pause in seconds that the receiver asks for, 0 without one; a date is not read."""
    text = response.headers.get("Retry-After", "")
    is_seconds = text.isascii() and text.isdigit() and len(text) <= RETRY_AFTER_DIGITS_MAX
    return int(text) if is_seconds else 0


def _log(outgoing: Outgoing, sent: Sent) -> None:
    """One line a try; of the URL only the host, for its path may be a secret of the receiver's."""
    try:
        host = urlsplit(outgoing.url).hostname or ""
    except ValueError:
        host = ""
    LOG.info(
        "webhook_sent",
        message=outgoing.headers.get("webhook-id", ""),
        host=host,
        status=sent.status or 0,
        reason=sent.reason,
        milliseconds=sent.took_ms,
    )

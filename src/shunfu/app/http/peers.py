"""Who a request comes from: the peer itself, or what a proxy that the settings name says about it.

Anybody can write `X-Forwarded-For`. It is read only when the peer is a named proxy, from the right, up to the first
address that is no proxy of ours; everybody else's proxy headers are dropped unread (ASVS 4.1.3, attacks A12 and A57).
`Forwarded` (RFC 7239) is never read: two spellings of one fact are two that can disagree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send

from shunfu.app.settings import Network

Address: TypeAlias = IPv4Address | IPv6Address
Headers: TypeAlias = Iterable[tuple[bytes, bytes]]
FORWARDED_FOR, FORWARDED_PROTO, FORWARDED_HOST = b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"
PROXY_HEADERS = frozenset(
    (
        *(FORWARDED_FOR, FORWARDED_PROTO, FORWARDED_HOST, b"forwarded", b"x-real-ip"),
        *(b"x-forwarded-port", b"x-forwarded-prefix", b"x-forwarded-server"),
    )
)
"""No room behind the edge sees one of these."""
HOPS_MAX = 16
CHAIN_BYTES_MAX = 1024
"""So much of X-Forwarded-For is read, from its right end, where our own proxies write."""
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?")


def read_address(text: str) -> Address | None:
    """An address, also with a port or in brackets; IPv4 inside IPv6 is that IPv4 address. None: it is none."""
    found = _WITH_PORT.fullmatch(text)
    plain = (found.group(1) or found.group(2)) if found else text
    if "%" in plain or len(plain) > 45:
        return None
    try:
        address = ip_address(plain)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def neighbourhood(address: Address) -> str:
    """What limits are counted by: an IPv4 address, or the /64 that one IPv6 customer has to himself (attack A57)."""
    return str(address) if isinstance(address, IPv4Address) else str(IPv6Network((int(address) >> 64 << 64, 64)))


@dataclass(frozen=True, slots=True)
class Proxies:
    """The networks whose proxy headers are believed."""

    networks: tuple[Network, ...] = ()

    def has(self, address: Address) -> bool:
        """Whether an address is a named proxy's."""
        return any(address in network for network in self.networks)

    def client(self, peer: Address, headers: Headers) -> Address:
        """The rightmost hop that is no proxy of ours; what is not an address ends the search at the hop before."""
        nearest = peer
        for hop in _chain(headers):
            if not self.has(nearest):
                break
            address = read_address(hop)
            if address is None:
                break
            nearest = address
        return nearest


def _chain(headers: Headers) -> list[str]:
    """The hops of every X-Forwarded-For line in order, the nearest first, bounded."""
    written = b",".join(value for name, value in headers if name == FORWARDED_FOR)
    near = written[-CHAIN_BYTES_MAX:]
    hops = [hop.strip() for hop in near.decode("latin-1").split(",")]
    if len(near) < len(written):
        hops = hops[1:]  # cut in the middle, it could read as another address
    return hops[::-1][:HOPS_MAX] if written else []


def _last(headers: Headers, wanted: bytes) -> str | None:
    values = [value for name, value in headers if name == wanted]
    return values[-1][-300:].decode("latin-1").rpartition(",")[2].strip() if values else None


class Peers:
    """Puts the true client, scheme and host into a request's scope, and takes every proxy header out of it."""

    def __init__(self, app: ASGIApp, proxies: Proxies) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            settle(scope, self._proxies)
        await self._app(scope, receive, send)


def settle(scope: Scope, proxies: Proxies) -> None:
    """Correct a scope in place. `state.is_proxied`: the peer is a named proxy."""
    client = scope.get("client")
    peer = read_address(client[0]) if client else None
    is_proxied = peer is not None and proxies.has(peer)
    scope.setdefault("state", {})["is_proxied"] = is_proxied
    headers: list[tuple[bytes, bytes]] = list(scope["headers"])
    kept = [(name, value) for name, value in headers if name not in PROXY_HEADERS]
    if is_proxied and peer is not None and client is not None:
        nearest = proxies.client(peer, headers)
        scope["client"] = (str(nearest), client[1] if nearest == peer else 0)
        scheme, host = _last(headers, FORWARDED_PROTO), _last(headers, FORWARDED_HOST)
        if scheme in {"http", "https"}:
            scope["scheme"] = scheme
        if host is not None and _HOST.fullmatch(host):
            kept = [(name, value) for name, value in kept if name != b"host"] + [(b"host", host.encode("latin-1"))]
    scope["headers"] = kept

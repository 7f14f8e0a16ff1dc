"""Which addresses a webhook may go to: none inside anybody's network. Pure.

Two gates. `check_url` reads a URL so strictly that no two parsers can disagree about its host; `is_reachable` judges an
IP address, and the sender asks it about the very address that it connects to. Source: OWASP API7:2023; the IANA
registries of special-purpose addresses for IPv4 and IPv6 (RFC 6890 and its updates).
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal

from yarl import URL

URL_CHARACTERS_MAX = 1024
LOWEST_FREE_PORT = 1024
SECURE_PORTS = frozenset({443})
PLAIN_PORTS = frozenset({80})

Problem = Literal["bad_format", "not_https", "bad_port", "private_address"]

_URL = re.compile(r"(https?)://(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?([/?][!\x22$-\[\]-~]*)?")
"""Scheme, host, port, path or query, in visible ASCII: no user, no fragment, no backslash, nothing international."""

_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_NUMERIC = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
"""A last label like this makes the whole host a number to some parsers: 127.1, 2130706433, 0x7f.1."""

_SPECIAL_4 = tuple(
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")
_SPECIAL_6 = tuple(IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
_NAT64 = IPv6Network("64:ff9b::/96")
"""Here the last 32 bits are the IPv4 address that is reached; 6to4 and Teredo are refused as a whole."""

_OWN_4 = tuple(IPv4Network(network) for network in ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
_OWN_6 = (IPv6Network("::1/128"), IPv6Network("fc00::/7"))
"""What a test side may reach where the operator allows it: this machine and private networks, never a cloud's own."""


def check_url(url: str, *, may_be_private: bool) -> Problem | None:
    """What is wrong with a URL to send to, or None. With `may_be_private` http and private hosts are right too."""
    found = _URL.fullmatch(url) if len(url) <= URL_CHARACTERS_MAX else None
    if found is None or not _is_host(found[2], may_be_short=may_be_private) or not _is_read_alike(url, found):
        return "bad_format"
    if found[1] != "https" and not may_be_private:
        return "not_https"
    if found[3] is not None and not _is_port(found[3], may_be_plain=may_be_private):
        return "bad_port"
    address = literal_address(found[2].strip("[]"))
    if address is not None and not is_reachable(str(address), may_be_private=may_be_private):
        return "private_address"
    return None


def is_reachable(address: str, *, may_be_private: bool) -> bool:
    """Whether an IP address is one of the public internet or, if that is allowed, of this machine or a private net."""
    ip = literal_address(address)
    if ip is None:
        return False
    if isinstance(ip, IPv6Address):
        inside = _inner_address(ip)
        if inside is not None:
            return is_reachable(str(inside), may_be_private=may_be_private)
        is_public = ip in _GLOBAL_6 and not any(ip in network for network in _SPECIAL_6)
        return is_public or (may_be_private and any(ip in network for network in _OWN_6))
    is_public = not any(ip in network for network in _SPECIAL_4)
    return is_public or (may_be_private and any(ip in network for network in _OWN_4))


def literal_address(text: str) -> IPv4Address | IPv6Address | None:
    """The IP address that a text is in its plain form, or None. A scope (`fe80::1%eth0`) is no plain form."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return None if "%" in text else address


def _inner_address(ip: IPv6Address) -> IPv4Address | None:
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    return IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None


def _is_host(host: str, *, may_be_short: bool) -> bool:
    """A name of at least two labels, or an address in its plain form."""
    if host.startswith("["):
        return isinstance(literal_address(host[1:-1]), IPv6Address)
    labels = host.split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        return isinstance(literal_address(host), IPv4Address)
    is_name = all(_LABEL.fullmatch(label) for label in labels)
    return is_name and (len(labels) > 1 or may_be_short)


def _is_port(text: str, *, may_be_plain: bool) -> bool:
    port = int(text)
    is_known = port in SECURE_PORTS or (may_be_plain and port in PLAIN_PORTS)
    return is_known or LOWEST_FREE_PORT <= port <= 65535


def _is_read_alike(url: str, found: re.Match[str]) -> bool:
    """Whether the library that connects reads the same host and port as we do."""
    try:
        read = URL(url, encoded=True)
        host, port = read.raw_host, read.explicit_port
    except ValueError:
        return False
    is_same_host = host is not None and host.lower() == found[2].strip("[]").lower()
    return is_same_host and port == (int(found[3]) if found[3] else None)

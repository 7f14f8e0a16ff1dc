"""What `shunfu doctor` sees when it goes to `public_url` as a browser would: certificate, days left, HSTS, redirect.

It goes there from this machine; that the rest of the world comes by the same way it cannot say.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import cast
from urllib.parse import urlsplit

from shunfu.app.settings import Settings

CONNECT_SECONDS = 5.0
ANSWER_BYTES_MAX = 4096
WARN_DAYS, FAIL_DAYS, LAST_DAYS = 30, 7, 1
HSTS = "strict-transport-security"
HTTP_PORT = 80


@dataclass(frozen=True, slots=True)
class Sight:
    """One thing that was looked at. Advice on something that is ok is a warning."""

    check: str
    ok: bool
    seen: str
    advice: str = ""


def _dial(host: str, port: int) -> socket.socket:
    return socket.create_connection((host, port), CONNECT_SECONDS)


@dataclass(frozen=True, slots=True)
class Road:
    """How to get there: the seam of the tests. `context` verifies chain and name, and takes TLS 1.2 or newer."""

    dial: Callable[[str, int], socket.socket] = _dial
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)


def look_at_tls(settings: Settings, now: datetime, road: Road | None = None) -> list[Sight]:
    """Look at `public_url` and at what stands in front of us."""
    url = urlsplit(settings.public_url)
    host = url.hostname or ""
    if url.scheme != "https":
        return [_plain(host)]
    way = road or Road()
    way.context.minimum_version = ssl.TLSVersion.TLSv1_2
    return [*_by_tls(way, host, url.port or 443, now), _redirect(way, host), *_proxy(settings)]


def _plain(host: str) -> Sight:
    """Plain http is for one's own machine."""
    if is_own_machine(host):
        return Sight("tls", ok=True, seen="public_url is this machine's own, plain http")
    return Sight(
        "tls",
        ok=False,
        seen=f"public_url is plain http on {host}",
        advice="Keys, links and money would cross the network unprotected, and no channel's live side takes it. "
        "Put a TLS proxy in front and set public_url to https://…",
    )


def _by_tls(road: Road, host: str, port: int, now: datetime) -> list[Sight]:
    try:
        with closing(road.dial(host, port)) as plain, road.context.wrap_socket(plain, server_hostname=host) as line:
            ends = datetime.fromtimestamp(
                ssl.cert_time_to_seconds(str(cast("dict[str, object]", line.getpeercert())["notAfter"])), UTC
            )
            chain = Sight("tls certificate", ok=True, seen=f"valid for {host}, {line.version()}")
            return [chain, days_left(ends, now), *_answer(line, host)]
    except ssl.SSLCertVerificationError as error:
        advice = "Serve the whole chain for exactly this name; docs/how-to/tls.md shows how."
        return [Sight("tls certificate", ok=False, seen=f"{host}: {error.verify_message}", advice=advice)]
    except ssl.SSLError as error:
        advice = "The proxy must speak TLS 1.2 or 1.3 on this port."
        return [
            Sight("tls certificate", ok=False, seen=f"{host}:{port}: {error.reason or 'no handshake'}", advice=advice)
        ]
    except OSError as error:
        advice = (
            "Start the proxy, open the port, or correct public_url. From inside some networks one cannot come back in."
        )
        return [Sight("tls", ok=False, seen=f"{host}:{port} does not answer ({error})", advice=advice)]


def days_left(ends: datetime, now: datetime) -> Sight:
    """How long a certificate still holds: a warning at 30 days, a failure at 7, urgent on the last."""
    days = (ends - now).days
    seen = f"{days} days left, until {ends:%Y-%m-%d}"
    if days > WARN_DAYS:
        return Sight("tls days", ok=True, seen=seen)
    if days > FAIL_DAYS:
        return Sight("tls days", ok=True, seen=seen, advice="See that it renews itself (ACME) before long.")
    urgent = "Renew it now: " if days > LAST_DAYS else "Renew it at once: "
    return Sight("tls days", ok=False, seen=seen, advice=f"{urgent}payments stop with it.")


def _answer(line: ssl.SSLSocket, host: str) -> list[Sight]:
    """Ask /healthz over the open line: that it is us who answer, and that browsers are told to insist on TLS."""
    line.sendall(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    response = http.client.HTTPResponse(line)
    try:
        response.begin()
        body = response.read(ANSWER_BYTES_MAX)
    except http.client.HTTPException as error:
        return [
            Sight("tls answer", ok=False, seen=f"no HTTP answer ({type(error).__name__})", advice="Look at the proxy.")
        ]
    is_us = response.status == 200 and _is_health(body)
    advice = "" if is_us else "Start `shunfu up`, or point the proxy at its host and port."
    told = response.headers.get(HSTS)
    return [
        Sight(
            "tls answer",
            ok=is_us,
            seen=f"/healthz answers {response.status}" + ("" if is_us else ", not ours"),
            advice=advice,
        ),
        Sight(
            "tls hsts",
            ok=True,
            seen=told or "not sent",
            advice="" if told else "Let the proxy pass Strict-Transport-Security on, and hsts_seconds be above 0.",
        ),
    ]


def _is_health(body: bytes) -> bool:
    try:
        return json.loads(body) == {"ok": True}
    except ValueError:
        return False


def _redirect(road: Road, host: str) -> Sight:
    """Plain http must lead to https, or not answer at all."""
    try:
        with closing(road.dial(host, HTTP_PORT)) as line:
            line.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            response = http.client.HTTPResponse(line)
            response.begin()
            target = response.headers.get("location", "")
    except (OSError, http.client.HTTPException):
        return Sight("tls redirect", ok=True, seen="nothing answers by plain http")
    is_good = response.status in {301, 302, 307, 308} and target.startswith("https://")
    advice = "" if is_good else "Let port 80 answer 301 to https://, and nothing else."
    return Sight(
        "tls redirect", ok=is_good, seen=f"plain http answers {response.status} {target}"[:200].strip(), advice=advice
    )


def _proxy(settings: Settings) -> list[Sight]:
    """With TLS there is a proxy; unless it is named, every customer has its address."""
    if settings.trusted_proxies:
        return [Sight("proxies", ok=True, seen=settings.text("trusted_proxies"))]
    advice = "Set trusted_proxies to the TLS proxy's address: limits cannot tell customers apart without it."
    return [Sight("proxies", ok=True, seen="none named", advice=advice)]


def is_own_machine(host: str) -> bool:
    """Whether a host is this machine by name or address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")

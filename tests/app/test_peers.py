"""Whose word counts about who is asking: only a named proxy's, from the right, and nobody else's at all."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from starlette.types import Receive, Scope, Send

from app.asgi import call
from shunfu.app.http.peers import Peers, Proxies, neighbourhood, read_address

PROXIES = Proxies((ip_network("127.0.0.1/32"), ip_network("10.0.0.0/8"), ip_network("fd00::/8")))


async def seen(headers: dict[str, str], peer: str = "127.0.0.1", proxies: Proxies = PROXIES) -> Scope:
    """The scope that the application behind gets."""
    found: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(scope)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    await call(Peers(app, proxies), "GET", "/", {"host": "inner:8700", **headers}, client=peer)
    return found[0]


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),  # what a client wrote itself stands to the left
        ("127.0.0.1, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.1.2.3", "203.0.113.9"),  # a second proxy of ours
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::9]:4711", "2001:db8::9"),
        ("2001:db8::9", "2001:db8::9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("203.0.113.9, unknown", "127.0.0.1"),
        ("203.0.113.9, 10.1.2.3, garbage, 10.1.2.4", "10.1.2.4"),
        ("", "127.0.0.1"),
        (",,,", "127.0.0.1"),
        ("１２７.0.0.1".encode().decode("latin-1"), "127.0.0.1"),
        ("203.0.113.9%eth0", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("'; DROP TABLE", "127.0.0.1"),
        ("9" * 10_000, "127.0.0.1"),
        ("1.1.1.1, " * 2000 + "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1, " * 2000 + "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("203.0.113.9, " + ", ".join(["10.0.0.1"] * 40), "10.0.0.1"),  # more hops than are read
    ],
)
async def test_the_rightmost_hop_that_is_no_proxy_of_ours(chain: str, client: str) -> None:
    assert (await seen({"x-forwarded-for": chain}))["client"][0] == client


@pytest.mark.parametrize("peer", ["203.0.113.66", "10.0.0.1.evil", "127.0.0.2", "2001:db8::1"])
async def test_a_strangers_headers_are_dropped_unread(peer: str) -> None:
    told = {"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "https", "x-forwarded-host": "evil.example"}
    scope = await seen({**told, "x-real-ip": "127.0.0.1", "forwarded": "for=127.0.0.1"}, peer)
    assert (scope["client"][0], scope["scheme"]) == (peer, "http")
    assert scope["headers"] == [(b"host", b"inner:8700")]
    assert scope["state"]["is_proxied"] is False


async def test_by_default_nobody_is_believed() -> None:
    scope = await seen({"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"}, proxies=Proxies())
    assert (scope["client"][0], scope["scheme"]) == ("127.0.0.1", "http")


async def test_a_named_proxy_tells_scheme_and_host_too() -> None:
    scope = await seen(
        {"x-forwarded-proto": "https", "x-forwarded-host": "pay.example.com", "forwarded": "for=1.1.1.1"}
    )
    assert (scope["scheme"], scope["headers"]) == ("https", [(b"host", b"pay.example.com")])
    assert scope["client"] == ("127.0.0.1", 1)
    assert scope["state"]["is_proxied"] is True


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x-forwarded-proto", "javascript"),
        ("x-forwarded-proto", "HTTPS"),
        ("x-forwarded-host", "evil.example/path"),
        ("x-forwarded-host", "a b"),
        ("x-forwarded-host", "user@evil.example"),
        ("x-forwarded-host", "x" * 5000),
        ("x-forwarded-host", ""),
    ],
)
async def test_what_is_no_scheme_or_host_changes_nothing(name: str, text: str) -> None:
    scope = await seen({name: text})
    assert (scope["scheme"], scope["headers"]) == ("http", [(b"host", b"inner:8700")])


def test_one_ipv6_customer_is_one_neighbour() -> None:
    texts = ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::1")
    addresses = [address for text in texts if (address := read_address(text)) is not None]
    assert [neighbourhood(one) for one in addresses] == ["2001:db8:1:2::/64", "2001:db8:1:2::/64", "2001:db8:1:3::/64"]
    mapped = read_address("::ffff:192.0.2.1")
    assert mapped is not None
    assert neighbourhood(mapped) == "192.0.2.1"

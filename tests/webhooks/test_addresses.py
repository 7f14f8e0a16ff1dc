"""Where a webhook may go: every trick with a URL and every address inside a network (attacks A29 to A35)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shunfu.webhooks.addresses import check_url, is_reachable

METADATA = ("169.254.169.254", "100.100.100.200", "fd00:ec2::254")
INSIDE = (
    *METADATA,
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *(
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
    ),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001::1"),
    *("2001:db8::1", "3fff::1", "5f00::1", "100::1", "fc00::1", "fdff::1", "fe80::1", "fec0::1", "ff02::1"),
)
OUTSIDE = (
    *("8.8.8.8", "1.1.1.1", "93.184.216.34", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1"),
    *("2001:4860:4860::8888", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"),
)


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_a_network_is_refused(address: str) -> None:
    assert not is_reachable(address, may_be_private=False)


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_of_the_internet_is_allowed(address: str) -> None:
    assert is_reachable(address, may_be_private=False)
    assert is_reachable(address, may_be_private=True)


@pytest.mark.parametrize("address", ["", "localhost", "127.1", "0x7f000001", "2130706433", "fe80::1%eth0", "1.2.3.4.5"])
def test_what_is_no_plain_address_is_refused(address: str) -> None:
    assert not is_reachable(address, may_be_private=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "fd12::1"])
def test_a_test_side_may_be_allowed_its_own_networks(address: str) -> None:
    assert is_reachable(address, may_be_private=True)


@pytest.mark.parametrize(
    "address", [*METADATA[:2], "0.0.0.0", "::", "224.0.0.1", "fe80::1", "100.64.0.1", "64:ff9b:1::1"]
)
def test_what_no_side_may_ever_reach(address: str) -> None:
    """A cloud's own addresses are not the merchant's network."""
    assert not is_reachable(address, may_be_private=True)


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_nothing_is_allowed_that_the_standard_library_knows_to_be_special(ip: IPv4Address | IPv6Address) -> None:
    if is_reachable(str(ip), may_be_private=False):
        inner = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
        judged = inner or ip
        assert judged.is_global
        assert not judged.is_multicast
        assert not judged.is_loopback


@given(st.ip_addresses(v=4))
def test_an_address_inside_an_address_is_judged_by_itself(ip: IPv4Address) -> None:
    plain = is_reachable(str(ip), may_be_private=False)
    assert is_reachable(f"::ffff:{ip}", may_be_private=False) == plain
    assert is_reachable(str(IPv6Address((0x64FF9B << 96) | int(ip))), may_be_private=False) == plain
    assert not is_reachable(str(IPv6Address((0x2002 << 112) | (int(ip) << 80))), may_be_private=True)


GOOD = [
    "https://shop.example.com",
    "https://shop.example.com/",
    "https://shop.example.com/hooks/1?key=a&b=%2F",
    "https://shop.example.com?x=1",
    "https://shop.example.com:8443/x",
    "https://shop.example.com:443/x",
    "https://SHOP.example.com/x",
    "https://xn--fiq228c.example/x",
    "https://93.184.216.34/x",
    "https://[2606:4700::1111]:8443/x",
    "https://a-b.1c.example/[x]",
]
BAD = [
    ("http://shop.example.com/", "not_https"),
    ("http://127.0.0.1/", "not_https"),
    ("https://127.0.0.1/", "private_address"),
    ("https://127.0.0.1:8443/", "private_address"),
    ("https://169.254.169.254/latest/meta-data/", "private_address"),
    ("https://100.100.100.200/", "private_address"),
    ("https://[::1]/", "private_address"),
    ("https://[::]/", "private_address"),
    ("https://[::ffff:127.0.0.1]/", "private_address"),
    ("https://[64:ff9b::7f00:1]/", "private_address"),
    ("https://0.0.0.0/", "private_address"),
    ("https://127.1/", "bad_format"),
    ("https://2130706433/", "bad_format"),
    ("https://0x7f.1/", "bad_format"),
    ("https://0x7f000001/", "bad_format"),
    ("https://0177.0.0.1/", "bad_format"),
    ("https://a.0x1/", "bad_format"),
    ("https://127.0.0.1./", "bad_format"),
    ("https://shop.example.com./", "bad_format"),
    ("https://localhost/", "bad_format"),
    ("https://metadata/", "bad_format"),
    ("https://u@evil.example/", "bad_format"),
    ("https://u:p@evil.example/", "bad_format"),
    ("https://u@evil.example#@good.example/", "bad_format"),
    ("https://evil.example#good", "bad_format"),
    ("https://evil.example\\@good.example/", "bad_format"),
    ("https://good.example\\evil/", "bad_format"),
    ("https:\\\\good.example/", "bad_format"),
    ("https:/good.example/", "bad_format"),
    ("https:good.example", "bad_format"),
    ("//good.example/", "bad_format"),
    ("https://good.example/\r\nHost: evil", "bad_format"),
    ("https://good.example/ x", "bad_format"),
    ("https://good.example\t.evil/", "bad_format"),
    (" https://good.example/", "bad_format"),
    ("https://good.example/\0", "bad_format"),
    ("https://商店.example/", "bad_format"),
    ("https://ⓔxample.com/", "bad_format"),
    ("https://127。0。0。1/", "bad_format"),
    ("https://good%2eexample/", "bad_format"),
    ("https://good_example.com/", "bad_format"),
    ("https://-a.example/", "bad_format"),
    ("https://a..example/", "bad_format"),
    ("https://[::1%25eth0]/", "bad_format"),
    ("https://[127.0.0.1]/", "bad_format"),
    ("https://[::1/", "bad_format"),
    ("https:///x", "bad_format"),
    ("https://", "bad_format"),
    ("", "bad_format"),
    ("gopher://good.example/", "bad_format"),
    ("ftp://good.example/", "bad_format"),
    ("file:///etc/passwd", "bad_format"),
    ("HTTPS://good.example/", "bad_format"),
    ("https://good.example:22/", "bad_port"),
    ("https://good.example:80/", "bad_port"),
    ("https://good.example:25/", "bad_port"),
    ("https://good.example:0/", "bad_port"),
    ("https://good.example:65536/", "bad_format"),
    ("https://good.example:99999/", "bad_format"),
    ("https://good.example:123456/", "bad_format"),
    ("https://good.example:/", "bad_format"),
    ("https://good.example:８４４３/", "bad_format"),
    ("https://good.example:-1/", "bad_format"),
    ("https://good.example:443:443/", "bad_format"),
    ("https://good.example/" + "x" * 1024, "bad_format"),
    ("https://" + "a" * 64 + ".example/", "bad_format"),
]


@pytest.mark.parametrize("url", GOOD)
def test_a_plain_https_url_is_right(url: str) -> None:
    assert check_url(url, may_be_private=False) is None


@pytest.mark.parametrize(("url", "problem"), BAD)
def test_a_trick_is_refused(url: str, problem: str) -> None:
    assert check_url(url, may_be_private=False) == problem


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:3000/hook", "http://localhost:3000/", "http://[::1]:3000", "http://10.0.0.1/", "https://shop/"],
)
def test_a_test_side_may_be_allowed_this_machine(url: str) -> None:
    assert check_url(url, may_be_private=True) is None
    assert check_url(url, may_be_private=False) is not None


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/", "http://127.1/", "http://u@localhost/", "http://localhost:22/", "ftp://localhost/"],
)
def test_what_is_refused_there_too(url: str) -> None:
    assert check_url(url, may_be_private=True) is not None

"""The sender on real sockets: what receivers do to it, and that it connects to nothing but the address it judged."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_socket import SocketConnectBlockedError

from shunfu.webhooks.model import Outgoing, Sent
from shunfu.webhooks.sender import AddressRefused, Sender, SenderSettings, _CheckedResolver, _socket_maker
from webhooks.receiver import Answer, Flood, Receiver, hang, hang_up, ok_then_drop, receiving, status
from webhooks.test_addresses import INSIDE

BODY = '{"type":"order.paid","备注":"咖啡"}'.encode()
HEADERS = {"content-type": "application/json", "webhook-id": "evt_1"}
NAME = "hooks.example.com"


class Names:
    """A resolver whose answers are given, the last one for good; it counts how often it was asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def send(url: str, settings: SenderSettings | None = None, *, may_be_private: bool = True) -> Sent:
    async with Sender(settings or SenderSettings(timeout_seconds=5)) as sender:
        return await sender.send(Outgoing(url, HEADERS, BODY, may_be_private))


async def sent_to(*answers: Answer, seconds: float = 5) -> tuple[Sent, Receiver]:
    async with receiving(*answers) as receiver:
        return await send(receiver.url(), SenderSettings(timeout_seconds=seconds)), receiver


async def test_a_message_arrives_byte_for_byte() -> None:
    sent, receiver = await sent_to(status(202, b"taken"))
    (request,) = receiver.requests
    assert request.line == "POST /hook?shop=1 HTTP/1.1"
    assert request.body == BODY
    assert request.headers["webhook-id"] == "evt_1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert (sent.status, sent.reason, sent.answer, sent.is_success) == (202, "ok", b"taken", True)
    assert sent.took_ms >= 0


@pytest.mark.parametrize(("code", "reason"), [(500, "status"), (404, "status"), (410, "gone"), (304, "redirect")])
async def test_only_2xx_is_success(code: int, reason: str) -> None:
    sent, _ = await sent_to(status(code))
    assert (sent.status, sent.reason, sent.is_success) == (code, reason, False)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirection_is_never_followed(code: int) -> None:
    """Attack A33: the second server, on this machine, hears nothing."""
    async with receiving() as inside:
        sent, first = await sent_to(status(code, Location=inside.url()))
        assert (sent.status, sent.reason, sent.is_success) == (code, "redirect", False)
        assert len(first.requests) == 1
        assert inside.requests == []


@pytest.mark.parametrize(
    ("text", "seconds"), [("120", 120), ("0", 0), ("", 0), ("-5", 0), ("9" * 30, 0), ("Fri, 31 Dec 2027", 0), ("１", 0)]
)
async def test_retry_after_is_read_in_seconds(text: str, seconds: int) -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 503 Busy\r\nRetry-After: {text}\r\nContent-Length: 0\r\n\r\n"
        writer.write(head.encode())

    sent, _ = await sent_to(answer)
    assert (sent.status, sent.retry_after_seconds) == (503, seconds)


async def test_a_receiver_that_hangs_is_given_up_in_time() -> None:
    began = time.monotonic()
    sent, receiver = await sent_to(hang, seconds=0.3)
    assert (sent.status, sent.reason) == (None, "timeout")
    assert time.monotonic() - began < 3
    assert len(receiver.requests) == 1


async def test_a_connection_that_ends_without_a_word_is_no_success() -> None:
    sent, _ = await sent_to(hang_up)
    assert (sent.status, sent.reason) == (None, "broken")


async def test_200_counts_although_its_body_breaks_off() -> None:
    sent, _ = await sent_to(ok_then_drop)
    assert (sent.status, sent.is_success, sent.answer) == (200, True, b"half")


async def test_an_answer_without_end_is_cut() -> None:
    """Attack A36: ten gigabytes are promised; what is read stays small."""
    flood = Flood()
    sent, _ = await sent_to(flood)
    assert sent.is_success
    assert len(sent.answer) == 64 * 1024
    assert flood.written < 20_000_000, "the sender kept reading"


async def test_an_answer_that_drips_is_cut_in_time() -> None:
    began = time.monotonic()
    sent, _ = await sent_to(Flood(b"x", 0.02), seconds=0.4)
    assert (sent.status, sent.is_success) == (200, True)
    assert 0 < len(sent.answer) < 1000
    assert time.monotonic() - began < 3


async def test_headers_without_end_are_cut() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-More: " + b"x" * 1000 + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0)

    sent, _ = await sent_to(drip, seconds=3)
    assert not sent.is_success
    assert sent.reason in {"broken", "timeout"}


@pytest.mark.parametrize(
    "answer", [b"nonsense\r\n\r\n", b"HTTP/9.9 200 OK\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"\0" * 64]
)
async def test_what_is_no_http_is_no_success(answer: bytes) -> None:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    sent, _ = await sent_to(write)
    assert (sent.status, sent.reason) == (None, "broken")


async def test_nobody_listens() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        sent = await send(f"http://127.0.0.1:{holder.getsockname()[1]}/")
    assert (sent.status, sent.reason) == (None, "unreachable")


async def test_no_cookie_is_kept_and_no_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy, receiving(status(200, Set_Cookie="a=b"), status(200)) as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with Sender(SenderSettings(timeout_seconds=5)) as sender:
            for _ in range(2):
                sent = await sender.send(Outgoing(receiver.url(), HEADERS, BODY, may_be_private=True))
                assert sent.is_success
        assert proxy.requests == []
        assert [request.headers.get("cookie") for request in receiver.requests] == [None, None]


# --- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", INSIDE)
async def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    """Attacks A29 to A31: the name is looked up, the answer judged, and no socket made."""
    names = Names([address])
    sent = await send(f"https://{NAME}/", SenderSettings(5, look_up=names), may_be_private=False)
    assert (sent.status, sent.reason) == (None, "private_address")
    assert names.asked == [(NAME, 443)], "the check was reached"


async def test_one_address_inside_refuses_the_whole_name() -> None:
    names = Names(["93.184.216.34", "127.0.0.1"])
    sent = await send(f"https://{NAME}/", SenderSettings(5, look_up=names), may_be_private=False)
    assert sent.reason == "private_address"
    assert names.asked


async def test_the_address_that_was_judged_is_the_one_connected_to() -> None:
    """A name that leads inside the second time it is asked for (DNS rebinding) is asked for once only.

    The fence that pytest-socket puts around sockets names the address that was about to be connected to.
    """
    names = Names(["93.184.216.34"], ["127.0.0.1"])
    with pytest.raises((SocketConnectBlockedError, UserWarning), match=r"93\.184\.216\.34"):
        await send(f"https://{NAME}/", SenderSettings(5, look_up=names), may_be_private=False)
    assert names.asked == [(NAME, 443)]


async def test_a_name_is_asked_for_anew_at_every_try() -> None:
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    async with receiving() as receiver, Sender(SenderSettings(5, look_up=names)) as sender:
        outgoing = Outgoing(receiver.url(host=NAME), HEADERS, BODY, may_be_private=True)
        first, second = await sender.send(outgoing), await sender.send(outgoing)
    assert (first.reason, second.reason) == ("ok", "private_address")
    assert len(receiver.requests) == 1
    assert receiver.requests[0].headers["host"] == f"{NAME}:{receiver.port}"


@pytest.mark.parametrize("address", [one for one in INSIDE if "%" not in one])
async def test_either_gate_alone_keeps_an_address_out(address: str) -> None:
    """The resolver and the maker of sockets each refuse by themselves."""
    resolver = _CheckedResolver(Names([address]), may_be_private=False)
    with pytest.raises(AddressRefused):
        await resolver.resolve(NAME, 443)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(AddressRefused):
        _socket_maker(may_be_private=False)((family, socket.SOCK_STREAM, 6, "", (address, 443)))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:{port}/hook", "not_https"),
        ("https://127.0.0.1:{port}/hook", "private_address"),
        ("https://127.1:{port}/hook", "bad_format"),
        ("https://u@127.0.0.1:{port}/hook", "bad_format"),
        ("https://localhost:{port}/hook", "bad_format"),
    ],
)
async def test_a_url_is_judged_again_when_it_is_sent_to(url: str, reason: str) -> None:
    """A row that should never have been written is still not followed; the receiver hears nothing."""
    async with receiving() as receiver:
        sent = await send(url.format(port=receiver.port), may_be_private=False)
        assert (sent.status, sent.reason) == (None, reason)
        assert receiver.requests == []


async def test_a_name_without_an_address() -> None:
    async def nobody(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    look_ups: list[Callable[[str, int], Awaitable[list[str]]]] = [nobody, Names([])]
    for look_up in look_ups:
        sent = await send(f"https://{NAME}/", SenderSettings(5, look_up=look_up), may_be_private=False)
        assert (sent.status, sent.reason) == (None, "no_such_host")


async def test_the_sender_is_used_inside_its_context() -> None:
    with pytest.raises(AssertionError):
        await Sender(SenderSettings()).send(Outgoing("https://a.example/", HEADERS, BODY, may_be_private=False))


# --- TLS -------------------------------------------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext, list[str]]:
    """A server that has a certificate for a name, a client that trusts it, and the names that were asked for."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    asked: list[str] = []
    server.sni_callback = lambda _socket, asked_for, _context: asked.append(asked_for or "")
    client = ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())
    return server, client, asked


async def test_tls_is_for_the_name_although_the_address_is_given(tmp_path: Path) -> None:
    server, client, asked = certificate(tmp_path, NAME)
    async with receiving(tls=server) as receiver:
        settings = SenderSettings(5, look_up=Names(["127.0.0.1"]), trusted=client)
        sent = await send(receiver.url("https", NAME), settings)
    assert sent.is_success
    assert asked == [NAME]
    assert receiver.requests[0].headers["host"] == f"{NAME}:{receiver.port}"


@pytest.mark.parametrize("trust", ["the system's certificates", "another name"])
async def test_a_certificate_that_does_not_hold_is_refused(tmp_path: Path, trust: str) -> None:
    server, client, _ = certificate(tmp_path, NAME if trust.startswith("the") else "other.example.com")
    trusted = None if trust.startswith("the") else client
    async with receiving(tls=server) as receiver:
        settings = SenderSettings(5, look_up=Names(["127.0.0.1"]), trusted=trusted)
        sent = await send(receiver.url("https", NAME), settings)
        assert (sent.status, sent.reason) == (None, "tls")
        assert receiver.requests == []

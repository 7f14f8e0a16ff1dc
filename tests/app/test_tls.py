"""What doctor sees of TLS, against real TLS servers on this machine whose certificates an authority of ours signed."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shunfu.app.settings import Settings, load
from shunfu.app.tls import Road, Sight, days_left, look_at_tls

NAME = "pay.example.com"
NOW = datetime.now(UTC)
HEALTH = b'HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=63072000\r\nContent-Length: 12\r\n\r\n{"ok": true}'


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the tests' own."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def context(self) -> ssl.SSLContext:
        """A client that trusts it, and nobody else."""
        return ssl.create_default_context(cadata=self.certificate.public_bytes(serialization.Encoding.PEM).decode())


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def signed(subject: str, key: ec.EllipticCurvePrivateKey, by: Authority | None, days: float) -> x509.Certificate:
    public = key.public_key()
    issuer = by.certificate.subject if by else named(subject)
    builder = x509.CertificateBuilder(issuer, named(subject), public, x509.random_serial_number())
    builder = builder.not_valid_before(NOW - timedelta(days=10)).not_valid_after(NOW + timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
    signer = by.key if by else key
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    near = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = builder.add_extension(near, critical=False)
    if by is None:
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def new_authority() -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    return Authority(key, signed("An authority", key, None, 3650))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return new_authority()


def server_context(folder: Path, authority: Authority, name: str, days: float) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = signed(name, key, authority, days).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "server.pem"
    file.write_bytes(private + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@contextmanager
def answering(answer: bytes, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that says one thing to everybody, by TLS if it has a context."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            try:
                line, _ = listener.accept()
            except TimeoutError:
                continue
            line.settimeout(5)
            try:
                with context.wrap_socket(line, server_side=True) if context else line as spoken:
                    if spoken.recv(4096):
                        spoken.sendall(answer)
            except (OSError, ssl.SSLError):
                line.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        thread.join()
        listener.close()


def road(authority: Authority, tls_port: int, plain_port: int | None = None) -> Road:
    """A way that leads to this machine, whatever name is asked for."""

    def dial(host: str, port: int) -> socket.socket:
        assert host == NAME
        if port == 443:
            return socket.create_connection(("127.0.0.1", tls_port), 5)
        if plain_port is None:
            raise ConnectionRefusedError
        return socket.create_connection(("127.0.0.1", plain_port), 5)

    return Road(dial, authority.context())


def settings(**told: str) -> Settings:
    return load({"public_url": f"https://{NAME}", "trusted_proxies": "127.0.0.1", **told}, {})


def by_check(found: list[Sight]) -> dict[str, Sight]:
    return {one.check: one for one in found}


def test_all_is_well(tmp_path: Path, authority: Authority) -> None:
    redirect = b"HTTP/1.1 301 Moved\r\nLocation: https://pay.example.com/\r\nContent-Length: 0\r\n\r\n"
    with (
        answering(HEALTH, server_context(tmp_path, authority, NAME, 80)) as port,
        answering(redirect) as plain,
    ):
        found = by_check(look_at_tls(settings(), NOW, road(authority, port, plain)))
    assert all(one.ok and not one.advice for one in found.values()), found
    assert found["tls certificate"].seen == f"valid for {NAME}, TLSv1.3"
    assert found["tls days"].seen.startswith(("79 days", "80 days"))
    assert found["tls hsts"].seen == "max-age=63072000"
    assert found["tls redirect"].seen == "plain http answers 301 https://pay.example.com/"


@pytest.mark.parametrize(
    ("name", "days", "says"),
    [("other.example.com", 80, "Hostname mismatch"), (NAME, -1, "expired"), (NAME, 80, "unable to get local issuer")],
)
def test_a_certificate_that_no_browser_takes(
    tmp_path: Path, authority: Authority, name: str, days: float, says: str
) -> None:
    signer = new_authority() if "issuer" in says else authority
    with answering(HEALTH, server_context(tmp_path, signer, name, days)) as port:
        found = by_check(look_at_tls(settings(), NOW, road(authority, port)))
    assert not found["tls certificate"].ok
    assert says in found["tls certificate"].seen
    assert "tls answer" not in found, "nothing is asked over a line that is not proven"


@pytest.mark.parametrize(
    ("days", "ok", "advises"),
    [(31.5, True, ""), (30, True, "ACME"), (8, True, "ACME"), (7, False, "now"), (1, False, "at once")],
)
def test_days_left(days: float, ok: bool, advises: str) -> None:
    sight = days_left(NOW + timedelta(days=days, hours=1), NOW)
    assert sight.ok is ok
    assert advises in sight.advice
    assert bool(sight.advice) is bool(advises)


def test_an_old_protocol_is_no_protocol(tmp_path: Path, authority: Authority) -> None:
    context = server_context(tmp_path, authority, NAME, 80)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    for told in (context, None):
        with answering(b"SSH-2.0-OpenSSH_9.9\r\n", told) as port:
            found = by_check(look_at_tls(settings(), NOW, road(authority, port)))
        assert not found["tls certificate"].ok
        assert "1.2" in found["tls certificate"].advice


def test_a_stranger_behind_the_name_and_no_hsts(tmp_path: Path, authority: Authority) -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nwelcome"
    with answering(page, server_context(tmp_path, authority, NAME, 80)) as port, answering(page) as plain:
        found = by_check(look_at_tls(settings(), NOW, road(authority, port, plain)))
    assert not found["tls answer"].ok
    assert found["tls hsts"].advice
    assert not found["tls redirect"].ok


def test_nobody_there(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = by_check(look_at_tls(settings(), NOW, road(authority, port)))
    assert not found["tls"].ok
    assert "does not answer" in found["tls"].seen
    assert found["tls redirect"].ok


def test_plain_http_is_for_ones_own_machine() -> None:
    for url in ("http://127.0.0.1:8700", "http://localhost:8700", "http://[::1]:8700", "http://pay.localhost"):
        (near,) = look_at_tls(settings(public_url=url), NOW)
        assert near.ok
    (far,) = look_at_tls(settings(public_url="http://pay.example.com"), NOW)
    assert not far.ok
    assert "https" in far.advice


def test_a_proxy_that_is_not_named_is_a_warning(authority: Authority) -> None:
    told = load({"public_url": f"https://{NAME}"}, {})
    sight = by_check(look_at_tls(told, NOW, road(authority, 1)))["proxies"]
    assert sight.ok
    assert "trusted_proxies" in sight.advice

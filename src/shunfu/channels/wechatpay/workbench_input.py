"""What is put on the workbench: a message's parts and the keys, read without ever raising.

Members: `kind`, `method`, `url`, `timestamp`, `nonce`, `body`, `serial`, `signature`, `mchid`; `authorization` in place
of a request's signature and its parts, `headers` (Wechatpay-*) in place of a reply's; for `client` `appid` and either
`package` (mini-program, JSAPI) or `prepay_id` (app). Keys: `key`, or `keys` by serial. Must not know: what is wrong.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias, cast
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate

from shunfu.gateway.workbench import Source

Key: TypeAlias = RSAPrivateKey | RSAPublicKey
KINDS = ("request", "reply", "notification", "client")
_AUTHORIZATION = re.compile(r'(mchid|nonce_str|signature|timestamp|serial_no)="([^"]*)"')
_NAMES = {"nonce_str": "nonce", "serial_no": "serial"}
_DIGITS = re.compile(r"[0-9]{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Parts:
    """A message's parts as texts, empty where they are not given. `target` is path and query of the address."""

    kind: str
    method: str = ""
    url: str = ""
    timestamp: str = ""
    nonce: str = ""
    body: str = ""
    serial: str = ""
    signature: str = ""
    mchid: str = ""
    appid: str = ""
    package: str = ""
    prepay_id: str = ""

    @property
    def target(self) -> str:
        """What is signed of the address: path and query exactly as sent, without the host."""
        try:
            parts = urlsplit(self.url)
        except ValueError:
            return self.url
        return parts.path + (f"?{parts.query}" if parts.query else "")

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines that are signed, each of which is ended by a line feed."""
        match self.kind:
            case "request":
                return (self.method.upper(), self.target, self.timestamp, self.nonce, self.body)
            case "client":
                return (self.appid, self.timestamp, self.nonce, self.package or self.prepay_id)
            case _:
                return (self.timestamp, self.nonce, self.body)

    @property
    def missing(self) -> tuple[str, ...]:
        """The members that this kind of message needs and has not; a body may be empty."""
        needed = {
            "request": ("method", "url", "timestamp", "nonce"),
            "client": ("appid", "timestamp", "nonce"),
        }.get(self.kind, ("timestamp", "nonce"))
        missing = tuple(name for name in needed if not getattr(self, name))
        is_bare = self.kind == "client" and not (self.package or self.prepay_id)
        return (*missing, "package") if is_bare else missing


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys given: one for any serial, and those by serial; `broken` are the names of texts that are no RSA key."""

    any: Key | None = None
    by_serial: Mapping[str, Key] = field(default_factory=dict[str, Key])
    broken: tuple[str, ...] = ()

    def find(self, serial: str) -> Key | None:
        """The key for this serial, else the one for any."""
        return self.by_serial.get(serial) or self.by_serial.get(serial.upper().lstrip("0")) or self.any


def read_parts(source: Source) -> Parts | str:
    """The parts, or the name of the member that is not what it must be."""
    kind = source.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        return "kind"
    given: dict[str, str] = {"kind": kind}
    for name in ("method", "url", "timestamp", "nonce", "body", "serial", "signature", "mchid", *_CLIENT):
        value = source.get(name)
        if value is not None and not isinstance(value, str | int):
            return name
        given[name] = "" if value is None else str(value)
    given |= _from_authorization(source) | _from_headers(source)
    is_sound = all(text.isprintable() or name == "body" for name, text in given.items())
    return Parts(**given) if is_sound and _is_writable(given) else "body"


def read_keys(source: Source) -> KeyRing:
    """Every key given, as PEM, as base64 without armour, or inside a certificate."""
    broken: list[str] = []
    one = _take_key(source.get("key"), "key", broken)
    many = source.get("keys")
    by_serial: dict[str, Key] = {}
    for serial, text in (cast("dict[object, object]", many) if isinstance(many, dict) else {}).items():
        key = _take_key(text, f"keys.{serial}", broken)
        if key is not None:
            by_serial[str(serial)] = key
    return KeyRing(one, by_serial, tuple(broken))


def read_now(source: Source) -> float | None:
    """`now` as Unix seconds: a number, digits, or an RFC 3339 time; None when it is not given or not a time."""
    value = source.get("now")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        return None
    if _DIGITS.fullmatch(value):
        return float(value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None


def load_key(text: str) -> Key | None:
    """An RSA key, private or public, in PEM or in base64 without armour; a certificate is its public key."""
    blocks: list[bytes] = [text.encode("utf-8", "replace")]
    loaders = _PEM
    if "-----BEGIN" not in text:
        try:
            blocks = [b64decode("".join(text.split()), validate=True)]
        except (binascii.Error, ValueError):
            return None
        loaders = _DER
    for load in loaders:
        try:
            key = load(blocks[0])
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        if isinstance(key, RSAPrivateKey | RSAPublicKey):
            return key
    return None


def _take_key(value: object, name: str, broken: list[str]) -> Key | None:
    if value is None:
        return None
    key = load_key(value) if isinstance(value, str) else None
    if key is None:
        broken.append(name)
    return key


def _from_authorization(source: Source) -> dict[str, str]:
    value = source.get("authorization")
    found = _AUTHORIZATION.finditer(value) if isinstance(value, str) else ()
    return {_NAMES.get(one[1], one[1]): one[2] for one in found}


def _from_headers(source: Source) -> dict[str, str]:
    headers = source.get("headers")
    given = cast("dict[object, object]", headers) if isinstance(headers, dict) else {}
    lower = {str(name).lower(): value for name, value in given.items() if isinstance(value, str)}
    names = ("timestamp", "nonce", "serial", "signature")
    return {name: lower[f"wechatpay-{name}"] for name in names if f"wechatpay-{name}" in lower}


def _is_writable(given: Mapping[str, str]) -> bool:
    return not any("\ud800" <= character <= "\udfff" for text in given.values() for character in text)


_CLIENT = ("appid", "package", "prepay_id")
_Loader: TypeAlias = Callable[[bytes], object]
_PEM: tuple[_Loader, ...] = (
    lambda pem: load_pem_private_key(pem, password=None),
    load_pem_public_key,
    lambda pem: load_pem_x509_certificate(pem).public_key(),
)
_DER: tuple[_Loader, ...] = (
    lambda der: load_der_private_key(der, password=None),
    load_der_public_key,
    lambda der: load_der_x509_certificate(der).public_key(),
)

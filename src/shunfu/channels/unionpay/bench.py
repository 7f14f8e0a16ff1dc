"""The workbench's input, read without trust: a message, its text to sign, and the keys given with it.

Must not know: what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from shunfu.channels.unionpay import codec
from shunfu.gateway.reading import parse_time
from shunfu.gateway.workbench import Source

Step = Literal["input", "key", "certificate"]

_BARE = re.compile(r"[0-9A-Za-z+/=\s]{100,}", re.ASCII)
_LABELS = ("CERTIFICATE", "PUBLIC KEY", "PRIVATE KEY", "RSA PRIVATE KEY")


class Unreadable(ValueError):
    """The input lacks something: the step that it is needed for, and the word for the sentence that says so."""

    def __init__(self, step: Step, cause: str) -> None:
        super().__init__(cause)
        self.step = step
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Bench:
    """One message on the bench, with whatever keys came with it; `roots` are PEM texts."""

    kind: str
    fields: Mapping[str, str]
    method: str
    version: str
    charset: str
    to_sign: str
    message: bytes = field(repr=False)
    signature: str
    private_key: RSAPrivateKey | None = field(repr=False)
    public_key: RSAPublicKey | None = field(repr=False)
    roots: tuple[str, ...] = field(repr=False)
    secure_key: str | None = field(repr=False)
    signer_name: str
    now: datetime | None

    @property
    def key_hash(self) -> str:
        """The hash of the secure key that is appended, for methods 11 and 12."""
        assert self.secure_key is not None, "asked for by the caller"
        return codec.plain_hash(self.secure_key.encode(), self.method)


def read_bench(source: Source, *, is_ciphertext_enough: bool = False) -> Bench:
    """The message and keys in this input. Raises Unreadable."""
    kind = source.get("kind")
    if kind not in {"request", "reply", "notification"}:
        raise Unreadable("input", "kind")
    fields = _fields(source, str(kind))
    if not fields and not (is_ciphertext_enough and source.get("ciphertext")):
        raise Unreadable("input", "message")
    method = fields.get("signMethod") or text_at(source, "signMethod") or "01"
    charset = codec.charset(fields.get("encoding") or text_at(source, "encoding") or codec.ENCODING)
    if method not in {"01", "11", "12"} or charset is None:
        raise Unreadable("input", "method")
    to_sign = codec.canonical(fields)
    try:
        message = to_sign.encode(charset)
    except UnicodeEncodeError:
        raise Unreadable("input", "encoding") from None
    private_key = _private_key(text_at(source, "key"))
    public_key = private_key.public_key() if private_key else _public_key(text_at(source, "key"))
    return Bench(
        kind=str(kind),
        fields=fields,
        method=method,
        version=fields.get("version") or codec.VERSION,
        charset=charset,
        to_sign=to_sign,
        message=message,
        signature=text_at(source, "signature") or fields.get("signature", ""),
        private_key=private_key,
        public_key=public_key or _public_key_of_serial(source, fields),
        roots=_roots(source),
        secure_key=text_at(source, "secure_key") or None,
        signer_name=text_at(source, "signer_name"),
        now=parse_time(source.get("now")) or _seconds(source.get("now")),
    )


def text_at(source: Source, name: str) -> str:
    """The text under this name, else an empty one."""
    value = source.get(name)
    return value if isinstance(value, str) else ""


def pems(text: str) -> list[str]:
    """What a text may be as PEM: itself, or base64 without armour under each label that UnionPay uses."""
    if "-----BEGIN" in text:
        return [text]
    bare = "".join(text.split())
    if _BARE.fullmatch(text) is None:
        return []
    lines = "\n".join(bare[begin : begin + 64] for begin in range(0, len(bare), 64))
    return [f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n" for label in _LABELS]


def _fields(source: Source, kind: str) -> dict[str, str]:
    params, body = source.get("params"), source.get("body")
    if isinstance(params, dict):
        found = cast("dict[object, object]", params)
        texts = {name: value for name, value in found.items() if isinstance(name, str) and isinstance(value, str)}
        if len(texts) != len(found):
            raise Unreadable("input", "message")
        return texts
    if not isinstance(body, str) or not body:
        return {}
    encoding = codec.charset(text_at(source, "encoding") or codec.ENCODING) or "utf-8"
    raw = body.encode(encoding, "replace")
    parsed = codec.parse_body(raw) if kind == "reply" else codec.parse_form(raw)
    if parsed is None:
        raise Unreadable("input", "body")
    return parsed


def _private_key(text: str) -> RSAPrivateKey | None:
    for pem in pems(text):
        try:
            key = load_pem_private_key(pem.encode("utf-8", "replace"), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        if isinstance(key, RSAPrivateKey):
            return key
    return None


def _public_key(text: str) -> RSAPublicKey | None:
    for pem in pems(text):
        raw = pem.encode("utf-8", "replace")
        for load in (load_pem_public_key, _certificate_key):
            try:
                key = load(raw)
            except (ValueError, TypeError, UnsupportedAlgorithm):
                continue
            if isinstance(key, RSAPublicKey):
                return key
    return None


def _certificate_key(raw: bytes) -> object:
    return load_pem_x509_certificate(raw).public_key()


def _public_key_of_serial(source: Source, fields: Mapping[str, str]) -> RSAPublicKey | None:
    """Of `keys`, the one that the message's certId names."""
    keys = source.get("keys")
    found = cast("dict[object, object]", keys).get(fields.get("certId", "")) if isinstance(keys, dict) else None
    return _public_key(found) if isinstance(found, str) else None


def _roots(source: Source) -> tuple[str, ...]:
    roots = source.get("roots")
    given = cast("list[object]", roots) if isinstance(roots, list) else [roots]
    found: list[str] = []
    for text in (one for one in given if isinstance(one, str)):
        for pem in pems(text):
            try:
                certificate = load_pem_x509_certificate(pem.encode("utf-8", "replace"))
            except ValueError:
                continue
            found.append(pem)
            del certificate
    return tuple(found)


def _seconds(value: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(value, UTC) if type(value) is int else None
    except (ValueError, OverflowError, OSError):
        return None

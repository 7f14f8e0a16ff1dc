"""The workbench's input, read without trust: a message, its text to sign, and the keys given with it.

Must not know: what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import Certificate, DuplicateExtension, InvalidVersion, load_pem_x509_certificate

from shunfu.channels.unionpay import codec
from shunfu.gateway.reading import parse_time
from shunfu.gateway.workbench import Source

Step = Literal["input", "key", "certificate"]

KINDS: Mapping[object, str] = {
    "request": "request",
    "reply": "reply",
    "response": "reply",
    "notification": "notification",
    "notify": "notification",
}
"""What may stand as `kind`, with the kind that it is."""

_BARE = re.compile(r"[0-9A-Za-z+/=\s]{100,}", re.ASCII)
_BLOCK = re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?-----END [A-Z0-9 ]+-----", re.DOTALL)
_LABELS = ("CERTIFICATE", "PUBLIC KEY", "PRIVATE KEY", "RSA PRIVATE KEY")
_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?", re.ASCII)
_ENCODING = re.compile(r"(?:^|&)encoding=([^&]*)")
_FORM = re.compile(r"(?:[0-9A-Za-z&=+._~*-]|%[0-9A-Fa-f]{2})*", re.ASCII)
_INTEGER_MAX = 10**30
_MALFORMED = (ValueError, TypeError, UnsupportedAlgorithm, InvalidVersion, DuplicateExtension)


class Unreadable(ValueError):
    """The input lacks something: the step that it is needed for, and the word for the sentence that says so."""

    def __init__(self, step: Step, cause: str) -> None:
        super().__init__(cause)
        self.step = step
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Bench:
    """One message on the bench, with whatever keys came with it; `roots` are PEM texts.

    `pinned` are the public keys that were given as such; `public_keys` has those of given private keys, too.
    `other_reading` is a body read the other way: a reply as a form, a form as a reply; empty where that fails.
    """

    kind: str
    fields: Mapping[str, str]
    method: str
    version: str
    charset: str
    to_sign: str
    message: bytes = field(repr=False)
    signature: str
    private_key: RSAPrivateKey | None = field(repr=False)
    public_keys: tuple[RSAPublicKey, ...] = field(repr=False)
    pinned: tuple[RSAPublicKey, ...] = field(repr=False)
    other_reading: Mapping[str, str]
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
    named = source.get("kind")
    kind = KINDS.get(named) if isinstance(named, str) else None
    if kind is None:
        raise Unreadable("input", "kind")
    fields, other_reading = _fields(source, kind)
    if not fields and not (is_ciphertext_enough and source.get("ciphertext")):
        raise Unreadable("input", "message")
    method = fields.get("signMethod") or _method(source)
    charset = codec.charset(fields.get("encoding") or text_at(source, "encoding") or codec.ENCODING)
    if method not in {"01", "11", "12"} or charset is None:
        raise Unreadable("input", "method")
    to_sign = codec.canonical(fields)
    given = _given_keys(source, fields.get("certId", ""))
    private_keys = [key for text in given if (key := _private_key(text))]
    pinned = tuple(key for text in given if (key := _public_key(text)))
    return Bench(
        kind=kind,
        fields=fields,
        method=method,
        version=fields.get("version") or codec.VERSION,
        charset=charset,
        to_sign=to_sign,
        message=_encoded(to_sign, charset),
        signature=text_at(source, "signature") or fields.get("signature", ""),
        private_key=private_keys[0] if private_keys else None,
        public_keys=(*pinned, *(key.public_key() for key in private_keys)),
        pinned=pinned,
        other_reading=other_reading,
        roots=_roots(source.get("roots")),
        secure_key=_secure_key(source),
        signer_name=text_at(source, "signer_name"),
        now=_now(source.get("now")),
    )


def text_at(source: Source, name: str) -> str:
    """The text under this name, an integer as text, else an empty one."""
    return as_text(source.get(name)) or ""


def as_text(value: object) -> str | None:
    """A text as it is, an integer as text: JSON's writers quote numbers or not; None for anything else."""
    if type(value) is int and abs(value) < _INTEGER_MAX:
        return str(value)
    return value if isinstance(value, str) else None


def pems(text: str) -> list[str]:
    """What a text may be as PEM: the blocks in it, or base64 without armour under each label that UnionPay uses."""
    if "-----BEGIN" in text:
        return [found.group() for found in _BLOCK.finditer(text)]
    bare = "".join(text.split())
    if _BARE.fullmatch(bare) is None:
        return []
    lines = "\n".join(bare[begin : begin + 64] for begin in range(0, len(bare), 64))
    return [f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n" for label in _LABELS]


def certificate_of(pem: str) -> tuple[Certificate, RSAPublicKey] | None:
    """The certificate in this text and its key, None when it is none or its key is not RSA."""
    try:
        certificate = load_pem_x509_certificate(pem.encode("utf-8", "replace"))
        # Names and dates are parsed when they are asked for: a spoiled one must show here.
        _ = (certificate.issuer, certificate.subject, certificate.not_valid_before_utc, certificate.not_valid_after_utc)
        key = certificate.public_key()
    except _MALFORMED:
        return None
    return (certificate, key) if isinstance(key, RSAPublicKey) else None


def _method(source: Source) -> str:
    value = source.get("signMethod")
    return text_at(source, "signMethod").zfill(2) if type(value) is int else text_at(source, "signMethod") or "01"


def _secure_key(source: Source) -> str | None:
    """The key of methods 11 and 12; an empty text is a key, too."""
    found = as_text(source.get("secure_key"))
    if found is not None:
        _encoded(found, "utf-8")
    return found


def _encoded(text: str, charset: str) -> bytes:
    try:
        return text.encode(charset)
    except UnicodeEncodeError:
        raise Unreadable("input", "encoding") from None


def _fields(source: Source, kind: str) -> tuple[dict[str, str], dict[str, str]]:
    """The message's fields, and those of the body read the other way."""
    params, body = source.get("params"), source.get("body")
    if isinstance(params, dict):
        return _texts(cast("dict[object, object]", params)), {}
    if not isinstance(body, str) or not body:
        return {}, {}
    named = _ENCODING.search(body)
    charset = codec.charset(named.group(1) if named else "") or codec.charset(text_at(source, "encoding"))
    raw = _encoded(body, charset or "utf-8")
    bare, form = codec.parse_body(raw), codec.parse_form(raw)
    fields, other = (bare, form) if kind == "reply" else (form, bare)
    if fields is None:
        is_form = _FORM.fullmatch(body) is not None
        is_mixed_up = other is not None and is_form is (kind == "reply")
        raise Unreadable("input", mixed_up(kind) if is_mixed_up else "body")
    return fields, other or {}


def mixed_up(kind: str) -> str:
    """The word for a body of this kind that was written the other way."""
    return "encoded_reply" if kind == "reply" else "unencoded_form"


def _texts(params: Mapping[object, object]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in params.items():
        text = "" if value is None else as_text(value)
        if not isinstance(name, str) or text is None:
            raise Unreadable("input", "message")
        fields[name] = text
    return fields


def _given_keys(source: Source, cert_id: str) -> list[str]:
    """The texts in `key` and `keys`; of `keys` by serial only the one that certId names, if it is there."""
    keys = source.get("keys")
    named = cast("dict[object, object]", keys).get(cert_id) if isinstance(keys, dict) else None
    fitting = [named] if isinstance(named, str) else [*_leaves(source.get("keys"))]
    return [*_leaves(source.get("key")), *fitting]


def _leaves(value: object) -> Iterator[str]:
    """The texts in a text, a list or an object of texts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (one for one in cast("list[object]", value) if isinstance(one, str))
    elif isinstance(value, dict):
        yield from (one for one in cast("dict[object, object]", value).values() if isinstance(one, str))


def _private_key(text: str) -> RSAPrivateKey | None:
    for pem in pems(text):
        try:
            key = load_pem_private_key(pem.encode("utf-8", "replace"), password=None)
        except _MALFORMED:
            continue
        if isinstance(key, RSAPrivateKey):
            return key
    return None


def _public_key(text: str) -> RSAPublicKey | None:
    for pem in pems(text):
        found = certificate_of(pem)
        if found:
            return found[1]
        try:
            key = load_pem_public_key(pem.encode("utf-8", "replace"))
        except _MALFORMED:
            continue
        if isinstance(key, RSAPublicKey):
            return key
    return None


def _roots(value: object) -> tuple[str, ...]:
    texts = list(_leaves(value))
    found = tuple(pem for text in texts for pem in pems(text) if certificate_of(pem))
    if any(texts) and not found:
        raise Unreadable("certificate", "roots")
    return found


def _now(value: object) -> datetime | None:
    """The moment of judgement: an ISO time, or Unix seconds as a number or digits; None when none was given."""
    if value is None or value == "":
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    try:
        if is_number or (isinstance(value, str) and _SECONDS.fullmatch(value)):
            return datetime.fromtimestamp(float(cast("float | str", value)), UTC)
    except (ValueError, OverflowError, OSError):
        raise Unreadable("input", "now") from None
    found = parse_time(value)
    if found is None:
        raise Unreadable("input", "now")
    return found

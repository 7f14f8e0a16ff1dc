"""UnionPay ACP 5.1.0 in bytes and values: what is signed, sign, verify, write, read. Must not know: states, clocks.

Signed is the text of the decoded values in the message's own `encoding`; the certificate in `signPubKeyCert` belongs to
it with its CRLF line ends. A reply's body is not url-encoded, a notification's is.
Sources: 全渠道平台接入接口规范 5.1.0 (签名机制), ACP SDK 5.1.0 (AcpService, SDKUtil).
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha1, sha256
from hmac import compare_digest
from itertools import islice
from typing import Literal, TypeAlias
from urllib.parse import quote, unquote_to_bytes, urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SM3, Hash

from shunfu.channels.unionpay.settings import Settings
from shunfu.channels.unionpay.trust import Signer, Untrusted, prove
from shunfu.gateway.flow import Request

VERSION = "5.1.0"
ENCODING = "UTF-8"
BODY_BYTES_MAX = 1 << 20

Fields: TypeAlias = Mapping[str, str]
Step: TypeAlias = Literal["input", "key", "certificate", "signature"]

_CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "gbk": "gbk", "gb2312": "gbk", "gb18030": "gb18030"}
_ENCODING_FIELD = re.compile(rb"(?:^|&)encoding=([^&]{0,16})")
_NAME = re.compile(r"[A-Za-z][0-9A-Za-z_]{0,63}", re.ASCII)
_MARK = re.compile(r"[{}\[\]&]")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_OPENS = {"}": "{", "]": "["}
_FIELDS_MAX, _DEPTH_MAX, _MARKS_MAX = 200, 16, 4096
"""What is read of a message that nobody has proven yet: past these it is given up, so that no length costs more."""

_KEPT_IN_ADDRESS = "%:/?#[]@!$&'()*+,;=~"


@dataclass(frozen=True, slots=True)
class Distrust:
    """Why a message from UnionPay cannot be trusted: the step that fails, and a sentence."""

    step: Step
    reason: str


def charset(encoding: str) -> str | None:
    """Python's name for the value of `encoding`, or None when UnionPay has no such value."""
    return _CHARSETS.get(encoding.lower())


def canonical(fields: Fields) -> str:
    """What is signed: every field but the signature and the empty ones, by name, raw values, joined by `&`."""
    return "&".join(f"{name}={value}" for name, value in _signed_pairs(fields))


def rsa_text(message: bytes, version: str = VERSION) -> bytes:
    """The text that RSA signs, and hashes once more: the lower-case hexadecimal hash of the message (5.0.0: SHA-1)."""
    digest = sha256(message) if version == VERSION else sha1(message, usedforsecurity=False)
    return digest.hexdigest().encode()


def rsa_sign(key: RSAPrivateKey, message: bytes, version: str = VERSION) -> str:
    """Base64 of RSA (PKCS#1 v1.5) over the hexadecimal hash: two hashes in all."""
    algorithm = SHA256() if version == VERSION else SHA1()  # noqa: S303 - what 5.0.0 prescribes
    return b64encode(key.sign(rsa_text(message, version), PKCS1v15(), algorithm)).decode()


def is_rsa_signed(key: RSAPublicKey, message: bytes, signature: str) -> bool:
    """Whether this is the 5.1.0 signature of the message; another spelling of the same base64 is not."""
    try:
        raw = b64decode(signature, validate=True)
        key.verify(raw, rsa_text(message), PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return b64encode(raw).decode() == signature


def keyed_hash(message: bytes, secure_key: str, method: str) -> str:
    """Methods 11 (SHA-256) and 12 (SM3): the hash of the message, `&` and the hash of the key, in lower-case hex."""
    return plain_hash(message + b"&" + plain_hash(secure_key.encode(), method).encode(), method)


def plain_hash(message: bytes, method: str) -> str:
    """The hash of method 11 (SHA-256) or 12 (SM3) in lower-case hex."""
    digest = Hash(SHA256() if method == "11" else SM3())
    digest.update(message)
    return digest.finalize().hex()


def sign(settings: Settings, fields: Fields) -> dict[str, str]:
    """The fields with `signMethod`, `certId` where the method has one, and the signature; empty fields left out."""
    method = {"signMethod": settings.sign_method}
    if settings.sign_method == "01":
        method["certId"] = settings.cert_id
    signed = {name: value for name, value in {**fields, **method}.items() if value}
    message = canonical(signed).encode(charset(signed["encoding"]) or "utf-8")
    return {**signed, "signature": _signature(settings, message)}


def address(url: str) -> str:
    """The URL with everything escaped that no URL may hold: braces, blanks, control characters, other alphabets."""
    return quote(url, safe=_KEPT_IN_ADDRESS, errors="replace")


def unclear(settings: Settings, fields: Fields) -> str:
    """The first field that may not be signed as it is, else an empty text.

    Methods 11 and 12 have one key for both directions: whoever reads our signed text after an `&` of ours as a field
    holds a message that UnionPay seems to have signed. An `&` cannot be escaped without another meaning.
    """
    is_keyed = settings.sign_method != "01"
    return next((name for name, value in fields.items() if is_keyed and "&" in value), "")


def build_request(settings: Settings, url: str, fields: Fields) -> Request:
    """A signed request: a form in UTF-8."""
    body = form(sign(settings, fields))
    headers = (("Content-Type", f"application/x-www-form-urlencoded;charset={ENCODING}"), ("User-Agent", "shunfu"))
    return Request("POST", url, headers, body)


def form(fields: Fields) -> bytes:
    """The fields as an url-encoded form, in their own encoding."""
    encoding = charset(fields.get("encoding", ENCODING)) or "utf-8"
    return urlencode(list(fields.items()), encoding=encoding).encode("ascii")


def verify(settings: Settings, fields: Fields, now: datetime) -> Distrust | None:
    """None when UnionPay signed exactly these fields, by the account's own method, its certificate valid now."""
    encoding, method = charset(fields.get("encoding", "")), settings.sign_method
    if fields.get("version") != VERSION or encoding is None:
        return Distrust("input", "version or encoding is not one that we read")
    if fields.get("signMethod") != method:
        return Distrust("key", "signMethod is not the account's")
    try:
        message = canonical(fields).encode(encoding)
    except UnicodeEncodeError:
        return Distrust("input", "a value cannot be written in the message's encoding")
    if method == "01":
        return _verify_rsa(settings, fields, message, now)
    if settings.secure_key is None:
        return Distrust("key", "signMethod is not one that we hold a key for")
    if _split(canonical(fields)) != _signed_pairs(fields):
        return Distrust("input", "the signed text can be read as other fields")
    expected = keyed_hash(message, settings.secure_key.reveal(), method)
    is_right = compare_digest(expected.encode(), fields.get("signature", "").encode())
    return None if is_right else Distrust("signature", "signature does not match")


def parse_body(body: bytes, bytes_max: int = BODY_BYTES_MAX) -> dict[str, str] | None:
    """The fields of a reply, which is not url-encoded: first `=` only, no split inside braces; None when malformed."""
    text = None if len(body) > bytes_max else _decode(body, _encoding_of(body))
    if not text:
        return None
    pairs = _split(text)
    return None if pairs is None else _unique(pairs)


def parse_form(body: bytes) -> dict[str, str] | None:
    """The fields of a notification, an url-encoded form in the encoding that it names; None when malformed."""
    encoding = _encoding_of(body)
    if not body or len(body) > BODY_BYTES_MAX or _BROKEN_ESCAPE.search(body):
        return None
    pieces = body.split(b"&", _FIELDS_MAX)
    if len(pieces) > _FIELDS_MAX:
        return None
    pairs: list[tuple[str, str]] = []
    for piece in pieces:
        name, equals, value = (_unescape(part, encoding) for part in piece.partition(b"="))
        if name is None or value is None or not equals:
            return None
        pairs.append((name, value))
    return _unique(pairs)


def _signed_pairs(fields: Fields) -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in fields.items() if value and name != "signature")


def _signature(settings: Settings, message: bytes) -> str:
    if settings.sign_method == "01":
        assert settings.private_key is not None, "load() demands the key of method 01"
        return rsa_sign(settings.private_key, message)
    assert settings.secure_key is not None, "load() demands the key of methods 11 and 12"
    return keyed_hash(message, settings.secure_key.reveal(), settings.sign_method)


def _verify_rsa(settings: Settings, fields: Fields, message: bytes, now: datetime) -> Distrust | None:
    if settings.anchors is None:
        return Distrust("key", "signMethod is not one that we hold a key for")
    found = _proven(settings, fields.get("signPubKeyCert", ""))
    if isinstance(found, Distrust):
        return found
    if not found.is_valid_at(now):
        return Distrust("certificate", "the certificate or its issuer is not valid at this time")
    is_right = is_rsa_signed(found.key, message, fields.get("signature", ""))
    return None if is_right else Distrust("signature", "signature does not match")


def _proven(settings: Settings, pem: str) -> Signer | Distrust:
    assert settings.anchors is not None, "asked for by the caller"
    try:
        return prove(pem, settings.anchors)
    except Untrusted as error:
        return Distrust("certificate", str(error))


def _encoding_of(body: bytes) -> str | None:
    """The encoding that the body names, UTF-8 when it names none, None when it names two or an unknown one."""
    named = islice(_ENCODING_FIELD.finditer(body), _FIELDS_MAX)
    found = {one.group(1).decode("latin-1") for one in named}
    return charset(found.pop() if found else ENCODING) if len(found) < 2 else None


def _decode(raw: bytes, encoding: str | None) -> str | None:
    try:
        return None if encoding is None else raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _unescape(raw: bytes, encoding: str | None) -> str | None:
    return _decode(unquote_to_bytes(raw.replace(b"+", b" ")), encoding)


def _split(text: str) -> list[tuple[str, str]] | None:
    pieces: list[str] = []
    opened: list[str] = []
    begin = 0
    for count, mark in enumerate(_MARK.finditer(text)):
        if count == _MARKS_MAX or len(pieces) == _FIELDS_MAX or len(opened) > _DEPTH_MAX:
            return None
        character = mark.group()
        if character in "{[":
            opened.append(character)
        elif character == "&" and not opened:
            pieces.append(text[begin : mark.start()])
            begin = mark.end()
        elif opened and opened[-1] == _OPENS.get(character):
            opened.pop()
    pairs = [piece.partition("=") for piece in (*pieces, text[begin:])]
    is_sound = not opened and all(equals for _, equals, _ in pairs)
    return [(name, value) for name, _, value in pairs] if is_sound else None


def _unique(pairs: list[tuple[str, str]]) -> dict[str, str] | None:
    """The pairs by name; None when a name appears twice, or is none."""
    found = dict(pairs)
    is_sound = len(found) == len(pairs) <= _FIELDS_MAX and all(_NAME.fullmatch(name) for name in found)
    return found if is_sound else None

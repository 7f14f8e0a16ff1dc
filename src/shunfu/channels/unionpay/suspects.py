"""What explains a signature that does not hold: each known mistake is tried, the first that fits is named.

Must not know: how the input was given.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha1, sha256
from itertools import islice, product
from typing import cast
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from shunfu.channels.unionpay import codec
from shunfu.channels.unionpay.bench import Bench, as_text, certificate_of, mixed_up
from shunfu.channels.unionpay.trust import UNIONPAY_NAME, Anchors, Untrusted, prove
from shunfu.gateway.workbench import Source

SIGNER_NAMES = (UNIONPAY_NAME, "00040000:SIGN")
"""Whose certificate it may be when no `signer_name` is given: UnionPay's, there and in its test environment."""

_PEM = "signPubKeyCert"
_OPEN_MAX = 6
_SPELLINGS_MAX = 4096
_SPELT_BYTES_MAX = 16_000_000

Fits = Callable[[bytes], bool]


def keys_of(bench: Bench) -> tuple[RSAPublicKey, ...]:
    """The key in the message's certificate, its spelling repaired where decoding spoiled it; else those given."""
    pem = bench.fields.get(_PEM, "")
    if not pem:
        return bench.public_keys
    spelt = (pem, _plus_in_certificate(pem), unquote(pem), unquote_plus(pem), bench.other_reading.get(_PEM, ""))
    return tuple(found[1] for one in spelt if (found := certificate_of(one)))[:1]


def of_certificate(bench: Bench) -> str:
    """What is wrong with the certificate in the message: a word of REASONS, or an empty text."""
    pem = bench.fields.get(_PEM, "")
    if not pem:
        return "" if bench.public_keys or bench.kind == "request" else "certificate_malformed"
    found = certificate_of(pem)
    if found is None:
        return "certificate_malformed"
    if bench.roots:
        return _of_chain(bench, pem)
    if not bench.pinned:
        return "no_roots"
    certificate, key = found
    if key not in bench.pinned:
        return "other_certificate"
    begins_at, ends_at = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return "" if bench.now is None or begins_at <= bench.now <= ends_at else "dates"


def is_signed(bench: Bench, key: RSAPublicKey) -> bool:
    """Whether this is the signature of the message's own version; another spelling of the same base64 is not."""
    raw = _base64(bench.signature)
    if raw is None or b64encode(raw).decode() != bench.signature:
        return False
    return _signed_digest(key, raw, bench.version) == _digest(codec.rsa_text(bench.message, bench.version), bench)


def of_rsa(bench: Bench, keys: tuple[RSAPublicKey, ...], source: Source) -> str:
    """The mistake under which this signature would be right; else whether the key or the text is another."""
    spelt = (bench.signature, bench.signature.replace(" ", "+"), unquote(bench.signature))
    raw = next((found for one in spelt if (found := _base64(one))), None)
    if raw is None or len(raw) not in {128, 256, 384, 512}:
        return "plus" if " " in bench.signature else "no_base64"
    signed = next((found for key in keys if (found := _signed_digest(key, raw, bench.version))), None)
    if signed is None:
        return _of_other_version(bench, keys, raw)
    text = codec.rsa_text(bench.message, bench.version)
    for cause, hashed in (("single_hash", bench.message), ("upper_hash", text.upper())):
        if _digest(hashed, bench) == signed:
            return cause
    if _digest(text, bench) == signed:
        return "plus" if " " in bench.signature else "decoded" if "%" in bench.signature else "no_base64"
    return _first(bench, source, lambda message: _digest(codec.rsa_text(message, bench.version), bench) == signed)


def of_keyed(bench: Bench, source: Source) -> str:
    """The mistake under which this signature of method 11 or 12 would be right, else `keyed_wrong`."""
    secure_key, given = bench.secure_key or "", bench.signature
    other = "12" if bench.method == "11" else "11"
    if codec.keyed_hash(bench.message, secure_key, bench.method) == given.lower():
        return "upper_signature"
    if codec.keyed_hash(bench.message, secure_key, other) == given:
        return "other_method"
    if codec.plain_hash(bench.message + b"&" + secure_key.encode(), bench.method) == given:
        return "unhashed_key"
    cause = _first(bench, source, lambda message: codec.keyed_hash(message, secure_key, bench.method) == given)
    return "keyed_wrong" if cause == "altered" else cause


def _of_chain(bench: Bench, pem: str) -> str:
    names = (bench.signer_name,) if bench.signer_name else SIGNER_NAMES
    try:
        signer = prove(pem, _anchors(bench, names))
    except Untrusted as error:
        return "common_name" if "common name" in str(error) else "chain"
    return "" if bench.now is None or signer.is_valid_at(bench.now) else "dates"


def _of_other_version(bench: Bench, keys: tuple[RSAPublicKey, ...], raw: bytes) -> str:
    is_new = bench.version == codec.VERSION
    other = "5.0.0" if is_new else codec.VERSION
    if all(_signed_digest(key, raw, other) is None for key in keys):
        return "wrong_key"
    return "old_version" if is_new else "new_version"


def _first(bench: Bench, source: Source, fits: Fits) -> str:
    return next((cause for cause, message in _texts(bench, source) if fits(message)), "altered")


def _base64(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _signed_digest(key: RSAPublicKey, raw: bytes, version: str) -> bytes | None:
    """What was signed: only this key opens its own signature, so that None means another key (or another hash)."""
    algorithm = SHA256() if version == codec.VERSION else SHA1()  # noqa: S303 - what 5.0.0 prescribes
    try:
        return key.recover_data_from_signature(raw, PKCS1v15(), algorithm)
    except (InvalidSignature, ValueError):
        return None


def _digest(text: bytes, bench: Bench) -> bytes:
    is_new = bench.version == codec.VERSION
    return sha256(text).digest() if is_new else sha1(text, usedforsecurity=False).digest()


def _texts(bench: Bench, source: Source) -> Iterator[tuple[str, bytes]]:
    """The texts that other readings of the same message would sign, each with the mistake's word."""
    fields, pem = bench.fields, bench.fields.get(_PEM, "")
    if bench.other_reading:
        yield mixed_up(bench.kind), _bytes(bench.other_reading, bench)
    lines = pem.replace("\r", "").strip("\n")
    yield "last_line", _bytes({**fields, _PEM: pem.rstrip("\r\n")}, bench)
    yield "crlf", _bytes({**fields, _PEM: lines.replace("\n", "\r\n")}, bench)
    yield "crlf", _bytes({**fields, _PEM: _unfolded(pem)}, bench)
    yield "plus", _bytes({**fields, _PEM: _plus_in_certificate(pem)}, bench)
    for undo in (unquote, unquote_plus):
        yield "decoded", _bytes({name: undo(value, bench.charset) for name, value in fields.items()}, bench)
    kept = sorted((name, value) for name, value in fields.items() if name != "signature")
    yield "empty", "&".join(f"{name}={value}" for name, value in kept).encode(bench.charset, "replace")
    yield "braces", _bytes(_rejoined(source), bench)
    for charset in ("utf-8", "gbk"):
        yield "other_encoding", codec.canonical(fields).encode(charset, "replace")
    escaped = {k: quote_plus(v, encoding=bench.charset) for k, v in fields.items() if k != "signature"}
    yield "url_encoded", codec.canonical(escaped).encode()
    yield from _spelt(bench)


def _spelt(bench: Bench) -> Iterator[tuple[str, bytes]]:
    """What the message may have been before its values were decoded once more: each `+` and `%25` is a guess."""
    whole = {**bench.fields, _PEM: _plus_in_certificate(bench.fields.get(_PEM, ""))}
    plussed = {name: value if name == _PEM else value.replace(" ", "+") for name, value in whole.items()}
    yield "plus", _bytes(plussed, bench)
    for name, value in ((name, value) for name, value in whole.items() if name != "signature"):
        for again in (quote_plus(value, encoding=bench.charset), quote(value, safe="", encoding=bench.charset)):
            yield "decoded_twice", _bytes({**whole, name: again}, bench)
    names = [name for name, value in whole.items() if name not in {_PEM, "signature"} and set(value) & {" ", "%"}]
    guesses = product(*(_guesses(whole[name]) for name in names))
    count = min(_SPELLINGS_MAX, 1 + _SPELT_BYTES_MAX // (len(bench.message) + 1))
    for values in islice(guesses, count):
        cause = "decoded_twice" if any("%25" in value for value in values) else "plus"
        yield cause, _bytes({**whole, **dict(zip(names, values, strict=True))}, bench)


def _guesses(value: str) -> list[str]:
    """The value with each space and each `%` as it is or as it may have been; all of one kind alike when many."""
    options = {" ": (" ", "+"), "%": ("%", "%25")}
    if sum(value.count(mark) for mark in options) > _OPEN_MAX:
        return [value, value.replace(" ", "+"), value.replace("%", "%25"), value.replace("%", "%25").replace(" ", "+")]
    return ["".join(letters) for letters in product(*(options.get(letter, (letter,)) for letter in value))]


def _bytes(fields: Mapping[str, str], bench: Bench) -> bytes:
    return codec.canonical(fields).encode(bench.charset, "replace")


def _unfolded(pem: str) -> str:
    """A certificate whose line ends were all dropped or became spaces, with CRLF where they belong."""
    head, tail = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    inner = "".join(pem.replace(head, "").replace(tail, "").split())
    rows = [inner[begin : begin + 64] for begin in range(0, len(inner), 64)]
    return "\r\n".join((head, *rows, tail))


def _plus_in_certificate(pem: str) -> str:
    head, tail = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    if head not in pem:
        return pem
    return head + pem.replace(head, "").replace(tail, "").replace(" ", "+") + tail


def _rejoined(source: Source) -> Mapping[str, str]:
    """Fields that a splitter tore apart at `&` inside braces, put together again in the order in which they came."""
    params = source.get("params")
    found = cast("dict[str, object]", params) if isinstance(params, dict) else {}
    fields: dict[str, str] = {}
    opened = ""
    for name, value in found.items():
        text = as_text(value) or ""
        if opened:
            fields[opened] += f"&{name}={text}"
        else:
            fields[name] = text
        last = opened or name
        opened = last if fields[last].count("{") > fields[last].count("}") else ""
    return fields


def _anchors(bench: Bench, names: tuple[str, ...]) -> Anchors:
    """Of the given certificates, those that issued themselves are roots."""
    roots: list[str] = []
    middles: list[str] = []
    for pem in bench.roots:
        found = certificate_of(pem)
        if found:
            (roots if found[0].issuer == found[0].subject else middles).append(pem)
    return Anchors(tuple(roots), tuple(middles), names)

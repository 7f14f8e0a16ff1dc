"""What often goes wrong with Alipay's signatures, each as the texts that would then have been signed.

Sources: the questions in the trackers of Alipay's own and strangers' SDKs. Must not know: how an input is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import combinations, islice, product
from typing import cast
from urllib.parse import quote, quote_plus, unquote_plus

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import BasicConstraints, Certificate, DuplicateExtension, ExtensionNotFound

from shunfu.channels.alipay.bench_input import Message
from shunfu.channels.alipay.codec import canonical
from shunfu.channels.alipay.values import parse_china_time

_MIDDLES_MAX = 4
_TEXT_MAX = 65_536
"""What is longer is not written anew in every way there is."""
_COMBINATIONS_MAX = 4_096
_SPACES_MAX = 6


def other_sign_type(message: Message) -> list[str]:
    """Without `sign_type` where it belongs, or with it where it does not."""
    return [canonical(message.params, ("sign", "sign_type")), canonical(message.params)] if message.params else []


def without_quotes(message: Message) -> list[str]:
    """An encrypted node without its double quotes, or with some that were lost on the way."""
    is_quoted = message.node.startswith('"')
    return [message.node[1:-1]] if is_quoted else [f'"{message.node}"'] if message.node else []


def other_slashes(message: Message) -> list[str]:
    """Slashes escaped, or no longer escaped."""
    texts: list[str] = []
    for text, put in _places(message):
        plain = text.replace("\\/", "/")
        texts += [*put(plain), *put(plain.replace("/", "\\/"))]
    return texts


def reserialised(message: Message) -> list[str]:
    """The same JSON in the ways in which libraries write it."""
    return [one for text, put in _places(message) for written in _written_anew(text) for one in put(written)]


def _written_anew(text: str) -> list[str]:
    try:
        value: object = json.loads(text) if len(text) <= _TEXT_MAX else None
        return _ways_to_write(cast("object", value)) if isinstance(value, dict | list) else []
    except (ValueError, RecursionError):
        return []


def _ways_to_write(value: object) -> list[str]:
    texts: list[str] = []
    for is_ascii, is_sorted, indent in product((False, True), (False, True), (None, 0, 2, 4)):
        for separators in ((",", ":"), (", ", ": "), (",", ": ")):
            written = json.dumps(
                value, ensure_ascii=is_ascii, separators=separators, sort_keys=is_sorted, indent=indent
            )
            texts += [written, written.replace("/", "\\/")]
    return texts


def decoded_twice(message: Message) -> list[str]:
    """What a second decoding undid: each value as it may have been before, alone and with the others."""
    names = [name for name in message.params if name != "sign"]
    choices = [_before_decoding(message.params[name]) for name in names]
    alone = ({name: one} for name, several in zip(names, choices, strict=True) for one in several[1:])
    together = (dict(zip(names, values, strict=True)) for values in islice(product(*choices), 1, _COMBINATIONS_MAX))
    texts: list[str] = []
    for changes in (alone, together):
        for change in changes:
            texts += _signed_of(message, change)
    return texts


def _before_decoding(value: str) -> list[str]:
    """The value, and what may have become it: encoded whole, or in part where `+` and `%` were its own."""
    if parse_china_time(value) is not None or value.isalnum():
        return [value]
    at = [index for index, mark in enumerate(value) if mark == " "][:_SPACES_MAX]
    texts = [quote_plus(value), quote(value, safe="")]
    for count in range(len(at) + 1):
        for chosen in combinations(at, count):
            spaced = "".join("+" if index in chosen else mark for index, mark in enumerate(value))
            texts += [spaced, spaced.replace("%", "%25")]
    return list(dict.fromkeys([value, *(one for one in texts if unquote_plus(one) == value)]))


def encoded(message: Message) -> list[str]:
    """The values of one's own message signed in the form that they have on the wire."""
    if message.is_alipays:
        return []
    ways: tuple[Callable[[str], str], ...] = (quote, quote_plus, lambda value: quote(value, safe=""))
    changes = [{name: way(value) for name, value in message.params.items()} for way in ways]
    return [text for change in changes for text in _signed_of(message, change)]


def not_decoded(message: Message) -> list[str]:
    """The values decoded once, for an input that still has them encoded."""
    params = {name: unquote_plus(value) for name, value in message.params.items()}
    return [canonical(params, ("sign", "sign_type")), canonical(params)] if params else []


def empty_kept(message: Message) -> list[str]:
    """Empty values signed along with the others."""
    if not any(value == "" for value in message.params.values()):
        return []
    kept = [("sign",), ("sign", "sign_type")]
    return ["&".join(f"{k}={v}" for k, v in sorted(message.params.items()) if k not in without) for without in kept]


def other_line_ends(message: Message) -> list[str]:
    """A REST message without its last line feed, and texts whose line ends were changed on the way."""
    texts: list[str] = []
    for text, put in _places(message):
        plain = text.replace("\r\n", "\n")
        laid_out = [one.replace("\n", "\r\n") for one in _written_anew(text) if "\n" in one]
        changed = [plain, plain.replace("\n", "\r\n"), text.rstrip("\r\n"), text + "\n", text + "\r\n", *laid_out]
        texts += [one for other in changed for one in put(other)]
    if not message.params and not message.node:
        text = message.to_sign
        texts += [text.removesuffix("\n"), text.replace("\r\n", "\n"), text.rstrip() + "\n", text.rstrip() + "\n\n"]
        texts.append(text.replace("\n", "\r\n"))
    return texts


def was_signed_by(key: RSAPublicKey, signature: bytes, sign_type: str) -> bool:
    """Whether the owner of this key made the signature, over whatever it was."""
    return signed_digest(key, signature, sign_type) is not None


def signed_digest(key: RSAPublicKey, signature: bytes, sign_type: str) -> bytes | None:
    """The digest that the owner of this key signed, or None when another did."""
    try:
        return key.recover_data_from_signature(
            signature,
            PKCS1v15(),
            SHA1() if sign_type == "RSA" else SHA256(),  # noqa: S303 - what the older scheme is; only tried, never chosen
        )
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return None


def is_json(message: Message) -> bool:
    """Whether what Alipay signed is JSON, which any library writes in its own way."""
    return message.is_alipays and any(_written_anew(text) for text, _ in _places(message)) and not message.params


def wrong_with_chain(
    chain: tuple[Certificate, ...], roots: tuple[Certificate, ...] | None, now: datetime | None
) -> str:
    """Why the certificate does not hold, empty when it does: only `roots` are trusted, the rest but leads there."""
    if roots is None:
        return "dates" if chain and not _is_valid(chain[0], now) else ""
    if not roots:
        return "unreadable_roots"
    if not chain:
        return "no_certificate"
    current, middles = chain[0], [one for one in chain[1:] if _may_issue(one)]
    for _ in range(_MIDDLES_MAX):
        if not _is_valid(current, now):
            return "dates"
        above = [root for root in roots if root == current or _is_issued_by(current, root)]
        if above:
            return "" if any(_is_valid(root, now) for root in above) else "dates"
        found = next((one for one in middles if _is_issued_by(current, one)), None)
        if found is None:
            break
        middles.remove(found)
        current = found
    return "wrong_root"


def _is_valid(certificate: Certificate, now: datetime | None) -> bool:
    return now is None or certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _may_issue(certificate: Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(BasicConstraints).value.ca
    except (ExtensionNotFound, DuplicateExtension, ValueError):
        return False


def _is_issued_by(certificate: Certificate, issuer: Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _signed_of(message: Message, change: dict[str, str]) -> list[str]:
    """The texts of both rules with these parameters changed."""
    params = {**message.params, **change}
    return [canonical(params, ("sign", "sign_type")), canonical(params)]


def _places(message: Message) -> Iterator[tuple[str, Callable[[str], list[str]]]]:
    """Where a text stands that others like to rewrite: the node, a REST body, a parameter; and how to put another."""
    if message.node:
        yield message.node, lambda text: [text]
    elif message.body:
        yield message.body, lambda text: [text.join(message.to_sign.rsplit(message.body, 1))]
    for name, value in message.params.items():
        if value[:1] in {"{", "["} or "\n" in value:
            yield value, lambda text, name=name: _signed_of(message, {name: text})

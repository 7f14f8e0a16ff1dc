"""Alipay's signatures taken apart, step by step, with what is most likely wrong. Must not know: files.

Kinds: `request` (`params`; or `method`, `url`, `body` and `authorization` in the REST protocol), `reply` (`body`, with
`node` its name; or `body`, `timestamp`, `nonce` and `signature`), `notification` (`params`, or the form as `body`),
`client` (an order string as `params`, or the message of `my.getPhoneNumber` as `body`).
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from shunfu.channels.alipay import causes
from shunfu.channels.alipay.bench_input import Message, holders, read_message, text_of
from shunfu.channels.alipay.bench_words import REASONS
from shunfu.channels.alipay.codec import CHARSETS, decrypt, is_signed, sign
from shunfu.channels.alipay.notifying import FUTURE, PAST
from shunfu.channels.alipay.settings import parse_aes_key, parse_private_key
from shunfu.channels.alipay.values import parse_china_time
from shunfu.gateway.workbench import Source, Worked

REST_WINDOW_SECONDS = 600


class AlipayWorkbench:
    """Signs, verifies and decrypts Alipay's messages of both protocols."""

    def sign(self, source: Source) -> Worked:
        """The exact text to sign, and its signature with `key`, a private key."""
        message = read_message(source)
        if message is None:
            return _failed("input", "input")
        key = parse_private_key(text_of(source, "key"))
        if key is None:
            return replace(_failed("key", "no_private_key"), to_sign=message.to_sign)
        try:
            signature = sign(key, message.to_sign, CHARSETS[message.charset], message.sign_type)
        except UnicodeEncodeError:
            return replace(_failed("input", "charset"), to_sign=message.to_sign)
        return Worked(message.to_sign, signature)

    def verify(self, source: Source) -> Worked:
        """Whether one of the keys signed the message, and if not, which step fails and the likeliest cause."""
        message = read_message(source)
        if message is None or not message.signature:
            return replace(_failed("input", "input" if message is None else "no_signature"), valid=False)
        worked = _verified(source, message)
        return replace(worked, to_sign=worked.to_sign or message.to_sign, signature=message.signature)

    def decrypt(self, source: Source) -> Worked:
        """The plaintext of biz_content, of a reply's node, or of a client's message, with `aes_key`."""
        message = read_message(source)
        sealed = message.sealed if message else ""
        if not sealed:
            return _failed("input", "nothing_sealed")
        key = parse_aes_key(text_of(source, "aes_key"))
        if key is None:
            return _failed("key", "no_aes_key")
        plain = decrypt(key, sealed)
        try:
            return Worked(plaintext=plain.decode("utf-8")) if plain is not None else _failed("decrypt", "wrong_aes_key")
        except UnicodeDecodeError:
            return _failed("decrypt", "wrong_aes_key")


def _failed(step: str, reason: str) -> Worked:
    return Worked(failed_step=step, reason=REASONS[reason])


def _verified(source: Source, message: Message) -> Worked:
    found = holders(source)
    if not found:
        return replace(_failed("key", "no_public_key"), valid=False)
    if message.serial and message.serial not in found and "" not in found:
        return replace(_failed("serial", "wrong_serial"), valid=False, fields={"alipay_cert_sn": message.serial})
    named = found.get(message.serial)
    keys = [named] if named else [*found.values()]
    for check in (_chain, _time):
        worked = check(source, message)
        if worked:
            return worked
    for text in message.readings:
        if _is_by(keys, text, message):
            return Worked(text, valid=True)
    return _explained(source, message, keys)


def _is_by(keys: list[RSAPublicKey], text: str, message: Message) -> bool:
    raw = text.encode(CHARSETS[message.charset], "replace")
    return any(is_signed(key, raw, message.signature, message.sign_type) for key in keys)


def _chain(source: Source, message: Message) -> Worked | None:
    """With roots given, the certificate must be issued under one of them."""
    roots = source.get("roots")
    text = "\n".join(map(str, cast("list[object]", roots))) if isinstance(roots, list) else text_of(source, "roots")
    if causes.is_under_roots(text_of(source, "key"), text):
        return None
    return replace(_failed("certificate", "wrong_root"), valid=False)


def _time(source: Source, message: Message) -> Worked | None:
    """With the present given, the message must be recent: ten minutes in the REST protocol, 26 hours when notified."""
    try:
        now = datetime.fromisoformat(text_of(source, "now"))
    except ValueError:
        return None
    if now.tzinfo is None:
        return None
    sent_at = parse_china_time(message.params.get("notify_time"))
    is_late = sent_at is not None and not -FUTURE <= now - sent_at <= PAST
    if message.sent_ms:
        is_late = abs(now.timestamp() - message.sent_ms / 1000) > REST_WINDOW_SECONDS
    return replace(_failed("timestamp", "clock"), valid=False) if is_late else None


@dataclass(frozen=True, slots=True)
class _Guess:
    """One thing that often goes wrong: its reason, and the texts that would have been signed had it gone wrong."""

    reason: str
    texts: Callable[[Message], list[str]]


_GUESSES = (
    _Guess("sign_type", causes.other_sign_type),
    _Guess("quotes", causes.without_quotes),
    _Guess("slashes", causes.other_slashes),
    _Guess("reserialised", causes.reserialised),
    _Guess("decoded_twice", causes.decoded_twice),
    _Guess("not_decoded", causes.not_decoded),
    _Guess("empty_kept", causes.empty_kept),
    _Guess("line_feed", causes.other_line_ends),
)


def _explained(source: Source, message: Message, keys: list[RSAPublicKey]) -> Worked:
    for guess in _GUESSES:
        for text in guess.texts(message):
            if _is_by(keys, text, message):
                return Worked(text, valid=False, failed_step="signature", reason=REASONS[guess.reason])
    other = next((name for name in CHARSETS if _is_by(keys, message.to_sign, replace(message, charset=name))), None)
    reason = "charset" if other else _by_the_key(source, message, keys)
    return replace(_failed("key" if reason in {"app_key", "other_key"} else "signature", reason), valid=False)


def _by_the_key(source: Source, message: Message, keys: list[RSAPublicKey]) -> str:
    """A signature opened with its own key shows the digest that was signed: then the text is what is wrong."""
    try:
        raw = b64decode(message.signature, validate=True)
    except (ValueError, binascii.Error):
        return "no_base64"
    kinds: Mapping[str, str] = {message.sign_type: "text", "RSA" if message.sign_type == "RSA2" else "RSA2": "hash"}
    for sign_type, reason in kinds.items():
        if any(causes.was_signed_by(key, raw, sign_type) for key in keys):
            return reason
    ours = parse_private_key(text_of(source, "app_private_key"))
    is_ours = ours is not None and any(key == ours.public_key() for key in keys)
    return "app_key" if is_ours and message.is_alipays else "other_key"


__all__ = ["AlipayWorkbench"]

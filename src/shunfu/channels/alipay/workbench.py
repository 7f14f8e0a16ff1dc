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
from hashlib import sha1, sha256
from urllib.parse import unquote

from shunfu.channels.alipay import causes
from shunfu.channels.alipay.bench_input import (
    Holder,
    Message,
    holders,
    read_message,
    read_now,
    read_roots,
    read_sealed,
    text_of,
)
from shunfu.channels.alipay.bench_words import REASONS
from shunfu.channels.alipay.codec import CHARSETS, decrypt, is_signed, sign
from shunfu.channels.alipay.notifying import FUTURE, PAST
from shunfu.channels.alipay.settings import parse_aes_key, parse_private_key
from shunfu.channels.alipay.values import parse_china_time
from shunfu.gateway.workbench import Source, Worked

WINDOW_SECONDS = 600


class AlipayWorkbench:
    """Signs, verifies and decrypts Alipay's messages of both protocols."""

    def sign(self, source: Source) -> Worked:
        """The exact text to sign, and its signature with `key`, a private key."""
        message = read_message(source)
        if isinstance(message, str):
            return _failed("input", message)
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
        if isinstance(message, str) or not message.signature:
            return replace(_failed("input", message if isinstance(message, str) else "no_signature"), valid=False)
        worked = _verified(source, message)
        return replace(worked, to_sign=worked.to_sign or message.to_sign, signature=message.signature)

    def decrypt(self, source: Source) -> Worked:
        """The plaintext of biz_content, of a reply's node, or of a client's message, with `aes_key`."""
        sealed = read_sealed(source)
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
    for text in message.readings:
        able = [one for one in keys if _is_by(one, text, message)]
        if able:
            return replace(_trusted(source, message, able), to_sign=text)
    return _explained(source, message, keys)


def _is_by(holder: Holder, text: str, message: Message) -> bool:
    raw = text.encode(CHARSETS[message.charset], "replace")
    return is_signed(holder.key, raw, message.signature, message.sign_type)


def _trusted(source: Source, message: Message, able: list[Holder]) -> Worked:
    """With roots given, the certificate that verified must be issued under one; with the present, all must be valid."""
    now = read_now(source)
    if isinstance(now, str):
        return replace(_failed("input", now), valid=False)
    roots = read_roots(source)
    wrong = [causes.wrong_with_chain(one.chain, roots, now) for one in able]
    if all(wrong):
        return replace(_failed("certificate", wrong[0]), valid=False)
    if now is not None and _is_late(message, now):
        return replace(_failed("timestamp", "clock"), valid=False)
    return Worked(valid=True)


def _is_late(message: Message, now: datetime) -> bool:
    """A request or REST message must be of these ten minutes, a notification of the last 26 hours."""
    if message.sent_ms:
        return abs(now.timestamp() - message.sent_ms / 1000) > WINDOW_SECONDS
    sent_at = parse_china_time(message.params.get("notify_time"))
    return sent_at is not None and not -FUTURE <= now - sent_at <= PAST


@dataclass(frozen=True, slots=True)
class _Guess:
    """One thing that often goes wrong: its reason, and the texts that would have been signed had it gone wrong."""

    reason: str
    texts: Callable[[Message], list[str]]


_GUESSES = (
    _Guess("sign_type", causes.other_sign_type),
    _Guess("quotes", causes.without_quotes),
    _Guess("slashes", causes.other_slashes),
    _Guess("line_feed", causes.other_line_ends),
    _Guess("reserialised", causes.reserialised),
    _Guess("not_decoded", causes.not_decoded),
    _Guess("not_decoded", causes.encoded),
    _Guess("empty_kept", causes.empty_kept),
    _Guess("decoded_twice", causes.decoded_twice),
)


def _explained(source: Source, message: Message, keys: list[Holder]) -> Worked:
    message, repaired = _repaired(message)
    raw = _bytes_of(message.signature)
    if raw is None:
        return replace(_failed("signature", "no_base64"), valid=False)
    signed = {causes.signed_digest(one.key, raw, message.sign_type) for one in keys} - {None}
    found = _guessed(message, signed) if signed else None
    if found:
        reason = repaired or found[1]
        return Worked(found[0], valid=False, failed_step="signature", reason=REASONS[reason])
    reason = repaired if signed and repaired else _by_the_key(source, message, keys, raw)
    return replace(_failed("key" if reason in {"app_key", "other_key"} else "signature", reason), valid=False)


def _repaired(message: Message) -> tuple[Message, str]:
    """The message with its signature as it must have been, and what spoiled it: base64 has no space and no percent."""
    if " " in message.signature:
        return replace(message, signature=message.signature.replace(" ", "+")), "decoded_twice"
    if "%" in message.signature:
        return replace(message, signature=unquote(message.signature)), "not_decoded"
    return message, ""


def _guessed(message: Message, signed: set[bytes | None]) -> tuple[str, str] | None:
    """The text that was signed, and what went wrong: by the digest in the signature, so that many can be tried."""
    digest = sha1 if message.sign_type == "RSA" else sha256
    for text in message.readings:
        if digest(text.encode(CHARSETS[message.charset], "replace")).digest() in signed:
            return text, "no_base64"
    for guess in _GUESSES:
        for text in guess.texts(message):
            if digest(text.encode(CHARSETS[message.charset], "replace")).digest() in signed:
                return text, guess.reason
    for name in CHARSETS:
        if digest(message.to_sign.encode(CHARSETS[name], "replace")).digest() in signed:
            return message.to_sign, "charset"
    return None


def _bytes_of(signature: str) -> bytes | None:
    try:
        return b64decode(signature, validate=True)
    except (ValueError, binascii.Error):
        return None


def _by_the_key(source: Source, message: Message, keys: list[Holder], raw: bytes) -> str:
    """A signature opened with its own key shows the digest that was signed: then the text is what is wrong."""
    text = "likely_reserialised" if causes.is_json(message) else "text"
    kinds: Mapping[str, str] = {message.sign_type: text, "RSA" if message.sign_type == "RSA2" else "RSA2": "hash"}
    for sign_type, reason in kinds.items():
        if any(causes.was_signed_by(one.key, raw, sign_type) for one in keys):
            return reason
    ours = parse_private_key(text_of(source, "app_private_key"))
    is_ours = ours is not None and any(one.key == ours.public_key() for one in keys)
    return "app_key" if is_ours and message.is_alipays else "other_key"


__all__ = ["AlipayWorkbench"]

"""The signature workbench of WeChat Pay: the exact text to sign, its signature, and for one that fails the reason.

Nothing here is used to take a payment: `codec` decides that. Must not know: files, settings, sockets.
Sources: pay.weixin.qq.com "如何构造签名", "如何验证签名", "小程序调起支付签名", "证书和回调报文解密", "敏感信息加解密".
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import cast
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from shunfu.channels.wechatpay.workbench_causes import joined, reason_of, rewritten
from shunfu.channels.wechatpay.workbench_input import Key, KeyRing, Parts, read_keys, read_now, read_parts
from shunfu.gateway.reading import parse_object
from shunfu.gateway.workbench import Source, Worked

WINDOW_SECONDS = 300
PROBE = "WECHATPAY/SIGNTEST/"
_OAEP = OAEP(MGF1(SHA1()), SHA1(), None)  # noqa: S303 - the protocol's choice


class WeChatWorkbench:
    """Requests, replies, notifications and client parameters of API v3."""

    def sign(self, source: Source) -> Worked:
        """The exact text to sign and its signature; for a request also the Authorization header."""
        parts, keys = read_parts(source), read_keys(source)
        wrong = _wrong_input(parts, keys)
        if wrong or isinstance(parts, str):
            return wrong or _failed("input", "member_missing", str(parts))
        text, key = joined(parts), keys.any or keys.find(parts.serial)
        if not isinstance(key, RSAPrivateKey):
            return _failed("key", "key_public" if key else "key_missing", text=text)
        signature = b64encode(key.sign(text.encode(), PKCS1v15(), SHA256())).decode()
        return Worked(to_sign=text, signature=signature, fields=_sent(parts, signature))

    def verify(self, source: Source) -> Worked:
        """Whether the signature holds; else which step fails, and the likeliest cause by trying what goes wrong."""
        parts, keys = read_parts(source), read_keys(source)
        wrong = _wrong_input(parts, keys)
        if wrong or isinstance(parts, str):
            return wrong or _failed("input", "member_missing", str(parts))
        text = joined(parts)
        if not parts.signature:
            return _failed("input", "member_missing", "signature", text=text)
        if parts.signature.startswith(PROBE):
            return _failed("signature", "probe", text=text)
        key = keys.find(parts.serial)
        if key is None:
            return _without_key(parts, keys, text)
        if _holds(key, text, parts.signature):
            return _in_time(parts, read_now(source), text)
        cause, what = _likeliest(parts, keys, key)
        return _failed("signature", cause, what, text=text)

    def decrypt(self, source: Source) -> Worked:
        """What a notification or the certificates' reply holds (APIv3 key), or a sensitive field (private key)."""
        ciphertext = source.get("ciphertext")
        if isinstance(ciphertext, str) and "nonce" not in source:
            return _open_field(read_keys(source), ciphertext)
        sealed = _sealed(source)
        if not sealed:
            return _unopened("input", "nothing_sealed")
        key = source.get("api_v3_key")
        if not isinstance(key, str) or len(key) != 32 or not key.isascii():
            return _unopened("key", "api_v3_key")
        opened = [_open(key, one) for one in sealed]
        if None in opened:
            return _unopened("decrypt", "not_opened")
        return Worked(plaintext="\n".join(text for text in opened if text is not None))


def _failed(step: str, cause: str, what: str = "", text: str | None = None) -> Worked:
    fields = {"cause": cause, **({"about": what} if what else {})}
    return Worked(to_sign=text, valid=False, failed_step=step, reason=reason_of(cause, what), fields=fields)


def _unopened(step: str, cause: str, what: str = "") -> Worked:
    """What is not decrypted; nothing was to be verified."""
    return replace(_failed(step, cause, what), valid=None)


def _wrong_input(parts: Parts | str, keys: KeyRing) -> Worked | None:
    if isinstance(parts, str):
        return _failed("input", "member_missing", parts)
    if parts.missing:
        return _failed("input", "member_missing", ", ".join(parts.missing))
    if keys.broken:
        return _failed("key", "key_broken", ", ".join(keys.broken), text=joined(parts))
    return None


def _without_key(parts: Parts, keys: KeyRing, text: str) -> Worked:
    if not keys.by_serial:
        return _failed("key", "key_missing", text=text)
    is_public = parts.serial.startswith("PUB_KEY_ID_")
    has_kind = any(serial.startswith("PUB_KEY_ID_") == is_public for serial in keys.by_serial)
    return _failed("serial", "serial_unknown" if has_kind else "serial_other_kind", parts.serial, text=text)


def _in_time(parts: Parts, now: float | None, text: str) -> Worked:
    if now is None or parts.kind == "client" or not (parts.timestamp.isascii() and parts.timestamp.isdecimal()):
        return Worked(to_sign=text, signature=parts.signature, valid=True)
    seconds = abs(now - int(parts.timestamp))
    if seconds < WINDOW_SECONDS:
        return Worked(to_sign=text, signature=parts.signature, valid=True)
    return _failed("timestamp", "timestamp", f"{seconds:.0f}", text=text)


def _likeliest(parts: Parts, keys: KeyRing, key: Key) -> tuple[str, str]:
    """The first thing that often goes wrong with which the signature holds."""
    text = joined(parts)
    for other in (unquote(parts.signature), parts.signature.replace(" ", "+")):
        if other != parts.signature and _holds(key, text, other):
            return "signature_escaped", ""
    if _bytes_of(parts.signature) is None:
        return "signature_not_base64", ""
    for cause, what, rewriting in rewritten(parts):
        if _holds(key, rewriting, parts.signature):
            return cause, what
    others = {**keys.by_serial, **({"key": keys.any} if keys.any else {})}
    found = next((name for name, one in others.items() if _holds(one, text, parts.signature)), None)
    if found:
        return "other_key", found
    is_ours = isinstance(key, RSAPrivateKey) and parts.kind in {"reply", "notification"}
    return ("merchant_key" if is_ours else "no_match"), ""


def _holds(key: Key, text: str, signature: str) -> bool:
    public = key.public_key() if isinstance(key, RSAPrivateKey) else key
    raw = _bytes_of(signature)
    if raw is None:
        return False
    try:
        public.verify(raw, text.encode("utf-8", "surrogatepass"), PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _bytes_of(signature: str) -> bytes | None:
    try:
        return b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return None


def _sent(parts: Parts, signature: str) -> dict[str, str]:
    """What goes on the wire beside the signature, where the parts for it are given."""
    if parts.kind != "request" or not (parts.mchid and parts.serial):
        return {}
    value = (
        f'WECHATPAY2-SHA256-RSA2048 mchid="{parts.mchid}",nonce_str="{parts.nonce}",signature="{signature}",'
        f'timestamp="{parts.timestamp}",serial_no="{parts.serial}"'
    )
    return {"authorization": value}


def _sealed(source: Source) -> list[Mapping[str, object]]:
    """Every sealed object: the source itself, a notification's resource, or the rows of the certificates' reply."""
    if isinstance(source.get("ciphertext"), str):
        return [source]
    body = source.get("body")
    whole = parse_object(body.encode("utf-8", "replace")) if isinstance(body, str) else None
    found = whole or (cast("Mapping[str, object]", body) if isinstance(body, dict) else {})
    rows = found.get("data")
    listed = cast("list[object]", rows) if isinstance(rows, list) else []
    sealed = [found.get("resource"), *(_member(row, "encrypt_certificate") for row in listed[:16])]
    return [cast("Mapping[str, object]", one) for one in sealed if isinstance(one, dict)]


def _member(row: object, name: str) -> object:
    return cast("Mapping[str, object]", row).get(name) if isinstance(row, dict) else None


def _open(key: str, sealed: Mapping[str, object]) -> str | None:
    aad, ciphertext, nonce = sealed.get("associated_data") or "", sealed.get("ciphertext"), sealed.get("nonce")
    if not (isinstance(aad, str) and isinstance(ciphertext, str) and isinstance(nonce, str)):
        return None
    try:
        opened = AESGCM(key.encode()).decrypt(nonce.encode(), b64decode(ciphertext, validate=True), aad.encode())
        return opened.decode()
    except (InvalidTag, ValueError):
        return None


def _open_field(keys: KeyRing, ciphertext: str) -> Worked:
    if not isinstance(keys.any, RSAPrivateKey):
        return _unopened("key", "key_broken" if keys.broken else "key_missing", "key")
    raw = _bytes_of(ciphertext)
    try:
        opened = keys.any.decrypt(raw, _OAEP).decode() if raw else None
    except ValueError:
        opened = None
    return Worked(plaintext=opened) if opened else _unopened("decrypt", "field_not_opened")

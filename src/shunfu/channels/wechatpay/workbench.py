"""The signature workbench of WeChat Pay: the exact text to sign, its signature, and for one that fails the reason.

Nothing here is used to take a payment: `codec` decides that. Must not know: files, settings, sockets.
Sources: pay.weixin.qq.com "如何构造签名", "如何验证签名", "小程序调起支付签名".
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import replace
from hashlib import sha256
from urllib.parse import unquote

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from shunfu.channels.wechatpay.workbench_causes import reason_of
from shunfu.channels.wechatpay.workbench_input import Parts, read_now, read_parts
from shunfu.channels.wechatpay.workbench_keys import Key, KeyRing, opened_signature, read_keys
from shunfu.channels.wechatpay.workbench_opening import open_field, open_object, sealed_field, sealed_objects
from shunfu.channels.wechatpay.workbench_rewriting import is_json, joined, rewritten
from shunfu.gateway.workbench import Source, Worked

WINDOW_SECONDS = 300
PROBE = "WECHATPAY/SIGNTEST/"


class WeChatWorkbench:
    """Requests, replies, notifications and client parameters of API v3."""

    def sign(self, source: Source) -> Worked:
        """The exact text to sign and its signature; for a request also the Authorization header."""
        parts, keys = read_parts(source), read_keys(source)
        wrong = _wrong_input(parts, keys)
        if wrong or isinstance(parts, str):
            return wrong or _failed("input", "member_missing", str(parts))
        text, found = joined(parts), (*([keys.any] if keys.any else []), *keys.find(parts.serial))
        key = next((one for one in found if isinstance(one, RSAPrivateKey)), None)
        if key is None:
            return _failed("key", "key_public" if found else "key_missing", text=text)
        signature = b64encode(key.sign(text.encode(), PKCS1v15(), SHA256())).decode()
        return Worked(to_sign=text, signature=signature, fields=_sent(parts, signature))

    def verify(self, source: Source) -> Worked:
        """Whether the signature holds; else which step fails, and the likeliest cause by trying what goes wrong."""
        parts, keys = read_parts(source), read_keys(source)
        wrong = _wrong_input(parts, keys)
        if wrong or isinstance(parts, str):
            return wrong or _failed("input", "member_missing", str(parts))
        now, text = read_now(source), joined(parts)
        if isinstance(now, str):
            return _failed("input", "now_broken", text=text)
        if not parts.signature:
            return _failed("input", "member_missing", "signature", text=text)
        if parts.signature.startswith(PROBE):
            return _failed("signature", "probe", text=text)
        found = keys.find(parts.serial)
        if not found:
            return _without_key(parts, keys, text)
        if any(_holds(key, text, parts.signature) for key in found):
            return _in_time(parts, now, text)
        cause, what = _likeliest(parts, keys, found)
        return _failed("signature", cause, what, text=text)

    def decrypt(self, source: Source) -> Worked:
        """What a notification or the certificates' reply holds (APIv3 key), or a sensitive field (private key)."""
        ciphertext = sealed_field(source)
        if ciphertext is not None:
            return _opened_field(read_keys(source), ciphertext)
        sealed = sealed_objects(source)
        if not sealed:
            return _unopened("input", "nothing_sealed")
        key = source.get("api_v3_key")
        if not isinstance(key, str) or len(key) != 32 or not key.isascii():
            return _unopened("key", "api_v3_key")
        opened = [text for text in (open_object(key, one) for one in sealed) if text is not None]
        if len(opened) < len(sealed):
            return _unopened("decrypt", "not_opened")
        return _beside_signature(self.verify(source), "\n".join(opened))


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
    if not keys.named:
        return _failed("key", "key_missing", text=text)
    is_public = parts.serial.startswith("PUB_KEY_ID_")
    has_kind = any(serial.startswith("PUB_KEY_ID_") == is_public for serial in keys.by_serial)
    return _failed("serial", "serial_unknown" if has_kind else "serial_other_kind", parts.serial, text=text)


def _in_time(parts: Parts, now: float | None, text: str) -> Worked:
    good = Worked(to_sign=text, signature=parts.signature, valid=True)
    if now is None or parts.kind == "client":
        return good
    if not (parts.timestamp.isascii() and parts.timestamp.isdecimal() and len(parts.timestamp) <= 15):
        return _failed("timestamp", "timestamp_broken", text=text)
    seconds = abs(now - int(parts.timestamp))
    return good if seconds < WINDOW_SECONDS else _failed("timestamp", "timestamp", f"{seconds:.0f}", text=text)


def _likeliest(parts: Parts, keys: KeyRing, found: tuple[Key, ...]) -> tuple[str, str]:
    """Why it does not hold: the signature altered, another key, or the first rewriting with which it holds."""
    text = joined(parts)
    for other in (unquote(parts.signature), parts.signature.replace(" ", "+")):
        if other != parts.signature and any(_holds(key, text, other) for key in found):
            return "signature_escaped", ""
    raw = _bytes_of(parts.signature)
    if raw is None:
        return "signature_not_base64", ""
    digest = next((one for one in (opened_signature(key, raw) for key in found) if one), None)
    if digest is None:
        return _other_key(parts, keys, raw)
    for cause, what, rewriting in rewritten(parts):
        if sha256(rewriting).digest() == digest:
            return cause, what
    return _other_text(parts), ""


def _other_key(parts: Parts, keys: KeyRing, raw: bytes) -> tuple[str, str]:
    for name, key in keys.named.items():
        if opened_signature(key, raw):
            return "other_key", name
    is_ours = any(isinstance(key, RSAPrivateKey) for key in keys.find(parts.serial))
    return ("merchant_key" if is_ours and parts.kind in {"reply", "notification"} else "wrong_key"), ""


def _other_text(parts: Parts) -> str:
    """The likeliest cause where the key is right and the signed text cannot be rebuilt."""
    if parts.kind == "client":
        return "other_client"
    if "\ufffd" in parts.body:
        return "charset"
    if is_json(parts.body):
        return "other_json"
    if parts.kind == "request" and not parts.body:
        return "other_request" if "?" in parts.target else "query_lost"
    return "other_text"


def _holds(key: Key, text: str, signature: str) -> bool:
    raw = _bytes_of(signature)
    return raw is not None and opened_signature(key, raw) == sha256(text.encode()).digest()


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


def _opened_field(keys: KeyRing, ciphertext: str) -> Worked:
    if not any(isinstance(key, RSAPrivateKey) for key in keys.named.values()):
        return _unopened("key", "key_broken" if keys.broken else "key_missing", "key")
    opened = open_field(keys, ciphertext)
    return Worked(plaintext=opened) if opened else _unopened("decrypt", "field_not_opened")


def _beside_signature(verified: Worked, plaintext: str) -> Worked:
    """The plaintext, and what its message's signature came to where one and its keys were given."""
    if verified.failed_step in {"input", "key"}:
        return Worked(plaintext=plaintext)
    return replace(verified, plaintext=plaintext)

"""What the workbench decrypts: a notification's resource, the certificates' reply, or a sensitive field.

Must not know: signatures. Sources: pay.weixin.qq.com "证书和回调报文解密", "敏感信息加解密".
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from typing import cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1

from shunfu.channels.wechatpay.workbench_keys import KeyRing
from shunfu.gateway.reading import parse_object
from shunfu.gateway.workbench import Source

_OAEP = OAEP(MGF1(SHA1()), SHA1(), None)  # noqa: S303 - the protocol's choice
_BASE64 = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}", re.ASCII)


def sealed_field(source: Source) -> str | None:
    """A sensitive field's ciphertext, as `ciphertext` without a nonce, or as a body that is nothing but base64."""
    ciphertext, body = source.get("ciphertext"), source.get("body")
    if isinstance(ciphertext, str) and "nonce" not in source:
        return "".join(ciphertext.split())
    if isinstance(body, str) and _BASE64.fullmatch("".join(body.split())):
        return "".join(body.split())
    return None


def open_field(keys: KeyRing, ciphertext: str) -> str | None:
    """The field's text, with whichever private key opens it."""
    for key in keys.named.values():
        if isinstance(key, RSAPrivateKey):
            try:
                return key.decrypt(b64decode(ciphertext, validate=True), _OAEP).decode()
            except ValueError:
                continue
    return None


def sealed_objects(source: Source) -> list[Mapping[str, object]]:
    """Every sealed object: the source or body itself, a notification's resource, or the certificates' rows."""
    if isinstance(source.get("ciphertext"), str):
        return [source]
    body = _as_object(source.get("body"))
    rows = body.get("data")
    listed = cast("list[object]", rows) if isinstance(rows, list) else []
    certificates = [_as_object(_as_object(row).get("encrypt_certificate")) for row in listed[:16]]
    found = [_as_object(source.get("resource")), body, _as_object(body.get("resource")), *certificates]
    return [one for one in found if isinstance(one.get("ciphertext"), str)]


def open_object(key: str, sealed: Mapping[str, object]) -> str | None:
    """The text that the APIv3 key opens, or None."""
    aad, ciphertext, nonce = sealed.get("associated_data") or "", sealed.get("ciphertext"), sealed.get("nonce")
    if not (isinstance(aad, str) and isinstance(ciphertext, str) and isinstance(nonce, str)):
        return None
    try:
        opened = AESGCM(key.encode()).decrypt(nonce.encode(), b64decode(ciphertext, validate=True), aad.encode())
        return opened.decode()
    except (InvalidTag, ValueError):
        return None


def _as_object(value: object) -> Mapping[str, object]:
    if isinstance(value, str):
        return parse_object(value.encode("utf-8", "replace")) or {}
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}

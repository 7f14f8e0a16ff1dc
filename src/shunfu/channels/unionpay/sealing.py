"""What UnionPay messages carry packed or encrypted: card and identity fields, and files. Must not know: orders.

Sources: 全渠道平台接入接口规范 5.1.0 (敏感信息加密), ACP SDK 5.1.0 (encryptData, deCodeFileContent).
"""

from __future__ import annotations

import binascii
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from shunfu.gateway.statement import RATIO_MAX

FREE_BYTES = 16 << 20
"""How much a file may unpack to, however little it weighs."""

FILE_BYTES_MAX = 64 << 20
"""The longest file that is unpacked from `fileContent`; UnionPay's own limit is 20 MB."""

_SECRET_FIELDS = frozenset({"phoneNo", "cvn2", "expired"})
"""The members of customerInfo that travel encrypted together, as `encryptedInfo`."""


def encrypt(key: RSAPublicKey, plaintext: str) -> str:
    """Base64 of RSA (PKCS#1 v1.5) with UnionPay's encryption certificate: accNo, pin, encryptedInfo."""
    return b64encode(key.encrypt(plaintext.encode(), PKCS1v15())).decode()


def decrypt(key: RSAPrivateKey, ciphertext: str) -> str | None:
    """The plaintext that UnionPay encrypted to the merchant's signing certificate, or None."""
    try:
        return key.decrypt(b64decode(ciphertext, validate=True), PKCS1v15()).decode()
    except (binascii.Error, ValueError):
        return None


def customer_information(key: RSAPublicKey, members: Mapping[str, str]) -> str:
    """`customerInfo`: base64 of `{k=v&k=v}`, its phone, CVN2 and expiry encrypted together."""
    plain = [f"{name}={value}" for name, value in members.items() if name not in _SECRET_FIELDS]
    secret = "&".join(f"{name}={value}" for name, value in members.items() if name in _SECRET_FIELDS)
    sealed = [f"encryptedInfo={encrypt(key, secret)}"] if secret else []
    return b64encode(f"{{{'&'.join([*plain, *sealed])}}}".encode()).decode()


def open_customer_information(key: RSAPrivateKey, text: str) -> dict[str, str] | None:
    """The members of `customerInfo` as UnionPay returns it, decrypted; None when any of it is malformed."""
    try:
        plain = b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    if not (plain.startswith("{") and plain.endswith("}")):
        return None
    members = _members(plain[1:-1])
    sealed = members.pop("encryptedInfo", None)
    secret = "" if sealed is None else decrypt(key, sealed)
    return None if secret is None else {**members, **_members(secret)}


def pack_file(content: bytes) -> str:
    """`fileContent`: base64 of the zlib stream."""
    return b64encode(zlib.compress(content)).decode()


def unpack_file(text: str, bytes_max: int = FILE_BYTES_MAX) -> bytes | None:
    """The file in `fileContent`; None when it is malformed, cut short, followed by more, or longer than the limit."""
    try:
        packed = b64decode(text, validate=True)
        stream = zlib.decompressobj()
        content = stream.decompress(packed, min(bytes_max, FREE_BYTES + RATIO_MAX * len(packed)))
    except (binascii.Error, ValueError, zlib.error):
        return None
    return content if stream.eof and not stream.unused_data else None


def _members(text: str) -> dict[str, str]:
    pairs = (piece.partition("=") for piece in text.split("&") if piece)
    return {name: value for name, _, value in pairs}

"""Fields that travel encrypted by RSA-OAEP: names and bank accounts to WeChat, phone numbers from it.

Source: pay.weixin.qq.com, "敏感信息加解密": RSA/ECB/OAEPWithSHA-1AndMGF1Padding; to WeChat with the key that the
request names in `Wechatpay-Serial`, from WeChat with the merchant's certificate. Must not know: which fields.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA1

from shunfu.channels.wechatpay.settings import Settings
from shunfu.kernel.secret import Secret

LONGEST_BYTES = 214
"""What an RSA key of 2048 bits can hold."""

_PADDING = OAEP(MGF1(SHA1()), SHA1(), None)  # noqa: S303 - the protocol's choice, and OAEP does not rest on collisions


def encrypt_sensitive(settings: Settings, text: Secret[str]) -> str:
    """Base64 that WeChat alone can read. Raises ValueError beyond 214 bytes."""
    plain = text.reveal().encode()
    if len(plain) > LONGEST_BYTES:
        raise ValueError("a sensitive field is longer than 214 bytes")
    return b64encode(settings.wechat_keys[settings.wechat_serial].encrypt(plain, _PADDING)).decode()


def decrypt_sensitive(settings: Settings, sealed: str) -> Secret[str] | None:
    """What WeChat encrypted for this merchant, or None."""
    try:
        plain = settings.merchant_private_key.decrypt(b64decode(sealed, validate=True), _PADDING)
        return Secret(plain.decode())
    except (ValueError, binascii.Error):
        return None

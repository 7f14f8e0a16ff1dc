"""Takes secrets and personal data out of log text by shape. Must not know: which account the text is of."""

from __future__ import annotations

import re

_NAMES = (
    "signature|Wechatpay-Signature|paySign|openid|sub_openid|sp_openid|ciphertext|encrypted_echo_message|api_v3_key|apiv3_key|"
    "merchant_private_key|truncated_sign_message|payer_client_ip|prepay_id|auth_code|user_name|bank_account|real_name|"
    "app_secret|secret|session_key|access_token|js_code|unionid|phoneNumber|purePhoneNumber|encrypt_echo_message|"
    "prepayid|sign|payer_phone|token"
)
_NAMED = re.compile(
    rf"""(?i)(?<![0-9a-z])((?:{_NAMES})(?:\\*["'])?\s*(?:[:=,]|%3D)\s*(?:b?\\*["'])?)(?:\\.|[^"'\\,;&}}\])\s])+"""
)
_MESSAGE = re.compile(r"""(?i)(truncated_sign_message\\*["']\s*:\s*\\*["'])(?:\\.|[^"\\])*""")
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?(?:-----END \1-----|\Z)", re.DOTALL)
_BASE64 = re.compile(r"[0-9A-Za-z+/]{100,}={0,2}")
_OPENID = re.compile(r"(?<![0-9A-Za-z_-])o[0-9A-Za-z_-]{27}(?![0-9A-Za-z_-])")
_PHONE = re.compile(r"(?<![0-9A-Za-z])1[3-9][0-9]{9}(?![0-9A-Za-z])")


def scrub(text: str) -> str:
    """The text with signatures, keys, ciphertexts, openids and phone numbers replaced by stars."""
    text = _PEM.sub(r"-----\1 ***-----", text)
    text = _MESSAGE.sub(r"\1***", text)
    text = _NAMED.sub(r"\1***", text)
    for shape in (_BASE64, _OPENID, _PHONE):
        text = shape.sub("***", text)
    return text

"""Takes secrets and personal data out of log text by shape. Must not know: which account the text is of."""

from __future__ import annotations

import re

_NAMES = (
    "alipay-signature|sign|app_private_key|aes_key|biz_content|buyer_id|buyer_open_id|buyer_user_id|buyer_logon_id|op_buyer_open_id|"
    "open_id|user_id|union_id|access_token|refresh_token|auth_token|app_auth_token|auth_code|code_verifier|mobile|phone_no|"
    "cert_no|cert_name|user_name|real_name|tradeNO|trade_token|orderStr|seller_email|logon_id|alipay_cert_content|passback_params"
)
_NAMED = re.compile(
    rf"""(?i)(?<![0-9a-z_])((?:{_NAMES})(?:\\*["'])?\s*(?:[:=,]|%3D|%22%3A)\s*(?:b?\\*["']|%22|\{{\\*["'])?)(?:\\.|[^"'\\,;&}}\])\s])+"""
)
_AUTH_CODE = re.compile(r"""(?i)((?<![0-9a-z_])code=)[0-9A-Za-z_-]{16,}""")
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?(?:-----END \1-----|\Z)", re.DOTALL)
_BASE64 = re.compile(r"(?:[0-9A-Za-z+/_-]|%2[BbFf]){100,}(?:=|%3[Dd]){0,2}")
_USER_ID = re.compile(r"(?<![0-9])2088[0-9]{12}(?![0-9])")
_IDENTITY = re.compile(r"(?<![0-9A-Za-z])[1-9][0-9]{5}(?:19|20)[0-9]{9}[0-9Xx](?![0-9A-Za-z])")
_PHONE = re.compile(r"(?<![0-9A-Za-z])1[3-9][0-9]{9}(?![0-9A-Za-z])")


def scrub(text: str) -> str:
    """The text with signatures, keys, ciphertexts, shoppers' ids, identity and phone numbers replaced by stars.

    A seller's id has the shape of a shopper's: both are taken out.
    """
    text = _PEM.sub(r"-----\1 ***-----", text)
    text = _NAMED.sub(r"\1***", text)
    text = _AUTH_CODE.sub(r"\1***", text)
    for shape in (_BASE64, _USER_ID, _IDENTITY, _PHONE):
        text = shape.sub("***", text)
    return text

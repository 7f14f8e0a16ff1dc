"""Takes secrets and personal data out of log text by shape. Must not know: which account the text is of."""

from __future__ import annotations

import re

_NAMES = (
    "signature|accNo|payCardNo|cardNo|customerInfo|customerNm|certifId|phoneNo|mobile|cvn2|expired|pin|encryptedInfo|"
    "secure_key|app_secret|secret|symmetric_key|symmetricKey|merchant_private_key|backendToken|frontToken|accessToken|"
    "refreshToken|openId|unionId|code|tokenPayData|fileContent"
)
_NAMED = re.compile(
    rf"""(?i)(?<![0-9a-z])((?:{_NAMES})(?:\\*["'])?\s*(?:[:=,]|%3D)\s*(?:b?\\*["'])?)(?:\\.|[^"'\\,;&}}\])\s])+"""
)
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?(?:-----END \1-----|\Z)", re.DOTALL)
_BASE64 = re.compile(r"(?:[0-9A-Za-z+/]|%2[BF]){100,}(?:=|%3D){0,2}", re.IGNORECASE)
_CARD = re.compile(r"(?<![0-9A-Za-z])(?:62|4|5)[0-9]{14,17}(?![0-9A-Za-z])")
_IDENTITY = re.compile(r"(?<![0-9A-Za-z])[1-9][0-9]{5}(?:19|20)[0-9]{9}[0-9Xx](?![0-9A-Za-z])")
_PHONE = re.compile(r"(?<![0-9A-Za-z])1[3-9][0-9]{9}(?![0-9A-Za-z])")


def scrub(text: str) -> str:
    """The text with signatures, keys, tokens, card, identity and phone numbers replaced by stars."""
    text = _PEM.sub(r"-----\1 ***-----", text)
    text = _NAMED.sub(r"\1***", text)
    for shape in (_BASE64, _CARD, _IDENTITY, _PHONE):
        text = shape.sub("***", text)
    return text

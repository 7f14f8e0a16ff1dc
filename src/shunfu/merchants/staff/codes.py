"""The authenticator's codes (TOTP, RFC 6238): six digits, thirty seconds, one step of tolerance, none twice. Pure."""

from __future__ import annotations

import base64
import hmac
from datetime import datetime

from pyotp.totp import TOTP

STEP_SECONDS = 30
SECRET_BYTES = 20
ISSUER = "Shunfu"
TOLERANCE = (0, -1, 1)


def secret_text(secret: bytes) -> str:
    """The secret as authenticators take it: base 32, 32 characters."""
    return base64.b32encode(secret).decode()


def provisioning_uri(secret: bytes, login_name: str) -> str:
    """The `otpauth://` address for a QR code."""
    return TOTP(secret_text(secret)).provisioning_uri(name=login_name, issuer_name=ISSUER)


def matching_step(secret: bytes, code: str, now: datetime, last_step: int | None) -> int | None:
    """The step of time that a code belongs to, or None: wrong, too old, or not newer than the last one used."""
    if len(code) != 6 or not (code.isascii() and code.isdigit()):
        return None
    totp, current = TOTP(secret_text(secret)), int(now.timestamp()) // STEP_SECONDS
    for step in (current + shift for shift in TOLERANCE):
        is_same = hmac.compare_digest(totp.generate_otp(step), code)
        if is_same and (last_step is None or step > last_step):
            return step
    return None

"""Signs a message as the Standard Webhooks specification 1.0.0 says. Pure: time and secrets are arguments.

The signed text is `id.timestamp.body`, the signature `v1,` and base 64 of its HMAC-SHA-256; one for each secret in
force, so that a receiver never sees a message that it cannot verify while it changes secrets.
Source: standardwebhooks.com, Signature scheme and Webhook headers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from shunfu.kernel.secret import Secret

BODY_FIELDS = ("id", "type", "timestamp", "sequence", "subject", "data")
PREFIX = "whsec_"
SECRET_BYTES = 32
"""Of the 24 to 64 that the specification allows."""

_BYTES_MIN, _BYTES_MAX = 24, 64


def write_body(told: Mapping[str, object]) -> str:
    """The text that is sent: the BODY_FIELDS of what is told, in their order. It is signed as it stands."""
    return json.dumps({name: told[name] for name in BODY_FIELDS}, ensure_ascii=False, separators=(",", ":"))


def write_secret(key: Secret[bytes]) -> Secret[str]:
    """`whsec_` and base 64: the form in which a secret is shown."""
    return Secret(PREFIX + base64.b64encode(key.reveal()).decode())


def read_secret(text: str) -> Secret[bytes] | None:
    """The key behind a shown secret, or None when it is none of 24 to 64 bytes."""
    if not text.startswith(PREFIX) or not text.isascii():
        return None
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except ValueError:
        return None
    return Secret(key) if _BYTES_MIN <= len(key) <= _BYTES_MAX else None


def sign(key: Secret[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and base 64 of the signature. The id has no full stop, so that the signed text reads one way only."""
    assert "." not in message_id
    signed = f"{message_id}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.digest(key.reveal(), signed, hashlib.sha256)).decode()}"


def headers(keys: Sequence[Secret[bytes]], message_id: str, now: datetime, body: bytes) -> Mapping[str, str]:
    """The three headers of one try, made at `now`, with a signature for each key."""
    timestamp = int(now.timestamp())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(key, message_id, timestamp, body) for key in keys),
    }

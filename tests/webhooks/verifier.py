"""A receiver's check of a webhook, written from the text of the Standard Webhooks specification and nothing of ours."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

TOLERANCE_SECONDS = 300


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes, now_seconds: float) -> bool:
    """Whether one of the signatures is `secret`'s, over the id, a timestamp of these minutes, and these bytes."""
    told = {name.lower(): value for name, value in headers.items()}
    if abs(now_seconds - int(told["webhook-timestamp"])) > TOLERANCE_SECONDS:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = told["webhook-id"].encode() + b"." + told["webhook-timestamp"].encode() + b"." + body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    for versioned in told["webhook-signature"].split(" "):
        version, _, signature = versioned.partition(",")
        if version == "v1" and hmac.compare_digest(signature, expected):
            return True
    return False

"""Values that can be recognised anywhere, one for each secret and personal datum, and the search for them.

A value counts as found in any of the forms in which it could be written down: as it is, escaped, in base 64, in hex.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus

PHONE = "13912340007"
ID_NUMBER = "11010519491231002X"
PAYER = "oCanaryPayer-7c1d55e0a2b94f"
NICKNAME = "金丝雀小姐七号"
PASSWORD = "canary battery 8f31 horse"
WRONG_PASSWORD = "canary battery 8f32 mule"
CODE = "604193"
COOKIE = "canary-cookie-5b1f0c77"
BEARER = "canary-bearer-19d2aa40"
QUERY = "canary-query-77e6b3c1"
REASON = "canary-reason-0c9e2211"
HOOK_USER, HOOK_PASSWORD = "canary-hook-user-2e", "canary-hook-pass-9a4b11"
HOOK_TOKEN = "canary-hook-token-4411d0"
ECHO = "canary-echo-c3b58a90"
NOTICE = "canary-notice-aa07f312"
DATABASE_PASSWORD = "canary-db-pass-66f0"

PLANTED: dict[str, str] = {
    "a phone number": PHONE,
    "an id number": ID_NUMBER,
    "a payer's id": PAYER,
    "a nickname": NICKNAME,
    "a password": PASSWORD,
    "a wrong password": WRONG_PASSWORD,
    "a code": CODE,
    "a cookie": COOKIE,
    "an authorization header": BEARER,
    "a query string": QUERY,
    "a refund's reason": REASON,
    "a user name in a URL": HOOK_USER,
    "a password in a URL": HOOK_PASSWORD,
    "a token in a webhook's URL": HOOK_TOKEN,
    "what a failing channel or server echoes": ECHO,
    "a notification's body": NOTICE,
    "a database password": DATABASE_PASSWORD,
}


def forms(value: str) -> Iterator[str]:
    """The ways in which a value could stand somewhere."""
    raw = value.encode()
    yield from (value, json.dumps(value)[1:-1], quote(value), quote_plus(value), raw.hex())
    for offset in range(3):  # inside a longer text base 64 begins at any of three places
        text = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        core = text[(0, 2, 3)[offset] : len(text) - (2 if len(raw) + offset else 0)]
        if len(core) >= 8:
            yield from (core, core.replace("+", "-").replace("/", "_"))


def hits(places: Mapping[str, str], planted: Mapping[str, str]) -> list[str]:
    """Which planted values stand in which places."""
    return sorted(
        f"{name} in {place}"
        for place, text in places.items()
        for name, value in planted.items()
        if any(form in text for form in forms(value))
    )

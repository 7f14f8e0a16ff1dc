"""One merchant account at Template Pay: credentials parsed once. Must not know: orders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from shunfu.gateway.expiry import Expiry
from shunfu.kernel.secret import Secret

NAME = "template"
REAL_URL = "https://api.template.example"

_KNOWN = frozenset({"base_url", "merchant_no", "secret_key"})
_MERCHANT_NO = re.compile(r"[0-9]{6,20}", re.ASCII)


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """A merchant's account: where the channel is, who we are there, and the key that signs both ways."""

    base_url: str
    merchant_no: str
    secret_key: Secret[bytes] = field(repr=False)


def load(credentials: Mapping[str, str]) -> Settings:
    """Settings from texts. Raises ValueError with one sentence on anything missing, malformed or unknown."""
    extra = sorted(set(credentials) - _KNOWN)
    if extra:
        raise ValueError(f"Template Pay has no credential named {extra[0]}.")
    merchant_no, secret_key = credentials.get("merchant_no", ""), credentials.get("secret_key", "")
    if _MERCHANT_NO.fullmatch(merchant_no) is None:
        raise ValueError("The Template Pay credential merchant_no must be 6 to 20 digits.")
    if len(secret_key) < 32 or not secret_key.isascii():
        raise ValueError("The Template Pay credential secret_key must be at least 32 ASCII characters.")
    base_url = credentials.get("base_url") or REAL_URL
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path:
        raise ValueError("The Template Pay credential base_url must be an address without a path.")
    return Settings(base_url, merchant_no, Secret(secret_key.encode()))


def sandbox_url(settings: Settings) -> str | None:
    """The origin of the sandbox behind the account; None for the real address."""
    return None if settings.base_url == REAL_URL else settings.base_url


def expiries(_: Mapping[str, str]) -> tuple[Expiry, ...]:
    """The credentials that carry their own end: none here. A channel with certificates names them."""
    return ()

"""Merchants, API keys and channel accounts as values, and the rules of credentials that need no I/O."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from shunfu.kernel.ids import decode, encode

Mode = Literal["test", "live"]
ALL_CAPABILITIES: frozenset[str] = frozenset(
    {
        *("orders:read", "orders:write", "payments:read", "payments:write"),
        *("refunds:read", "refunds:write", "refunds:approve"),
        *("reconcile:read", "reconcile:write", "reconcile:approve"),
        *("webhooks:read", "webhooks:write"),
        *("offers:read", "offers:write"),
        "ledger:read",
    }
)
"""What a merchant's own back end may do."""
CHECKOUT_CAPABILITIES: frozenset[str] = frozenset({"checkout:read", "checkout:pay"})
"""What the holder of a checkout token may do, for the one order that the token names."""

API_KEY_DAYS = 365
"""How long a new API key lasts unless told otherwise; every one ends."""
API_KEY_DAYS_MAX = 3650

_API_KEY = re.compile(r"sk_(test|live)_([0-9A-HJKMNP-TV-Z]{26})_([0-9A-HJKMNP-TV-Z]{26})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Merchant:
    """A tenant: one side, test or live, of an organisation."""

    merchant_id: UUID
    organisation_id: UUID
    name: str
    mode: Mode
    return_origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A stored API key; its secret is only known as a hash."""

    key_id: UUID
    secret_sha256: bytes
    capabilities: frozenset[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    mode: Mode


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A stored API key as it is shown to staff: what it is for, what it may do, and until when."""

    key_id: UUID
    label: str
    capabilities: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def is_in_force(self, now: datetime) -> bool:
        """Whether it still opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """An API key as a caller presents it. It names its merchant, so that no look-up is without one."""

    mode: Mode
    merchant_id: UUID
    key_id: UUID
    secret: str

    def matches(self, stored: ApiKey, now: datetime) -> bool:
        """Whether the secret is the stored key's, on its own side, neither revoked nor expired."""
        is_same = hmac.compare_digest(hash_secret(self.secret), stored.secret_sha256)
        is_live = stored.revoked_at is None and (stored.expires_at is None or now < stored.expires_at)
        return is_same and is_live and stored.mode == self.mode


@dataclass(frozen=True, slots=True)
class ChannelAccount:
    """A merchant's account at a channel, credentials still sealed."""

    account_id: UUID
    channel: str
    label: str
    is_sandbox: bool
    sealed: Mapping[str, object]


def hash_secret(secret: str) -> bytes:
    """SHA-256 of a key's secret. The secret has 256 random bits, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).digest()


def write_api_key(mode: Mode, merchant_id: UUID, key_id: UUID, secret: str) -> str:
    """`sk_test_<merchant>_<key>_<secret>`; the secret is 43 URL-safe characters."""
    return f"sk_{mode}_{encode(merchant_id)}_{encode(key_id)}_{secret}"


def read_api_key(text: str) -> PresentedKey | None:
    """The parts of a presented API key, or None when it is not one."""
    match = _API_KEY.fullmatch(text)
    if match is None:
        return None
    merchant_id, key_id = decode(match[2]), decode(match[3])
    if merchant_id is None or key_id is None:
        return None
    return PresentedKey("live" if match[1] == "live" else "test", merchant_id, key_id, match[4])

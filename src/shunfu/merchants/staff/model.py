"""Staff as values: who may do what, how a session stands, and when a wrong guess closes the door. Pure.

A person belongs to the installation, a role to a merchant: nobody is staff of everything.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from shunfu.kernel.ids import decode, encode
from shunfu.merchants.model import Mode, hash_secret

Role = Literal["owner", "operator", "finance", "support", "developer", "viewer"]
Stage = Literal["enrol", "code", "open"]
DoorDenial = Literal["wrong", "locked", "code_wrong", "passkey_refused", "link_ended", "name_taken"]
PasswordDenial = Literal["password_short", "password_plain", "password_common"]
ActDenial = Literal["not_allowed", "not_found", "own_account", "last_owner", "works_elsewhere", "too_many"]
Denial = DoorDenial | PasswordDenial | ActDenial
"""Why a door stays closed. `wrong` says neither whether the name exists, nor whether it is locked."""

READS = frozenset({"orders:read", "payments:read", "refunds:read", "offers:read"})
CAPABILITIES: Mapping[Role, frozenset[str]] = {
    "viewer": READS,
    "support": READS | {"refunds:write", "alarms:write"},
    "developer": READS
    | {"webhooks:read", "webhooks:write", "jobs:read", "jobs:write", "keys:read", "keys:write", "settings:read"}
    | {"alarms:write"},
    "operator": READS
    | {"orders:write", "payments:write", "refunds:write", "webhooks:read", "reconcile:read", "staff:read"}
    | {"jobs:read", "jobs:write", "keys:read", "settings:read", "alarms:write", "offers:write"},
    "finance": READS
    | {"refunds:approve", "reconcile:read", "reconcile:approve", "ledger:read", "staff:read", "audit:read"}
    | {"alarms:write"},
    "owner": READS
    | {"orders:write", "payments:write", "refunds:write", "refunds:approve", "webhooks:read", "webhooks:write"}
    | {"reconcile:read", "reconcile:write", "reconcile:approve", "ledger:read", "staff:read", "staff:write"}
    | {"jobs:read", "jobs:write", "keys:read", "keys:write", "audit:read", "settings:read", "settings:write"}
    | {"alarms:write", "offers:write"},
}
"""What each role may do. Whoever asks for a refund or repair never approves it, whatever the role."""

PASSWORD_MIN, PASSWORD_MAX = 12, 128
FREE_FAILURES = 5
LOCK_SECONDS_MAX = 900
IDLE = timedelta(minutes=30)
SESSION_LASTS = timedelta(hours=12)
DOOR_LASTS = timedelta(minutes=10)
"""So long may pass between the password and the code."""
PROOF_LASTS = timedelta(minutes=10)
"""So long after the second factor may a session move money or change rights without asking for it again."""
CHALLENGE_LASTS = timedelta(minutes=5)
LINK_LASTS = timedelta(hours=24)
SEEN_EVERY = timedelta(minutes=1)

_TOKEN = re.compile(r"([0-9A-HJKMNP-TV-Z]{26})([A-Za-z0-9_-]{43})")
_LOGIN_NAME = re.compile(r"[a-z0-9._@+-]{3,64}")


@dataclass(frozen=True, slots=True)
class Staff:
    """A person as stored. `totp_step` is the newest step of time whose code was used, None before the first.

    `reset_at`: since when the log-in waits for a link that gives a new second factor.
    """

    staff_id: UUID
    login_name: str
    name: str
    password_hash: str
    totp: Mapping[str, object]
    totp_step: int | None
    reset_at: datetime | None
    disabled_at: datetime | None

    @property
    def may_log_in(self) -> bool:
        """Whether the right password leads to the second factor."""
        return self.disabled_at is None and self.reset_at is None


@dataclass(frozen=True, slots=True)
class Side:
    """A merchant that a person works for, and as what."""

    merchant_id: UUID
    role: Role
    name: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class Session:
    """A session and its person. `side` is None for somebody without a role; `proved_at`: when the second factor was
    last given in it.
    """

    session_id: UUID
    staff_id: UUID
    name: str
    stage: Stage
    side: Side | None
    created_at: datetime
    seen_at: datetime
    proved_at: datetime | None = None

    def is_proved(self, now: datetime) -> bool:
        """Whether the second factor was given in this session a short while ago (ASVS 7.5.3)."""
        return self.stage == "open" and self.proved_at is not None and now - self.proved_at < PROOF_LASTS


@dataclass(frozen=True, slots=True)
class SeenSession:
    """A line of a person's list of sessions."""

    session_id: UUID
    created_at: datetime
    seen_at: datetime
    agent: str


@dataclass(frozen=True, slots=True)
class StaffLink:
    """A link that is still good. Without an organisation its holder founds one; with a person it gives that person a
    new second factor, and has no role. `made_by`: a person, whose right it stands on; None: a command.
    """

    link_id: UUID
    organisation_id: UUID | None
    role: Role | None
    staff_id: UUID | None = None
    made_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A line of an organisation's list of links. `person`: whom it gives a new second factor, else None."""

    link_id: UUID
    role: Role | None
    person: str | None
    maker: str | None
    created_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Colleague:
    """A line of a merchant's list of people."""

    staff_id: UUID
    login_name: str
    name: str
    role: Role
    last_login_at: datetime | None
    has_totp: bool
    passkeys: int
    reset_at: datetime | None
    disabled_at: datetime | None
    locked_until: datetime | None

    def is_locked(self, now: datetime) -> bool:
        """Whether an unknown browser's guess at this name is not taken now."""
        return self.locked_until is not None and now < self.locked_until


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey of a person. `public_key` is a COSE key."""

    passkey_id: UUID
    credential: bytes
    public_key: bytes
    sign_count: int
    name: str
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Guesses:
    """A counter of wrong guesses in a row."""

    counter_id: UUID
    failures: int
    locked_until: datetime | None

    def is_locked(self, now: datetime) -> bool:
        """Whether no guess is taken now."""
        return self.locked_until is not None and now < self.locked_until


@dataclass(frozen=True, slots=True)
class Token:
    """What a cookie or a link presents: an id and a secret."""

    token_id: UUID
    secret: str

    def matches(self, secret_sha256: bytes) -> bool:
        """Whether the secret is the one whose hash is kept; in constant time."""
        return hmac.compare_digest(hash_secret(self.secret), secret_sha256)

    def text(self) -> str:
        """69 URL-safe characters."""
        return f"{encode(self.token_id)}{self.secret}"


def read_token(text: str) -> Token | None:
    """The parts of a cookie's or a link's text, or None."""
    match = _TOKEN.fullmatch(text)
    token_id = decode(match[1]) if match else None
    return Token(token_id, match[2]) if match and token_id is not None else None


def is_login_name(text: str) -> bool:
    """3 to 64 of `a-z 0-9 . _ @ + -`."""
    return _LOGIN_NAME.fullmatch(text) is not None


def judge_password(password: str, *, names: tuple[str, ...]) -> Denial | None:
    """Why a password is not taken: its length, or that it is little more than a name (NIST 800-63B)."""
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        return "password_short"
    plain = password.casefold()
    for name in names:
        if len(name) >= 3:
            plain = plain.replace(name.casefold(), "")
    return "password_plain" if len(plain) < PASSWORD_MIN // 2 or len(set(plain)) < 5 else None


def locked_until(failures: int, now: datetime) -> datetime | None:
    """Until when no guess is taken after so many wrong ones in a row: the sixth costs a minute, and it doubles."""
    over = failures - FREE_FAILURES
    if over <= 0:
        return None
    return now + timedelta(seconds=min(60 * 2 ** min(over - 1, 10), LOCK_SECONDS_MAX))


def is_running(seen_at: datetime, ends_at: datetime, now: datetime) -> bool:
    """Whether a session is neither too old nor idle for too long."""
    return now < ends_at and now - seen_at < IDLE

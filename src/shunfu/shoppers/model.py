"""Shoppers as values, and the rules of sessions, identities and profiles that need no I/O."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias, cast
from uuid import UUID

from shunfu.kernel.ids import decode, encode, public
from shunfu.kernel.secret import Secret

IdentityKind: TypeAlias = Literal["app", "union"]
"""Who somebody is in one application, or in all applications that the platform says are one owner's."""
InvoiceKind: TypeAlias = Literal["personal", "company"]
ConsentKind: TypeAlias = Literal["telemetry", "personalisation"]

ADDRESSES_MAX = 10
INVOICES_MAX = 10
SECRET_BYTES = 32
LOOKUP_KEY_BYTES = 32
TOKEN_MARGIN = timedelta(seconds=60)
"""A platform's token that ends so soon is not used any more."""
HOME_COUNTRY = "86"
PROFILE_CAPABILITIES: frozenset[str] = frozenset({"profile:read", "profile:write"})
"""What a shopper's session may do, for that shopper alone."""

_TOKEN = re.compile(r"shs_([0-9A-HJKMNP-TV-Z]{26})([0-9A-HJKMNP-TV-Z]{26})([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shopper:
    """Somebody who was recognised by a session that goes on until `ends_at`."""

    merchant_id: UUID
    shopper_id: UUID
    session_id: UUID
    ends_at: datetime

    @property
    def public_id(self) -> str:
        """`shp_…`."""
        return public("shp", self.shopper_id)


@dataclass(frozen=True, slots=True)
class Address:
    """Where something is sent to. A district may be empty: a few cities have none."""

    name: str
    phone: str
    province: str
    city: str
    district: str
    street: str
    postcode: str | None = None
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Invoice:
    """Whom an invoice (发票) is made out to. A company has a tax number."""

    kind: InvoiceKind
    title: str
    tax_number: str | None = None
    email: str | None = None
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """What a shopper lets us fill in. `is_phone_verified`: the platform vouched for exactly this number."""

    addresses: tuple[Address, ...] = ()
    phone: str | None = None
    is_phone_verified: bool = False
    invoices: tuple[Invoice, ...] = ()

    def replaced_by(self, wish: Profile) -> Profile:
        """The profile after the shopper wrote another one: a number stays verified only while it is the same."""
        return replace(wish, is_phone_verified=self.is_phone_verified and wish.phone == self.phone is not None)

    def with_verified(self, phone: str) -> Profile:
        """The profile with the phone that the platform vouches for."""
        return replace(self, phone=phone, is_phone_verified=True)


@dataclass(frozen=True, slots=True)
class Consents:
    """What the shopper last said to each question; None: never asked, or never answered."""

    telemetry: bool | None = None
    personalisation: bool | None = None


@dataclass(frozen=True, slots=True)
class ConsentFact:
    """One answer to one question, and when it was given."""

    kind: ConsentKind
    is_given: bool
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class PaidMethod:
    """The method of a shopper's last payment that succeeded."""

    method: str
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class PresentedSession:
    """A session's token as a client presents it. It names its merchant, so that no look-up is without one."""

    merchant_id: UUID
    session_id: UUID
    secret: str


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as it is kept; its secret is only known as a hash."""

    shopper_id: UUID
    secret_sha256: bytes
    ends_at: datetime
    ended_at: datetime | None

    def admits(self, presented: PresentedSession, now: datetime) -> bool:
        """Whether the secret is this session's and the session goes on."""
        is_same = hmac.compare_digest(hash_secret(presented.secret), self.secret_sha256)
        return is_same and self.ended_at is None and now < self.ends_at


def hash_secret(secret: str) -> bytes:
    """SHA-256 of a session's secret. The secret has 256 random bits, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).digest()


def write_token(merchant_id: UUID, session_id: UUID, secret: str) -> str:
    """`shs_<merchant><session><secret>`: 26, 26 and 43 characters."""
    return f"shs_{encode(merchant_id)}{encode(session_id)}{secret}"


def read_token(text: str) -> PresentedSession | None:
    """The parts of a presented token, or None when it is none."""
    match = _TOKEN.fullmatch(text)
    if match is None:
        return None
    merchant_id, session_id = decode(match[1]), decode(match[2])
    if merchant_id is None or session_id is None:
        return None
    return PresentedSession(merchant_id, session_id, match[3])


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is at a platform. `value` is the platform's own id; it is stored sealed and found by `lookup`."""

    kind: IdentityKind
    channel: str
    app: str
    value: Secret[str]
    lookup: bytes


def make_identity(key: Secret[bytes], kind: IdentityKind, place: tuple[str, str], value: Secret[str]) -> Identity:
    """An identity with its keyed hash. `place` is (channel, application); a union has no application."""
    channel, app = place
    message = "\0".join((kind, channel, app, value.reveal())).encode()
    return Identity(kind, channel, app, value, hmac.digest(key.reveal(), message, hashlib.sha256))


@dataclass(frozen=True, slots=True)
class Resolved:
    """Whose the identities of one log-in are. `merged_ids` turned out to be the same person as `shopper_id`."""

    shopper_id: UUID
    is_new: bool
    merged_ids: tuple[UUID, ...]
    missing: tuple[Identity, ...]


def resolve(told: Sequence[Identity], known: Mapping[bytes, UUID], fresh_id: UUID) -> Resolved:
    """Whom a log-in belongs to: the oldest shopper who is known by one of its identities, else a new one."""
    owners = sorted({known[one.lookup] for one in told if one.lookup in known})
    missing = tuple(sorted((one for one in told if one.lookup not in known), key=lambda one: one.lookup))
    if not owners:
        return Resolved(fresh_id, is_new=True, merged_ids=(), missing=missing)
    return Resolved(owners[0], is_new=False, merged_ids=tuple(owners[1:]), missing=missing)


def merged_profile(ours: Profile | None, theirs: Profile | None) -> Profile | None:
    """The profile of two shoppers who are one: the survivor's, unless only the other has one."""
    return ours or theirs


def newer_consents(ours: Sequence[ConsentFact], theirs: Sequence[ConsentFact]) -> list[ConsentFact]:
    """Which of another's last answers are newer than ours, when both are one person."""
    mine = {fact.kind: fact.happened_at for fact in ours}
    return [fact for fact in theirs if fact.kind not in mine or mine[fact.kind] < fact.happened_at]


def latest(facts: Sequence[ConsentFact]) -> Consents:
    """The last answers, from one fact a question."""
    return Consents(**{fact.kind: fact.is_given for fact in facts})


def changed(before: Consents, wish: Mapping[ConsentKind, bool]) -> list[tuple[ConsentKind, bool]]:
    """Which answers are new: saying the same again is no new fact."""
    return [(kind, is_given) for kind, is_given in wish.items() if getattr(before, kind) is not is_given]


def phone_text(number: str, country: str) -> str:
    """A vouched-for number as we write it: as it is dialled at home, else with `+` and its country."""
    return number if country == HOME_COUNTRY else f"+{country}{number}"


def profile_to_json(profile: Profile) -> dict[str, object]:
    """What is sealed."""
    return asdict(profile)


def profile_from_json(found: Mapping[str, Any]) -> Profile:
    """What was sealed."""
    return Profile(
        addresses=tuple(Address(**cast("dict[str, Any]", one)) for one in found["addresses"]),
        phone=found["phone"],
        is_phone_verified=found["is_phone_verified"],
        invoices=tuple(Invoice(**cast("dict[str, Any]", one)) for one in found["invoices"]),
    )

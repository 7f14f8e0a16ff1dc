"""Rows of shoppers, identities, sessions, profiles and consents to values and back. Must not know: how seals open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from shunfu.db import Reader, Record, Transaction, named_queries
from shunfu.shoppers.model import ConsentFact, IdentityKind, PaidMethod, Shopper, StoredSession

SQL = named_queries("shunfu.shoppers")
Who = tuple[UUID, UUID]
"""A merchant and one of its shoppers."""
Envelope = Mapping[str, object]
BATCH = 1000


@dataclass(frozen=True, slots=True)
class KeptShopper:
    """A shopper's row. `merged_into` is the same person; an erased one is nobody any more."""

    shopper_id: UUID
    created_at: datetime
    merged_into: UUID | None
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class SealedIdentity:
    """An identity as it is stored."""

    identity_id: UUID
    kind: IdentityKind
    channel: str
    app: str
    lookup: bytes
    sealed: Envelope


@dataclass(frozen=True, slots=True)
class KnownAt:
    """Where a shopper is known, without the id."""

    kind: IdentityKind
    channel: str
    app: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session without its secret."""

    channel: str
    created_at: datetime
    ends_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class SealedToken:
    """A platform's token as it is stored, and when it ends."""

    sealed: Envelope
    expires_at: datetime


async def add_shopper(tx: Transaction, who: Who, now: datetime) -> None:
    """Save a new shopper."""
    await tx.execute(SQL["add_shopper"], *who, now)


async def lock_shopper(tx: Transaction, who: Who) -> KeptShopper | None:
    """One shopper, locked until the transaction ends, or None."""
    row = await tx.fetch_row(SQL["lock_shopper"], *who)
    return KeptShopper(**dict(row)) if row else None


async def lock_shoppers(tx: Transaction, merchant_id: UUID, shopper_ids: Sequence[UUID]) -> None:
    """Lock several shoppers, always in the same order."""
    await tx.fetch(SQL["lock_shoppers"], merchant_id, list(shopper_ids))


async def get_shopper(reader: Reader, who: Who) -> KeptShopper | None:
    """One shopper, or None."""
    row = await reader.fetch_row(SQL["get_shopper"], *who)
    return KeptShopper(**dict(row)) if row else None


async def merge_shopper(tx: Transaction, who: Who, into: UUID) -> None:
    """Everything that a shopper is known by and signed in with becomes another's, who is the same person."""
    await tx.execute(SQL["move_identities"], *who, into)
    await tx.execute(SQL["move_sessions"], *who, into)
    await tx.execute(SQL["merge_shopper"], *who, into)
    await tx.execute(SQL["delete_profile"], *who)
    await tx.execute(SQL["delete_method"], *who)


async def erase_shopper(tx: Transaction, who: Who, now: datetime) -> None:
    """Delete what is known of a shopper; what stays is that there was one, and what was consented to."""
    for name in ("delete_identities", "delete_sessions", "delete_profile", "delete_method"):
        await tx.execute(SQL[name], *who)
    await tx.execute(SQL["erase_shopper"], *who, now)


async def add_lookup_key(tx: Transaction, merchant_id: UUID, sealed: Envelope, now: datetime) -> None:
    """Save the key of a merchant's hashes; the one that is there stays."""
    await tx.execute(SQL["add_lookup_key"], merchant_id, dict(sealed), now)


async def get_lookup_key(reader: Reader, merchant_id: UUID) -> Envelope | None:
    """The sealed key of a merchant's hashes, or None."""
    return cast("Envelope | None", await reader.fetch_value(SQL["get_lookup_key"], merchant_id))


async def lock_identities(tx: Transaction, merchant_id: UUID, lookups: Sequence[bytes]) -> dict[bytes, UUID]:
    """Whose these identities are, by hash; locked until the transaction ends."""
    rows = await tx.fetch(SQL["lock_identities"], merchant_id, list(lookups))
    return {row["lookup"]: row["shopper_id"] for row in rows}


async def add_identity(tx: Transaction, who: Who, identity: SealedIdentity, now: datetime) -> bool:
    """Save an identity; False when it became known meanwhile."""
    merchant_id, shopper_id = who
    one = identity
    told = (one.identity_id, shopper_id, one.kind, one.channel, one.app, one.lookup, dict(one.sealed))
    return await tx.execute(SQL["add_identity"], merchant_id, *told, now) == 1


async def identity_at(reader: Reader, who: Who, channel: str, app: str) -> tuple[UUID, Envelope] | None:
    """A shopper's sealed id in one application of a channel with its row's id, or None."""
    row = await reader.fetch_row(SQL["identity_at"], *who, channel, app)
    return (row["identity_id"], row["sealed"]) if row else None


async def list_identities(reader: Reader, who: Who) -> list[KnownAt]:
    """Where a shopper is known."""
    return [KnownAt(**dict(row)) for row in await reader.fetch(SQL["list_identities"], *who)]


async def add_session(tx: Transaction, session: Shopper, channel: str, told: tuple[bytes, datetime]) -> None:
    """Save a session; `told` is its secret's hash and the present."""
    secret_sha256, now = told
    key = (session.merchant_id, session.session_id, session.shopper_id)
    await tx.execute(SQL["add_session"], *key, secret_sha256, channel, now, session.ends_at)


async def get_session(reader: Reader, merchant_id: UUID, session_id: UUID) -> StoredSession | None:
    """One session, or None."""
    row = await reader.fetch_row(SQL["get_session"], merchant_id, session_id)
    return StoredSession(**dict(row)) if row else None


async def list_sessions(reader: Reader, who: Who) -> list[ListedSession]:
    """A shopper's sessions, newest first."""
    return [ListedSession(**dict(row)) for row in await reader.fetch(SQL["list_sessions"], *who)]


async def end_session(tx: Transaction, merchant_id: UUID, session_id: UUID, now: datetime) -> None:
    """End a session at once."""
    await tx.execute(SQL["end_session"], merchant_id, session_id, now)


async def delete_old_sessions(tx: Transaction, merchant_id: UUID, before: datetime) -> int:
    """Delete at most `BATCH` sessions whose time was over before an instant, and count them."""
    return await tx.execute(SQL["delete_old_sessions"], merchant_id, before)


async def put_profile(tx: Transaction, who: Who, sealed: Envelope, now: datetime) -> None:
    """Save a sealed profile in place of the one before."""
    await tx.execute(SQL["put_profile"], *who, dict(sealed), now)


async def get_profile(reader: Reader, who: Who) -> Envelope | None:
    """A shopper's sealed profile, or None."""
    return cast("Envelope | None", await reader.fetch_value(SQL["get_profile"], *who))


async def put_method(tx: Transaction, who: Who, paid: PaidMethod) -> None:
    """Save how a payment succeeded, unless a later one did."""
    await tx.execute(SQL["put_method"], *who, paid.method, paid.happened_at)


async def get_method(reader: Reader, who: Who) -> PaidMethod | None:
    """How the last payment succeeded, or None."""
    row = await reader.fetch_row(SQL["get_method"], *who)
    return PaidMethod(**dict(row)) if row else None


async def delete_method(tx: Transaction, who: Who) -> None:
    """Forget how a shopper paid."""
    await tx.execute(SQL["delete_method"], *who)


async def add_consent(tx: Transaction, who: Who, consent_id: UUID, fact: ConsentFact, now: datetime) -> None:
    """Save an answer to a question for consent."""
    merchant_id, shopper_id = who
    told = (consent_id, shopper_id, fact.kind, fact.is_given, fact.happened_at)
    await tx.execute(SQL["add_consent"], merchant_id, *told, now)


async def latest_consents(reader: Reader, who: Who) -> list[ConsentFact]:
    """A shopper's last answers, at most one a question."""
    return [_consent(row) for row in await reader.fetch(SQL["latest_consents"], *who)]


async def list_consents(reader: Reader, who: Who) -> list[ConsentFact]:
    """A shopper's answers, oldest first."""
    return [_consent(row) for row in await reader.fetch(SQL["list_consents"], *who)]


def _consent(row: Record) -> ConsentFact:
    return ConsentFact(row["kind"], row["is_given"], row["happened_at"])


async def get_platform_token(reader: Reader, merchant_id: UUID, account_id: UUID) -> SealedToken | None:
    """The kept token of an account's application, or None."""
    return _token(await reader.fetch_row(SQL["get_platform_token"], merchant_id, account_id))


async def claim_platform_token(
    tx: Transaction, place: tuple[UUID, UUID], lease: tuple[UUID, datetime], now: datetime
) -> tuple[bool, SealedToken | None]:
    """Take the right to fetch a token for (merchant, account), with a lease: whether it was free, and what is there."""
    row = await tx.fetch_row(SQL["claim_platform_token"], *place, *lease, now)
    return row is not None, _token(row)


async def keep_platform_token(
    tx: Transaction, place: tuple[UUID, UUID], lease_token: UUID, fetched: SealedToken
) -> None:
    """Save the token that was fetched under a lease; a lease that was lost saves nothing."""
    await tx.execute(SQL["keep_platform_token"], *place, lease_token, dict(fetched.sealed), fetched.expires_at)


async def release_platform_token(tx: Transaction, place: tuple[UUID, UUID], lease_token: UUID) -> None:
    """Give the right to fetch back."""
    await tx.execute(SQL["release_platform_token"], *place, lease_token)


def _token(row: Record | None) -> SealedToken | None:
    return SealedToken(row["sealed"], row["expires_at"]) if row and row["sealed"] is not None else None

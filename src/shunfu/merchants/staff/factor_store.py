"""Rows of second factors and of identities to values and back: passkeys, challenges, recovery codes, nonces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from shunfu.db import Reader, Transaction
from shunfu.kernel.ids import PLATFORM
from shunfu.merchants.staff.model import Passkey, Staff
from shunfu.merchants.staff.store import SQL, as_staff


async def put_challenge(tx: Transaction, session_id: UUID, challenge: bytes, ends_at: datetime) -> None:
    """Put a fresh passkey challenge to a session."""
    await tx.execute(SQL["put_challenge"], PLATFORM, session_id, challenge, ends_at)


async def take_challenge(tx: Transaction, session_id: UUID, now: datetime) -> bytes | None:
    """The session's challenge, which is good no longer from here on; None when there is none that is young enough."""
    row = await tx.fetch_row(SQL["get_challenge"], PLATFORM, session_id)
    if row is None:
        return None
    await tx.execute(SQL["put_challenge"], PLATFORM, session_id, None, None)
    return row["challenge"] if now < row["challenge_ends_at"] else None


async def add_passkey(tx: Transaction, staff_id: UUID, passkey: Passkey) -> bool:
    """Keep a new passkey; False when it was registered before, by whomever."""
    columns = (passkey.passkey_id, staff_id, passkey.credential, passkey.public_key, passkey.sign_count, passkey.name)
    return await tx.execute(SQL["add_passkey"], PLATFORM, *columns, passkey.created_at) == 1


async def list_passkeys(reader: Reader, staff_id: UUID) -> list[Passkey]:
    """A person's passkeys, oldest first."""
    return [Passkey(**dict(row)) for row in await reader.fetch(SQL["list_passkeys"], PLATFORM, staff_id)]


async def use_passkey(tx: Transaction, staff_id: UUID, passkey_id: UUID, sign_count: int, *, now: datetime) -> bool:
    """Note that a passkey answered; False when its counter has gone back, or it was removed."""
    return await tx.execute(SQL["use_passkey"], PLATFORM, passkey_id, staff_id, sign_count, now) == 1


async def remove_passkey(tx: Transaction, staff_id: UUID, passkey_id: UUID, now: datetime) -> bool:
    """Remove one of a person's passkeys; False when it is none of theirs."""
    return await tx.execute(SQL["remove_passkey"], PLATFORM, passkey_id, staff_id, now) == 1


async def remove_factors(tx: Transaction, staff_id: UUID, now: datetime) -> None:
    """Remove everything that could stand in for the authenticator: passkeys, recovery codes, identities."""
    for name in ("remove_passkeys", "end_recovery_codes", "remove_identities"):
        await tx.execute(SQL[name], PLATFORM, staff_id, now)


async def replace_recovery_codes(tx: Transaction, staff_id: UUID, hashes: Sequence[bytes], now: datetime) -> None:
    """Keep a new set of recovery codes; the set before ends."""
    await tx.execute(SQL["end_recovery_codes"], PLATFORM, staff_id, now)
    for code_sha256 in hashes:
        await tx.execute(SQL["add_recovery_code"], PLATFORM, staff_id, code_sha256, now)


async def use_recovery_code(tx: Transaction, staff_id: UUID, code_sha256: bytes, now: datetime) -> bool:
    """Use up a recovery code; False when it is none, or was used."""
    return await tx.execute(SQL["use_recovery_code"], PLATFORM, staff_id, code_sha256, now) == 1


async def count_recovery_codes(reader: Reader, staff_id: UUID) -> int:
    """How many recovery codes a person has left."""
    return cast("int", await reader.fetch_value(SQL["count_recovery_codes"], PLATFORM, staff_id))


async def add_identity(tx: Transaction, identity: tuple[str, str], staff_id: UUID, now: datetime) -> bool:
    """Link (issuer, subject) to a person; False when it is linked already, to whomever."""
    return await tx.execute(SQL["add_identity"], PLATFORM, *identity, staff_id, now) == 1


async def find_identity(reader: Reader, identity: tuple[str, str]) -> Staff | None:
    """Whose (issuer, subject) it is."""
    row = await reader.fetch_row(SQL["find_identity"], PLATFORM, *identity)
    return as_staff(row) if row else None


async def list_identities(reader: Reader, staff_id: UUID) -> list[tuple[str, str, datetime]]:
    """A person's identities as (issuer, subject, since when), oldest first."""
    rows = await reader.fetch(SQL["list_identities"], PLATFORM, staff_id)
    return [(row["issuer"], row["subject"], row["created_at"]) for row in rows]


async def remove_identities(tx: Transaction, staff_id: UUID, now: datetime) -> bool:
    """Remove all of a person's identities; False when there was none."""
    return await tx.execute(SQL["remove_identities"], PLATFORM, staff_id, now) > 0


async def use_nonce(tx: Transaction, nonce_sha256: bytes, now: datetime, ends_at: datetime) -> bool:
    """Use up a nonce and forget old ones; False when it was used before."""
    await tx.execute(SQL["forget_nonces"], PLATFORM, now)
    return await tx.execute(SQL["use_nonce"], PLATFORM, nonce_sha256, ends_at) == 1

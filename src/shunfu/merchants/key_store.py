"""Rows about keys to values and back: what is wrapped with which key, what was sealed when, who was warned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shunfu.db import Reader, Record, Transaction, named_queries
from shunfu.kernel.ids import PLATFORM
from shunfu.merchants.model import ChannelAccount

SQL = named_queries("shunfu.merchants")


@dataclass(frozen=True, slots=True)
class DataKey:
    """A data key as it is listed: what it seals, and since when."""

    key_id: UUID
    purpose: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key with its wrapping."""

    merchant_id: UUID
    key_id: UUID
    wrapped: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class WrappingKey:
    """A key encryption key that was ever in use, by its name in envelopes."""

    name: str
    begun_at: datetime
    finished_at: datetime | None
    retired_at: datetime | None


async def list_data_keys(reader: Reader, merchant_id: UUID) -> list[DataKey]:
    """A merchant's data keys, the newest of each purpose first."""
    rows = await reader.fetch(SQL["list_data_keys"], merchant_id)
    return [DataKey(row["key_id"], row["purpose"], row["created_at"]) for row in rows]


async def list_wrapped_otherwise(reader: Reader, name: str, after: tuple[UUID, UUID]) -> list[WrappedKey]:
    """Up to 200 data keys of all merchants that another key than this one wrapped, after (merchant, key)."""
    rows = await reader.fetch(SQL["list_wrapped_otherwise"], name, *after)
    return [WrappedKey(row["merchant_id"], row["key_id"], row["wrapped"]) for row in rows]


async def wrap_data_key(tx: Transaction, key: WrappedKey, wrapped: Mapping[str, object]) -> bool:
    """Put another wrapping in place of the one that was read; False when somebody else did."""
    return await tx.execute(SQL["wrap_data_key"], key.merchant_id, key.key_id, wrapped, key.wrapped) == 1


async def count_uses(reader: Reader) -> dict[str, int]:
    """How much each key encryption key keeps: data keys, and people's authenticators."""
    uses: dict[str, int] = {}
    rows = [
        *await reader.fetch(SQL["count_wrapped"]),
        *await reader.fetch(SQL["count_totps_wrapped"], PLATFORM),
    ]
    for row in rows:
        uses[row["key_name"]] = uses.get(row["key_name"], 0) + row["uses"]
    return uses


async def begin_wrapping_key(tx: Transaction, name: str, now: datetime, finished_at: datetime | None) -> bool:
    """Note that a key encryption key is in use; False when that was noted before."""
    return await tx.execute(SQL["begin_wrapping_key"], PLATFORM, name, now, finished_at) == 1


async def finish_wrapping_key(tx: Transaction, name: str, now: datetime) -> bool:
    """Note that everything is wrapped with it; False when that was noted before."""
    return await tx.execute(SQL["finish_wrapping_key"], PLATFORM, name, now) == 1


async def retire_wrapping_key(tx: Transaction, name: str, now: datetime) -> bool:
    """Note that it was dropped; False when that was noted before."""
    return await tx.execute(SQL["retire_wrapping_key"], PLATFORM, name, now) == 1


async def list_wrapping_keys(reader: Reader) -> list[WrappingKey]:
    """The key encryption keys that were ever in use, oldest first."""
    rows = await reader.fetch(SQL["list_wrapping_keys"], PLATFORM)
    return [WrappingKey(row["key_name"], row["begun_at"], row["finished_at"], row["retired_at"]) for row in rows]


async def lock_credentials(tx: Transaction, merchant_id: UUID) -> list[ChannelAccount]:
    """Every account, disabled ones too, held until the transaction ends."""
    return [_account(row) for row in await tx.fetch(SQL["lock_credentials"], merchant_id)]


async def list_credentials(reader: Reader, merchant_id: UUID) -> list[tuple[ChannelAccount, datetime]]:
    """The accounts that take new payments, each with when its credentials were given."""
    rows = await reader.fetch(SQL["list_credentials"], merchant_id)
    return [(_account(row), row["given_at"]) for row in rows]


async def reseal_credentials(
    tx: Transaction, merchant_id: UUID, account_id: UUID, sealed: Mapping[str, object]
) -> None:
    """Keep the same credentials in another envelope."""
    await tx.execute(SQL["reseal_credentials"], merchant_id, account_id, sealed)


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning: about which key's which end (RFC 3339, empty for never), and at which step."""

    kind: str
    subject: str
    name: str
    ends: str
    step: str


async def add_warning(tx: Transaction, merchant_id: UUID, warned: Warned, now: datetime) -> bool:
    """Note a warning; False when it was given before."""
    told = (warned.kind, warned.subject, warned.name, warned.ends, warned.step)
    return await tx.execute(SQL["add_key_warning"], merchant_id, *told, now) == 1


def _account(row: Record) -> ChannelAccount:
    return ChannelAccount(row["account_id"], row["channel"], row["label"], row["is_sandbox"], row["sealed"])

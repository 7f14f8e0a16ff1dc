"""Rows of the merchants room to values and back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import asyncpg

from shunfu.db import Reader, Transaction, named_queries
from shunfu.merchants.model import ApiKey, ChannelAccount, ListedKey, Merchant

SQL = named_queries("shunfu.merchants")


def _merchant(row: asyncpg.Record) -> Merchant:
    return Merchant(row["merchant_id"], row["organisation_id"], row["name"], row["mode"], tuple(row["return_origins"]))


def _account(row: asyncpg.Record) -> ChannelAccount:
    return ChannelAccount(row["account_id"], row["channel"], row["label"], row["is_sandbox"], row["sealed"])


async def add_merchant(tx: Transaction, merchant: Merchant, now: datetime) -> None:
    """Save one side of an organisation."""
    await tx.execute(
        SQL["add_merchant"],
        merchant.merchant_id,
        merchant.organisation_id,
        merchant.name,
        merchant.mode,
        list(merchant.return_origins),
        now,
    )


async def get_merchant(reader: Reader, merchant_id: UUID) -> Merchant | None:
    """One merchant, or None."""
    row = await reader.fetch_row(SQL["get_merchant"], merchant_id)
    return _merchant(row) if row else None


async def list_merchants(reader: Reader, after: UUID) -> list[Merchant]:
    """Up to 1,000 merchants with an id above `after`, oldest first."""
    return [_merchant(row) for row in await reader.fetch(SQL["list_merchants"], after)]


async def add_api_key(tx: Transaction, merchant_id: UUID, key: ApiKey, label: str, now: datetime) -> None:
    """Save a key; its secret only as a hash."""
    capabilities = sorted(key.capabilities)
    await tx.execute(
        SQL["add_api_key"], merchant_id, key.key_id, label, key.secret_sha256, capabilities, now, key.expires_at
    )


async def get_api_key(reader: Reader, merchant_id: UUID, key_id: UUID) -> ApiKey | None:
    """One key, revoked and expired ones too, or None."""
    row = await reader.fetch_row(SQL["get_api_key"], merchant_id, key_id)
    if row is None:
        return None
    capabilities = frozenset[str](row["capabilities"])
    return ApiKey(row["key_id"], row["secret_sha256"], capabilities, row["expires_at"], row["revoked_at"], row["mode"])


async def revoke_api_key(tx: Transaction, merchant_id: UUID, key_id: UUID, now: datetime) -> bool:
    """Whether a key that was in force is revoked by this."""
    return await tx.execute(SQL["revoke_api_key"], merchant_id, key_id, now) == 1


async def list_api_keys(reader: Reader, merchant_id: UUID) -> list[ListedKey]:
    """Every key, revoked and expired ones too, newest first."""
    rows = await reader.fetch(SQL["list_api_keys"], merchant_id)
    return [
        ListedKey(
            key_id=row["key_id"],
            label=row["label"],
            capabilities=frozenset[str](row["capabilities"]),
            created_at=row["created_at"],
            expires_at=row["expires_at"],
            revoked_at=row["revoked_at"],
        )
        for row in rows
    ]


async def add_data_key(
    tx: Transaction, merchant_id: UUID, key_id: UUID, purpose: str, wrapped: dict[str, str | int], *, now: datetime
) -> None:
    """Save a wrapped data key."""
    await tx.execute(SQL["add_data_key"], merchant_id, key_id, purpose, wrapped, now)


async def get_data_key(reader: Reader, merchant_id: UUID, key_id: UUID) -> tuple[UUID, dict[str, object]] | None:
    """A data key's id and wrapping, or None."""
    row = await reader.fetch_row(SQL["get_data_key"], merchant_id, key_id)
    return (row["key_id"], row["wrapped"]) if row else None


async def newest_data_key(reader: Reader, merchant_id: UUID, purpose: str) -> tuple[UUID, dict[str, object]] | None:
    """The data key that seals now for a purpose, or None when there is none yet."""
    row = await reader.fetch_row(SQL["newest_data_key"], merchant_id, purpose)
    return (row["key_id"], row["wrapped"]) if row else None


async def add_channel_account(tx: Transaction, merchant: Merchant, account: ChannelAccount, now: datetime) -> None:
    """Save a channel account. The database refuses a sandbox on a live side and a real one on a test side."""
    await tx.execute(
        SQL["add_channel_account"],
        merchant.merchant_id,
        account.account_id,
        merchant.mode,
        account.channel,
        account.label,
        account.is_sandbox,
        account.sealed,
        now,
    )


async def replace_credentials(tx: Transaction, merchant_id: UUID, account: ChannelAccount, now: datetime) -> bool:
    """Replace an account's sealed credentials; False when there is none of that channel and kind."""
    told = (account.account_id, account.channel, account.is_sandbox, account.sealed)
    return await tx.execute(SQL["replace_credentials"], merchant_id, *told, now) == 1


async def has_data_keys(reader: Reader) -> bool:
    """Whether anything was ever sealed in this installation."""
    return await reader.fetch_row(SQL["any_data_key"]) is not None


async def set_return_origins(tx: Transaction, merchant_id: UUID, origins: tuple[str, ...]) -> None:
    """Replace the origins that a checkout may lead back to."""
    await tx.execute(SQL["set_return_origins"], merchant_id, list(origins))


async def get_channel_account(reader: Reader, merchant_id: UUID, account_id: UUID) -> ChannelAccount | None:
    """One account, disabled ones too, or None."""
    row = await reader.fetch_row(SQL["get_channel_account"], merchant_id, account_id)
    return _account(row) if row else None


async def list_channel_accounts(reader: Reader, merchant_id: UUID) -> list[ChannelAccount]:
    """The accounts that may take new payments, oldest first."""
    return [_account(row) for row in await reader.fetch(SQL["list_channel_accounts"], merchant_id)]


async def name_channel_accounts(reader: Reader, merchant_id: UUID) -> list[tuple[UUID, str]]:
    """Every account as (id, channel), disabled ones last, oldest first."""
    rows = await reader.fetch(SQL["name_channel_accounts"], merchant_id)
    return [(row["account_id"], row["channel"]) for row in rows]

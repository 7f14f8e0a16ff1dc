"""Rows of the notifications room to values and back."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

import asyncpg

from shunfu.db import Reader, Transaction, named_queries
from shunfu.gateway.port import Genuine, Message, Spurious
from shunfu.gateway.wire import evidence_to_json
from shunfu.notifications.model import KEPT_STRANGE_BYTES, Address, Judgement, KeptNotification

SQL = named_queries("shunfu.notifications")
SIGNER_CHARACTERS_MAX = 100


async def keep(
    tx: Transaction,
    where: tuple[Address, UUID],
    message: Message,
    outcome: tuple[Judgement, Genuine | Spurious],
    now: datetime,
) -> None:
    """Keep a message, whose headers are already those to keep.

    `where` is its address and its new id; `outcome` the judgement and what was read.
    """
    (address, notification_id), (judgement, reading) = where, outcome
    genuine = reading if isinstance(reading, Genuine) else None
    evidence = evidence_to_json(genuine.evidence) if genuine and genuine.evidence else None
    await tx.execute(
        SQL["keep"],
        address.merchant_id,
        notification_id,
        address.channel,
        address.account_id,
        judgement.verdict,
        judgement.reason,
        genuine.external_id if genuine else None,
        genuine.event_type if genuine else None,
        _number(genuine) if genuine else None,
        evidence,
        dict(message.headers),
        hashlib.sha256(message.body).digest(),
        now,
        message.body if genuine else message.body[:KEPT_STRANGE_BYTES],
        genuine.happened_at if genuine else now,
        genuine.signed_by[:SIGNER_CHARACTERS_MAX] if genuine and genuine.signed_by else None,
    )


def _number(genuine: Genuine) -> str | None:
    """Whose message it is: the refund's where it tells of one, else the payment's."""
    return genuine.refund.number if genuine.refund else genuine.number


def _kept(row: asyncpg.Record) -> KeptNotification:
    return KeptNotification(**dict(row))


async def list_for_number(reader: Reader, merchant_id: UUID, number: str) -> list[KeptNotification]:
    """What arrived about one of our numbers, oldest first; of very many the newest 200."""
    return [_kept(row) for row in reversed(await reader.fetch(SQL["list_for_number"], merchant_id, number))]


async def delete_old_bodies(tx: Transaction, merchant_id: UUID, before: datetime) -> int:
    """Delete up to 1,000 raw bodies recorded before an instant; how many went."""
    return await tx.execute(SQL["delete_old_bodies"], merchant_id, before)

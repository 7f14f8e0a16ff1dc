"""Exchanges to rows and back. Append-only: what was said to a channel and answered is never edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shunfu.db import Reader, Record, Transaction, named_queries
from shunfu.driver.exchange import Exchange

SQL = named_queries("shunfu.driver")

EXCHANGES_MAX = 500
"""How many of one number's exchanges are read: the newest."""


@dataclass(frozen=True, slots=True)
class About:
    """What a conversation was about: the number the channel knows it by, and the evidence that it brought, if any."""

    channel: str
    number: str
    evidence_id: UUID | None


@dataclass(frozen=True, slots=True)
class KeptExchange:
    """An exchange with the evidence that its conversation brought."""

    exchange: Exchange
    evidence_id: UUID | None


async def keep_exchanges(
    tx: Transaction, merchant_id: UUID, about: About, exchanges: Sequence[Exchange], now: datetime
) -> None:
    """Keep the exchanges of one conversation, in one statement, beside the evidence that they brought."""
    if not exchanges:
        return
    await tx.execute(
        SQL["keep_exchanges"],
        merchant_id,
        about.channel,
        about.number,
        about.evidence_id,
        now,
        [one.exchange_id for one in exchanges],
        [one.method for one in exchanges],
        [one.host for one in exchanges],
        [one.path for one in exchanges],
        [dict(one.request_headers) for one in exchanges],
        [one.request_sha256 for one in exchanges],
        [one.request_bytes for one in exchanges],
        [one.was_sent for one in exchanges],
        [one.no_reply for one in exchanges],
        [one.status for one in exchanges],
        [dict(one.reply_headers) if one.reply_headers is not None else None for one in exchanges],
        [one.reply_sha256 for one in exchanges],
        [one.reply_bytes for one in exchanges],
        [one.started_at for one in exchanges],
        [one.took_milliseconds for one in exchanges],
    )


async def list_exchanges(reader: Reader, merchant_id: UUID, number: str) -> list[KeptExchange]:
    """What was said about one of our numbers, oldest first; of very many the newest 500."""
    rows = await reader.fetch(SQL["list_exchanges"], merchant_id, number, EXCHANGES_MAX)
    return [_kept(row) for row in reversed(rows)]


def _kept(row: Record) -> KeptExchange:
    members = dict(row)
    evidence_id: UUID | None = members.pop("evidence_id")
    return KeptExchange(Exchange(**members), evidence_id)

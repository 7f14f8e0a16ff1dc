"""Recovery mode: after a restore the channels know more than we do, so a merchant's money waits until they were asked.

A restore puts every merchant into it. Whoever lets money leave asks `recovering_since` first, and whoever has asked the
channels about everything that is open calls `end_recovery`. Must not know: what is open, and what a channel is.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast
from uuid import UUID

from shunfu.db.pool import Reader, Transaction
from shunfu.db.queries import named_queries

SQL = named_queries("shunfu.db")


async def begin_recovery(tx: Transaction, merchant_id: UUID, now: datetime) -> None:
    """Let a merchant's money wait from now on; one that waits already waits anew."""
    await tx.execute(SQL["begin_recovery"], merchant_id, now)


async def recovering_since(reader: Reader, merchant_id: UUID) -> datetime | None:
    """Since when a merchant's money waits: what channels said before does not count. None: it does not wait."""
    return cast("datetime | None", await reader.fetch_value(SQL["get_recovery"], merchant_id))


async def end_recovery(tx: Transaction, merchant_id: UUID, now: datetime) -> bool:
    """Let a merchant's money leave again; False when it did not wait."""
    return bool(await tx.execute(SQL["end_recovery"], merchant_id, now))


async def list_recovering(reader: Reader, limit: int = 100) -> list[tuple[UUID, datetime]]:
    """At most `limit` merchants whose money waits, and since when."""
    return [(row["merchant_id"], row["since"]) for row in await reader.fetch(SQL["list_recovering"], limit)]

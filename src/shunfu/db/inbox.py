"""The inbox: a message from outside is taken in once, however often it is sent. Must not know: what messages say."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from shunfu.db.pool import Transaction
from shunfu.db.queries import named_queries

SQL = named_queries("shunfu.db")

Remembered = Literal["new", "same", "different"]


async def remember(
    tx: Transaction, *, merchant_id: UUID, source: str, external_id: str, digest: bytes, now: datetime
) -> Remembered:
    """Whether a message is new, was taken in before, or comes under a known id with another content (other digest).

    Two at the same time wait for each other: exactly one of them is told "new".
    """
    if await tx.execute(SQL["insert_inbox"], merchant_id, source, external_id, digest, now):
        return "new"
    known = await tx.fetch_value(SQL["get_inbox_digest"], merchant_id, source, external_id)
    return "same" if known == digest else "different"

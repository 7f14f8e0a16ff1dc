"""Rows of the audit log to values and back."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from shunfu.db import Reader, Transaction, named_queries
from shunfu.merchants.audit import BEGINNING, AuditEntry, AuditHead, AuditRow

SQL = named_queries("shunfu.merchants")


def _head(row: asyncpg.Record) -> AuditHead:
    return AuditHead(row["merchant_id"], row["sequence"], row["hash"])


def _row(row: asyncpg.Record) -> AuditRow:
    entry = AuditEntry(
        row["merchant_id"],
        row["actor"],
        row["action"],
        row["object"],
        row["before_sha256"],
        row["after_sha256"],
        row["detail"],
    )
    return AuditRow(row["sequence"], row["audit_id"], entry, row["happened_at"], row["previous"], row["hash"])


async def begin_head(tx: Transaction, merchant_id: UUID) -> None:
    """Begin a chain; nothing when it was begun before."""
    await tx.execute(SQL["begin_audit_head"], merchant_id, BEGINNING)


async def lock_head(tx: Transaction, merchant_id: UUID) -> AuditHead | None:
    """Where a chain ends, held until the transaction ends; None while it was not begun."""
    row = await tx.fetch_row(SQL["lock_audit_head"], merchant_id)
    return _head(row) if row else None


async def get_head(reader: Reader, merchant_id: UUID) -> AuditHead | None:
    """Where a chain ends, or None."""
    row = await reader.fetch_row(SQL["get_audit_head"], merchant_id)
    return _head(row) if row else None


async def append(tx: Transaction, head: AuditHead, row: AuditRow) -> bool:
    """Write the row that goes on from a head and move the head; False when it stands elsewhere by now."""
    entry = row.entry
    values = (row.audit_id, entry.actor, entry.action, entry.object, entry.before, entry.after, dict(entry.detail))
    place = (entry.merchant_id, head.sequence, head.hash, row.hash)
    return await tx.execute(SQL["append_audit_row"], *place, *values, row.happened_at) == 1


async def list_rows(reader: Reader, merchant_id: UUID, after: int, limit: int) -> list[AuditRow]:
    """A page of a chain above a number, oldest first."""
    return [_row(row) for row in await reader.fetch(SQL["list_audit_rows"], merchant_id, after, limit)]


async def list_newest_rows(reader: Reader, merchant_id: UUID, before: int, limit: int) -> list[AuditRow]:
    """The newest rows of a chain below a number, newest first."""
    return [_row(row) for row in await reader.fetch(SQL["list_newest_audit_rows"], merchant_id, before, limit)]


async def list_heads(reader: Reader, after: UUID) -> list[AuditHead]:
    """Up to 1,000 heads of merchants above `after`, by merchant."""
    return [_head(row) for row in await reader.fetch(SQL["list_audit_heads"], after)]


async def list_audited(reader: Reader, after: UUID) -> list[UUID]:
    """Up to 1,000 merchants above `after` who should have a chain or have one."""
    return [row["merchant_id"] for row in await reader.fetch(SQL["list_audited_merchants"], after)]

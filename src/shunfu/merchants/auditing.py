"""The audit log's stories: write an entry in the caller's transaction, read it, and prove a merchant's chain.

Whoever writes an entry waits for every other writer of that merchant until the transaction ends: for what staff and
keys do, never for the path of a payment.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from uuid import UUID

from shunfu.db import Reader, Transaction
from shunfu.kernel.clock import Source
from shunfu.kernel.ids import PLATFORM
from shunfu.merchants import audit_store
from shunfu.merchants.audit import AuditEntry, AuditHead, AuditRow, next_row
from shunfu.merchants.audit_check import ChainCheck, Damage

PAGE = 1000
NEWEST = (1 << 63) - 1
"""Above every row's number."""


@dataclass(frozen=True, slots=True)
class AuditProof:
    """What reading one merchant's whole chain found; `head` is None where it is missing."""

    merchant_id: UUID
    rows: int
    head: AuditHead | None
    damages: tuple[Damage, ...]

    @property
    def is_whole(self) -> bool:
        """Nothing was edited, removed, inserted, reordered or cut off, as far as head and anchors can tell."""
        return not self.damages


async def write_audit(tx: Transaction, source: Source, entry: AuditEntry) -> None:
    """Chain an entry to its merchant's log (the nil uuid: the platform's) with the caller's transaction."""
    head = await audit_store.lock_head(tx, entry.merchant_id)
    if head is None:
        await audit_store.begin_head(tx, entry.merchant_id)
        head = await audit_store.lock_head(tx, entry.merchant_id)
    assert head is not None, "the head was begun a moment ago"
    is_written = await audit_store.append(tx, head, next_row(head, source.new_id(), entry, source.now()))
    assert is_written, "nobody moves a head that we hold"


async def read_audit(reader: Reader, merchant_id: UUID, limit: int, before: int = NEWEST) -> list[AuditRow]:
    """The newest rows of a merchant's log below a number, newest first."""
    return await audit_store.list_newest_rows(reader, merchant_id, before, limit)


async def verify_audit(reader: Reader, merchant_id: UUID, anchors: Iterable[AuditHead] = ()) -> AuditProof:
    """Read a merchant's chain from its first row and say what is wrong with it.

    `anchors` are this merchant's heads as they were once written outside: without them, somebody who may write every
    row can write the chain anew.
    """
    head, known = await audit_store.get_head(reader, merchant_id), tuple(anchors)
    check = ChainCheck(head, known)
    after = 0
    while not check.is_full and (page := await audit_store.list_rows(reader, merchant_id, after, PAGE)):
        for row in page:
            check.take(row)
        after = page[-1].sequence
    is_unused = merchant_id == PLATFORM and head is None and not check.rows and not known
    return AuditProof(merchant_id, check.rows, head, () if is_unused else check.finish())


async def audit_heads(reader: Reader) -> AsyncIterator[AuditHead]:
    """Where every chain ends, by merchant, the platform's first."""
    platform = await audit_store.get_head(reader, PLATFORM)
    if platform is not None:
        yield platform
    after = PLATFORM
    while page := await audit_store.list_heads(reader, after):
        for head in page:
            yield head
        after = page[-1].merchant_id


async def audited_merchants(reader: Reader) -> AsyncIterator[UUID]:
    """Whoever has a chain or should have one, the platform first."""
    yield PLATFORM
    after = PLATFORM
    while page := await audit_store.list_audited(reader, after):
        for merchant_id in page:
            yield merchant_id
        after = page[-1]

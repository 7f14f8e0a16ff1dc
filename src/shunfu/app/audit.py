"""`shunfu audit`: show a merchant's log, prove every chain against itself and against the anchors, anchor them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from shunfu.app.anchors import AnchorBook, read_anchors, take_anchor
from shunfu.app.commands import Report, in_house
from shunfu.app.settings import Settings
from shunfu.app.wiring import House
from shunfu.db import Reader
from shunfu.gateway.wire import Json
from shunfu.kernel.clock import rfc3339
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.ids import PLATFORM, parse_public, public
from shunfu.merchants import AuditProof, AuditRow, audited_merchants, read_audit, verify_audit

PLATFORM_WORD = "platform"


@dataclass(frozen=True, slots=True)
class Outside:
    """The anchors that chains are compared with, and the file they came from; no file, no anchors."""

    file: Path | None
    book: AnchorBook


def show_audit(settings: Settings, merchant: str, limit: int) -> Report:
    """The newest rows of a merchant's log, newest first."""
    merchant_id = PLATFORM if merchant == PLATFORM_WORD else parse_public("mer", merchant)
    if merchant_id is None:
        raise SetupFault(f"{merchant!r} is no merchant's id (mer_…); the installation's own log is `platform`.")

    async def work(house: House) -> list[AuditRow]:
        async with house.database.reading() as reader:
            return await read_audit(reader, merchant_id, limit)

    return {"merchant": _name(merchant_id), "rows": [_row(row) for row in in_house(settings, work)]}


def verify_audit_log(settings: Settings, anchors: Path | None) -> Report:
    """Prove every chain; against the anchors of `anchors`, else of the configured file if it is there."""
    outside = outside_of(settings, anchors)

    async def work(house: House) -> Report:
        async with house.database.reading() as reader:
            return await prove_chains(reader, outside)

    return in_house(settings, work)


def anchor_audit(settings: Settings, file: Path) -> Report:
    """Append where every chain ends to a file."""

    async def work(house: House) -> Report:
        taken = await take_anchor(house.database, house.source.now(), file)
        return {"file": str(taken.file), "merchants": taken.merchants, "root": taken.root}

    return in_house(settings, work)


def outside_of(settings: Settings, anchors: Path | None) -> Outside:
    """The anchors to compare with. Raises SetupFault when a named file cannot be read."""
    if anchors is None and not settings.audit_anchor_file.exists():
        return Outside(None, AnchorBook())
    file = anchors or settings.audit_anchor_file
    return Outside(file, read_anchors(file))


async def prove_chains(reader: Reader, outside: Outside) -> Report:
    """Every merchant's proof, also of those whom only an anchor still knows."""
    heads = outside.book.heads
    proofs = [
        _proof(await verify_audit(reader, merchant_id, heads.get(merchant_id, ())))
        async for merchant_id in _everyone(reader, heads)
    ]
    is_ok = all(proof["ok"] for proof in proofs) and not outside.book.faults
    return {"ok": is_ok, "anchors": _anchors(outside), "merchants": list[Json](proofs)}


async def _everyone(reader: Reader, anchored: Mapping[UUID, object]) -> AsyncIterator[UUID]:
    seen: set[UUID] = set()
    async for merchant_id in audited_merchants(reader):
        seen.add(merchant_id)
        yield merchant_id
    for merchant_id in sorted(set(anchored) - seen):
        yield merchant_id


def _anchors(outside: Outside) -> Json:
    book = outside.book
    if outside.file is None:
        return "none: a chain that was written anew as a whole would not be seen"
    anchors = sum(len(heads) for heads in book.heads.values())
    told: dict[str, Json] = {"file": str(outside.file), "anchors": anchors, "roots": book.roots}
    return {**told, "unread_lines": book.unread, "faults": list[Json](book.faults)}


def _proof(proof: AuditProof) -> dict[str, Json]:
    return {
        "merchant": _name(proof.merchant_id),
        "ok": proof.is_whole,
        "rows": proof.rows,
        "head": proof.head.hash.hex() if proof.head else None,
        "damage": [{"row": one.sequence, "kind": one.kind, "what": one.said} for one in proof.damages],
    }


def _row(row: AuditRow) -> Json:
    entry = row.entry
    return {
        "row": row.sequence,
        "at": rfc3339(row.happened_at),
        "actor": _plain(entry.actor),
        "action": _plain(entry.action),
        "object": _plain(entry.object),
        "detail": json.dumps(entry.detail, sort_keys=True),
        "before": entry.before.hex() if entry.before else None,
        "after": entry.after.hex() if entry.after else None,
        "hash": row.hash.hex(),
    }


def _plain(text: str) -> str:
    """What stands in the database may be somebody's: nothing of it moves the reader's cursor."""
    return text if text.isascii() and text.isprintable() else json.dumps(text)


def _name(merchant_id: UUID) -> str:
    return PLATFORM_WORD if merchant_id == PLATFORM else public("mer", merchant_id)

"""Anchors: where every audit chain ended, appended to a file outside the database, once a day and on demand.

A chain alone does not stop somebody who may write all of it: he can write it anew. He cannot write anew what lies
elsewhere, so the file belongs where the database's owner cannot reach it.

The file holds JSON lines: for each merchant {"at", "hash", "merchant", "sequence"}, then {"at", "merchants", "root"},
where `root` is the Merkle root over the `merchants` lines before it (RFC 9162): one value that can be published alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import structlog

from shunfu.db import NEVER_GIVE_UP, Again, ClaimedJob, Database, Handler, Job, Jobs
from shunfu.kernel.clock import Source, rfc3339
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.ids import PLATFORM, parse_public, public
from shunfu.merchants import AuditHead, audit_heads, merkle_root, plain_json

LOG = structlog.stdlib.get_logger("anchors")
ANCHOR_JOB = "app.anchor_audit"
EVERY = timedelta(days=1)
MODE = 0o600
HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Anchored:
    """One anchor: the file, how many chains it holds, and the root over them in hexadecimal."""

    file: Path
    merchants: int
    root: str


@dataclass(slots=True)
class AnchorBook:
    """What an anchor file says: every merchant's heads, how many roots hold, and what is wrong with the file itself.

    `unread` counts lines that are no anchor, as a crash leaves one; inside a finished anchor it breaks the root.
    """

    heads: dict[UUID, set[AuditHead]] = field(default_factory=dict[UUID, "set[AuditHead]"])
    roots: int = 0
    unread: int = 0
    faults: list[str] = field(default_factory=list[str])


async def take_anchor(database: Database, at: datetime, file: Path) -> Anchored:
    """Append where every chain ends now. Raises SetupFault when the file cannot be written."""
    async with database.reading() as reader:
        heads = [head async for head in audit_heads(reader)]
    return await asyncio.to_thread(append_anchor, file, heads, at)


async def begin_anchoring(database: Database, source: Source, jobs: Jobs) -> None:
    """Have the audit log anchored now, and once a day from then on."""
    job = Job(PLATFORM, ANCHOR_JOB, "daily", {}, source.now(), NEVER_GIVE_UP)
    await database.transact(lambda tx: jobs.enqueue(tx, job))


def make_anchor_handler(database: Database, source: Source, file: Path) -> Handler:
    """The daily job's handler."""

    async def anchor(_: ClaimedJob) -> Again:
        taken = await take_anchor(database, source.now(), file)
        LOG.info("audit_anchored", file=str(taken.file), merchants=taken.merchants, root=taken.root)
        return Again(source.now() + EVERY)

    return anchor


def append_anchor(file: Path, heads: Sequence[AuditHead], at: datetime) -> Anchored:
    """Append one anchor in one write and bring it to the disk. Raises SetupFault when the file cannot be written."""
    root = merkle_root(heads).hex()
    lines = [_line(head, at) for head in heads]
    end = plain_json({"at": rfc3339(at), "merchants": len(heads), "root": root})
    text = b"".join(line + b"\n" for line in [*lines, end])
    try:
        _append(file, text)
    except OSError as error:
        raise SetupFault(f"The anchor file {file} cannot be written ({error.strerror}).") from error
    return Anchored(file, len(heads), root)


def _line(head: AuditHead, at: datetime) -> bytes:
    merchant = public("mer", head.merchant_id)
    return plain_json({"at": rfc3339(at), "merchant": merchant, "sequence": head.sequence, "hash": head.hash.hex()})


def _append(file: Path, text: bytes) -> None:
    is_new = not file.exists()
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, MODE)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":  # a crash cut the last write off
            text = b"\n" + text
        while text:
            text = text[os.write(descriptor, text) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_anchors(file: Path) -> AnchorBook:
    """Read an anchor file and check its roots. Raises SetupFault when it cannot be read."""
    book, batch = AnchorBook(), list[AuditHead]()
    try:
        for number, line in enumerate(_lines(file), 1):
            match _parsed(line):
                case AuditHead() as head:
                    batch.append(head)
                    book.heads.setdefault(head.merchant_id, set()).add(head)
                case (count, root):
                    _check_root(book, batch, (number, count, root))
                    batch.clear()
                case _:
                    book.unread += 1
    except OSError as error:
        raise SetupFault(f"The anchor file {file} cannot be read ({error.strerror}).") from error
    return book


def _lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        yield from stream


def _check_root(book: AnchorBook, batch: list[AuditHead], told: tuple[int, int, str]) -> None:
    """A root is over the lines right before it; what a crash left of an earlier anchor may stand before those."""
    number, count, root = told
    heads = batch[max(0, len(batch) - count) :]
    if len(heads) == count and merkle_root(heads).hex() == root:
        book.roots += 1
    else:
        book.faults.append(f"line {number}: the root is not that of the {count} lines before it")


def _parsed(line: bytes) -> AuditHead | tuple[int, str] | None:
    try:
        told: object = json.loads(line)
    except ValueError:
        return None
    match told:
        case {"merchant": str(merchant), "sequence": int(sequence), "hash": str(text)}:
            merchant_id = parse_public("mer", merchant)
            is_head = merchant_id is not None and 0 <= sequence < 1 << 63 and HASH.fullmatch(text) is not None
            return AuditHead(merchant_id, sequence, bytes.fromhex(text)) if merchant_id and is_head else None
        case {"merchants": int(count), "root": str(root)}:
            return count, root
        case _:
            return None

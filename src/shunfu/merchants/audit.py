"""The audit log's chain, pure: what a row is, the bytes that are hashed, and the root over all chains.

A row's hash is SHA-256 of the row before it (32 bytes; zeros before the first) followed by the row's canonical bytes:
one JSON object, keys sorted, no spaces, everything outside ASCII escaped, times in UTC with microseconds, hashes in
lower-case hexadecimal. tests/merchants/test_audit_chain.py holds a fixed vector; docs/adr/0014 says why.
Must not know: where rows are kept, clock and random bits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias, cast
from uuid import UUID

from shunfu.gateway.wire import Json

FORMAT = 1
HASH_BYTES = 32
BEGINNING = bytes(HASH_BYTES)
"""What stands before the first row."""

COMMAND_LINE = "cli"
"""The actor of whatever is done by a command on the server itself."""

WORD_MAX = 200
Detail: TypeAlias = Mapping[str, str | int | bool | None]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who (`actor`) did what (`action`) to what (`object`), with SHA-256 hashes of the object before and after.

    Actor and object are public ids (`key_…`, `rfd_…`) or a word such as `cli`; the action is `noun.past_tense`. What
    is chained can never be erased, so `detail` holds plain values and no secret or personal datum. Of such a datum
    only a hash with a random salt may stand here, and the salt is kept where it can be erased.
    """

    merchant_id: UUID
    actor: str
    action: str
    object: str
    before: bytes | None = None
    after: bytes | None = None
    detail: Detail = field(default_factory=dict[str, str | int | bool | None])


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One stored row: its place in the merchant's chain, what it says, and the two hashes that hold it there."""

    sequence: int
    audit_id: UUID
    entry: AuditEntry
    happened_at: datetime
    previous: bytes
    hash: bytes

    def hash_at(self, sequence: int) -> bytes:
        """The hash that this row's contents have at a place in the chain; empty when it cannot have one."""
        if len(self.previous) != HASH_BYTES:
            return b""
        return chain_hash(self.previous, canonical(sequence, self.audit_id, self.entry, self.happened_at))


@dataclass(frozen=True, slots=True)
class AuditHead:
    """Where a merchant's chain ends: the last row's number and hash; 0 and zeros while there is none."""

    merchant_id: UUID
    sequence: int
    hash: bytes


def canonical(sequence: int, audit_id: UUID, entry: AuditEntry, happened_at: datetime) -> bytes:
    """The bytes of a row that are hashed, format 1."""
    assert happened_at.tzinfo is not None, "a time without a zone is no time"
    return plain_json(
        {
            "v": FORMAT,
            "merchant_id": str(entry.merchant_id),
            "sequence": sequence,
            "audit_id": str(audit_id),
            "actor": entry.actor,
            "action": entry.action,
            "object": entry.object,
            "before_sha256": entry.before.hex() if entry.before else None,
            "after_sha256": entry.after.hex() if entry.after else None,
            "detail": cast("dict[str, Json]", entry.detail),
            "happened_at": happened_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
    )


def plain_json(value: Mapping[str, Json]) -> bytes:
    """JSON with one form only: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def chain_hash(previous: bytes, row: bytes) -> bytes:
    """SHA-256 of the hash before and a row's canonical bytes."""
    assert len(previous) == HASH_BYTES, "the hash before has a fixed length, so no two rows share their bytes"
    return hashlib.sha256(previous + row).digest()


def fingerprint(value: Mapping[str, Json]) -> bytes:
    """SHA-256 of an object's state, for `before` and `after`."""
    return hashlib.sha256(plain_json(value)).digest()


def check_entry(entry: AuditEntry) -> None:
    """Assert that an entry may be chained: words and ids, hashes of the right length, plain values."""
    for text in (entry.actor, entry.action, entry.object):
        is_word = text.isascii() and text.isprintable() and " " not in text and 0 < len(text) <= WORD_MAX
        assert is_word, f"the audit log holds ids and words, not {text!r}"
    for digest in (entry.before, entry.after):
        assert digest is None or len(digest) == HASH_BYTES, "a state is known by its SHA-256"
    for value in entry.detail.values():
        assert value is None or isinstance(value, str | int), "only what every JSON writer writes alike"


def next_row(head: AuditHead, audit_id: UUID, entry: AuditEntry, happened_at: datetime) -> AuditRow:
    """The row that goes on from a head."""
    assert head.merchant_id == entry.merchant_id, "a chain is one merchant's"
    check_entry(entry)
    sequence = head.sequence + 1
    row_hash = chain_hash(head.hash, canonical(sequence, audit_id, entry, happened_at))
    return AuditRow(sequence, audit_id, entry, happened_at, head.hash, row_hash)


def merkle_root(heads: Sequence[AuditHead]) -> bytes:
    """One hash over the heads, in the given order (by merchant id).

    The tree of RFC 9162 section 2.1.1; a leaf is merchant id (16 bytes), sequence (8 bytes, big-endian) and hash.
    """
    level = [_leaf(head) for head in heads]
    if not level:
        return hashlib.sha256(b"").digest()
    while len(level) > 1:  # pairs from the left, an odd last one goes up as it is: the same tree, without recursion
        pairs = [
            hashlib.sha256(b"\x01" + one + two).digest() for one, two in zip(level[::2], level[1::2], strict=False)
        ]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


def _leaf(head: AuditHead) -> bytes:
    return hashlib.sha256(b"\0" + head.merchant_id.bytes + head.sequence.to_bytes(8, "big") + head.hash).digest()

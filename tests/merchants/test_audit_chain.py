"""The audit chain without a database: the bytes that are hashed, the root over all chains, and any damage is found."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shunfu.merchants.audit import (
    BEGINNING,
    AuditEntry,
    AuditHead,
    AuditRow,
    canonical,
    chain_hash,
    fingerprint,
    merkle_root,
    next_row,
)
from shunfu.merchants.audit_check import DAMAGES_MAX, ChainCheck, Damage

MERCHANT = UUID("0195b0a0-0000-7000-8000-000000000001")
AT = datetime(2026, 11, 28, 1, 2, 3, 45, UTC)
ENTRY = AuditEntry(
    MERCHANT,
    "key_01HZY3V9Q8M5T2K7R4W6X0J1BC",
    "refund.approved",
    "rfd_01HZY3V9Q8M5T2K7R4W6X0J1BD",
    None,
    hashlib.sha256(b"after").digest(),
    {"reason": "质量问题", "amount_minor": 8600, "is_surplus": False, "note": None},
)
AUDIT_ID = UUID("0195b0a0-0000-7000-8000-0000000000aa")
CANONICAL = (
    b'{"action":"refund.approved","actor":"key_01HZY3V9Q8M5T2K7R4W6X0J1BC",'
    b'"after_sha256":"f39592393ef0859cb196a52693d2cea00fb2df784b3c04ae54aa7cadb8e562f8",'
    b'"audit_id":"0195b0a0-0000-7000-8000-0000000000aa","before_sha256":null,'
    b'"detail":{"amount_minor":8600,"is_surplus":false,"note":null,"reason":"\\u8d28\\u91cf\\u95ee\\u9898"},'
    b'"happened_at":"2026-11-28T01:02:03.000045Z","merchant_id":"0195b0a0-0000-7000-8000-000000000001",'
    b'"object":"rfd_01HZY3V9Q8M5T2K7R4W6X0J1BD","sequence":7,"v":1}'
)
PREVIOUS = hashlib.sha256(b"row 6").digest()
HASH = "822dad6efa2bb985e8240feb1bd8950b654d6689f7cbb04642b905e2b7e9eead"
"""By `sha256sum` over the two, not by our code."""


def test_a_row_is_hashed_as_documented() -> None:
    assert canonical(7, AUDIT_ID, ENTRY, AT) == CANONICAL
    assert chain_hash(PREVIOUS, CANONICAL).hex() == HASH
    row = next_row(AuditHead(MERCHANT, 6, PREVIOUS), AUDIT_ID, ENTRY, AT)
    assert (row.sequence, row.previous, row.hash.hex()) == (7, PREVIOUS, HASH)


def test_the_bytes_do_not_depend_on_order_or_zone() -> None:
    shuffled = replace(ENTRY, detail=dict(reversed(ENTRY.detail.items())))
    there = AT.astimezone(timezone(timedelta(hours=8)))
    assert canonical(7, AUDIT_ID, shuffled, there) == CANONICAL
    assert json.loads(CANONICAL)["detail"] == ENTRY.detail


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "cli"},
        {"action": "refund.rejected"},
        {"object": "rfd_01HZY3V9Q8M5T2K7R4W6X0J1BE"},
        {"before": bytes(32)},
        {"after": None},
        {"detail": {}},
        {"detail": {**ENTRY.detail, "is_surplus": 0}},
        {"merchant_id": UUID(int=1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_field_changes_the_bytes(change: dict[str, object]) -> None:
    assert canonical(7, AUDIT_ID, replace(ENTRY, **change), AT) != CANONICAL


@pytest.mark.parametrize(
    "change",
    [
        {"actor": ""},
        {"actor": "a b"},
        {"actor": "张三"},
        {"object": "x" * 201},
        {"action": "refund\napproved"},
        {"before": b"short"},
        {"after": b""},
        {"detail": {"x": 0.5}},
        {"detail": {"x": ["a"]}},
    ],
    ids=repr,
)
def test_what_must_not_be_chained_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(AssertionError):
        next_row(AuditHead(MERCHANT, 0, BEGINNING), AUDIT_ID, replace(ENTRY, **change), AT)


def test_a_chain_is_one_merchants() -> None:
    with pytest.raises(AssertionError):
        next_row(AuditHead(UUID(int=1), 0, BEGINNING), AUDIT_ID, ENTRY, AT)


def test_a_fingerprint_is_of_the_state_and_not_of_its_order() -> None:
    assert fingerprint({"a": 1, "b": ["x"]}) == fingerprint({"b": ["x"], "a": 1})
    assert fingerprint({"a": 1}) == hashlib.sha256(b'{"a":1}').digest()


# --- the root --------------------------------------------------------------------------------------------------------


def heads(count: int) -> list[AuditHead]:
    return [
        AuditHead(UUID(int=number), number * 3, hashlib.sha256(bytes([number])).digest()) for number in range(count)
    ]


def slow_root(leaves: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1 as it is written: split at the largest power of two below the number of leaves."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + slow_root(leaves[:split]) + slow_root(leaves[split:])).digest()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 100])
def test_the_root_is_the_tree_of_the_rfc(count: int) -> None:
    leaves = [head.merchant_id.bytes + head.sequence.to_bytes(8, "big") + head.hash for head in heads(count)]
    assert merkle_root(heads(count)) == slow_root(leaves)


def test_the_root_of_nothing_and_every_head_counts() -> None:
    assert merkle_root([]) == hashlib.sha256(b"").digest()
    five = heads(5)
    for place, head in enumerate(five):
        for other in (replace(head, sequence=99), replace(head, hash=bytes(32)), replace(head, merchant_id=MERCHANT)):
            assert merkle_root([*five[:place], other, *five[place + 1 :]]) != merkle_root(five)


# --- damage ----------------------------------------------------------------------------------------------------------


def chain(count: int, word: str = "cli") -> tuple[list[AuditRow], AuditHead]:
    """Rows 1 to `count` and their head."""
    head, rows = AuditHead(MERCHANT, 0, BEGINNING), []
    for number in range(1, count + 1):
        entry = AuditEntry(MERCHANT, word, "thing.done", f"obj_{number}", None, None, {"number": number})
        rows.append(next_row(head, UUID(int=number), entry, AT + timedelta(seconds=number)))
        head = AuditHead(MERCHANT, number, rows[-1].hash)
    return rows, head


def found(rows: list[AuditRow], head: AuditHead | None, *anchors: AuditHead) -> tuple[Damage, ...]:
    check = ChainCheck(head, anchors)
    for row in sorted(rows, key=lambda row: row.sequence):
        if not check.is_full:
            check.take(row)
    return check.finish()


def kinds(rows: list[AuditRow], head: AuditHead | None, *anchors: AuditHead) -> list[tuple[str, int]]:
    return [(damage.kind, damage.sequence) for damage in found(rows, head, *anchors)]


ROWS, HEAD = chain(6)
ONE, TWO, THREE, FOUR, FIVE, SIX = ROWS


def at(row: AuditRow, sequence: int) -> AuditRow:
    """A row that was renumbered."""
    return replace(row, sequence=sequence)


def edited(row: AuditRow) -> AuditRow:
    return replace(row, entry=replace(row.entry, actor="somebody"))


def forged(after: AuditRow) -> AuditRow:
    """A row that goes on from another and is right in itself."""
    entry = AuditEntry(MERCHANT, "cli", "thing.forged", "obj_x")
    return next_row(AuditHead(MERCHANT, after.sequence, after.hash), UUID(int=99), entry, AT)


def test_a_whole_chain_has_no_damage() -> None:
    for count in (0, 1, 2, 6):
        rows, head = chain(count)
        assert found(rows, head, head, AuditHead(MERCHANT, 0, BEGINNING)) == ()


CASES = {
    "contents": ([ONE, TWO, edited(THREE), FOUR, FIVE, SIX], HEAD, [("edited", 3)]),
    "contents of the first": ([edited(ONE), TWO, THREE, FOUR, FIVE, SIX], HEAD, [("edited", 1)]),
    "contents of the last": ([*ROWS[:5], edited(SIX)], HEAD, [("edited", 6)]),
    "hash": ([ONE, TWO, replace(THREE, hash=bytes(32)), *ROWS[3:]], HEAD, [("edited", 3)]),
    "previous": ([ONE, TWO, replace(THREE, previous=bytes(32)), *ROWS[3:]], HEAD, [("edited", 3)]),
    "previous cut": ([ONE, TWO, replace(THREE, previous=b"x"), *ROWS[3:]], HEAD, [("edited", 3)]),
    "with its hash computed anew": ([ONE, TWO, forged(TWO), FOUR, FIVE, SIX], HEAD, [("edited", 3)]),
    "the last, with its hash computed anew": ([*ROWS[:5], forged(FIVE)], HEAD, [("edited", 6)]),
    "deleted": ([ONE, TWO, FOUR, FIVE, SIX], HEAD, [("removed", 3)]),
    "the first deleted": (ROWS[1:], HEAD, [("removed", 1)]),
    "two deleted": ([ONE, FOUR, FIVE, SIX], HEAD, [("removed", 2), ("removed", 3)]),
    "deleted and closed up": (
        [ONE, TWO, at(FOUR, 3), at(FIVE, 4), at(SIX, 5)],
        replace(HEAD, sequence=5),
        [("removed", 3)],
    ),
    "inserted and made room for": (
        [ONE, TWO, forged(TWO), at(THREE, 4), at(FOUR, 5), at(FIVE, 6), at(SIX, 7)],
        replace(HEAD, sequence=7),
        [("inserted", 3)],
    ),
    "copied": ([ONE, TWO, THREE, at(THREE, 4), at(FOUR, 5), at(FIVE, 6), at(SIX, 7)], HEAD, [("inserted", 3)]),
    "added beyond the head": ([*ROWS, forged(SIX)], HEAD, [("inserted", 7)]),
    "two exchanged": ([ONE, at(THREE, 2), at(TWO, 3), FOUR, FIVE, SIX], HEAD, [("reordered", 3)]),
    "renumbered": ([*ROWS[:4], at(FIVE, 6), at(SIX, 7)], HEAD, [("reordered", 6)]),
    "first and last exchanged": ([at(SIX, 1), TWO, THREE, FOUR, FIVE, at(ONE, 6)], HEAD, None),
    "cut off": (ROWS[:4], HEAD, [("truncated", 5)]),
    "all gone": ([], HEAD, [("truncated", 1)]),
    "head gone": (ROWS, None, [("head", 6)]),
    "head and rows gone": ([], None, [("head", 0)]),
    "head moved back": (ROWS, AuditHead(MERCHANT, 4, FOUR.hash), [("inserted", 5)]),
    "head moved on": (ROWS, AuditHead(MERCHANT, 8, HEAD.hash), [("truncated", 7)]),
    "head's number": (ROWS, replace(HEAD, sequence=3), [("head", 3)]),
    "head's hash": (ROWS, replace(HEAD, hash=bytes(32)), [("edited", 6)]),
}


@pytest.mark.parametrize("name", CASES)
def test_damage_is_named_with_its_row(name: str) -> None:
    rows, head, expected = CASES[name]
    seen = kinds(rows, head)
    assert seen == expected if expected is not None else {kind for kind, _ in seen} == {"reordered"}, seen


def test_only_an_anchor_tells_a_chain_that_was_written_anew() -> None:
    """Whoever may write every row can write another chain, and a shorter one; what is outside remembers."""
    other, other_head = chain(6, "somebody")
    assert kinds(other, other_head) == []
    assert kinds(other, other_head, AuditHead(MERCHANT, 4, FOUR.hash), HEAD) == [("rewritten", 4), ("rewritten", 6)]
    short, short_head = chain(4)
    assert kinds(short, short_head) == []
    assert kinds(short, short_head, AuditHead(MERCHANT, 4, FOUR.hash)) == []
    assert kinds(short, short_head, HEAD) == [("truncated", 5)]
    assert kinds([], AuditHead(MERCHANT, 0, BEGINNING), HEAD) == [("truncated", 1)]
    assert kinds([], None, HEAD) == [("head", 0), ("truncated", 1)]


def test_anchors_hold_while_the_chain_grows_and_beside_other_damage() -> None:
    anchors = [AuditHead(MERCHANT, row.sequence, row.hash) for row in ROWS[:4]]
    assert kinds(ROWS, HEAD, *anchors) == []
    rows, head, expected = CASES["inserted and made room for"]
    assert kinds(rows, head, *anchors) == expected, "the genuine row 3 is still there"
    assert kinds(ROWS, HEAD, *anchors, AuditHead(MERCHANT, 4, bytes(32))) == [("rewritten", 4)]


def test_so_much_damage_is_enough() -> None:
    rows, head = chain(300)
    assert len(found([edited(row) for row in rows], head)) == DAMAGES_MAX
    assert len(found([rows[0], rows[-1]], head)) == DAMAGES_MAX


DEED = st.tuples(st.sampled_from(["edit", "remove", "swap", "insert", "forge"]), st.integers(0, 5), st.integers(0, 5))


def do(deed: tuple[str, int, int], rows: list[AuditRow]) -> list[AuditRow]:
    """One deed of somebody who may write every row but does not compute the rest of the chain anew."""
    kind, one, two = deed
    rows = sorted(rows, key=lambda row: row.sequence)
    if not rows:
        return rows
    one, two = one % len(rows), two % len(rows)
    match kind:
        case "edit":
            rows[one] = edited(rows[one])
        case "remove":
            del rows[one]
        case "swap":
            first, second = rows[one], rows[two]
            rows[one], rows[two] = at(second, first.sequence), at(first, second.sequence)
        case "insert":
            above = [at(row, row.sequence + 1) for row in rows[one + 1 :]]
            rows = [*rows[: one + 1], forged(rows[one]), *above]
        case _:
            rows[one] = forged(rows[one - 1]) if one else edited(rows[one])
    return rows


@settings(max_examples=500, deadline=None)
@given(st.lists(DEED, min_size=1, max_size=4))
def test_whatever_is_done_is_found(deeds: list[tuple[str, int, int]]) -> None:
    rows = ROWS
    for deed in deeds:
        rows = do(deed, rows)
    assert bool(found(rows, HEAD)) == (sorted(rows, key=lambda row: row.sequence) != ROWS)

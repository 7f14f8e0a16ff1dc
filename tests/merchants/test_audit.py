"""The audit log on a real database: staff's deeds are chained, nobody overtakes, and what its owner does is found."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from db.support import MERCHANT, OTHER, manual, rows, sql
from merchants.support import CANARY, SANDBOX, found
from shunfu.db import Database, PoolSettings, Transaction, Urls
from shunfu.db.driver import session
from shunfu.kernel.ids import PLATFORM, parse_public, public
from shunfu.merchants import (
    AuditEntry,
    AuditHead,
    AuditProof,
    AuditRow,
    NewKey,
    audit_heads,
    audited_merchants,
    issue_api_key,
    merkle_root,
    read_audit,
    revoke_api_key,
    set_return_origins,
    verify_audit,
    write_audit,
)
from shunfu.merchants.auditing import PAGE
from shunfu.merchants.model import ALL_CAPABILITIES, read_api_key

CLOCK, SOURCE = manual()


def entry(number: int = 0, merchant_id: UUID = MERCHANT) -> AuditEntry:
    detail = {"number": number, "wörter": "质量 \\u8d28\n\t'\"", "is_odd": number % 2 == 1, "nothing": None}
    return AuditEntry(merchant_id, "cli", "thing.done", f"obj_{number}", bytes(32), None, detail)


async def write(database: Database, *entries: AuditEntry) -> None:
    async def story(tx: Transaction) -> None:
        for one in entries:
            await write_audit(tx, SOURCE, one)

    await database.transact(story)


async def proof(database: Database, merchant_id: UUID = MERCHANT, *anchors: AuditHead) -> AuditProof:
    async with database.reading() as reader:
        return await verify_audit(reader, merchant_id, anchors)


async def log_of(database: Database, merchant_id: UUID) -> list[AuditRow]:
    """Oldest first."""
    async with database.reading() as reader:
        return (await read_audit(reader, merchant_id, 1000))[::-1]


async def owner(urls: Urls, *statements: str) -> None:
    """What somebody does who has the database owner's password."""
    async with session(urls.migration_url) as connection:
        for statement in statements:
            await connection.execute(f"SET search_path = shunfu; {statement}")


async def test_rows_are_kept_as_they_were_hashed(database: Database) -> None:
    CLOCK.advance(0.000_045)
    await write(database, entry(1), entry(2))
    one, two = await log_of(database, MERCHANT)
    assert one.entry == entry(1)
    assert (one.sequence, one.previous, two.previous) == (1, bytes(32), one.hash)
    assert one.happened_at == SOURCE.now()
    assert one.hash_at(1) == one.hash != one.hash_at(2)
    assert await proof(database) == AuditProof(MERCHANT, 2, AuditHead(MERCHANT, 2, two.hash), ())


async def test_an_entry_goes_with_its_story(database: Database) -> None:
    async def story(tx: Transaction) -> None:
        await write_audit(tx, SOURCE, entry())
        raise LookupError

    with pytest.raises(LookupError):
        await database.transact(story)
    assert await log_of(database, MERCHANT) == []
    await write(database, entry())
    assert (await proof(database)).is_whole


async def test_fifty_at_once_keep_one_chain(database_urls: Urls, app_role: str | None) -> None:
    """The first of all finds no head yet; every other waits for the one before."""
    database = await Database.connect(PoolSettings(database_urls.app_url, role=app_role, max_size=25))
    try:
        await asyncio.gather(*(write(database, entry(number)) for number in range(50)))
        proven = await proof(database)
        log = await log_of(database, MERCHANT)
    finally:
        await database.close()
    assert (proven.rows, proven.is_whole) == (50, True)
    assert [row.sequence for row in log] == list(range(1, 51))
    assert Counter(row.entry.object for row in log) == Counter(f"obj_{number}" for number in range(50))


async def test_each_merchant_has_a_chain_of_its_own_and_the_platform_too(database: Database) -> None:
    await write(database, entry(1), entry(2, OTHER), entry(3), entry(4, PLATFORM))
    assert [(await proof(database, merchant)).rows for merchant in (MERCHANT, OTHER, PLATFORM)] == [2, 1, 1]
    async with database.reading() as reader:
        heads = [head async for head in audit_heads(reader)]
        assert [head.merchant_id for head in heads] == [PLATFORM, MERCHANT, OTHER]
        assert [merchant async for merchant in audited_merchants(reader)] == [PLATFORM, MERCHANT, OTHER]
        assert heads[1] == (await verify_audit(reader, MERCHANT)).head
    assert len(merkle_root(heads)) == 32


async def test_who_has_no_chain(database: Database) -> None:
    """The platform may have done nothing yet; a merchant begins with an entry."""
    assert (await proof(database, PLATFORM)).is_whole
    assert not (await proof(database, PLATFORM, AuditHead(PLATFORM, 1, bytes(32)))).is_whole
    assert [damage.kind for damage in (await proof(database)).damages] == ["head"]


async def test_a_chain_of_several_pages(database: Database) -> None:
    await write(database, *(entry(number) for number in range(PAGE + 5)))
    proven = await proof(database)
    assert (proven.rows, proven.is_whole) == (PAGE + 5, True)
    async with database.reading() as reader:
        newest = await read_audit(reader, MERCHANT, 3)
        older = await read_audit(reader, MERCHANT, 2, newest[-1].sequence)
    assert [row.sequence for row in [*newest, *older]] == [PAGE + 5, PAGE + 4, PAGE + 3, PAGE + 2, PAGE + 1]


CHANGES = (
    "UPDATE audit_log SET actor = 'x'",
    "DELETE FROM audit_log",
    "TRUNCATE audit_log",
    "DELETE FROM audit_heads",
    "TRUNCATE audit_heads",
)


async def test_the_running_server_can_only_add(database: Database) -> None:
    await write(database, entry(1))
    for statement in CHANGES:
        with pytest.raises(asyncpg.PostgresError) as caught:
            await database.transact(lambda tx, statement=statement: tx.execute(sql(statement)))
        assert caught.value.sqlstate == "42501"
    assert (await proof(database)).is_whole


MOVE = "UPDATE audit_log SET sequence = {} WHERE sequence = {}"
MAKE_ROOM = "; ".join(MOVE.format(number + 1, number) for number in (5, 4, 3))
CLOSE_UP = "; ".join(MOVE.format(number - 1, number) for number in (4, 5))
EXCHANGE = "; ".join(MOVE.format(to, number) for to, number in ((99, 3), (3, 4), (4, 99)))
FORGE = """INSERT INTO audit_log
SELECT merchant_id, 3, gen_random_uuid(), 'cli', 'thing.forged', 'obj_x', NULL, NULL, '{}', happened_at, hash,
       sha256(hash)
FROM audit_log WHERE sequence = 2"""
COPY = """INSERT INTO audit_log
SELECT merchant_id, 3, gen_random_uuid(), actor, action, object, before_sha256, after_sha256, detail, happened_at,
       previous, hash
FROM audit_log WHERE sequence = 2"""
DAMAGE: dict[str, tuple[str, tuple[str, int]]] = {
    "actor": ("UPDATE audit_log SET actor = 'x' WHERE sequence = 3", ("edited", 3)),
    "actor with spaces": ("UPDATE audit_log SET actor = E'x y\\n' WHERE sequence = 3", ("edited", 3)),
    "action": ("UPDATE audit_log SET action = 'thing.undone' WHERE sequence = 3", ("edited", 3)),
    "object": ("UPDATE audit_log SET object = 'obj_9' WHERE sequence = 3", ("edited", 3)),
    "id": ("UPDATE audit_log SET audit_id = gen_random_uuid() WHERE sequence = 3", ("edited", 3)),
    "before": ("UPDATE audit_log SET before_sha256 = NULL WHERE sequence = 3", ("edited", 3)),
    "after": ("UPDATE audit_log SET after_sha256 = before_sha256 WHERE sequence = 3", ("edited", 3)),
    "detail": ("UPDATE audit_log SET detail = detail || '{\"number\": 4}' WHERE sequence = 3", ("edited", 3)),
    "detail of another kind": ("UPDATE audit_log SET detail = '[1.5]' WHERE sequence = 3", ("edited", 3)),
    "time": (
        "UPDATE audit_log SET happened_at = happened_at + interval '1 microsecond' WHERE sequence = 3",
        ("edited", 3),
    ),
    "hash": ("UPDATE audit_log SET hash = sha256(hash) WHERE sequence = 3", ("edited", 3)),
    "previous": ("UPDATE audit_log SET previous = sha256(previous) WHERE sequence = 3", ("edited", 3)),
    "deleted": ("DELETE FROM audit_log WHERE sequence = 3", ("removed", 3)),
    "deleted and closed up": (f"DELETE FROM audit_log WHERE sequence = 3; {CLOSE_UP}", ("removed", 3)),
    "inserted": (f"{MAKE_ROOM}; {FORGE}", ("inserted", 3)),
    "copied": (f"{MAKE_ROOM}; {COPY}", ("inserted", 3)),
    "exchanged": (EXCHANGE, ("reordered", 4)),
    "cut off": ("DELETE FROM audit_log WHERE sequence > 3", ("truncated", 4)),
    "head": ("DELETE FROM audit_heads", ("head", 5)),
    "moved to another merchant": (
        f"UPDATE audit_log SET merchant_id = '{OTHER}' WHERE sequence = 3",
        ("removed", 3),
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
async def test_what_the_owner_does_is_found(database: Database, database_urls: Urls, name: str) -> None:
    await write(database, *(entry(number) for number in range(5)))
    assert (await proof(database)).is_whole
    statements, first = DAMAGE[name]
    await owner(database_urls, statements)
    seen = [(damage.kind, damage.sequence) for damage in (await proof(database)).damages]
    assert seen[0] == first, seen


async def test_a_tail_cut_off_with_its_head_is_found_by_an_anchor(database: Database, database_urls: Urls) -> None:
    await write(database, *(entry(number) for number in range(5)))
    anchor = (await proof(database)).head
    assert anchor is not None
    await owner(
        database_urls,
        "DELETE FROM audit_log WHERE sequence > 3",
        "UPDATE audit_heads SET sequence = 3, hash = (SELECT hash FROM audit_log WHERE sequence = 3)",
    )
    assert (await proof(database)).is_whole, "a chain alone cannot know how long it was"
    (damage,) = (await proof(database, MERCHANT, anchor)).damages
    assert (damage.kind, damage.sequence) == ("truncated", 4)


async def test_a_chain_written_anew_is_found_by_an_anchor(database: Database, database_urls: Urls) -> None:
    await write(database, *(entry(number) for number in range(5)))
    anchor = (await proof(database)).head
    assert anchor is not None
    await owner(database_urls, "DELETE FROM audit_log", "DELETE FROM audit_heads")
    await write(database, *(replace(entry(number), actor="somebody") for number in range(7)))
    assert (await proof(database)).is_whole
    (damage,) = (await proof(database, MERCHANT, anchor)).damages
    assert (damage.kind, damage.sequence) == ("rewritten", 5)


# --- what is written today -------------------------------------------------------------------------------------------


def told(log: list[AuditRow]) -> list[tuple[str, str, Any]]:
    return [(row.entry.action, row.entry.object, dict(row.entry.detail)) for row in log]


async def test_founding_an_organisation_is_written_for_both_sides(database: Database) -> None:
    sides = (await found(database)).sides
    for side, key in ((sides.test, sides.test_key), (sides.live, sides.live_key)):
        log = await log_of(database, side.merchant_id)
        presented = read_api_key(key.reveal())
        assert presented is not None
        organisation = public("org", side.organisation_id)
        capabilities = " ".join(sorted(ALL_CAPABILITIES))
        assert told(log) == [
            ("merchant.created", public("mer", side.merchant_id), {"organisation": organisation, "mode": side.mode}),
            ("api_key.issued", public("key", presented.key_id), {"capabilities": capabilities, "days": 365}),
        ]
        assert {row.entry.actor for row in log} == {"cli"}
        assert (await proof(database, side.merchant_id)).is_whole


async def test_a_key_is_issued_with_its_capabilities_and_revoked_once(database: Database) -> None:
    town = await found(database)
    wish = NewKey("approvals", frozenset({"refunds:read", "refunds:approve"}), "stf_1")
    key = await database.transact(lambda tx: issue_api_key(tx, town.source, town.sides.test, wish))
    for _ in range(2):
        await database.transact(lambda tx: revoke_api_key(tx, town.source, key.reveal(), actor="stf_2"))
    issued, revoked = (await log_of(database, town.sides.test.merchant_id))[2:]
    assert issued.entry.detail == {"capabilities": "refunds:approve refunds:read", "days": 365}
    assert (issued.entry.action, revoked.entry.action) == ("api_key.issued", "api_key.revoked")
    assert (issued.entry.actor, revoked.entry.actor) == ("stf_1", "stf_2")
    assert issued.entry.object == revoked.entry.object == public("key", UUID(str(_key_id(key.reveal()))))
    everything = await rows(database, "SELECT l::text FROM audit_log l")
    assert key.reveal()[-43:] not in repr(everything)


def _key_id(text: str) -> UUID:
    presented = read_api_key(text)
    assert presented is not None
    return presented.key_id


async def test_accounts_are_written_by_the_hash_of_their_envelope(database: Database) -> None:
    town = await found(database)
    mine = town.sides.test.merchant_id
    account_id = await database.transact(lambda tx: town.accounts.add(tx, town.sides.test, "toy", SANDBOX))
    for _ in range(2):
        await database.transact(lambda tx: town.accounts.replace(tx, mine, account_id, ("toy", SANDBOX)))
    added, first, second = (await log_of(database, mine))[2:]
    assert parse_public("acc", added.entry.object) == account_id
    assert added.entry.detail == {"channel": "toy", "is_sandbox": True}
    assert (added.entry.action, first.entry.action) == ("account.added", "account.replaced")
    assert added.entry.before is None
    assert (first.entry.before, second.entry.before) == (added.entry.after, first.entry.after)
    assert first.entry.after != second.entry.after, "equal credentials, another nonce: the hash tells nobody that"
    everything = repr(await rows(database, "SELECT l::text FROM audit_log l"))
    assert CANARY not in everything
    assert CANARY.encode().hex() not in everything


async def test_return_origins_are_written_when_they_change(database: Database) -> None:
    town = await found(database)
    mine = town.sides.test.merchant_id
    for origins in (("https://a.example",), ("https://a.example",), ()):
        await database.transact(lambda tx, origins=origins: set_return_origins(tx, town.source, mine, origins))
    log = (await log_of(database, mine))[2:]
    assert [row.entry.detail for row in log] == [{"return_origins": "https://a.example"}, {"return_origins": ""}]
    assert log[0].entry.after == log[1].entry.before
    assert await rows(database, "SELECT return_origins FROM merchants WHERE merchant_id = $1", mine) == [([],)]

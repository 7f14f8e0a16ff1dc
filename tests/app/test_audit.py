"""`shunfu audit`: chains are proved against what was written outside, and the anchor file itself is proved."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.commandline import shunfu_cli
from app.test_cli import assert_one_line, sandbox_credentials
from db.support import MERCHANT, OTHER, START, manual
from flows.world import World, make_world
from shunfu.app.anchors import (
    ANCHOR_JOB,
    append_anchor,
    begin_anchoring,
    make_anchor_handler,
    read_anchors,
    take_anchor,
)
from shunfu.app.audit import Outside, outside_of, prove_chains
from shunfu.app.books import HEAD, Asked, Line, as_json, print_days, span_of
from shunfu.app.settings import load
from shunfu.app.wiring import build
from shunfu.db import Again, Database, Transaction, Urls
from shunfu.db.driver import session
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.ids import PLATFORM, public
from shunfu.ledger import LedgerDay
from shunfu.merchants import AuditEntry, AuditHead, merkle_root, write_audit

CLOCK, SOURCE = manual()
HEADS = [AuditHead(MERCHANT, 3, bytes(range(32))), AuditHead(OTHER, 9, bytes(32))]


async def write(database: Database, merchant_id: UUID, count: int, actor: str = "cli") -> None:
    async def story(tx: Transaction) -> None:
        for number in range(count):
            await write_audit(tx, SOURCE, AuditEntry(merchant_id, actor, "thing.done", f"obj_{number}"))

    await database.transact(story)


async def report(database: Database, file: Path | None = None) -> Any:
    outside = outside_of(load({"data_folder": "/nowhere"}, {}), file)
    async with database.reading() as reader:
        return await prove_chains(reader, outside)


def damage(told: Any) -> dict[str, list[tuple[str, int]]]:
    """Kind and row of what is wrong, by merchant."""
    return {
        one["merchant"]: [(d["kind"], d["row"]) for d in one["damage"]] for one in told["merchants"] if not one["ok"]
    }


async def owner(urls: Urls, *statements: str) -> None:
    async with session(urls.migration_url) as connection:
        for statement in statements:
            await connection.execute(f"SET search_path = shunfu; {statement}")


# --- the file --------------------------------------------------------------------------------------------------------


def test_an_anchor_is_a_line_a_merchant_and_a_root(tmp_path: Path) -> None:
    file = tmp_path / "anchors.jsonl"
    taken = append_anchor(file, HEADS, START)
    one, two, root = [json.loads(line) for line in file.read_text().splitlines()]
    at = "2026-01-01T00:00:00.000Z"
    assert one == {"at": at, "merchant": public("mer", MERCHANT), "sequence": 3, "hash": bytes(range(32)).hex()}
    assert two["sequence"] == 9
    assert root == {"at": at, "merchants": 2, "root": merkle_root(HEADS).hex()}
    assert (taken.file, taken.merchants, taken.root) == (file, 2, root["root"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_anchors_are_only_ever_added(tmp_path: Path) -> None:
    file = tmp_path / "anchors.jsonl"
    later = [replace(HEADS[0], sequence=4, hash=bytes(32)), HEADS[1]]
    append_anchor(file, HEADS, START)
    before = file.read_bytes()
    append_anchor(file, later, START + timedelta(days=1))
    append_anchor(file, [], START + timedelta(days=2))
    assert file.read_bytes().startswith(before)
    book = read_anchors(file)
    assert book.heads == {MERCHANT: {HEADS[0], later[0]}, OTHER: {HEADS[1]}}
    assert (book.roots, book.unread, book.faults) == (3, 0, [])


@pytest.mark.parametrize("cut", [1, 20, 150, 200])
def test_a_write_that_a_crash_cut_off_spoils_nothing(tmp_path: Path, cut: int) -> None:
    """What is whole of it still counts, and the next anchor begins on a line of its own."""
    file = tmp_path / "anchors.jsonl"
    append_anchor(file, HEADS, START)
    whole = file.read_bytes()
    append_anchor(file, HEADS, START)
    file.write_bytes(file.read_bytes()[: len(whole) + cut])
    append_anchor(file, HEADS, START)
    book = read_anchors(file)
    assert (book.roots, book.unread, book.faults) == (2, 1, [])
    assert book.heads == {MERCHANT: {HEADS[0]}, OTHER: {HEADS[1]}}


CHANGES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "a number": lambda lines: [lines[0].replace(b":3", b":4"), *lines[1:]],
    "a hash": lambda lines: [lines[0].replace(b"000102", b"000103"), *lines[1:]],
    "a merchant": lambda lines: [lines[0].replace(b"07\"", b"09\""), *lines[1:]],
    "a line gone": lambda lines: lines[1:],
    "a line spoilt": lambda lines: [lines[0][:-9] + b"\n", *lines[1:]],
    "a line added": lambda lines: [*lines[:2], lines[1].replace(b":9", b":8"), lines[2]],
    "two exchanged": lambda lines: [lines[1], lines[0], lines[2]],
    "the root": lambda lines: [*lines[:2], lines[2].replace(b'"root":"', b'"root":"0')],
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_an_anchor_that_was_changed_does_not_give_its_root(tmp_path: Path, name: str) -> None:
    file = tmp_path / "anchors.jsonl"
    append_anchor(file, HEADS, START)
    before = file.read_bytes().splitlines(keepends=True)
    after = CHANGES[name](before)
    assert after != before
    file.write_bytes(b"".join(after))
    book = read_anchors(file)
    (fault,) = book.faults
    assert fault == f"line {len(after)}: the root is not that of the 2 lines before it"
    assert book.roots == 0


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\n",
        b"[]\n",
        b"1\n",
        b"{}\n",
        b'{"merchant":"mer_x","sequence":1,"hash":"' + b"0" * 64 + b'"}\n',
        b'{"merchant":"mer_00000000000000000000000007","sequence":-1,"hash":"' + b"0" * 64 + b'"}\n',
        b'{"merchant":"mer_00000000000000000000000007","sequence":9223372036854775808,"hash":"' + b"0" * 64 + b'"}\n',
        b'{"merchant":"mer_00000000000000000000000007","sequence":1,"hash":"' + b"x" * 64 + b'"}\n',
        b'{"merchant":"mer_00000000000000000000000007","sequence":1,"hash":"00"}\n',
    ],
)
def test_what_is_no_anchor_is_counted(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "anchors.jsonl"
    file.write_bytes(line)
    append_anchor(file, HEADS, START)
    book = read_anchors(file)
    assert (book.unread, book.roots, book.faults) == (1, 1, [])


def test_a_file_that_cannot_be_reached_is_a_fault_of_the_setup(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "missing" / "anchors.jsonl"):
        with pytest.raises(SetupFault, match="cannot be written"):
            append_anchor(file, HEADS, START)
        with pytest.raises(SetupFault, match="cannot be read"):
            read_anchors(file)


# --- the proof -------------------------------------------------------------------------------------------------------


async def test_every_chain_is_proved_against_its_anchors(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "anchors.jsonl"
    for merchant_id, count in ((PLATFORM, 1), (MERCHANT, 3), (OTHER, 2)):
        await write(database, merchant_id, count)
    taken = await take_anchor(database, START, file)
    await write(database, MERCHANT, 2)
    told = await report(database, file)
    assert told["ok"] is True
    assert told["anchors"] == {"file": str(file), "anchors": 3, "roots": 1, "unread_lines": 0, "faults": []}
    names = ["platform", public("mer", MERCHANT), public("mer", OTHER)]
    assert [(one["merchant"], one["rows"]) for one in told["merchants"]] == [*zip(names, [1, 5, 2], strict=True)]
    assert taken.merchants == 3


async def test_without_anchors_it_says_so(database: Database) -> None:
    await write(database, MERCHANT, 3)
    told = await report(database)
    assert (told["ok"], told["anchors"][:4]) == (True, "none")


Deed = Callable[[Database, Urls], Awaitable[None]]


async def write_anew(database: Database, urls: Urls) -> None:
    """Another past, right in itself, longer than the true one."""
    await owner(urls, "DELETE FROM audit_log", "DELETE FROM audit_heads")
    await write(database, MERCHANT, 5, "somebody")


async def cut_off(_: Database, urls: Urls) -> None:
    newest = "(SELECT hash FROM audit_log WHERE sequence = 2)"
    await owner(
        urls, "DELETE FROM audit_log WHERE sequence > 2", f"UPDATE audit_heads SET sequence = 2, hash = {newest}"
    )


async def wipe(_: Database, urls: Urls) -> None:
    """As if the merchant had never been."""
    await owner(urls, "DELETE FROM audit_log", "DELETE FROM audit_heads")


@pytest.mark.parametrize(
    ("deed", "found"),
    [
        (write_anew, [("rewritten", 3)]),
        (cut_off, [("truncated", 3)]),
        (wipe, [("head", 0), ("truncated", 1)]),
    ],
)
async def test_what_only_anchors_tell(
    database: Database, database_urls: Urls, tmp_path: Path, deed: Deed, found: list[Any]
) -> None:
    file = tmp_path / "anchors.jsonl"
    await write(database, MERCHANT, 3)
    await take_anchor(database, START, file)
    await deed(database, database_urls)
    assert (await report(database))["ok"] is True, "a chain alone cannot know what it was"
    told = await report(database, file)
    assert told["ok"] is False
    assert damage(told) == {public("mer", MERCHANT): found}


async def test_a_changed_anchor_file_fails_the_proof(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "anchors.jsonl"
    await write(database, MERCHANT, 3)
    await take_anchor(database, START, file)
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[1:]))
    told = await report(database, file)
    assert (told["ok"], damage(told), len(told["anchors"]["faults"])) == (False, {}, 1)


async def test_a_merchant_whose_head_is_gone_is_damage(database: Database, database_urls: Urls) -> None:
    world = await make_world(database)
    assert (await report(database))["ok"] is True
    await owner(database_urls, "DELETE FROM audit_log", "DELETE FROM audit_heads")
    told = await report(database)
    merchants = {one["merchant"] for one in told["merchants"]} - {"platform"}
    assert len(merchants) == 4, "two organisations with two sides"
    assert damage(told) == {merchant: [("head", 0)] for merchant in merchants}
    assert world.house.settings.audit_anchor_file.name == "audit-anchors.jsonl"


async def test_up_anchors_at_once_and_daily(database: Database, tmp_path: Path) -> None:
    """The platform's own job: at every start, then once a day; a second start while it waits makes no second one."""
    world: World = await make_world(database)
    file = tmp_path / "data" / "audit-anchors.jsonl"
    file.parent.mkdir()
    settings = load({"data_folder": str(file.parent)}, {})
    house = build(settings, world.house.ring, (world.house.source, database, world.house.payments.driver))
    for _ in range(2):
        await begin_anchoring(database, house.source, house.jobs)
    assert not file.exists()
    await house.worker.drain()
    assert read_anchors(file).roots == 1
    assert len(read_anchors(file).heads) == 4
    for hours, roots in ((23, 1), (1, 2), (24, 3)):
        world.clock.advance(3600 * hours)
        await house.worker.drain()
        assert read_anchors(file).roots == roots, hours
    async with database.reading() as reader:
        assert (await prove_chains(reader, outside_of(settings, None)))["ok"] is True


async def test_the_daily_job_comes_again_tomorrow(database: Database, tmp_path: Path) -> None:
    handler = make_anchor_handler(database, SOURCE, tmp_path / "a.jsonl")
    answer = await handler(None)
    assert answer == Again(SOURCE.now() + timedelta(days=1))
    assert ANCHOR_JOB == "app.anchor_audit"


# --- the commands ----------------------------------------------------------------------------------------------------


class Installation:
    """The command line on one database and data folder."""

    def __init__(self, folder: Path, urls: Urls) -> None:
        self.folder = folder
        self.urls = {"SHUNFU_DATABASE_URL": urls.app_url, "SHUNFU_MIGRATION_URL": urls.migration_url}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return shunfu_cli(self.folder, *words, "--data", str(self.folder / "data"), **self.urls)

    def told(self, *words: str, code: int = 0) -> Any:
        done = self.run(*words, "--format", "json")
        assert (done.returncode, done.stderr) == (code, ""), done.stderr
        return json.loads(done.stdout)


async def test_the_commands_from_founding_to_damage(tmp_path: Path, database_urls: Urls) -> None:
    shunfu = Installation(tmp_path, database_urls)
    made = shunfu.told("merchant", "create", "--name", "山前咖啡")
    merchant = made["test"]["merchant"]
    (tmp_path / "c.json").write_text(json.dumps(sandbox_credentials()))
    add = (
        "account",
        "add",
        "--merchant",
        merchant,
        "--channel",
        "wechatpay",
        "--credentials",
        str(tmp_path / "c.json"),
    )
    account = shunfu.told(*add)["account"]
    key = shunfu.told(
        "merchant", "key", "--merchant", merchant, "--label", "张三的钥匙", "--capability", "refunds:approve"
    )
    assert key["capabilities"] == ["refunds:approve"]
    assert re.fullmatch(rf"sk_test_{merchant[4:]}_[0-9A-Z]{{26}}_[\w-]{{43}}", key["api_key"])

    rows = shunfu.told("audit", "show", "--merchant", merchant)["rows"]
    assert [(row["row"], row["action"]) for row in rows] == [
        (4, "api_key.issued"),
        (3, "account.added"),
        (2, "api_key.issued"),
        (1, "merchant.created"),
    ]
    assert rows[1]["object"] == account
    assert shunfu.told("audit", "show", "--merchant", merchant, "--limit", "1")["rows"] == rows[:1]
    text = shunfu.run("audit", "show", "--merchant", merchant).stdout
    for secret in ("张三", key["api_key"][-43:], made["test"]["api_key"][-43:], sandbox_credentials()["api_v3_key"]):
        assert secret not in text
        assert secret not in json.dumps(rows, ensure_ascii=False)
    assert shunfu.told("audit", "show", "--merchant", "platform")["rows"] == []

    file = tmp_path / "anchors.jsonl"
    anchored = shunfu.told("audit", "anchor", "--to", str(file))
    assert (anchored["merchants"], len(anchored["root"])) == (2, 64)
    assert shunfu.told("audit", "verify", "--anchors", str(file))["ok"] is True

    await owner(database_urls, "UPDATE audit_log SET actor = E'key_\\x1b[31m' WHERE sequence = 2")
    broken = shunfu.told("audit", "verify", code=1)
    assert damage(broken) == {one: [("edited", 2)] for one in (merchant, made["live"]["merchant"])}
    shown = shunfu.run("audit", "verify")
    assert shown.returncode == 1
    assert "kind: edited" in shown.stdout
    assert "\x1b" not in shunfu.run("audit", "show", "--merchant", merchant).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("audit", "show", "--merchant", "mer_x"), "no merchant's id"),
        (("audit", "verify", "--anchors", "missing.jsonl"), "missing.jsonl"),
        (("audit", "anchor", "--to", "missing/anchors.jsonl"), "missing/anchors.jsonl"),
        (("merchant", "key", "--merchant", "mer_x", "--label", "a"), "merchant create"),
        (("merchant", "key", "--merchant", public("mer", MERCHANT), "--label", "a"), "no merchant mer_"),
        (("merchant", "key", "--merchant", public("mer", MERCHANT), "--label", " "), "--label"),
        (("merchant", "key", "--merchant", public("mer", MERCHANT), "--label", "a", "--capability", "x"), "'x'"),
        (("ledger", "show", "--merchant", "mer_x"), "no merchant mer_x"),
        (("ledger", "show", "--from", "yesterday"), "--from 'yesterday'"),
        (("ledger", "show", "--from", "2026-01-02", "--to", "2026-01-01"), "at most 366 days"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_is_one_line(
    tmp_path: Path, database_urls: Urls, words: tuple[str, ...], said: str
) -> None:
    assert_one_line(Installation(tmp_path, database_urls).run(*words), said)


# --- the books as a table --------------------------------------------------------------------------------------------

DAY = LedgerDay(datetime(2026, 11, 22, tzinfo=UTC).date(), "wechatpay", "CNY", 8600, 100, 600, 100, 0, 52, 7000, 948)


def test_the_days_as_plain_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal: aligned, without colours or frames, whole yuan and fen."""
    print_days([Line("mer_1", DAY), Line("mer_1", replace(DAY, channel="", currency="JPY", fees_minor=-5))])
    head, one, two = capsys.readouterr().out.splitlines()
    assert head.split() == list(HEAD)
    assert " ".join(one.split()) == "mer_1 2026-11-22 wechatpay CNY 86.00 1.00 7.00 0.52 70.00 9.48"
    assert " ".join(two.split()) == "mer_1 2026-11-22 - JPY 8600 100 700 -5 7000 948"
    assert len(head) == len(one) == len(two)
    print_days([])
    assert capsys.readouterr().out.split()[0] == "merchant"


def test_the_days_for_a_program() -> None:
    told = json.loads(json.dumps(as_json([Line("mer_1", DAY)])))
    assert told["time_zone"] == "Asia/Shanghai"
    (day,) = told["days"]
    assert (day["merchant"], day["day"], day["captured_minor"], day["held_minor"]) == ("mer_1", "2026-11-22", 8600, 948)


def test_the_span_is_a_week_unless_told() -> None:
    today = DAY.day
    assert span_of(Asked(), today) == (today - timedelta(days=6), today)
    assert span_of(Asked(first="2026-11-01"), today)[0].isoformat() == "2026-11-01"
    assert [day.isoformat() for day in span_of(Asked(last="2026-11-08"), today)] == ["2026-11-02", "2026-11-08"]
    for asked in (Asked(first="2025-11-21"), Asked(first="2026-11-23"), Asked(last="x"), Asked(last="2026-02-30")):
        with pytest.raises(SetupFault):
            span_of(asked, today)


TABLE = """
import sys
from datetime import date
from shunfu.app.books import Line, print_days
from shunfu.ledger import LedgerDay
class Terminal:
    def __getattr__(self, name): return getattr(sys.__stdout__, name)
    def isatty(self): return True
sys.stdout = Terminal()
print_days([Line("mer_" + "0" * 26, LedgerDay(date(2026, 11, 22), "wechatpay", "CNY", 8600))])
"""


def test_the_days_on_a_terminal_are_a_table() -> None:
    environment = {"COLUMNS": "160", "TERM": "xterm", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", TABLE], capture_output=True, text=True, timeout=60, check=True, env=environment
    )
    assert "│" in done.stdout
    assert "86.00" in done.stdout
    assert "UTC+8" in done.stdout


async def test_an_outside_without_a_file_knows_nothing(database: Database) -> None:
    outside = outside_of(load({"data_folder": "/nowhere"}, {}), None)
    assert (outside.file, outside.book.heads) == (None, {})
    assert isinstance(outside, Outside)

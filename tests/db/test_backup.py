"""Backups of the embedded server, on a real one: back to a moment exactly, proof that finds damage, nothing lost."""

import asyncio
import gzip
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from db.backup_rig import CLOCK, COUNT, Installation, eventually, roomy_folder
from shunfu.db import EmbeddedServer
from shunfu.db.backup import Check, Recovered, Wish, archiving, take_backup, verify
from shunfu.db.backup.folder import Log
from shunfu.db.backup.recovering import Goal, recovered
from shunfu.kernel.errors import SetupFault

TABLE = "CREATE TABLE ledger (n int PRIMARY KEY, amount_minor bigint NOT NULL)"
ALL = "1500 1125750"


@dataclass(frozen=True, slots=True)
class Stock:
    """An installation that is gone but for its backups: one of 1000 rows, 500 rows more, `moment`, then all deleted.

    `segments`: archived after the backup, with 200 rows, 300 rows, and the deletion.
    """

    installation: Installation
    moment: datetime
    segments: tuple[str, str, str]


@pytest.fixture(scope="module")
def stock(open_folder: Path) -> Iterator[Stock]:
    """Made once, and ended by kill -9. Its folder has spaces, quotes and PostgreSQL's own sign in its name."""
    folder = roomy_folder(open_folder)
    made = Installation.at(folder / 'it\'s 5%f "pg"', open_folder / "programs")
    made.server.start()
    made.ask(TABLE)
    made.book(1, 1000)
    made.back_up()
    made.book(1001, 1200)
    first = made.archive()
    made.book(1201, 1500)
    second = made.archive()
    time.sleep(0.002)
    moment = CLOCK.now()
    time.sleep(0.002)
    made.ask("DELETE FROM ledger")
    third = made.archive()
    made.kill()
    yield Stock(made, moment, (first, second, third))
    made.removed()
    folder.rmdir()


@pytest.fixture
def own(stock: Stock) -> Iterator[Installation]:
    """A new machine with the stock's backups."""
    made = stock.installation.elsewhere()
    yield made
    made.removed()


@pytest.fixture(scope="module")
def living(stock: Stock) -> Iterator[Installation]:
    """A server that was restored from the stock and runs, for tests that leave it well."""
    made = stock.installation.elsewhere()
    made.restore(Wish())
    made.server.start()
    yield made
    made.removed()


def looked(server: Recovered) -> tuple[Check, ...]:
    """What the drill is told to look at."""
    return (Check("own", is_ok=True, seen=str(server.last_at)),)


def verdicts(installation: Installation, name: str | None = None) -> dict[str, bool]:
    """Each check of `verify` by name."""
    return {check.name: check.is_ok for check in verify(installation.cluster, name, looked).checks}


def test_back_to_a_moment_exactly_and_then_again(own: Installation, stock: Stock) -> None:
    """Base, 500 rows, T, delete, kill -9, restore to T on a new machine: exactly the rows. Life goes on, and is killed
    before its log is archived. Then to the end of that life, to a moment of the first life that was cut off, and to one
    of the second. Each old life is kept.
    """
    first = own.restore(Wish(stock.moment))
    assert first.last_at is not None
    assert first.backup.ended < first.last_at <= stock.moment
    assert first.aside is None
    own.server.start()
    assert own.ask(COUNT) == ALL
    with pytest.raises(SetupFault, match=f"process {os.getpid()} already runs the database"):
        own.restore(Wish(stock.moment))
    time.sleep(0.002)
    on_second_line = CLOCK.now()
    own.book(1501, 1502)
    own.kill()

    passwords = own.settings.passwords.read_text()
    second = own.restore(Wish())
    assert second.aside is not None
    assert (second.aside / "PG_VERSION").read_text() == "18\n"
    assert own.settings.passwords.read_text() == passwords
    own.server.start()
    assert own.ask(COUNT) == "1502 1128753"
    own.server.stop()

    own.restore(Wish(stock.moment + timedelta(milliseconds=1)))
    own.server.start()
    assert own.ask(COUNT) == ALL
    own.server.stop()

    own.restore(Wish(on_second_line))
    own.server.start()
    assert own.ask(COUNT) == ALL
    own.book(1501, 1501)
    assert own.archive().startswith("00000005")
    assert verdicts(own) == {"files": True, "log": True, "recovery": True, "own": True}
    assert not own.folder.drill.exists()
    assert len(list(own.settings.folder.glob("data.before-*"))) == 3


@pytest.mark.parametrize(
    ("shift", "words"),
    [
        (timedelta(days=-1), "before the oldest backup: possible is any moment from 2"),
        (
            timedelta(days=1),
            "after the last transaction that was archived: possible is any moment from 2.* to 2.*latest",
        ),
    ],
)
def test_a_moment_that_cannot_be_reached_is_refused(
    own: Installation, stock: Stock, shift: timedelta, words: str
) -> None:
    with pytest.raises(SetupFault, match=words):
        own.restore(Wish(stock.moment + shift))
    assert not own.settings.data.exists()
    assert not own.settings.restoring.exists()


def test_the_log_breaks_off(own: Installation, stock: Stock) -> None:
    """`latest` is refused, and says until when it could be; that very moment is then granted."""
    own.segment(stock.segments[1]).unlink()
    with pytest.raises(SetupFault, match="the log breaks off") as refused:
        own.restore(Wish())
    assert stock.segments[1] in str(refused.value)
    assert not own.settings.data.exists()
    possible = datetime.fromisoformat(str(refused.value).rpartition("--to ")[2])
    own.restore(Wish(possible))
    own.server.start()
    assert own.ask(COUNT) == "1200 720600"


def test_who_looks_may_refuse(own: Installation) -> None:
    class Refused(Exception):
        pass

    def refuse(server: Recovered) -> None:
        raise Refused

    with pytest.raises(Refused):
        own.restore(Wish(), refuse)
    assert not own.settings.restoring.exists()
    assert not own.settings.data.exists()


def test_there_is_no_such_backup(own: Installation, tmp_path: Path) -> None:
    name = own.folder.find(None).name
    with pytest.raises(SetupFault, match=f"no backup nonsense in .*; there is: {name}"):
        own.restore(Wish(None, "nonsense"))
    with pytest.raises(SetupFault, match="no backup nonsense"):
        verify(own.cluster, "nonsense", looked)
    nowhere = Installation(replace(own.settings, backups=tmp_path / "none"))
    with pytest.raises(SetupFault, match=r"no backup in .* yet: run `shunfu backup now`"):
        nowhere.restore(Wish())


def test_verify_finds_a_flipped_byte(own: Installation) -> None:
    (backup,) = own.folder.backups()
    file = max((own.folder.data_of(backup) / "base").rglob("*"), key=lambda each: each.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    status = file.stat()
    file.unlink()
    file.write_bytes(content)
    os.chown(file, status.st_uid, status.st_gid)
    checks = {check.name: check for check in verify(own.cluster, None, looked).checks}
    assert {name: check.is_ok for name, check in checks.items()} == {"files": False, "log": True, "recovery": False}
    assert f'checksum mismatch for file "{file.relative_to(own.folder.data_of(backup))}"' in checks["files"].seen


def test_verify_finds_a_missing_segment(own: Installation, stock: Stock) -> None:
    own.segment(stock.segments[1]).unlink()
    checks = {check.name: check for check in verify(own.cluster, None, looked).checks}
    assert {name: check.is_ok for name, check in checks.items()} == {"files": True, "log": False, "recovery": False}
    assert stock.segments[1] in checks["log"].seen


@pytest.mark.parametrize("is_readable", [False, True])
def test_verify_finds_a_segment_that_is_not_what_it_should_be(
    own: Installation, stock: Stock, is_readable: bool
) -> None:
    """It cannot be unpacked, or it can and is no log: PostgreSQL would stop before it as if the log ended there."""
    file = own.segment(stock.segments[2])
    packed = gzip.compress(bytes(16 * 1024 * 1024)) if is_readable else file.read_bytes()[:-100]
    file.unlink()
    file.write_bytes(packed)
    file.chmod(0o644)
    assert verdicts(own) == {"files": True, "log": True, "recovery": False} | ({"own": True} if is_readable else {})


def test_a_recovery_that_stands_still_is_given_up(own: Installation) -> None:
    """And its server is stopped: with no patience at all, every recovery stands still."""
    goal = Goal(own.folder.find(None), 1, None, patience_seconds=0)
    with (
        pytest.raises(SetupFault, match="recovers no further"),
        recovered(own.cluster, own.folder.drill, goal, Log(own.folder)),
    ):
        pytest.fail("it cannot have recovered")
    assert not (own.folder.drill / "data" / "postmaster.pid").exists()


def test_the_server_comes_back_after_kill_9_and_goes_on_archiving(living: Installation) -> None:
    before = living.server.pid
    assert before is not None
    living.book(21, 22)
    os.kill(before, signal.SIGKILL)
    eventually(living.is_answering, "the supervisor has started it again")
    assert living.server.pid not in {None, before}
    assert living.ask("SELECT count(*) FROM ledger WHERE n IN (21, 22)") == 2
    living.book(23, 23)
    living.archive()


def test_old_backups_go_with_the_log_that_only_they_needed(living: Installation, stock: Stock) -> None:
    """Three backups, two are kept: the older of them still leads to the end of the log."""
    time.sleep(1)  # a backup is called after its second
    second = living.back_up()
    assert second.removed == ()
    assert second.is_archived
    living.book(1, 3)
    time.sleep(1)
    third = living.back_up(keep=2)
    assert len(third.removed) == 1
    assert [backup.name for backup in living.folder.backups()] == [second.backup.name, third.backup.name]
    assert not any(living.segment(name).exists() for name in stock.segments)
    assert all(verdicts(living, second.backup.name).values())


def test_an_archive_that_cannot_be_written_stops_no_payment(living: Installation) -> None:
    """PostgreSQL keeps the log and tries again; a backup is still taken, and says that the log does not arrive."""
    url = living.cluster.urls().admin_url
    living.folder.wal.chmod(0o500)
    living.book(11, 12)
    living.ask("SELECT pg_switch_wal()")
    eventually(lambda: asyncio.run(archiving(url)).is_failing, "the failure is known")
    assert asyncio.run(archiving(url)).waiting > 0
    assert living.back_up().is_archived is False
    living.folder.wal.chmod(0o700)
    living.book(13, 13)
    living.archive()
    eventually(lambda: asyncio.run(archiving(url)).waiting == 0, "all that waited is archived")
    assert asyncio.run(archiving(url)).is_failing is False


def test_a_backup_that_is_called_off_leaves_nothing(living: Installation) -> None:
    class CalledOff(Exception):
        pass

    def call_off(_done: int, _total: int) -> None:
        raise CalledOff

    before = living.folder.backups()
    with pytest.raises(CalledOff):
        take_backup(living.cluster, CLOCK, 7, call_off)
    assert living.folder.backups() == before
    assert not list(living.folder.base.glob("*.new"))


def test_half_a_backup_is_none(living: Installation) -> None:
    """What a power cut left: a draft, a half-removed one, and one whose description is torn."""
    before = living.folder.backups()
    for left in ("20990101T000000Z.new", "20980101T000000Z.old"):
        (living.folder.base / left).mkdir()
    torn = living.folder.base / "20970101T000000Z"
    torn.mkdir()
    (torn / "backup.json").write_text('{"started":')
    assert living.folder.backups() == before
    living.back_up()
    assert not list(living.folder.base.glob("*.*"))
    shutil.rmtree(torn)


def test_a_server_that_does_not_archive_yet_is_not_backed_up(living: Installation) -> None:
    """Started by an older version: a backup now would have no log after it."""
    living.server.stop()
    older = EmbeddedServer(replace(living.settings, backups=None))
    older.start()
    with pytest.raises(SetupFault, match="restart"):
        living.back_up()
    older.stop()
    living.server.start()


def test_a_server_starts_without_its_backup_folder(living: Installation, caplog: pytest.LogCaptureFixture) -> None:
    living.server.stop()
    file = living.folder.path.with_name("a file")
    file.write_text("where the folder should be")
    lost = Installation(replace(living.settings, backups=file))
    lost.server.start()
    assert lost.ask("SELECT 1") == 1
    assert "archive_unusable" in caplog.text
    with pytest.raises(SetupFault, match=r"may not enter|must be a folder"):
        lost.back_up()
    lost.server.stop()
    file.unlink()
    living.server.start()

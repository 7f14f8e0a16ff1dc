"""`shunfu backup` as an operator meets it: taken, proved, restored; then all money waits for its channels."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
import structlog

from db.backup_rig import eventually, roomy_folder
from shunfu.app.backup import (
    Order,
    back_up,
    look_at_backups,
    note_restored,
    own_settings,
    read_time,
    restore_backup,
    verify_backup,
)
from shunfu.app.commands import create_merchant
from shunfu.app.database import embedded_settings, located
from shunfu.app.doctor import examine
from shunfu.app.nightly import is_due, nightly_backups
from shunfu.app.settings import Raw, Settings, load
from shunfu.app.wiring import opened_database
from shunfu.db import Urls, list_recovering, running_urls
from shunfu.db.backup import BackupFolder
from shunfu.db.driver import session
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.ids import parse_public
from shunfu.merchants import read_audit
from system.running import wait_until
from system.test_up import PACKAGES, SOURCE, Up, interpreter, other_user

LATEST = Order("latest", None, is_forced=False)


@pytest.fixture
def flags(open_folder: Path) -> Iterator[dict[str, Raw | None]]:
    """The settings of a new installation whose backups lie elsewhere."""
    if os.geteuid() == 0 and "postgres" not in {entry.pw_name for entry in pwd.getpwall()}:
        pytest.skip("root runs PostgreSQL as the user postgres, whom this system does not have")
    folder = roomy_folder(open_folder)
    yield {"data_folder": str(folder / "data"), "backup_folder": str(folder / "backups")}
    shutil.rmtree(folder)


@pytest.fixture
def settings(flags: dict[str, Raw | None]) -> Settings:
    return load(flags, {})


def merchants_of(made: dict[str, Any]) -> set[UUID]:
    """The ids of a new organisation's two sides."""
    found = {parse_public("mer", made[side]["merchant"]) for side in ("test", "live")}
    return {each for each in found if each}


def checks(report: dict[str, Any]) -> dict[str, bool]:
    return {check["check"]: check["ok"] for check in report["checks"]}


async def waiting(settings: Settings, url: str) -> set[UUID]:
    """Whose money waits."""
    async with opened_database(settings, url) as database, database.reading() as reader:
        return {merchant_id for merchant_id, _ in await list_recovering(reader)}


def as_superuser(settings: Settings, statement: str) -> None:
    async def done() -> None:
        urls = running_urls(embedded_settings(settings))
        assert urls is not None
        async with session(urls.admin_url) as connection:
            await connection.execute(statement)

    with located(settings):
        asyncio.run(done())


def test_after_a_restore_the_money_of_every_merchant_waits(
    settings: Settings, flags: dict[str, Raw | None], tmp_path: Path
) -> None:
    """Also of those whose data came from the log alone; the key file is not in the backup."""
    first = create_merchant(settings, "山前咖啡", ())
    taken = back_up(settings, None, lambda _done, _total: None)
    assert taken["ok"] is True
    assert str(settings.key_file) in cast("str", taken["not_in_it"])
    assert not [file for file in settings.backup_folder.rglob("*") if file.name == settings.key_file.name]
    second = create_merchant(settings, "another", ())
    report = restore_backup(settings, LATEST)
    assert (report["ok"], report["restored"], report["backup"]) == (True, True, taken["backup"])
    wanted = {"schema": True, "books": True, "audit": True, "rows": True, "recovery mode": True}
    assert checks(report) == wanted
    assert Path(cast("str", report["old_data"]), "PG_VERSION").exists()
    with located(settings) as database:
        assert asyncio.run(waiting(settings, database.app_url)) == merchants_of(first) | merchants_of(second)
        finding = next(each for each in examine(flags, None) if each.check == "database")
        assert finding.ok
        assert "the money of 4 merchants waits" in finding.seen
        with pytest.raises(SetupFault, match="already runs the database"):
            restore_backup(settings, LATEST)
    assert verify_backup(settings, None)["ok"] is True


def test_a_check_that_fails_keeps_the_old_data_unless_told_otherwise(settings: Settings) -> None:
    create_merchant(settings, "山前咖啡", ())
    as_superuser(settings, "DELETE FROM shunfu.audit_log")
    back_up(settings, None, lambda _done, _total: None)
    assert checks(verify_backup(settings, None))["audit"] is False
    report = restore_backup(settings, LATEST)
    assert (report["ok"], report["restored"], checks(report)["audit"]) == (False, False, False)
    assert not list((settings.data_folder / "postgres").glob("data.before-*"))
    with located(settings) as database:
        assert asyncio.run(waiting(settings, database.app_url)) == set()
    forced = restore_backup(settings, Order("latest", None, is_forced=True))
    assert (forced["ok"], forced["restored"], checks(forced)["recovery mode"]) == (False, True, True)
    with located(settings) as database:
        assert len(asyncio.run(waiting(settings, database.app_url))) == 2


def test_up_backs_up_by_itself_and_doctor_looks_at_it(settings: Settings, flags: dict[str, Raw | None]) -> None:
    now = datetime.now(UTC)
    assert look_at_backups(settings, now) == "nothing to back up yet"
    with located(settings) as database:
        assert "makes the first soon" in look_at_backups(settings, now)
        with pytest.raises(SetupFault, match="There is no backup of data 37 hours old"):
            look_at_backups(settings, now + timedelta(hours=37, minutes=30))
        folder = BackupFolder(settings.backup_folder)
        with nightly_backups(load({**flags, "backup_hour": "off"}, {}), database, 0.01):
            pass
        with nightly_backups(settings, database, 0.01):
            eventually(lambda: len(folder.backups()) == 1, "the first backup")
            eventually(lambda: not list(folder.base.glob("*.new")), "its end")
        (backup,) = folder.backups()
        assert backup.name in look_at_backups(settings, now)
        with pytest.raises(SetupFault, match=r"The newest backup is 3\d hours old. Run: shunfu backup now"):
            look_at_backups(settings, now + timedelta(hours=37, minutes=30))
        finding = next(each for each in examine(flags, None) if each.check == "backups")
        assert (finding.ok, backup.name in finding.seen) == (True, True)

        folder.wal.chmod(0o500)
        as_superuser(settings, "CREATE TABLE public.anything (n int); SELECT pg_switch_wal()")
        eventually(lambda: "cannot be archived" in complaint(settings), "doctor sees an archive that is closed")
        folder.wal.chmod(0o700)


def complaint(settings: Settings) -> str:
    """What `doctor` complains of, or nothing."""
    try:
        look_at_backups(settings, datetime.now(UTC))
    except SetupFault as fault:
        return str(fault)
    return ""


def test_a_nightly_backup_that_fails_is_logged_and_the_server_goes_on(settings: Settings) -> None:
    with located(settings) as database, structlog.testing.capture_logs() as lines:
        shutil.rmtree(settings.backup_folder)
        settings.backup_folder.write_text("a file where the folder should be")
        with nightly_backups(settings, database, 0.01):
            eventually(lambda: bool(lines), "the failure in the log")
        assert [line["event"] for line in lines] == ["backup_failed"]
        as_superuser(settings, "SELECT 1")
    settings.backup_folder.unlink()


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [
        ("2026-11-28T03:00", None, True),
        ("2026-11-28T02:59", "2026-11-27T03:00", False),
        ("2026-11-28T03:00", "2026-11-27T03:00", True),
        ("2026-11-28T03:01", "2026-11-28T03:00", False),
        ("2026-11-28T23:59", "2026-11-28T03:00", False),
        ("2026-11-29T01:00", "2026-11-26T03:01", True),
    ],
)
def test_a_backup_is_due_once_after_its_hour(now: str, last: str | None, due: bool) -> None:
    zone = timezone(timedelta(hours=8))
    then = datetime.fromisoformat(last).replace(tzinfo=zone).astimezone(UTC) if last else None
    assert is_due(datetime.fromisoformat(now).replace(tzinfo=zone), 3, then) is due


def test_a_time_says_its_zone() -> None:
    moment = datetime(2026, 11, 28, 6, 30, tzinfo=UTC)
    assert read_time("2026-11-28T14:30:00+08:00") == read_time("2026-11-28T06:30:00Z") == moment
    with pytest.raises(SetupFault, match="says no time zone: write it like 2026-11-28T14:30"):
        read_time("2026-11-28T14:30")
    with pytest.raises(SetupFault, match="is no time"):
        read_time("yesterday")


def shunfu_cli(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command as whom `up` runs as, beside it."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{SOURCE}:{PACKAGES}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(folder),
        **({"SHUNFU_USER": user} if (user := other_user()) else {}),
    }
    command = [*interpreter(), "-m", "shunfu", *words, "--data", str(folder)]
    return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, timeout=120, check=False)


def report_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return json.loads(done.stdout)


def test_an_operator_backs_up_beside_up_and_restores_after_kill_9(open_folder: Path) -> None:
    """`up` archives as an ordinary user; backup and proof while it runs; kill -9; back to the last transaction."""
    folder = roomy_folder(open_folder)
    up = Up(folder / "d")
    try:
        up.wait()
        taken = report_of(shunfu_cli(folder / "d", "backup", "now", "--format", "json"))
        assert verify_cli(folder / "d", taken["backup"])["ok"] is True
        refused = shunfu_cli(folder / "d", "backup", "restore", "--to", "latest")
        assert refused.returncode == 2
        assert f"process {up.process.pid} already runs the database" in refused.stderr
        up.end(signal.SIGKILL)
        wait_until(lambda: not (folder / "d/postgres/data/postmaster.pid").exists(), "PostgreSQL's end")
        restored = report_of(shunfu_cli(folder / "d", "backup", "restore", "--to", "latest", "--format", "json"))
        assert restored["ok"] is True
        assert Path(restored["old_data"]).stat().st_uid == (folder / "d/postgres/data").stat().st_uid
        up = Up(folder / "d")
        up.wait()
        assert up.end(signal.SIGTERM) == 0
    finally:
        up.end(signal.SIGKILL)
        shutil.rmtree(folder)


def verify_cli(folder: Path, name: str) -> dict[str, Any]:
    return report_of(shunfu_cli(folder, "backup", "verify", name, "--format", "json"))


async def test_a_database_of_the_operators_own_is_backed_up_by_the_operator(
    tmp_path: Path, database_urls: Urls
) -> None:
    """Its restore is made known by hand."""
    config = tmp_path / "shunfu.toml"
    config.write_text(f'database_url = "{database_urls.admin_url}"')
    with pytest.raises(SetupFault, match="shunfu backup restored"):
        own_settings(tmp_path, config)
    settings = load({"data_folder": str(tmp_path)}, {}, config)
    assert look_at_backups(settings, datetime.now(UTC)).startswith("the database is yours")
    made = await asyncio.to_thread(create_merchant, settings, "a", ())
    assert await waiting(settings, database_urls.admin_url) == set()
    report = await asyncio.to_thread(note_restored, settings)
    assert report["merchants"] == 2
    assert await waiting(settings, database_urls.admin_url) == merchants_of(made)
    async with opened_database(settings, database_urls.admin_url) as database, database.reading() as reader:
        for merchant_id in merchants_of(made):
            (newest,) = await read_audit(reader, merchant_id, 1)
            assert (newest.entry.actor, newest.entry.action) == ("cli", "database.restored")

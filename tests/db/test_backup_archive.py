"""The shell commands of the archive, run as PostgreSQL runs them: exact in odd folders, and never over another file."""

import gzip
import subprocess
from pathlib import Path

import pytest

from shunfu.db import EmbeddedSettings
from shunfu.db.embedded.archive import archive_command, archiving_options, restore_command

NAME = "000000010000000000000002"
FOLDERS = [
    "plain",
    "with space",
    "it's",
    'a "quoted" one',
    "per%cent %p %f",
    "$HOME `id` \\ ;&|",
    "new\nline",
    "山前咖啡",
]


def run(command: str, data: Path, path: str = "pg_wal/segment") -> int:
    """As PostgreSQL does: %p and %f filled in, a shell, the data folder."""
    marked = command.replace("%%", "\0").replace("%p", path).replace("%f", NAME).replace("\0", "%")
    done = subprocess.run(
        ["/bin/sh", "-c", marked], cwd=data, env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=False
    )
    return done.returncode


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with one segment in it."""
    (tmp_path / "data" / "pg_wal").mkdir(parents=True)
    (tmp_path / "data" / "pg_wal" / "segment").write_bytes(b"log" * 10_000)
    return tmp_path / "data"


@pytest.mark.parametrize("name", FOLDERS)
def test_there_and_back_in_any_folder(data: Path, tmp_path: Path, name: str) -> None:
    archive = tmp_path / name
    archive.mkdir()
    assert run(archive_command(archive), data) == 0
    assert [entry.name for entry in archive.iterdir()] == [f"{NAME}.gz"]
    assert run(restore_command(archive), data, "pg_wal/RECOVERYXLOG") == 0
    assert (data / "pg_wal" / "RECOVERYXLOG").read_bytes() == b"log" * 10_000
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted({"data", name})


def test_the_same_file_twice_is_no_failure(data: Path, tmp_path: Path) -> None:
    """After a crash PostgreSQL cannot know whether it has archived a segment, and does it again."""
    assert [run(archive_command(tmp_path), data) for _ in range(2)] == [0, 0]


@pytest.mark.parametrize("there", [gzip.compress(b"another log", mtime=0), b"no gzip at all", b""])
def test_another_file_of_that_name_is_never_overwritten(data: Path, tmp_path: Path, there: bytes) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    (archive / f"{NAME}.gz").write_bytes(there)
    assert run(archive_command(archive), data) != 0
    assert (archive / f"{NAME}.gz").read_bytes() == there
    assert len(list(archive.iterdir())) == 1


def test_an_archive_that_is_away_is_a_failure_and_not_made(data: Path, tmp_path: Path) -> None:
    assert run(archive_command(tmp_path / "away"), data) != 0
    assert not (tmp_path / "away").exists()


def test_a_segment_that_is_missing_is_told_from_one_that_is_broken(data: Path, tmp_path: Path) -> None:
    """PostgreSQL takes up to 125 for the end of the log, and ends recovery with a failure above."""
    assert run(restore_command(tmp_path), data, "pg_wal/RECOVERYXLOG") == 1
    packed = gzip.compress(b"log" * 10_000)
    for broken in (packed[:-20], packed[:20] + b"x" + packed[21:], b""):
        (tmp_path / f"{NAME}.gz").write_bytes(broken)
        assert run(restore_command(tmp_path), data, "pg_wal/RECOVERYXLOG") > 125


def test_what_was_not_archived_any_more_comes_from_the_old_cluster(data: Path, tmp_path: Path) -> None:
    (tmp_path / "old 'wal'").mkdir()
    (tmp_path / "old 'wal'" / NAME).write_bytes(b"tail")
    command = restore_command(tmp_path / "archive", tmp_path / "old 'wal'")
    assert run(command, data, "pg_wal/RECOVERYXLOG") == 0
    assert (data / "pg_wal" / "RECOVERYXLOG").read_bytes() == b"tail"


def test_nothing_is_archived_unless_asked(tmp_path: Path) -> None:
    assert archiving_options(EmbeddedSettings(tmp_path)) == {"archive_mode": "off"}
    asked = archiving_options(EmbeddedSettings(tmp_path, backups=tmp_path / "backups", archive_timeout_seconds=5))
    assert (asked["archive_mode"], asked["archive_timeout"], asked["wal_level"]) == ("on", "5", "replica")

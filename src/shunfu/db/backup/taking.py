"""Takes a base backup of the running server, and lets old ones go.

A backup is written under a draft's name and gets its own only when it is complete, so that what was cut short is never
taken for one. The key file is not in it, on purpose.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, cast

from shunfu.db.backup.folder import NAME, Backup, BackupFolder
from shunfu.db.backup.looking import archiving, last_migration
from shunfu.db.backup.timelines import segment_name
from shunfu.db.embedded.account import flush_folder, make_folder, write_private
from shunfu.db.embedded.archive import PACKED, make_backup_folders
from shunfu.db.embedded.cluster import ADMIN, ENVIRONMENT, Cluster, identity_of, read_passwords
from shunfu.db.embedded.settings import PORT
from shunfu.kernel.clock import Clock
from shunfu.kernel.errors import SetupFault

DRAFT = ".new"
_OLD = ".old"
_PROGRESS = re.compile(r"\s*(\d+)/(\d+) kB")
_ARCHIVE_SECONDS = 60.0
_FAILURE_SECONDS = 2.0
"""An old failure is not this one: a new segment makes PostgreSQL try again at once."""

Progress = Callable[[int, int], None]
"""Told how many bytes of how many are copied, about once a second. What it raises ends the backup."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup that was made. `is_archived`: the log that it needs for later moments has arrived in the archive."""

    backup: Backup
    is_archived: bool
    removed: tuple[str, ...]


_Range = TypedDict("_Range", {"Timeline": int, "Start-LSN": str, "End-LSN": str})


class _File(TypedDict):
    Size: int


_Manifest = TypedDict("_Manifest", {"WAL-Ranges": list[_Range], "Files": list[_File]})


def take_backup(cluster: Cluster, clock: Clock, keep: int, progress: Progress) -> Taken:
    """Back up the running server of a cluster and keep the newest `keep` backups with the log that they need.

    Blocks, and runs an event loop of its own. `SetupFault` with what to do when it cannot.
    """
    assert cluster.settings.backups is not None, "an installation without a backup folder takes no backups"
    folder = BackupFolder(cluster.settings.backups)
    try:
        make_backup_folders(folder.path, cluster.account)
        with folder.lock():
            _clear(folder)
            if not asyncio.run(archiving(cluster.urls().admin_url)).is_on:
                raise SetupFault("the running server does not archive its log yet: restart `shunfu up`, then try again")
            backup = _copied(cluster, folder, clock, progress)
            is_archived = _is_archived(cluster, folder, backup, progress)
            return Taken(backup, is_archived, remove_old(cluster, folder, keep))
    except OSError as error:
        raise SetupFault(f"the backup folder {folder.path} cannot be written: {error}") from error


def remove_old(cluster: Cluster, folder: BackupFolder, keep: int) -> tuple[str, ...]:
    """Remove all but the newest `keep` backups, and the log that none of those needs; the names of the removed."""
    assert keep > 0, "the last backup is never removed"
    backups = folder.backups()
    old, kept = backups[:-keep], backups[-keep:]
    for backup in old:
        gone = folder.base / f"{backup.name}{_OLD}"
        (folder.base / backup.name).rename(gone)
        shutil.rmtree(gone)
    oldest = segment_name(1, min(backup.first_segment for backup in kept))  # the timeline does not count here
    command = [cluster.binaries.program("pg_archivecleanup"), "-x", PACKED, str(folder.wal), oldest]
    cleaned = cluster.run(command)
    if cleaned.returncode != 0:
        raise SetupFault(f"the archive {folder.wal} cannot be cleaned: {cleaned.stderr.strip()}")
    return tuple(backup.name for backup in old)


def _clear(folder: BackupFolder) -> None:
    """Remove what earlier runs left half written or half removed."""
    for pattern in (f"*{DRAFT}", f"*{_OLD}"):
        for left in folder.base.glob(pattern):
            shutil.rmtree(left)


def _copied(cluster: Cluster, folder: BackupFolder, clock: Clock, progress: Progress) -> Backup:
    started = clock.now()
    name = started.strftime(NAME)
    draft = folder.base / f"{name}{DRAFT}"
    if (folder.base / name).exists():
        raise SetupFault(f"the backup {name} was made this second: try again")
    make_folder(draft, cluster.account)
    try:
        _run(cluster, draft / "data", progress)
        told = cast("_Manifest", json.loads((draft / "data" / "backup_manifest").read_text()))
        (log,) = told["WAL-Ranges"]
        backup = Backup(
            name=name,
            started=started,
            ended=clock.now(),
            timeline=log["Timeline"],
            start_lsn=log["Start-LSN"],
            end_lsn=log["End-LSN"],
            postgresql=cluster.binaries.version,
            schema=asyncio.run(last_migration(cluster.urls().admin_url)),
            bytes=sum(file["Size"] for file in told["Files"]),
        )
        write_private(draft / "backup.json", backup.to_json())
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)  # what cannot be removed now, the next backup clears
        raise
    flush_folder(draft)
    draft.rename(folder.base / name)
    flush_folder(folder.base)
    return backup


def _run(cluster: Cluster, target: Path, progress: Progress) -> None:
    """pg_basebackup as the server's user; with it ends whatever it has started."""
    settings = cluster.settings
    command = [
        *(cluster.binaries.program("pg_basebackup"), "-h", str(settings.sockets()), "-p", str(PORT), "-U", ADMIN, "-w"),
        *("-D", str(target), "-X", "stream", "-c", "fast", "--manifest-checksums=SHA256", "-l", target.parent.stem),
        "--progress",
    ]
    words: list[str] = []
    with subprocess.Popen(  # noqa: S603  our own program
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT | {"PGPASSWORD": read_passwords(settings.passwords)[ADMIN]},  # not for all to read, as -d is
        cwd="/",
        start_new_session=True,
        **identity_of(cluster.account),
    ) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if found := _PROGRESS.match(line):
                    progress(int(found[1]) * 1024, int(found[2]) * 1024)
                else:
                    words.append(line.strip())
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        raise SetupFault(f"the base backup failed: {(words or ['no message'])[-1]}")


def _is_archived(cluster: Cluster, folder: BackupFolder, backup: Backup, progress: Progress) -> bool:
    """Wait for the last segment of a backup, which PostgreSQL has closed; not long when archiving fails."""
    last = folder.wal / f"{segment_name(backup.timeline, backup.last_segment)}{PACKED}"
    begun = time.monotonic()
    while not last.exists():
        progress(backup.bytes, backup.bytes)
        waited = time.monotonic() - begun
        is_failing = waited > _FAILURE_SECONDS and asyncio.run(archiving(cluster.urls().admin_url)).is_failing
        if is_failing or waited > _ARCHIVE_SECONDS:
            return False
        time.sleep(0.2)
    return True

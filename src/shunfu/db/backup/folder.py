"""What lies in the backup folder: `base/<UTC time>` with a base backup each, and `wal` with the archived log.

A base backup is `data`, PostgreSQL's own files with their manifest, beside `backup.json`, what we know of it.
"""

from __future__ import annotations

import gzip
import json
import logging
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, cast

from shunfu.db.backup.timelines import Lineage, lineage, position, segment_of
from shunfu.db.embedded.archive import PACKED
from shunfu.db.embedded.locking import lock_out_others
from shunfu.kernel.errors import SetupFault

LOG = logging.getLogger(__name__)
NAME = "%Y%m%dT%H%M%SZ"
"""How a base backup is called: when it was begun."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A base backup. `started` and `ended` in UTC; recovery can stop at any moment from `ended` on.

    `start_lsn` and `end_lsn` are positions in the log as PostgreSQL writes them; `schema` is the last migration in it.
    """

    name: str
    started: datetime
    ended: datetime
    timeline: int
    start_lsn: str
    end_lsn: str
    postgresql: str
    schema: int
    bytes: int

    @property
    def first_segment(self) -> int:
        """The number of the oldest segment that it needs."""
        return segment_of(position(self.start_lsn))

    @property
    def last_segment(self) -> int:
        """The number of the segment in which it becomes complete."""
        return segment_of(position(self.end_lsn) - 1)

    def to_json(self) -> str:
        """The text of `backup.json`."""
        told = asdict(self) | {"started": self.started.isoformat(), "ended": self.ended.isoformat()}
        return json.dumps(told, indent=2) + "\n"


@dataclass(frozen=True, slots=True)
class BackupFolder:
    """Reads the folder. Raises SetupFault where it cannot."""

    path: Path

    @property
    def base(self) -> Path:
        """The base backups."""
        return self.path / "base"

    @property
    def wal(self) -> Path:
        """The archived log."""
        return self.path / "wal"

    @property
    def drill(self) -> Path:
        """Where a recovery is rehearsed."""
        return self.path / "drill"

    def lock(self) -> IO[str]:
        """Keep every other backup, drill and restore away until the answer is closed."""
        return lock_out_others(self.path / "backup.lock", f"works on the backups in {self.path}: wait for its end")

    def data_of(self, backup: Backup) -> Path:
        """PostgreSQL's files of a base backup."""
        return self.base / backup.name / "data"

    def backups(self) -> tuple[Backup, ...]:
        """Every complete base backup, oldest first. One whose description cannot be read is passed over and logged."""
        found: list[Backup] = []
        for name in self._names():
            try:
                found.append(self._read(name))
            except (OSError, ValueError, KeyError, TypeError) as error:
                LOG.error("backup_unreadable name=%s reason=%r", name, str(error))  # noqa: TRY400  no traceback
        return tuple(sorted(found, key=lambda backup: backup.ended))

    def find(self, name: str | None) -> Backup:
        """The backup of that name, or the newest; `SetupFault` that lists what there is."""
        backups = self.backups()
        if name is None and backups:
            return backups[-1]
        for backup in backups:
            if backup.name == name:
                return backup
        there = ", ".join(backup.name for backup in backups)
        raise SetupFault(
            f"there is no backup {name or ''} in {self.base}; there is: {there}".replace("  ", " ")
            if there
            else f"there is no backup in {self.base} yet: run `shunfu backup now`"
        )

    def _names(self) -> list[str]:
        return sorted(entry.name for entry in _entries(self.base) if "." not in entry.name)

    def _read(self, name: str) -> Backup:
        told = cast("dict[str, str]", json.loads((self.base / name / "backup.json").read_text()))
        return Backup(
            name=name,
            started=datetime.fromisoformat(told["started"]),
            ended=datetime.fromisoformat(told["ended"]),
            timeline=int(told["timeline"]),
            start_lsn=told["start_lsn"],
            end_lsn=told["end_lsn"],
            postgresql=told["postgresql"],
            schema=int(told["schema"]),
            bytes=int(told["bytes"]),
        )


@dataclass(frozen=True, slots=True)
class Log:
    """The write-ahead log that a recovery can read: the archive, and the pg_wal of a cluster that archives no more."""

    folder: BackupFolder
    pending: Path | None = None

    def names(self) -> frozenset[str]:
        """Segments and histories, without the archive's ending."""
        return frozenset(self._files())

    def archived(self) -> frozenset[str]:
        """As `names`, of the archive alone: pg_wal also holds segments that are yet to be written."""
        return frozenset(Log(self.folder).names())

    def way_to(self, timeline: int) -> Lineage:
        """The lineage of a timeline; `SetupFault` when its history is lost or unreadable."""
        if timeline == 1:
            return lineage(1, "")
        return lineage(timeline, self._history(timeline)[0])

    def begins(self, timelines: tuple[int, ...], backups: tuple[Backup, ...]) -> Mapping[int, float]:
        """When each timeline began, in seconds since 1970: when its history was written, or a backup before that."""
        begins = {1: 0.0}
        for timeline in timelines[1:]:
            seen = [backup.started.timestamp() for backup in backups if backup.timeline == timeline]
            begins[timeline] = min([self._history(timeline)[1], *seen])
        return begins

    def _history(self, timeline: int) -> tuple[str, float]:
        """The text of a timeline's history, and when it was written: packed files keep that, also when copied."""
        file = self._files().get(f"{timeline:08X}.history")
        if file is None:
            raise SetupFault(f"the history of timeline {timeline} is not in {self.folder.wal}")
        if file.suffix != PACKED:
            return file.read_text(), file.stat().st_mtime
        try:
            with gzip.open(file) as stream:
                text = stream.read().decode()
                return text, stream.mtime or file.stat().st_mtime
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise SetupFault(f"the history {file} cannot be unpacked: {error}") from error

    def _files(self) -> dict[str, Path]:
        own = [] if self.pending is None else [entry for entry in _entries(self.pending) if entry.is_file()]
        packed = [entry for entry in _entries(self.folder.wal) if entry.suffix == PACKED]
        return {entry.name: entry for entry in own} | {entry.name.removesuffix(PACKED): entry for entry in packed}


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []
    except PermissionError as error:
        raise SetupFault(f"{folder} belongs to another user: run this as that user") from error
    except OSError as error:
        raise SetupFault(f"the backup folder cannot be read: {error}") from error

"""The archive of the write-ahead log: the commands by which PostgreSQL writes it and reads it back.

PostgreSQL gives both commands to a shell, as its own user. A segment is packed (a minute with one payment is 70 kB and
not 16 MB), flushed, given its name, and read again before PostgreSQL may forget its own copy; a file that is there and
differs is never replaced. When the archive is full or away, PostgreSQL keeps the segments and tries again.
Source: PostgreSQL manual, 26.3 (continuous archiving).
"""

from __future__ import annotations

import logging
import shlex
from pathlib import Path

from shunfu.db.embedded.account import Account, make_folder, require_reachable
from shunfu.db.embedded.settings import EmbeddedSettings
from shunfu.kernel.errors import SetupFault

LOG = logging.getLogger(__name__)

PACKED = ".gz"
"""What the archive adds to the name of a segment or of a timeline's history."""
DRAFT = ".new"

_BROKEN = 200
"""PostgreSQL ends recovery with a failure when its command answers more than 125; up to that, the file is missing."""


def archiving_options(settings: EmbeddedSettings) -> dict[str, str]:
    """Server settings that archive into the backup folder, or that archive nothing when there is none."""
    if settings.backups is None:
        return {"archive_mode": "off"}
    return {
        "wal_level": "replica",
        "max_wal_senders": "10",
        "archive_mode": "on",
        "archive_library": "",
        "archive_command": archive_command(settings.backups / "wal"),
        "archive_timeout": str(settings.archive_timeout_seconds),
    }


def archive_command(folder: Path) -> str:
    """The shell text that puts the file %p under the name %f into the archive; done twice it is done once."""
    place = _quoted(folder.absolute())
    return (
        f"to={place}/%f{PACKED}; draft=$to.$${DRAFT}; "
        'if test ! -e "$to"; then gzip -1 -c %p > "$draft" && sync "$draft" && mv -n "$draft" "$to"; fi; '
        f'gzip -dc "$to" | cmp -s - %p && sync "$to" {place}; '
        'answer=$?; rm -f "$draft"; exit $answer'
    )


def restore_command(folder: Path, pending: Path | None = None) -> str:
    """The shell text that brings the file %f from the archive to %p.

    `pending`: the pg_wal of a cluster that could no longer archive, read where the archive has nothing. A packed file
    that cannot be unpacked ends recovery with a failure: it is never taken for the end of the log.
    """
    source = f"{_quoted(folder.absolute())}/%f{PACKED}"
    elsewhere = ""
    if pending is not None:
        kept = f"{_quoted(pending.absolute())}/%f"
        elsewhere = f"if test -f {kept}; then cp {kept} %p; exit; fi; "
    return f"if test -e {source}; then gzip -dc {source} > %p || exit {_BROKEN}; exit 0; fi; {elsewhere}exit 1"


def prepare_archive(settings: EmbeddedSettings, account: Account) -> None:
    """Make the archive's folders and clear what a crash left half written.

    An archive that cannot be used is no reason to take no payments: it is logged, and `doctor` shows it until it can.
    """
    if settings.backups is None:
        return
    try:
        make_backup_folders(settings.backups, account)
        for draft in (settings.backups / "wal").glob(f"*{DRAFT}"):
            draft.unlink()
    except (OSError, SetupFault) as error:
        LOG.error("archive_unusable folder=%s reason=%r", settings.backups, str(error))  # noqa: TRY400  no traceback


def make_backup_folders(backups: Path, account: Account) -> None:
    """The backup folder, ours, and in it `wal` and `base`, the server's user's. Raises SetupFault or OSError."""
    require_reachable(backups, account)
    make_folder(backups)
    for name in ("wal", "base"):
        make_folder(backups / name, account)


def _quoted(path: Path) -> str:
    """For the shell, and with PostgreSQL's own sign doubled."""
    return shlex.quote(str(path)).replace("%", "%%")

"""One recovery: a copy of a base backup, and the log on top of it up to a moment. Nothing else is touched.

The copy archives nothing while it is looked at: what it would archive waits in its own folder until someone takes it
over. Waiting ends with the server's end, or when its log has not grown for a long time, never after a fixed time.
Source: PostgreSQL manual, 26.3.5 (recovering using a continuous archive backup).
"""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from shunfu.db.backup.folder import Backup, Log
from shunfu.db.backup.timelines import position, segment_of
from shunfu.db.driver import session
from shunfu.db.embedded.account import make_folder, require_reachable, write_private
from shunfu.db.embedded.archive import restore_command
from shunfu.db.embedded.cluster import ADMIN, Cluster, ensure_login_roles, make_passwords, read_passwords
from shunfu.db.embedded.orphan import stop_orphan
from shunfu.db.embedded.process import is_ready, last_words, serving_options, start_postgres
from shunfu.db.embedded.settings import EmbeddedSettings, Urls
from shunfu.kernel.errors import SetupFault

PATIENCE_SECONDS = 600.0
"""Its log grows with each segment that it reads, and at least each ten seconds while it replays one."""

_LAST = re.compile(r"last completed transaction was at log time (\S+ \S+)")
_REDONE = re.compile(r"redo done at ([0-9A-F]+/[0-9A-F]+)")
_NOT_REACHED = "recovery ended before configured recovery target was reached"
_STOP_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a recovery goes: from a backup along a timeline, `until` a moment or (None) to the end of the log.

    `patience_seconds`: how long the log of the recovering server may stand still.
    """

    backup: Backup
    timeline: int
    until: datetime | None
    patience_seconds: float = PATIENCE_SECONDS


@dataclass(frozen=True, slots=True)
class Recovered:
    """A server that has recovered. `last_at`: when its last transaction was committed (None: none after the backup);
    `segment`: the number of the last segment that was read.
    """

    urls: Urls
    last_at: datetime | None
    segment: int


class TargetNotReached(SetupFault):
    """The log ends before the wanted moment."""

    def __init__(self, last_at: datetime | None) -> None:
        """`last_at` as in `Recovered`."""
        super().__init__()
        self.last_at = last_at


@contextmanager
def recovered_to_last(cluster: Cluster, folder: Path, goal: Goal, log: Log) -> Generator[Recovered, None, None]:
    """As `recovered`, and the moment of the very last transaction can be reached too: PostgreSQL itself wants to see a
    later one before it believes that it has reached a moment.
    """
    with ExitStack() as stack:
        try:
            server = stack.enter_context(recovered(cluster, folder, goal, log))
        except TargetNotReached as short:
            if goal.until is None or short.last_at != goal.until:
                raise
            server = stack.enter_context(recovered(cluster, folder, replace(goal, until=None), log))
        yield server


@contextmanager
def recovered(cluster: Cluster, folder: Path, goal: Goal, log: Log) -> Generator[Recovered, None, None]:
    """Recover into a folder that is made for it, and stop the server at the block's end; the folder stays.

    `SetupFault` with the server's last words when it cannot; TargetNotReached when the log ends before.
    """
    draft = _prepare(cluster, folder, log.folder.data_of(goal.backup))
    process = start_postgres(draft, serving_options(draft.settings) | _recovery_options(draft, goal, log))
    try:
        _wait(draft, process, goal)
        asyncio.run(_let_in(draft.urls(), draft.settings))
        words = draft.settings.log.read_text(errors="replace")
        yield Recovered(draft.urls(), _last_at(words), _last_segment(words))
    finally:
        _stop(process)
        shutil.rmtree(draft.settings.sockets())


def _prepare(cluster: Cluster, folder: Path, base: Path) -> Cluster:
    """The copy, told to recover. It has the installation's passwords, or new ones where those were lost."""
    draft = replace(cluster, settings=EmbeddedSettings(folder))
    if folder.exists():
        stop_orphan(draft.settings.data)
        shutil.rmtree(folder)
    require_reachable(folder, cluster.account)
    make_folder(folder)
    make_folder(draft.settings.sockets(), cluster.account)
    make_folder(draft.settings.data, cluster.account)
    if cluster.settings.passwords.exists():
        write_private(draft.settings.passwords, cluster.settings.passwords.read_text())
    else:
        make_passwords(draft.settings.passwords)
    copied = draft.run(["cp", "-R", "-p", f"{base}/.", f"{draft.settings.data}/"])
    if copied.returncode != 0:
        raise SetupFault(f"{base} cannot be copied: {copied.stderr.strip().splitlines()[-1]}")
    draft.require_fitting()
    write_private(draft.settings.data / "recovery.signal", "", cluster.account)
    write_private(_access_file(draft), f"local all {ADMIN} trust\nlocal all all scram-sha-256\n", cluster.account)
    return draft


def _access_file(draft: Cluster) -> Path:
    """Who may connect while it recovers: the superuser without the password that this folder may not know. The socket
    is closed to all users but root and the server's own, who can read the files anyway.
    """
    return draft.settings.folder / "recovery_hba.conf"


def _recovery_options(draft: Cluster, goal: Goal, log: Log) -> dict[str, str]:
    return {
        "hba_file": str(_access_file(draft)),
        "hot_standby": "off",
        "restore_command": restore_command(log.folder.wal, log.pending),
        "recovery_target_timeline": str(goal.timeline),
        "recovery_target_time": goal.until.isoformat(sep=" ") if goal.until else "",
        "recovery_target_inclusive": "on",
        "recovery_target_action": "promote",
        "wal_level": "replica",
        "archive_mode": "on",
        "archive_library": "",
        "archive_command": "",  # what is to be archived waits in pg_wal
        "log_min_messages": "warning",
        "log_startup_progress_interval": "10s",
        "lc_messages": "C",
    }


def _wait(draft: Cluster, process: subprocess.Popen[bytes], goal: Goal) -> None:
    grew_at, size = time.monotonic(), 0
    while not is_ready(draft, process):
        if process.poll() is not None:
            raise _why(draft, goal)
        told = draft.settings.log.stat().st_size
        if told != size:
            grew_at, size = time.monotonic(), told
        if time.monotonic() - grew_at > goal.patience_seconds:
            raise SetupFault(f"the backup {goal.backup.name} recovers no further: {last_words(draft.settings.log)}")
        time.sleep(0.02)


def _why(draft: Cluster, goal: Goal) -> SetupFault:
    words = draft.settings.log.read_text(errors="replace")
    if _NOT_REACHED in words:
        return TargetNotReached(_last_at(words))
    return SetupFault(f"the backup {goal.backup.name} cannot be recovered: {last_words(draft.settings.log)}")


def _last_at(words: str) -> datetime | None:
    found = _LAST.search(words)
    return datetime.fromisoformat(found[1]) if found else None


def _last_segment(words: str) -> int:
    found = _REDONE.search(words)
    return segment_of(position(found[1])) if found else -1


async def _let_in(urls: Urls, settings: EmbeddedSettings) -> None:
    """Give the roles of the copy the passwords that its folder knows."""
    await ensure_login_roles(urls)
    async with session(urls.with_database("postgres").admin_url) as connection:
        for role, password in read_passwords(settings.passwords).items():
            await connection.execute(f"ALTER ROLE {role} PASSWORD '{password}'")  # ours, from a URL-safe alphabet


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)  # what it did not flush it repairs at its next start
        process.wait()

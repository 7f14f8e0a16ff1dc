"""The daily backup inside `up`: a thread beside the server, because a copy may take longer than any job's lease.

A backup that fails is logged and tried again; payments go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog

from shunfu.app.backup import back_up
from shunfu.app.database import Located
from shunfu.app.settings import Settings
from shunfu.db.backup import BackupFolder
from shunfu.kernel.clock import SystemClock
from shunfu.kernel.errors import Fault

LOG = structlog.stdlib.get_logger("nightly")

LOOK_SECONDS = 60.0
AGAIN_SECONDS = 900.0


class _Stopping(Exception):
    """The server is being stopped."""


@contextmanager
def nightly_backups(settings: Settings, database: Located, pause_seconds: float = LOOK_SECONDS) -> Generator[None]:
    """Back up once a day while the block runs, if the embedded server is ours and an hour is set.

    It looks every `pause_seconds`, for the first time after one pause.
    """
    hour = settings.backup_hour
    if not database.is_own or hour is None:
        yield
        return
    stop = threading.Event()

    def keep_backed_up() -> None:
        pause = pause_seconds
        while not stop.wait(pause):
            pause = pause_seconds if _is_well(settings, hour, _progress(stop)) else AGAIN_SECONDS

    thread = threading.Thread(target=keep_backed_up, name="nightly-backup")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def is_due(now: datetime, hour: int, last: datetime | None) -> bool:
    """Whether no backup was made since the hour last struck; `now` in the time zone that the hour is meant in."""
    struck = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    if struck > now:
        struck -= timedelta(days=1)
    return last is None or last < struck


def _is_well(settings: Settings, hour: int, progress: Callable[[int, int], None]) -> bool:
    try:
        backups = BackupFolder(settings.backup_folder).backups()
        if is_due(SystemClock().now().astimezone(), hour, backups[-1].ended if backups else None):
            report = back_up(settings, None, progress)
            LOG.info("backup_made", **{name: report[name] for name in ("backup", "bytes", "log_archived")})
    except _Stopping:
        return True
    except Fault as fault:
        LOG.error("backup_failed", reason=str(fault))  # noqa: TRY400  no traceback: the reason says it
        return False
    return True


def _progress(stop: threading.Event) -> Callable[[int, int], None]:
    def told(_done: int, _total: int) -> None:
        if stop.is_set():
            raise _Stopping

    return told

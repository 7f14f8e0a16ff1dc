"""A restore: prepare beside, check, take over.

Until the checks are done the old data lies untouched in its place; afterwards it is kept under another name.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from shunfu.db.backup.choosing import Wish, choose_goal
from shunfu.db.backup.folder import NAME, Backup, BackupFolder, Log
from shunfu.db.backup.recovering import Goal, Recovered, TargetNotReached, recovered_to_last
from shunfu.db.backup.timelines import newest_segment, segment_name
from shunfu.db.embedded.account import make_folder
from shunfu.db.embedded.cluster import Cluster
from shunfu.db.embedded.orphan import stop_orphan
from shunfu.db.embedded.server import lock_server
from shunfu.db.embedded.takeover import finish_takeover, take_over
from shunfu.kernel.clock import Clock
from shunfu.kernel.errors import SetupFault


@dataclass(frozen=True, slots=True)
class Restored:
    """A restore that was done. `last_at`: when the last transaction in it was committed (None: the backup's end).
    `aside`: where the old data is kept (None: there was none).
    """

    backup: Backup
    last_at: datetime | None
    aside: Path | None


def restore(cluster: Cluster, wish: Wish, clock: Clock, examine: Callable[[Recovered], None]) -> Restored:
    """Put a backup with its log in the place of the data of a stopped installation.

    `examine` looks at the recovered server, may change it, and raises to refuse it: then all stays as it was. Blocks.
    `SetupFault` when the server runs, or the wish cannot be fulfilled: the message says what can.
    """
    settings = cluster.settings
    assert settings.backups is not None, "an installation without a backup folder has nothing to restore"
    folder = BackupFolder(settings.backups)
    folder.find(wish.name)
    make_folder(settings.folder)
    with lock_server(settings), folder.lock():
        stop_orphan(settings.data)
        finish_takeover(settings)
        log = Log(folder, settings.data / "pg_wal" if settings.data.exists() else None)
        goal = choose_goal(log, wish)
        try:
            last_at = _prepared(cluster, goal, log, examine)
            aside = settings.data.with_name(f"data.before-{clock.now().strftime(NAME)}")
            has_data = settings.data.exists()
            take_over(settings, aside.name)
        except BaseException:
            if not (settings.restoring / "accepted").exists():
                shutil.rmtree(settings.restoring, ignore_errors=True)  # the next restore clears the rest
            raise
    return Restored(goal.backup, last_at, aside if has_data else None)


def _prepared(cluster: Cluster, goal: Goal, log: Log, examine: Callable[[Recovered], None]) -> datetime | None:
    newest = newest_segment(log.way_to(goal.timeline), log.archived())
    try:
        with recovered_to_last(cluster, cluster.settings.restoring, goal, log) as server:
            if goal.until is None and server.segment < newest:
                raise SetupFault(_broken_off(goal, server, newest))
            examine(server)
            return server.last_at
    except TargetNotReached as short:
        possible = f"any moment from {goal.backup.ended} to {short.last_at}, or latest" if short.last_at else "latest"
        raise SetupFault(
            f"{goal.until} lies after the last transaction that was archived: possible is {possible}"
        ) from short


def _broken_off(goal: Goal, server: Recovered, newest: int) -> str:
    missing = segment_name(goal.timeline, server.segment + 1)
    possible = f"with --to {server.last_at.isoformat()}" if server.last_at else "from another backup"
    return (
        f"the log breaks off: segment {missing} is missing or cannot be read, and the archive goes on to "
        f"{segment_name(goal.timeline, newest)}. What lies before it can be restored {possible}"
    )

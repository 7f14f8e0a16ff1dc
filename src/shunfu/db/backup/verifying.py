"""Proves a backup: its files against their checksums, its log without a gap, and a real recovery in a scratch folder.

The running server and its data are not touched.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from shunfu.db.backup.choosing import goal_through
from shunfu.db.backup.folder import Backup, BackupFolder, Log
from shunfu.db.backup.recovering import Goal, Recovered, recovered
from shunfu.db.backup.timelines import missing_segments, newest_segment
from shunfu.db.embedded.cluster import Cluster
from shunfu.kernel.errors import SetupFault


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, and what was seen."""

    name: str
    is_ok: bool
    seen: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at in a backup. It holds if every check is ok."""

    backup: Backup
    checks: tuple[Check, ...]

    @property
    def is_ok(self) -> bool:
        """Whether the backup holds."""
        return all(check.is_ok for check in self.checks)


def verify(cluster: Cluster, name: str | None, examine: Callable[[Recovered], tuple[Check, ...]]) -> Verified:
    """Prove the backup of that name, or the newest. `examine` looks at the recovered server. Blocks.

    `SetupFault` when there is no such backup; what is wrong with it is in the answer.
    """
    assert cluster.settings.backups is not None, "an installation without a backup folder has nothing to verify"
    folder = BackupFolder(cluster.settings.backups)
    backup = folder.find(name)
    with folder.lock():
        log = Log(folder)
        goal = goal_through(log, backup)
        checks = (_files(cluster, folder, backup), _log(log, goal))
        if not all(check.is_ok for check in checks):
            return Verified(backup, (*checks, Check("recovery", is_ok=False, seen="not tried")))
        return Verified(backup, (*checks, *_drill(cluster, goal, log, examine)))


def _files(cluster: Cluster, folder: BackupFolder, backup: Backup) -> Check:
    data = folder.data_of(backup)  # named from beside it: pg_verifybackup hands the path to a shell, in double quotes
    answer = cluster.run([cluster.binaries.program("pg_verifybackup"), "--quiet", data.name], data.parent)
    if answer.returncode == 0:
        return Check("files", is_ok=True, seen=f"{backup.bytes} bytes as their checksums say")
    return Check("files", is_ok=False, seen="; ".join(answer.stderr.strip().splitlines()[:3]))


def _log(log: Log, goal: Goal) -> Check:
    way, names, first = log.way_to(goal.timeline), log.archived(), goal.backup.first_segment
    newest = newest_segment(way, names)
    if goal.timeline == goal.backup.timeline and newest < goal.backup.last_segment:
        return Check("log", is_ok=False, seen="the log up to the backup's end has not arrived in the archive")
    missing = missing_segments(way, first, names)
    if missing:
        return Check(
            "log", is_ok=False, seen=f"missing in the archive: {', '.join(missing[:3])}, {len(missing)} in all"
        )
    return Check("log", is_ok=True, seen=f"{newest - first + 1} segments without a gap, timeline {goal.timeline}")


def _drill(
    cluster: Cluster, goal: Goal, log: Log, examine: Callable[[Recovered], tuple[Check, ...]]
) -> tuple[Check, ...]:
    newest = newest_segment(log.way_to(goal.timeline), log.archived())
    try:
        with recovered(cluster, log.folder.drill, goal, log) as server:
            seen = f"up to the transaction of {server.last_at or goal.backup.ended}"
            return (Check("recovery", is_ok=server.segment >= newest, seen=seen), *examine(server))
    except SetupFault as fault:
        return (Check("recovery", is_ok=False, seen=str(fault)),)
    finally:
        shutil.rmtree(log.folder.drill, ignore_errors=True)  # the next drill clears the rest

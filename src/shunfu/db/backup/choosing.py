"""Which backup and which timeline lead to a moment; refuses a moment that none leads to, and says what is possible."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shunfu.db.backup.folder import Backup, Log
from shunfu.db.backup.recovering import Goal
from shunfu.db.backup.timelines import Lineage, leads_through, leads_to, position, timeline_at, timelines_in
from shunfu.kernel.errors import SetupFault


@dataclass(frozen=True, slots=True)
class Wish:
    """What a restore is asked for: `until` a moment or (None) all there is; from the backup `name` or the best one."""

    until: datetime | None = None
    name: str | None = None


def choose_goal(log: Log, wish: Wish) -> Goal:
    """The way that the server itself went to that moment, on its newest continuation: what lay in a killed server's own
    folder only is archived with that one. `SetupFault` with what is possible.
    """
    log.folder.find(wish.name)
    backups, timelines = log.folder.backups(), timelines_in(log.names())
    timeline = timelines[-1]
    if wish.until is not None:
        moment = wish.until.timestamp()
        lived = timeline_at(log.begins(timelines, backups), moment)
        timeline = max(each for each in timelines if leads_to(log.way_to(each), lived, moment))
    way = log.way_to(timeline)
    fitting = [backup for backup in backups if _is_on(way, backup)]
    reaching = [backup for backup in fitting if wish.until is None or backup.ended <= wish.until]
    chosen = [backup for backup in reaching if wish.name in {None, backup.name}]
    if chosen:
        return Goal(chosen[-1], timeline, wish.until)
    if reaching:
        raise SetupFault(
            f"the backup {wish.name} does not lead there; these do: {', '.join(backup.name for backup in reaching)}"
        )
    if fitting:
        raise SetupFault(
            f"{wish.until} lies before the oldest backup: possible is any moment from {fitting[0].ended} on, or latest"
        )
    raise SetupFault(f"no backup in {log.folder.base} leads to timeline {timeline}, on which the database was then")


def goal_through(log: Log, backup: Backup) -> Goal:
    """The longest way through a backup: to the end of the newest timeline that went on from it."""
    for timeline in reversed(timelines_in(log.names())):
        if _is_on(log.way_to(timeline), backup):
            return Goal(backup, timeline, None)
    raise SetupFault(f"no timeline in {log.folder.wal} leads through the backup {backup.name}")


def _is_on(way: Lineage, backup: Backup) -> bool:
    return leads_through(way, backup.timeline, position(backup.end_lsn))

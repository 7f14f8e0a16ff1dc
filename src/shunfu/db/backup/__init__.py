"""Backups of the embedded database: base backups, the archived log between them, proof, and restore to a moment.

Parts: `timelines` (names in the archive, pure), `folder` (what lies where), `taking` (a base backup, and retention),
`recovering` (one recovery beside everything else), `choosing` (which backup leads to a moment), `verifying`,
`restoring`, `looking` (questions to a server). Must not know: any table.
"""

from shunfu.db.backup.choosing import Wish
from shunfu.db.backup.folder import Backup, BackupFolder
from shunfu.db.backup.looking import Archiving, archiving, count_rows
from shunfu.db.backup.recovering import Recovered
from shunfu.db.backup.restoring import Restored, restore
from shunfu.db.backup.taking import Progress, Taken, take_backup
from shunfu.db.backup.verifying import Check, Verified, verify

__all__ = [
    "Archiving",
    "Backup",
    "BackupFolder",
    "Check",
    "Progress",
    "Recovered",
    "Restored",
    "Taken",
    "Verified",
    "Wish",
    "archiving",
    "count_rows",
    "restore",
    "take_backup",
    "verify",
]

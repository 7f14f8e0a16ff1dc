"""An installation with archive and backups for the tests, and questions to its database."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from shunfu.db import EmbeddedServer, EmbeddedSettings
from shunfu.db.backup import BackupFolder, Recovered, Restored, Taken, Wish, restore, take_backup
from shunfu.db.driver import session
from shunfu.db.embedded import Cluster, cluster_of
from shunfu.kernel.clock import SystemClock
from shunfu.kernel.errors import TransientFault

CLOCK = SystemClock()
COUNT = "SELECT count(*) || ' ' || coalesce(sum(amount_minor), 0) FROM ledger"


def roomy_folder(other: Path) -> Path:
    """In memory where there is room, since every step copies and flushes a cluster; else in the other folder."""
    memory = Path("/dev/shm")
    is_roomy = memory.is_dir() and shutil.disk_usage(memory).free > 4_000_000_000
    folder = (memory if is_roomy else other) / f"shunfu-{uuid4().hex[:8]}"
    folder.mkdir(mode=0o755)
    return folder


def nothing(_server: Recovered) -> None:
    """Accept whatever was recovered."""


def eventually(is_so: Callable[[], bool], what: str) -> None:
    """Wait for something that must come about."""
    ends = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < ends, f"waited in vain for: {what}"
        time.sleep(0.05)


class Installation:
    """One embedded server with its backup folder."""

    def __init__(self, settings: EmbeddedSettings) -> None:
        self.settings = settings
        self.server = EmbeddedServer(settings)

    @classmethod
    def at(cls, folder: Path, programs: Path, **more: int) -> Installation:
        """An installation in a folder; its backups in another one, as if on another disk."""
        return cls(
            EmbeddedSettings(
                folder,
                allow_nobody=True,
                binaries=programs,
                is_disposable=True,
                backups=folder.with_name(f"{folder.name} backups"),
                **more,
            )
        )

    def elsewhere(self) -> Installation:
        """A new machine with the backups and nothing else. Files are linked: replace them, never write into them."""
        folder = self.settings.folder.with_name(f"{self.settings.folder.name} {uuid4().hex[:8]}")
        made = Installation(replace(self.settings, folder=folder, backups=folder.with_name(f"{folder.name} backups")))
        subprocess.run(["cp", "-al", self.folder.path, made.folder.path], check=True)
        return made

    def removed(self) -> None:
        """Stop and leave nothing behind."""
        self.server.stop()
        shutil.rmtree(self.settings.folder, ignore_errors=True)
        shutil.rmtree(self.folder.path, ignore_errors=True)

    @property
    def folder(self) -> BackupFolder:
        """Its backups."""
        assert self.settings.backups is not None
        return BackupFolder(self.settings.backups)

    @property
    def cluster(self) -> Cluster:
        """As its user handles it."""
        return cluster_of(self.settings)

    def ask(self, statement: str) -> object:
        """The first value of a statement, run as the superuser."""

        async def asked() -> object:
            async with session(self.cluster.urls().admin_url) as connection:
                return await connection.fetchval(statement)

        return asyncio.run(asked())

    def is_answering(self) -> bool:
        """Whether the server takes connections again."""
        try:
            return self.ask("SELECT 1") == 1
        except TransientFault:
            return False

    def book(self, first: int, last: int) -> None:
        """Add ledger rows, in one transaction."""
        self.ask(f"INSERT INTO ledger SELECT n, n FROM generate_series({first}, {last}) AS n")

    def back_up(self, keep: int = 7) -> Taken:
        """Take a base backup."""
        return take_backup(self.cluster, CLOCK, keep, lambda _done, _total: None)

    def archive(self) -> str:
        """Close the segment that is written to, and wait until it is archived; its name."""
        name = str(self.ask("SELECT pg_walfile_name(pg_switch_wal())"))
        eventually(lambda: self.segment(name).exists(), f"{name} in the archive")
        return name

    def segment(self, name: str) -> Path:
        """A segment's place in the archive."""
        return self.folder.wal / f"{name}.gz"

    def kill(self) -> None:
        """kill -9 of the postmaster, and nobody starts it again."""
        pid = self.server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self.server.stop()

    def restore(self, wish: Wish, examine: Callable[[Recovered], None] = nothing) -> Restored:
        """Restore the stopped installation."""
        return restore(self.cluster, wish, CLOCK, examine)

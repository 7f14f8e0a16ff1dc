"""The story of an embedded server: prove that we are alone, make what is missing, start, check, hand out addresses."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from collections.abc import Coroutine
from typing import IO

from shunfu.db.durability import check_durability
from shunfu.db.embedded.account import choose_account, make_folder, require_reachable
from shunfu.db.embedded.binaries import find_binaries
from shunfu.db.embedded.cluster import Cluster, ensure_login_roles, urls_of
from shunfu.db.embedded.orphan import stop_orphan
from shunfu.db.embedded.settings import EmbeddedSettings, Urls
from shunfu.db.embedded.supervisor import Supervisor
from shunfu.kernel.errors import SetupFault


class EmbeddedServer:
    """One PostgreSQL in one folder, alive from `start` to `stop` or as long as this process."""

    def __init__(self, settings: EmbeddedSettings) -> None:
        self._settings = settings
        self._lock: IO[str] | None = None
        self._supervisor: Supervisor | None = None

    @property
    def pid(self) -> int | None:
        """The postmaster's process id at this moment, or None while there is none."""
        return self._supervisor.pid if self._supervisor else None

    def start(self) -> Urls:
        """Make the cluster at the first time, start it and wait until it takes connections; recovery may take its time.

        Blocks: from async code call it in a thread. `SetupFault`, with what to do, when it cannot or must not run.
        """
        account = choose_account(self._settings)
        require_reachable(self._settings.folder, account)
        make_folder(self._settings.folder)
        self._lock = _lock_out_others(self._settings)
        try:
            make_folder(self._settings.sockets(), account)
            cluster = Cluster(self._settings, account, find_binaries(self._settings, account))
            stop_orphan(self._settings.data)
            cluster.ensure()
            self._supervisor = Supervisor(cluster)
            self._supervisor.start()
            urls = cluster.urls()
            _run_apart(_prepare(urls))
        except BaseException:
            self.stop()
            raise
        return urls

    def stop(self) -> None:
        """Fast shutdown, waited for. Harmless to repeat."""
        if self._supervisor is not None:
            self._supervisor.stop()
            self._supervisor = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def running_urls(settings: EmbeddedSettings) -> Urls | None:
    """The addresses of the server that another process of ours runs in this folder, or None when none does."""
    try:
        descriptor = os.open(settings.lock, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise SetupFault(f"{settings.folder} belongs to another user; run this as that user") from error
    with os.fdopen(descriptor) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return urls_of(settings)
    return None


async def _prepare(urls: Urls) -> None:
    await ensure_login_roles(urls)
    await check_durability(urls.app_url)


def _lock_out_others(settings: EmbeddedSettings) -> IO[str]:
    descriptor = os.open(settings.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    stream = os.fdopen(descriptor, "r+")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = stream.read().strip() or "unknown"
        stream.close()
        raise SetupFault(
            f"process {holder} already runs the database in {settings.folder}: stop it, or choose another folder"
        ) from error
    stream.truncate(0)
    stream.write(str(os.getpid()))
    stream.flush()
    return stream


def _run_apart(work: Coroutine[object, object, None]) -> None:
    """Run a coroutine to its end in a thread of its own, so that the caller may have an event loop or not."""
    faults: list[BaseException] = []

    def body() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:  # noqa: BLE001  handed on below
            faults.append(error)

    thread = threading.Thread(target=body, name="postgres-setup")
    thread.start()
    thread.join()
    if faults:
        raise faults[0]

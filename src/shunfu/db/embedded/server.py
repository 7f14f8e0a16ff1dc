"""The story of an embedded server: prove that we are alone, make what is missing, start, check, hand out addresses."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import IO

from shunfu.db.durability import check_durability
from shunfu.db.embedded.account import choose_account, make_folder, owner_of, require_reachable
from shunfu.db.embedded.archive import prepare_archive
from shunfu.db.embedded.binaries import find_binaries
from shunfu.db.embedded.cluster import Cluster, ensure_login_roles, urls_of
from shunfu.db.embedded.locking import is_held, lock_out_others
from shunfu.db.embedded.orphan import stop_orphan
from shunfu.db.embedded.settings import EmbeddedSettings, Urls
from shunfu.db.embedded.supervisor import Supervisor
from shunfu.db.embedded.takeover import finish_takeover
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
        self._lock = lock_server(self._settings)
        try:
            make_folder(self._settings.sockets(), account)
            cluster = Cluster(self._settings, account, find_binaries(self._settings, account))
            stop_orphan(self._settings.data)
            finish_takeover(self._settings)
            cluster.ensure()
            prepare_archive(self._settings, account)
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


def cluster_of(settings: EmbeddedSettings) -> Cluster:
    """The cluster of a folder as its user handles it, whether its server runs or not, and before it is there.

    `SetupFault` when the folder is another user's.
    """
    if settings.folder.exists() and owner_of(settings.folder).is_other:
        raise SetupFault(f"{settings.folder} belongs to {owner_of(settings.folder).name}: run this as that user")
    account = owner_of(settings.data) if settings.data.exists() else choose_account(settings)
    return Cluster(settings, account, find_binaries(settings, account))


def running_urls(settings: EmbeddedSettings) -> Urls | None:
    """The addresses of the server that another process of ours runs in this folder, or None when none does."""
    try:
        return urls_of(settings) if is_held(settings.lock) else None
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise SetupFault(f"{settings.folder} belongs to another user; run this as that user") from error


def lock_server(settings: EmbeddedSettings) -> IO[str]:
    """Keep every other process of ours from running the server of this folder, until the answer is closed."""
    return lock_out_others(settings.lock, f"runs the database in {settings.folder}: stop it, or choose another folder")


async def _prepare(urls: Urls) -> None:
    await ensure_login_roles(urls)
    await check_durability(urls.app_url)


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

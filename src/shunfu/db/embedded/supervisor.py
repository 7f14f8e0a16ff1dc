"""The parent of the server process: starts it, waits for its end, starts it again.

Being the parent matters: a killed postmaster that nobody reaps keeps PostgreSQL from starting ("lock file already
exists"). One thread of ours starts it and lives as long as it does: its end is the server's (`process`).
"""

from __future__ import annotations

import logging
import signal
import subprocess
import threading
import time

from shunfu.db.embedded.cluster import Cluster
from shunfu.db.embedded.process import is_ready, last_words, serving_options, start_postgres
from shunfu.kernel.errors import SetupFault

LOG = logging.getLogger(__name__)

_FIRST_START_SECONDS = 60.0
"""How long the first start is tried again; a server that once was ready is started again for ever."""
_STEADY_SECONDS = 10.0
_STOP_SECONDS = 120.0
_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6, 3.0, 5.0)


class Supervisor:
    """Keeps one postmaster alive from `start` to `stop`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_alive, name="postgres-supervisor", daemon=True)
        self._was_ready = False

    @property
    def pid(self) -> int | None:
        """The postmaster's process id at this moment."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start the server and wait until it takes connections, however long recovery takes.

        `SetupFault` when it still ends by itself after a minute of trying.
        """
        self._thread.start()
        while not self.is_ready():
            if not self._thread.is_alive():
                log = self._cluster.settings.log
                raise SetupFault(f"PostgreSQL does not start: {last_words(log)}. See {log}")
            time.sleep(0.02)
        self._was_ready = True

    def stop(self) -> None:
        """Fast shutdown, and wait for the end: at most two minutes, then the immediate one, which recovery repairs."""
        with self._lock:
            self._stopping.set()
            process = self._process
        if process is None:
            return
        _signal(process, signal.SIGINT)
        self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            LOG.error("postgres_stop_forced pid=%d", process.pid)
            _signal(process, signal.SIGQUIT)
            self._thread.join()

    def is_ready(self) -> bool:
        """Whether the server takes connections."""
        return is_ready(self._cluster, self._process)

    def _keep_alive(self) -> None:
        first, pauses = time.monotonic(), 0
        while True:
            begun = time.monotonic()
            with self._lock:
                if self._stopping.is_set():
                    return
                self._process = process = start_postgres(self._cluster, serving_options(self._cluster.settings))
            status = process.wait()
            if self._stopping.is_set():
                return
            if not self._was_ready and time.monotonic() - first > _FIRST_START_SECONDS:
                return
            LOG.error("postgres_ended status=%d pid=%d: starting it again", status, process.pid)
            pauses = 0 if time.monotonic() - begun > _STEADY_SECONDS else pauses + 1
            self._stopping.wait(_PAUSES[min(pauses, len(_PAUSES) - 1)])


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(number)

"""The parent of the server process: starts it, waits for its end, starts it again.

Being the parent matters: a killed postmaster that nobody reaps keeps PostgreSQL from starting ("lock file already
exists"). One thread of ours starts it and lives as long as it does, because Linux ties the parent-death signal to that
thread: if we are killed, PostgreSQL gets SIGINT and shuts down in order.
"""

from __future__ import annotations

import logging
import shutil
import signal
import subprocess
import sys
import threading
import time

from shunfu.db.embedded.cluster import ENVIRONMENT, Cluster, identity_of
from shunfu.db.embedded.settings import PORT
from shunfu.kernel.errors import SetupFault

LOG = logging.getLogger(__name__)

_LOG_LIMIT_BYTES = 10_000_000
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
                raise SetupFault(f"PostgreSQL does not start: {self._last_words()}. See {self._cluster.settings.log}")
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
        """Whether the postmaster says in its own file that it takes connections (what pg_ctl looks at)."""
        pid = self.pid
        lines = _read_lines(self._cluster)
        return pid is not None and len(lines) >= 8 and lines[0] == str(pid) and lines[7].startswith("ready")

    def _keep_alive(self) -> None:
        first, pauses = time.monotonic(), 0
        while True:
            begun = time.monotonic()
            with self._lock:
                if self._stopping.is_set():
                    return
                self._process = process = self._spawn()
            status = process.wait()
            if self._stopping.is_set():
                return
            if not self._was_ready and time.monotonic() - first > _FIRST_START_SECONDS:
                return
            LOG.error("postgres_ended status=%d pid=%d: starting it again", status, process.pid)
            pauses = 0 if time.monotonic() - begun > _STEADY_SECONDS else pauses + 1
            self._stopping.wait(_PAUSES[min(pauses, len(_PAUSES) - 1)])

    def _spawn(self) -> subprocess.Popen[bytes]:
        settings = self._cluster.settings
        if settings.log.exists() and settings.log.stat().st_size > _LOG_LIMIT_BYTES:
            settings.log.rename(settings.log.with_suffix(".log.1"))
        options = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(settings.sockets()),
            "unix_socket_permissions": "0700",
            "logging_collector": "off",
            "log_timezone": "UTC",
            "timezone": "UTC",
            "jit": "off",
        }
        command = [self._cluster.binaries.program("postgres"), "-D", str(settings.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with settings.log.open("ab") as log:
            settings.log.chmod(0o600)
            return subprocess.Popen(  # noqa: S603  our own program
                [*_dies_with_us(), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,  # Ctrl-C at our terminal is for us alone
                **identity_of(self._cluster.account),
            )

    def _last_words(self) -> str:
        try:
            lines = self._cluster.settings.log.read_text(errors="replace").splitlines()
        except OSError:
            return "it left no log"
        fatal = [line for line in lines if "FATAL" in line or "PANIC" in line]
        return (fatal or lines or ["no message"])[-1]


def _dies_with_us() -> list[str]:
    """`setpriv` of util-linux sets the parent-death signal and becomes the server. Where it is missing (macOS), an
    orphan is found and stopped at the next start.
    """
    setpriv = shutil.which("setpriv", path=ENVIRONMENT["PATH"]) if sys.platform == "linux" else None
    return [setpriv, "--pdeathsig", "INT", "--"] if setpriv else []


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(number)


def _read_lines(cluster: Cluster) -> list[str]:
    try:
        return (cluster.settings.data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []

"""One server process: how it is started, when it is ready, what it said last. Who keeps it alive is not known here.

Linux ties the parent-death signal to the thread that starts the process: if that thread ends, PostgreSQL gets SIGINT
and shuts down in order.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from shunfu.db.embedded.archive import archiving_options
from shunfu.db.embedded.cluster import ENVIRONMENT, Cluster, identity_of
from shunfu.db.embedded.settings import PORT, EmbeddedSettings

_LOG_LIMIT_BYTES = 10_000_000


def serving_options(settings: EmbeddedSettings) -> dict[str, str]:
    """What every server of ours is told on its command line, where no file of the cluster can say otherwise."""
    return {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(settings.sockets()),
        "unix_socket_permissions": "0700",
        "logging_collector": "off",
        "log_destination": "stderr",
        "log_timezone": "UTC",
        "timezone": "UTC",
        "jit": "off",
        **archiving_options(settings),
    }


def start_postgres(cluster: Cluster, options: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a postmaster as the server's user. It is not ready yet: see `is_ready`."""
    settings = cluster.settings
    if settings.log.exists() and settings.log.stat().st_size > _LOG_LIMIT_BYTES:
        settings.log.rename(settings.log.with_suffix(".log.1"))
    command = [cluster.binaries.program("postgres"), "-D", str(settings.data)]
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
            **identity_of(cluster.account),
        )


def is_ready(cluster: Cluster, process: subprocess.Popen[bytes] | None) -> bool:
    """Whether the postmaster says in its own file that it takes connections (what pg_ctl looks at)."""
    if process is None or process.poll() is not None:
        return False
    lines = _read_lines(cluster.settings.data / "postmaster.pid")
    return len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].startswith("ready")


def last_words(log: Path) -> str:
    """The last complaint in the server's log, for a message to the operator."""
    lines = _read_lines(log)
    fatal = [line for line in lines if "FATAL" in line or "PANIC" in line]
    return (fatal or lines or ["it left no log"])[-1]


def _dies_with_us() -> list[str]:
    """`setpriv` of util-linux sets the parent-death signal and becomes the server. Where it is missing (macOS), an
    orphan is found and stopped at the next start.
    """
    setpriv = shutil.which("setpriv", path=ENVIRONMENT["PATH"]) if sys.platform == "linux" else None
    return [setpriv, "--pdeathsig", "INT", "--"] if setpriv else []


def _read_lines(file: Path) -> list[str]:
    try:
        return file.read_text(errors="replace").splitlines()
    except OSError:
        return []

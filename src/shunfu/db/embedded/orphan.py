"""A postmaster that outlived its supervisor: found by its own pid file, proven by /proc, stopped in order."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from shunfu.kernel.errors import SetupFault

_PATIENCE_SECONDS = 120.0


def stop_orphan(data: Path) -> int | None:
    """Stop the server that still runs on this data folder and wait for its end; its pid, or None when there is none.

    A process counts only if it is a `postgres` whose working folder is the data folder: a pid file left by a crash may
    name a process that has nothing to do with us. `SetupFault` when it does not end.
    """
    pid = _recorded_pid(data)
    if pid is None or not _is_postmaster(pid, data):
        return None
    os.kill(pid, signal.SIGINT)
    begun = time.monotonic()
    while _is_postmaster(pid, data):
        if time.monotonic() - begun > _PATIENCE_SECONDS:
            raise SetupFault(
                f"another PostgreSQL (process {pid}) runs on {data} and does not stop: stop it, then try again"
            )
        time.sleep(0.05)
    return pid


def _recorded_pid(data: Path) -> int | None:
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _is_postmaster(pid: int, data: Path) -> bool:
    process = Path("/proc") / str(pid)
    try:
        program = process.joinpath("cmdline").read_bytes().split(b"\0", 1)[0]
        folder = process.joinpath("cwd").readlink()
    except OSError:
        return False
    return Path(os.fsdecode(program)).name == "postgres" and folder == data.resolve()

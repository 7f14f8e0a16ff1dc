"""The demo's processes: each ends with the demo, and is started again when it dies by itself."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, cast

from shunfu.kernel.errors import SetupFault

Told: TypeAlias = dict[str, str | int]
"""What a part is told in its settings file."""

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 15.0
RESTART_PAUSE_SECONDS = 0.5


@dataclass(slots=True)
class Part:
    """One process of the demo, with its own settings file (mode 0600) and log."""

    name: str
    folder: Path
    told: Mapping[str, object]
    process: subprocess.Popen[bytes] | None = field(default=None)
    restarts: int = 0

    def start(self) -> None:
        """Start the process. Its log goes to `<name>.log` in the demo's folder."""
        path = self.folder / f"{self.name}.json"
        write_private(path, json.dumps({**self.told, "parent": os.getpid()}))
        command = [sys.executable, "-m", "shunfu", "demo-part", self.name, "--config", str(path)]
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with os.fdopen(os.open(self.folder / f"{self.name}.log", flags, 0o600), "ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  # our own interpreter and our own module
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def revive(self) -> bool:
        """Start it again if it has died; whether it had."""
        if self.process is None or self.process.poll() is None:
            return False
        self.restarts += 1
        time.sleep(RESTART_PAUSE_SECONDS)
        self.start()
        return True

    def stop(self) -> None:
        """Ask it to end, wait, and end it by force only when it does not."""
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def complaint(self) -> str:
        """The last line of its log, for a message when it does not come up."""
        lines = (self.folder / f"{self.name}.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no message"


def wait_for(part: Part, is_ready: Callable[[], bool], seconds: float) -> None:
    """Wait until a part is ready. Raises SetupFault with its log's last line when it ends or takes too long."""
    ends = time.monotonic() + seconds
    while not is_ready():
        if part.process is None or part.process.poll() is not None or time.monotonic() > ends:
            raise SetupFault(f"The demo's {part.name} did not start: {part.complaint()}")
        time.sleep(0.03)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_suffix(path.suffix + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)


def told_by(config: Path) -> Told:
    """What the demo told this part; from now on this process ends with the demo."""
    told = cast("Told", json.loads(config.read_text()))
    end_with_parent(int(told["parent"]))
    return told


def end_with_parent(parent: int) -> None:
    """Let the kernel send us SIGTERM when the demo dies, also by kill -9. Elsewhere than Linux this does nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(0)

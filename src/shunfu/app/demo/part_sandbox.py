"""The demo's sandbox, in a process of its own."""

from __future__ import annotations

from pathlib import Path

from shunfu.app.demo.parts import Told
from shunfu.app.sandbox import command


def run(told: Told) -> None:
    """Serve until told to stop."""
    credentials, state = Path(str(told["credentials"])), Path(str(told["state"]))
    command.run(command.SandboxOptions(int(told["port"]), credentials, state))

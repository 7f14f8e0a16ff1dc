"""The demo's server with its worker, in a process of its own; the janitor is twenty times as quick as elsewhere."""

from __future__ import annotations

from shunfu.app import logs
from shunfu.app.demo.parts import Told
from shunfu.app.ring import open_ring
from shunfu.app.settings import Raw, load
from shunfu.app.up import serve_house


def run(told: Told) -> None:
    """Serve until told to stop."""
    logs.configure("text")
    flags: dict[str, Raw | None] = {
        "port": int(told["port"]),
        "data_folder": str(told["folder"]),
        "database_url": str(told["database_url"]),
        "janitor_divisor": 20.0,
        "janitor_pending_seconds": 10.0,
        "webhooks_allow_private": True,
    }
    settings = load(flags, {})
    serve_house(settings, str(told["database_url"]), open_ring(settings), lambda: None)

"""The body of each of the demo's processes, run by the hidden command `shunfu demo-part`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from shunfu.app import logs, serve
from shunfu.app.demo.parts import end_with_parent
from shunfu.app.sandbox import command as sandbox
from shunfu.app.settings import Raw, load
from shunfu.app.shop import command as shop
from shunfu.app.shop.web import ShopSettings
from shunfu.merchants import read_key_file

Told = dict[str, str | int | float]


def run_part(name: str, config: Path) -> None:
    """Be the server, the sandbox or the shop of a demo until told to stop."""
    told = cast("Told", json.loads(config.read_text()))
    end_with_parent(int(told["parent"]))
    logs.configure("text")
    match name:
        case "server":
            _server(told)
        case "sandbox":
            _sandbox(told)
        case "shop":
            _shop(told)
        case _:
            raise AssertionError(f"the demo has no part {name!r}")


def _server(told: Told) -> None:
    flags: dict[str, Raw | None] = {
        "port": int(told["port"]),
        "data_folder": str(told["folder"]),
        "database_url": str(told["database_url"]),
        "janitor_divisor": 20.0,
        "janitor_pending_seconds": 10.0,
    }
    settings = load(flags, {})
    serve.run(settings, str(told["database_url"]), read_key_file(settings.key_file), lambda: None)


def _sandbox(told: Told) -> None:
    credentials, state = Path(str(told["credentials"])), Path(str(told["state"]))
    sandbox.run(sandbox.SandboxOptions(int(told["port"]), credentials, state))


def _shop(told: Told) -> None:
    settings = ShopSettings(
        str(told["api_base"]), str(told["api_key"]), str(told["public_base"]), checkout_base=str(told["api_base"])
    )
    raise SystemExit(shop.run(settings, int(told["port"])))

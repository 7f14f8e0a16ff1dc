"""The demo's shop, in a process of its own: a merchant's server that knows only the public API and its key."""

from __future__ import annotations

from shunfu.app.demo.parts import Told
from shunfu.app.shop import command
from shunfu.app.shop.web import ShopSettings


def run(told: Told) -> None:
    """Serve until told to stop."""
    api = str(told["api_base"])
    settings = ShopSettings(api, str(told["api_key"]), str(told["public_base"]), checkout_base=api)
    raise SystemExit(command.run(settings, int(told["port"])))

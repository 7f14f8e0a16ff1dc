"""Runs the demo shop as a process of its own, on this machine only."""

from __future__ import annotations

import sys

from shunfu.app.serve import listen, serve_app, until_stopped
from shunfu.app.shop.web import ShopSettings, create_app
from shunfu.kernel.errors import SetupFault

EXIT_CANNOT_LISTEN = 2


def run(settings: ShopSettings, port: int) -> int:
    """Serve the shop on 127.0.0.1 until SIGINT or SIGTERM; 0 after a clean stop, 2 when the port is taken."""
    try:
        listener = listen("127.0.0.1", port)
    except SetupFault as fault:
        print(f"shop: {fault}", file=sys.stderr)
        return EXIT_CANNOT_LISTEN
    with listener:
        until_stopped(lambda stop: serve_app(create_app(settings), listener, stop, _say_nothing))
    return 0


def _say_nothing() -> None:
    return None

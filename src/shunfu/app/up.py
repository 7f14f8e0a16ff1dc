"""`shunfu up`: become the right user, find the database, bring it up to date, serve."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from shunfu.app import logs
from shunfu.app.anchors import begin_anchoring
from shunfu.app.become import become
from shunfu.app.commands import make_data_folder, ring_for
from shunfu.app.database import located, migrate_all
from shunfu.app.http.server import create_app
from shunfu.app.nightly import nightly_backups
from shunfu.app.reconciling import begin_reconciling
from shunfu.app.serve import listen, serve_app, until_stopped
from shunfu.app.settings import Raw, Settings, load
from shunfu.app.staffing import founding_link
from shunfu.app.wiring import open_house
from shunfu.merchants import KeyRing


def run_up(flags: Mapping[str, Raw | None], config: Path | None) -> None:
    """Serve until SIGINT or SIGTERM. Raises SetupFault with what to do."""
    settings = load(flags, os.environ, config)
    become(settings)
    logs.configure(settings.text("log_format"))
    make_data_folder(settings)
    with located(settings) as database:
        applied = migrate_all(database)
        ring = ring_for(settings, database)
        if applied.names:
            sys.stderr.write(f"shunfu: schema {applied.before} -> {applied.after}\n")
        link = founding_link(settings, database)

        def announce() -> None:
            sys.stdout.write(f"shunfu answers on {settings.public_url}\n")
            if link is not None:
                sys.stdout.write(f"shunfu has no staff yet. Become its first owner within a day: {link.reveal()}\n")
            sys.stdout.flush()

        with nightly_backups(settings, database):
            serve_house(settings, database.app_url, ring, announce)


def serve_house(settings: Settings, app_url: str, ring: KeyRing, announce: Callable[[], None]) -> None:
    """Server and worker in one process until SIGINT or SIGTERM; `announce` is called once requests are answered."""
    with listen(settings.text("host"), settings.whole("port")) as listener:

        async def life(stop: asyncio.Event) -> None:
            async with open_house(settings, app_url, ring) as house:
                await begin_anchoring(house.database, house.source, house.jobs)
                await begin_reconciling(house)
                worker = asyncio.create_task(house.work(stop))
                worker.add_done_callback(lambda _: stop.set())  # a server without its worker must not go on
                await serve_app(create_app(house), listener, stop, announce)
                await worker

        until_stopped(life)

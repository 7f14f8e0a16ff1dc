"""`shunfu up`: become the right user, find the database, bring it up to date, serve."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path

from shunfu.app import logs
from shunfu.app.anchors import begin_anchoring
from shunfu.app.become import become
from shunfu.app.commands import make_data_folder, ring_for
from shunfu.app.database import located, migrate_all
from shunfu.app.http.server import create_app
from shunfu.app.key_checks import begin_key_checks
from shunfu.app.nightly import nightly_backups
from shunfu.app.reconciling import begin_reconciling
from shunfu.app.serve import Served, WireBounds, listen, serve, until_stopped
from shunfu.app.settings import Raw, Settings, load
from shunfu.app.staffing import founding_link
from shunfu.app.watch.exposition import Exposition, metrics_address
from shunfu.app.wiring import House, open_house
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
    bounds = wire_bounds(settings)
    metrics = metrics_address(settings)
    with (
        listen(settings.text("host"), settings.whole("port")) as listener,
        listen(*metrics) if metrics else nullcontext() as metrics_listener,
    ):

        async def life(stop: asyncio.Event) -> None:
            async with open_house(settings, app_url, ring) as house:
                await begin_anchoring(house.database, house.source, house.jobs)
                await begin_reconciling(house)
                await begin_key_checks(house.database, house.source, house.jobs)
                worker = asyncio.create_task(house.work(stop))
                worker.add_done_callback(lambda _: stop.set())  # a server without its worker must not go on
                metrics_served = _metrics(house, metrics_listener)
                others = [asyncio.create_task(serve(one, stop, _say_nothing)) for one in metrics_served]
                await serve(Served(create_app(house), listener, bounds), stop, announce)
                await asyncio.gather(*others)
                await worker

        until_stopped(life)


def wire_bounds(settings: Settings) -> WireBounds:
    """The settings' bounds on connections."""
    return WireBounds(
        request_seconds=float(settings.whole("request_seconds")),
        keep_alive_seconds=settings.whole("keep_alive_seconds"),
        connections_max=settings.whole("connections_max"),
    )


def _metrics(house: House, listener: socket.socket | None) -> list[Served]:
    """What is served beside the server: its metrics, if the settings name a port for them."""
    meters = house.watch.meters
    if listener is None or meters is None:
        return []
    token = house.settings.secret("metrics_token")
    return [Served(Exposition(meters, house.database, house.source, token), listener, WireBounds(connections_max=20))]


def _say_nothing() -> None:
    """The metrics' listener announces nothing: the server does."""

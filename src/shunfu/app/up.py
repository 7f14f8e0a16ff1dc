"""`shunfu up`: become the right user, find the database, bring it up to date, serve."""

from __future__ import annotations

import asyncio
import os
import pwd
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import shunfu
from shunfu.app import logs
from shunfu.app.commands import make_data_folder, ring_for
from shunfu.app.database import located, migrate_all
from shunfu.app.http.server import create_app
from shunfu.app.serve import listen, serve_app, until_stopped
from shunfu.app.settings import Raw, Settings, load
from shunfu.app.wiring import open_house
from shunfu.kernel.errors import SetupFault
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

        def announce() -> None:
            sys.stdout.write(f"shunfu answers on {settings.public_url}\n")
            sys.stdout.flush()

        serve_house(settings, database.app_url, ring, announce)


def serve_house(settings: Settings, app_url: str, ring: KeyRing, announce: Callable[[], None]) -> None:
    """Server and worker in one process until SIGINT or SIGTERM; `announce` is called once requests are answered."""
    with listen(settings.text("host"), settings.whole("port")) as listener:

        async def life(stop: asyncio.Event) -> None:
            async with open_house(settings, app_url, ring) as house:
                worker = asyncio.create_task(house.worker.run(stop))
                worker.add_done_callback(lambda _: stop.set())  # a server without its worker must not go on
                await serve_app(create_app(house), listener, stop, announce)
                await worker

        until_stopped(life)


def become(settings: Settings) -> None:
    """As root: make the data folder the user's and become that user; nothing of the server ever runs as root."""
    if os.geteuid() != 0:
        if settings.user not in {None, pwd.getpwuid(os.geteuid()).pw_name}:
            raise SetupFault(f"Only root can become {settings.user}; leave --user out.")
        return
    if settings.user is None:
        raise SetupFault("`shunfu up` does not run as root: name the user to become, `shunfu up --user NAME`.")
    try:
        account = pwd.getpwnam(settings.user)
    except KeyError as error:
        raise SetupFault(f"There is no user {settings.user!r} on this system.") from error
    if account.pw_uid == 0 or settings.user == "nobody":
        raise SetupFault(f"The user {settings.user} must not own payments: name one that only Shunfu uses.")
    if not settings.data_folder.exists():
        settings.data_folder.mkdir(mode=0o700, parents=True)
        os.chown(settings.data_folder, account.pw_uid, account.pw_gid)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    os.environ["HOME"] = account.pw_dir
    if not os.access(settings.data_folder, os.W_OK | os.X_OK):
        raise SetupFault(f"{settings.user} cannot write in {settings.data_folder}. Choose another --data, or chown it.")
    for needed in (Path(os.__file__), Path(shunfu.__file__)):
        if not os.access(needed, os.R_OK):
            raise SetupFault(f"{settings.user} cannot read {needed.parent}. Install where that user can read, as /opt.")

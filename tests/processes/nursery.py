"""A program that has everything imported and makes servers and workers of itself, each a process of its own.

Starting Python anew takes seconds; a process that is killed three times would spend the test on that. It reads one JSON
object a line: what to be, and its settings; it answers with the process id. When its input ends, it ends its children.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop

from shunfu.app import logs
from shunfu.app.http.server import create_app
from shunfu.app.serve import listen, serve_app
from shunfu.app.settings import Settings, load
from shunfu.app.wiring import House, open_house
from shunfu.db import Worker, WorkerSettings
from shunfu.merchants import read_key_file

LEASES = WorkerSettings(lease_seconds=3.0, poll_seconds=0.2)
"""Short, so that what a dead worker held is taken over within the test."""


async def live(settings: Settings, role: str, ready: Path) -> None:
    """Be a server, a worker, or both, until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    url = settings.secret("database_url")
    assert url is not None, "the fleet names the database"
    async with open_house(settings, url.reveal(), read_key_file(settings.key_file)) as house:
        tasks = [asyncio.create_task(with_short_leases(house).work(stop))] if role != "server" else []
        if role == "worker":
            ready.write_text("ready", "ascii")
        else:
            with listen(settings.text("host"), settings.whole("port")) as listener:
                await serve_app(create_app(house), listener, stop, lambda: ready.write_text("ready", "ascii"))
        await asyncio.gather(*tasks)


def with_short_leases(house: House) -> House:
    """The same house, whose workers hold a job for a few seconds."""

    def worker(old: Worker) -> Worker:
        return Worker(house.database, old._handlers, LEASES, house.source)

    return replace(
        house,
        worker=worker(house.worker),
        webhook_worker=worker(house.webhook_worker),
        reconcile_worker=worker(house.reconcile_worker),
    )


def be(told: dict[str, Any]) -> None:
    """What a child does with its life."""
    log = os.open(told["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    logs.configure("text")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(live(load(told["settings"], {}), told["role"], Path(told["ready"])))


def main() -> None:
    """Make children until the input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead need no burial
    children: list[int] = []
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                be(json.loads(line))
            finally:
                os._exit(1)
        children.append(pid)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
    for pid in children:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    main()

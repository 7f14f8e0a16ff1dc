"""The server under measurement, in a process of its own: what `shunfu up` serves, with production's settings.

`shunfu up` will not run as root without a user, and the demo asks the channel far more often than production does; so
the benchmarks start the same application through this. `--no-worker` serves requests and leaves the jobs lying, so that
taking a notification in can be told from applying it. `--profile FILE` writes cProfile's numbers at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import signal
from pathlib import Path

import uvloop

from shunfu.app import logs
from shunfu.app.http.server import create_app
from shunfu.app.serve import listen, serve_app
from shunfu.app.settings import Settings, load
from shunfu.app.wiring import open_house
from shunfu.merchants import KeyRing, read_key_file


async def _serve(settings: Settings, ring: KeyRing, ready: Path, *, is_working: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    url = settings.secret("database_url")
    assert url is not None, "the rig names the database"
    with listen(settings.text("host"), settings.whole("port")) as listener:
        async with open_house(settings, url.reveal(), ring) as house:
            worker = asyncio.create_task(house.work(stop)) if is_working else None
            await serve_app(create_app(house), listener, stop, lambda: ready.write_text("ready", "ascii"))
            if worker is not None:
                await worker


def main() -> None:
    """Serve until SIGTERM; the database and the data folder come as SHUNFU_* in the environment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ready", type=Path, required=True)
    parser.add_argument("--no-worker", action="store_true")
    parser.add_argument("--profile", type=Path)
    told = parser.parse_args()
    logs.configure("text")
    settings = load({"port": told.port, "limit_key_per_minute": 0}, os.environ)  # one key is all the load there is
    ring = read_key_file(settings.key_file)
    profile = cProfile.Profile() if told.profile else None
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if profile:
            profile.enable()
        runner.run(_serve(settings, ring, told.ready, is_working=not told.no_worker))
        if profile:
            profile.disable()
            profile.dump_stats(told.profile)


if __name__ == "__main__":
    main()

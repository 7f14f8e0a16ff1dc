"""A whole installation in a temporary folder: PostgreSQL, sandbox, server, and two merchants. All of it ends with it.

The first merchant is paid over HTTP; the second has the same rows and is only written to by pgbench, so that no worker
takes up its jobs.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from shunfu.app.commands import found_organisation
from shunfu.app.settings import Settings, load
from shunfu.app.wiring import House, open_house
from shunfu.db import (
    EmbeddedServer,
    EmbeddedSettings,
    Transaction,
    Urls,
    collect,
    migrate,
    schema_packages,
)
from shunfu.db.driver import session
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy
from shunfu.kernel.ids import public
from shunfu.merchants import KeyRing, make_key_file, read_key_file

HERE = Path(__file__).resolve().parent
CHANNEL = "wechatpay"
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Side:
    """A merchant with its key and its account at the sandbox."""

    merchant_id: UUID
    account_id: UUID
    api_key: str = field(repr=False)

    def notification_path(self) -> str:
        """Where the channel posts to."""
        return f"/notifications/{CHANNEL}/{public('mer', self.merchant_id)}/{public('acc', self.account_id)}"


@dataclass(slots=True)
class Rig:
    """What is running. `credentials` is the sandbox's file; `server` is replaced by `restart`."""

    folder: Path
    settings: Settings
    ring: KeyRing
    urls: Urls
    postmaster: int
    sandbox: subprocess.Popen[bytes]
    credentials: dict[str, Any]
    port: int
    paid: Side
    bare: Side
    server: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def server_pid(self) -> int:
        """The process that serves."""
        assert self.server is not None, "start the server first"
        return self.server.pid

    def start_server(self, *flags: str) -> None:
        """Start the server, in place of the one before, and wait until it answers."""
        self.stop_server()
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        command = [sys.executable, str(HERE / "_server.py"), "--port", str(self.port), "--ready", str(ready), *flags]
        self.server = _begin(command, self.folder / "server.log", self.environment())
        _wait(self.server, ready, self.folder / "server.log")

    def stop_server(self) -> None:
        """End the server and wait for it."""
        if self.server is not None:
            _end(self.server)
            self.server = None

    def environment(self) -> dict[str, str]:
        """Ours, with the settings of this installation."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SHUNFU_")}
        told = {"SHUNFU_DATA_FOLDER": str(self.folder), "SHUNFU_DATABASE_URL": self.urls.app_url}
        return {**kept, **told, "SHUNFU_PUBLIC_URL": self.base_url}

    def analyse(self) -> None:
        """Let PostgreSQL learn what the tables hold, as it does by itself within a minute of their first rows.

        Until then it takes any index that begins with merchant_id, and reads all of a merchant's rows through it.
        """
        asyncio.run(_analyse(self.urls.admin_url))

    @contextmanager
    def house(self) -> Generator[tuple[asyncio.Runner, House], None, None]:
        """The use-cases on this database, in this process, for setting rows up and looking at them."""
        with asyncio.Runner() as runner:
            opening = open_house(self.settings, self.urls.app_url, self.ring)
            house = runner.run(opening.__aenter__())
            try:
                yield runner, house
            finally:
                runner.run(opening.__aexit__(None, None, None))


@contextmanager
def rig() -> Generator[Rig, None, None]:
    """Start everything but the server; everything is stopped and removed at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shunfu-bench-")))
        folder.chmod(0o711)  # as root, PostgreSQL runs as another user and must reach its own folder inside
        port = free_port()
        settings = load({"data_folder": str(folder), "port": port}, {})
        make_key_file(settings.key_file, Source(SystemClock(), SystemEntropy()))
        ring = read_key_file(settings.key_file)
        server = EmbeddedServer(EmbeddedSettings(folder / "postgres", allow_nobody=True))
        urls = server.start()
        stack.callback(server.stop)
        asyncio.run(migrate(urls.migration_url, collect(schema_packages())))
        sandbox, credentials = _start_sandbox(folder)
        stack.callback(_end, sandbox)
        sides = asyncio.run(_found(settings, urls, ring, credentials))
        assert server.pid is not None, "PostgreSQL runs"
        built = Rig(folder, settings, ring, urls, server.pid, sandbox, credentials, port, *sides)
        stack.callback(built.stop_server)
        yield built


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start_sandbox(folder: Path) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    path, log = folder / "sandbox.json", folder / "sandbox.log"
    command = [sys.executable, "-m", "shunfu", "sandbox", "--port", "0", "--credentials", str(path)]
    process = _begin(command, log, dict(os.environ))
    _wait(process, path, log)
    return process, json.loads(path.read_text("utf-8"))


async def _found(settings: Settings, urls: Urls, ring: KeyRing, credentials: dict[str, Any]) -> tuple[Side, Side]:
    async with open_house(settings, urls.app_url, ring) as house:
        first = await _side(house, "measured over HTTP", credentials[CHANNEL])
        return first, await _side(house, "measured by pgbench", credentials[CHANNEL])


async def _analyse(admin_url: str) -> None:
    async with session(admin_url) as connection:
        await connection.execute("ANALYZE")


async def _side(house: House, name: str, credentials: dict[str, str]) -> Side:
    made = await found_organisation(house, name, ())

    async def story(tx: Transaction) -> UUID:
        return await house.accounts.add(tx, made.test, CHANNEL, credentials)

    account_id = await house.database.transact(story)
    return Side(made.test.merchant_id, account_id, made.test_key.reveal())


def _begin(command: list[str], log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with log.open("ab") as stream:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment, start_new_session=True
        )


def _wait(process: subprocess.Popen[bytes], sign: Path, log: Path) -> None:
    ends = time.monotonic() + START_SECONDS
    while not sign.exists():
        if process.poll() is not None or time.monotonic() > ends:
            raise SystemExit(f"{log.stem} did not start: {log.read_text('utf-8', 'replace')[-600:]}")
        time.sleep(0.02)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

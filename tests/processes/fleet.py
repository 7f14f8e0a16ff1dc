"""Real processes on one machine: PostgreSQL with its supervisor, a sandbox, servers and workers, each ended by its id."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from flows.world import sandbox_of
from sandbox_process import Sandbox
from shunfu.app.commands import found_organisation
from shunfu.app.sandbox.keeping import read_kept
from shunfu.app.settings import load
from shunfu.app.wiring import House, open_house
from shunfu.db import EmbeddedServer, Transaction, Urls
from shunfu.gateway.sandbox import Stage, read_stage
from shunfu.merchants import Merchant, read_key_file

NURSERY = Path(__file__).with_name("nursery.py")
CHANNEL = "wechatpay"
PATIENCE_SECONDS = 60.0


@dataclass(slots=True)
class Nursery:
    """The program that makes servers and workers."""

    process: subprocess.Popen[str]
    folder: Path
    born: int = 0

    def bear(self, role: str, settings: dict[str, object]) -> Child:
        """A new process; it is not ready yet."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.born += 1
        log, ready = self.folder / f"{role}.log", self.folder / f"ready-{self.born}"
        told = {"role": role, "settings": settings, "log": str(log), "ready": str(ready)}
        self.process.stdin.write(json.dumps(told) + "\n")
        self.process.stdin.flush()
        return Child(int(self.process.stdout.readline()), role, log, ready)


@dataclass(frozen=True, slots=True)
class Child:
    """A server, a worker, or both in one, by its process id."""

    pid: int
    role: str
    log: Path
    ready: Path

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return Path(f"/proc/{self.pid}").exists()

    def signal(self, number: int) -> None:
        """Send this process a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        wait_until(lambda: not self.is_alive(), f"the end of {self.role}")

    def wait(self) -> None:
        """Wait until it works."""
        wait_until(lambda: self.ready.exists() or not self.is_alive(), f"a {self.role} that is ready")
        assert self.ready.exists(), self.log.read_text("utf-8", "replace")[-2000:]


@dataclass(slots=True)
class Fleet:
    """What is shared: PostgreSQL, the sandbox, the nursery, and the folder with the key file."""

    folder: Path
    postgres: EmbeddedServer
    urls: Urls
    sandbox: Sandbox
    nursery: Nursery
    is_small: bool
    children: list[Child] = field(default_factory=list[Child])

    @property
    def postmaster(self) -> int:
        """PostgreSQL's first process."""
        assert self.postgres.pid is not None, "PostgreSQL runs"
        return self.postgres.pid

    def settings(self, port: int, **changes: object) -> dict[str, object]:
        """The settings of a server: a quick janitor, since time here is the machine's."""
        told: dict[str, object] = {
            "data_folder": str(self.folder),
            "database_url": self.urls.app_url,
            "port": port,
            "public_url": f"http://127.0.0.1:{port}",
            "janitor_divisor": 20,
            "janitor_pending_seconds": 3,
        }
        return {**told, **changes}

    def start(self, role: str, settings: dict[str, object]) -> Child:
        """A process that is ready."""
        child = self.nursery.bear(role, settings)
        self.children.append(child)
        child.wait()
        return child

    def stage(self) -> Stage[Any]:
        """What the sandbox knows, by its own file."""
        kept = read_kept((self.folder / "state.json").read_text("utf-8"))
        return read_stage(sandbox_of(CHANNEL), kept.texts[CHANNEL])

    def end_all(self) -> None:
        """Kill every server and worker that still lives."""
        for child in self.children:
            if child.is_alive():
                child.signal(signal.SIGCONT)
                child.kill()
        self.children.clear()

    @asynccontextmanager
    async def house(self) -> AsyncIterator[House]:
        """The use-cases in this process, straight on the database, to set up and to look."""
        settings = load({"data_folder": str(self.folder), "database_url": self.urls.app_url}, {})
        async with open_house(settings, self.urls.app_url, read_key_file(settings.key_file)) as house:
            yield house


@dataclass(frozen=True, slots=True)
class Shop:
    """A merchant with its account at the sandbox, and where the server is that it talks to."""

    merchant: Merchant
    api_key: str = field(repr=False)
    base_url: str
    account_id: UUID


async def found_shop(fleet: Fleet, port: int, channel_url: str | None = None) -> Shop:
    """A new merchant, whose channel is at the sandbox or behind another address."""
    told = dict(fleet.sandbox.of(CHANNEL))
    if channel_url is not None:
        told["base_url"] = channel_url
    async with fleet.house() as house:
        made = await found_organisation(house, "山前咖啡", ())

        async def story(tx: Transaction) -> UUID:
            return await house.accounts.add(tx, made.test, CHANNEL, told)

        account_id = await house.database.transact(story)
    return Shop(made.test, made.test_key.reveal(), f"http://127.0.0.1:{port}", account_id)


@contextmanager
def nursery(folder: Path) -> Iterator[Nursery]:
    """The program that makes servers, ready to make them; its end is theirs."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with (folder / "nursery.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, NURSERY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
        )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "ready\n", (folder / "nursery.log").read_text("utf-8", "replace")
    try:
        yield Nursery(process, folder)
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(is_so: Any, what: str) -> None:
    """Wait for something that must come about."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < ends, f"waited in vain for: {what}"
        time.sleep(0.01)


async def wait_for(is_so: Any, what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """The same beside other work; `is_so` is awaited."""
    async with asyncio.timeout(seconds):
        try:
            while not await is_so():
                await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"waited in vain for: {what}") from None

"""Starts the demo, supervises it, and stops it cleanly on Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
import webbrowser
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import cast
from urllib.request import urlopen

from shunfu.app import logs
from shunfu.app.commands import make_data_folder, prove_merchant, ring_for
from shunfu.app.database import Located, located, migrate_all
from shunfu.app.demo.merchant import ByChannel, DemoMerchant, ensure_merchant
from shunfu.app.demo.parts import Part, wait_for, write_private
from shunfu.app.demo.purchase import CHANNEL, Purchase, buy_once
from shunfu.app.settings import Settings, default_data_folder, load
from shunfu.app.staffing import owner_link
from shunfu.app.wiring import open_house
from shunfu.driver import discover
from shunfu.kernel.errors import Fault, SetupFault
from shunfu.merchants import KeyRing, get_merchant

PART_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What `shunfu demo` was asked for."""

    is_check: bool
    info: Path | None
    folder: Path | None
    port: int
    is_browser_wanted: bool


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything listens."""

    server: str
    sandbox: str
    shop: str

    @classmethod
    def choose(cls, first_port: int) -> Addresses:
        """Three ports in a row, or free ones for 0. Raises SetupFault when one is taken."""
        ports = _free_ports(3) if first_port == 0 else [first_port, first_port + 1, first_port + 2]
        for port in ports:
            _require_free(port)
        return cls(*(f"http://127.0.0.1:{port}" for port in ports))


@dataclass(frozen=True, slots=True)
class Running:
    """A demo that is up."""

    addresses: Addresses
    merchant: DemoMerchant
    credentials: dict[str, object]
    parts: tuple[Part, ...]
    settings: Settings
    database: Located
    ring: KeyRing
    setup_seconds: float
    console: str

    def info(self) -> dict[str, object]:
        """What a tester needs while the demo runs."""
        return {
            "base_url": self.addresses.server,
            "api_key": self.merchant.api_key,
            "notification_urls": {
                name: self.addresses.server + path for name, path in self.merchant.notification_paths().items()
            },
            "control_url": self.credentials["control_url"],
            "credentials": self.credentials,
            "shop_url": self.addresses.shop,
        }


def run_demo(options: DemoOptions) -> int:
    """Run the demo to its end; the exit code. With `--check`, buy once and print one JSON object."""
    logs.configure("text", level=40)
    began = time.monotonic()
    with _stoppable():
        try:
            with _running(options, began) as demo:
                if options.info is not None:
                    write_private(options.info, json.dumps(demo.info(), ensure_ascii=False, indent=2))
                return _check(demo) if options.is_check else _stay(demo, options)
        except KeyboardInterrupt:
            _say("stopped")
            return 0
        except Fault as fault:
            if not options.is_check:
                raise
            sys.stdout.write(json.dumps({"ok": False, "failed_step": "setup", "detail": str(fault)}) + "\n")
            return 1


@contextmanager
def _running(options: DemoOptions, began: float) -> Generator[Running, None, None]:
    folder = options.folder or default_data_folder().with_name("shunfu-demo")
    settings = load({"data_folder": str(folder.absolute())}, {})
    addresses = Addresses.choose(options.port)
    with ExitStack() as stack:
        _say(f"database and sandbox in {folder} …")
        make_data_folder(settings)
        sandbox = _start_sandbox(stack, folder, addresses)
        database = stack.enter_context(located(settings, allow_nobody=True))
        if not database.is_own:
            raise SetupFault(f"A demo runs already in {folder}; stop it, or choose another --folder.")
        migrate_all(database)
        ring = ring_for(settings, database)
        _say("server and shop …")
        server = _start_server(stack, settings, database, addresses)
        credentials = _credentials(sandbox, folder)
        merchant, door = asyncio.run(_merchant(settings, database, ring, (folder, credentials, addresses)))
        shop = _start_shop(stack, folder, addresses, merchant)
        wait_for(server, lambda: _answers(f"{addresses.server}/readyz"), PART_SECONDS)
        wait_for(shop, lambda: _answers(f"{addresses.shop}/"), PART_SECONDS)
        seconds = time.monotonic() - began
        parts = (sandbox, server, shop)
        console = f"{addresses.server}/console{door}"
        yield Running(addresses, merchant, credentials, parts, settings, database, ring, seconds, console)


def _start_sandbox(stack: ExitStack, folder: Path, addresses: Addresses) -> Part:
    path = folder / "sandbox-credentials.json"
    path.unlink(missing_ok=True)
    told = {"port": _port(addresses.sandbox), "credentials": str(path), "state": str(folder / "sandbox-state.json")}
    return _start(stack, Part("sandbox", folder, told))


def _credentials(sandbox: Part, folder: Path) -> dict[str, object]:
    """What the sandbox tells its clients, once it listens."""
    path = folder / "sandbox-credentials.json"
    wait_for(sandbox, path.exists, PART_SECONDS)
    return json.loads(path.read_text())


async def _merchant(
    settings: Settings, database: Located, ring: KeyRing, about: tuple[Path, dict[str, object], Addresses]
) -> tuple[DemoMerchant, str]:
    """The demo's merchant, and where its console is entered: by a one-time link as long as nobody has an account."""
    folder, credentials, addresses = about
    async with open_house(settings, database.app_url, ring) as house:
        merchant = await ensure_merchant(house, folder / "merchant.json", _by_channel(credentials), addresses.shop)
        link = await house.database.transact(lambda tx: owner_link(tx, house.source, merchant.merchant_id))
        return merchant, f"/first/{link.reveal()}" if link else ""


def _by_channel(credentials: dict[str, object]) -> ByChannel:
    """Every channel's part of the sandbox's credentials; the one that `--check` buys with comes first."""
    names = sorted(discover().channels, key=lambda name: (name != CHANNEL, name))
    return {name: cast("dict[str, str]", credentials[name]) for name in names if name in credentials}


def _start_server(stack: ExitStack, settings: Settings, database: Located, addresses: Addresses) -> Part:
    folder = settings.data_folder
    told = {"port": _port(addresses.server), "folder": str(folder), "database_url": database.app_url}
    return _start(stack, Part("server", folder, told))


def _start_shop(stack: ExitStack, folder: Path, addresses: Addresses, merchant: DemoMerchant) -> Part:
    told = {
        "port": _port(addresses.shop),
        "api_base": addresses.server,
        "api_key": merchant.api_key,
        "public_base": addresses.shop,
    }
    return _start(stack, Part("shop", folder, told))


def _start(stack: ExitStack, part: Part) -> Part:
    part.start()
    stack.callback(part.stop)
    return part


def _stay(demo: Running, options: DemoOptions) -> int:
    """Print the addresses, open the shop, and keep every process alive until Ctrl-C."""
    print(f"\n  shop 商店      {demo.addresses.shop}")
    print(f"  console 后台   {demo.console}")
    print(f"  API 接口       {demo.addresses.server}/openapi.json")
    print(f"  sandbox 沙箱   {demo.addresses.sandbox}/sandbox")
    print(f"  ready in {demo.setup_seconds:.1f} s. Ctrl-C stops everything. 按 Ctrl-C 停止\n", flush=True)
    if options.is_browser_wanted and _has_browser():
        webbrowser.open(demo.addresses.shop)
    while True:
        time.sleep(0.5)
        for part in demo.parts:
            if part.revive():
                _say(f"{part.name} had stopped and was started again; see {part.folder / part.name}.log")


def _check(demo: Running) -> int:
    purchase = asyncio.run(_bought(demo))
    report = purchase.report(demo.setup_seconds)
    print(json.dumps(report, ensure_ascii=False))
    return 0 if report["ok"] else 1


async def _bought(demo: Running) -> Purchase:
    purchase = await buy_once(demo.addresses.shop, demo.addresses.server, demo.merchant.api_key, demo.credentials)
    async with open_house(demo.settings, demo.database.app_url, demo.ring) as house, house.database.reading() as reader:
        merchant = await get_merchant(reader, demo.merchant.merchant_id)
        assert merchant is not None, "the demo has its merchant"
        proof = await prove_merchant(reader, merchant)
    purchase.ledger = {
        "transactions": proof["transactions"],
        "entries": proof["entries"],
        "balanced": bool(proof["balanced"]) and not proof["differences"],
    }
    return purchase


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:  # noqa: S310  # our own address
            return answer.status == 200
    except OSError:
        return False


def _has_browser() -> bool:
    is_graphical = sys.platform == "darwin" or any(name in os.environ for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return is_graphical and os.geteuid() != 0


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _free_ports(count: int) -> list[int]:
    holders = [socket.socket() for _ in range(count)]
    try:
        for holder in holders:
            holder.bind(("127.0.0.1", 0))
        return [holder.getsockname()[1] for holder in holders]
    finally:
        for holder in holders:
            holder.close()


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SetupFault(f"Port {port} is in use. Stop what uses it, or choose others: --port 9700.") from error


@contextmanager
def _stoppable() -> Generator[None, None, None]:
    """SIGTERM stops the demo as Ctrl-C does; while it cleans up, neither interrupts it again."""

    def stop(_: int, __: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    sys.stderr.write(f"demo: {text}\n")
    sys.stderr.flush()

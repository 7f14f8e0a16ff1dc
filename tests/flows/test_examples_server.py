"""The shop's server of examples/ against the real API over real sockets: one order a key, no price from a phone."""

from __future__ import annotations

import asyncio
import http.client
import importlib.util
import json
import sys
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from app.test_listen import served
from flows.world import World, call

SERVER = Path(__file__).parents[2] / "examples" / "server" / "shop_server.py"
KEY = "0123456789abcdef" * 2
LINES = [{"id": "beans", "quantity": 1}, {"id": "drip", "quantity": 2}]
WISH = {"key": KEY, "lang": "zh-CN", "lines": LINES}


def load() -> ModuleType:
    """The example as Python finds it by its path."""
    spec = importlib.util.spec_from_file_location("shop_server", SERVER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["shop_server"] = module
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True, slots=True)
class Phone:
    """What a phone may ask of the shop's server."""

    port: int

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        return await asyncio.to_thread(self._ask, method, path, body)

    def _ask(self, method: str, path: str, body: object) -> tuple[int, Any]:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            line.request(method, path, body if isinstance(body, bytes) else json.dumps(body))
            reply = line.getresponse()
            return reply.status, json.load(reply)
        finally:
            line.close()


@contextmanager
def running(base: str, key: str) -> Generator[Phone]:
    """The example's server on a free port."""
    module = load()
    with module.make_server(module.Shunfu(base, key), 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Phone(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


@asynccontextmanager
async def shop(world: World) -> AsyncGenerator[Phone]:
    async with served(world) as base:
        with running(base, world.api_key) as phone:
            yield phone


async def test_a_cart_becomes_one_order_that_can_be_paid(world: World) -> None:
    async with shop(world) as phone:
        status, goods = await phone.ask("GET", "/shop/goods?lang=en")
        assert (status, goods["goods"][0]["name"]) == (200, "Yunnan natural beans")
        status, made = await phone.ask("POST", "/shop/orders", WISH)
        assert (status, made["amount_minor"], made["subject"]) == (201, 12400, "云南日晒咖啡豆 +1")
        assert await phone.ask("POST", "/shop/orders", WISH) == (201, made)
    order = (await world.get(f"/v1/orders/{made['order']}")).json()
    assert (order["amount_minor"], order["needs"]) == (12400, ["address"])
    assert [item["amount_minor"] for item in order["items"]] == [6800, 5600]
    answer = await call(world.app, "GET", f"/v1/checkout/{made['token']}", {}, b"")
    assert (answer.status, answer.json()["phase"]) == (200, "ready")
    assert len((await world.get("/v1/orders")).json()["items"]) == 1


NO_CARTS: list[Any] = [
    {"key": "short"},
    {"lang": "fr"},
    {"lines": []},
    {"lines": [{"id": "gold", "quantity": 1}]},
    {"lines": [{"id": "cup", "quantity": 0}]},
    {"lines": [{"id": "cup", "quantity": 10}]},
    {"lines": [{"id": "cup", "quantity": True}]},
    {"lines": [{"id": "cup", "quantity": 1}, {"id": "cup", "quantity": 1}]},
    {"lines": [{"id": ["cup"], "quantity": 1}]},
    {"lines": 5},
    b"no json",
    b"[1]",
]


async def test_a_cart_that_is_none_makes_no_order(world: World) -> None:
    async with shop(world) as phone:
        for spoiled in NO_CARTS:
            wish = spoiled if isinstance(spoiled, bytes) else {**WISH, **spoiled}
            assert await phone.ask("POST", "/shop/orders", wish) == (422, {}), spoiled
    assert (await world.get("/v1/orders")).json()["items"] == []


async def test_too_much_and_elsewhere(world: World) -> None:
    async with shop(world) as phone:
        assert await phone.ask("POST", "/shop/elsewhere", WISH) == (404, {})
        assert await phone.ask("GET", "/shop/elsewhere") == (404, {})
        assert await phone.ask("POST", "/shop/orders", {**WISH, "key": "a" * 9000}) == (413, {})


async def test_a_key_that_is_refused_or_a_dead_line_is_no_order_and_says_nothing_of_the_key(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    async with served(world) as base:
        with running(base, "sk_test_wrong") as phone:
            assert await phone.ask("POST", "/shop/orders", WISH) == (502, {})
    with running(base, world.api_key) as phone:  # nobody listens there any more
        assert await phone.ask("POST", "/shop/orders", WISH) == (502, {})
    said = capfd.readouterr().err
    assert said.count("no order: ") == 2
    assert "sk_test" not in said

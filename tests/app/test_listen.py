"""`shunfu listen` against the real API over a real socket, with a developer's server beside it."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flows.world import World, make_world
from shunfu.app.listen import ListenOptions, Turns, listen
from shunfu.app.remote import Target, target_of
from shunfu.app.serve import serve_app
from shunfu.db import Database
from shunfu.kernel.clock import SystemClock
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.secret import Secret
from webhooks.receiver import Receiver, receiving, status
from webhooks.verifier import is_genuine

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Ear:
    """A running `shunfu listen` and the lines it has printed."""

    world: World
    target: Target
    lines: list[str] = field(default_factory=list)

    async def until(self, is_so: Callable[[], bool]) -> None:
        for _ in range(750):
            if is_so():
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"waited 15 s in vain; so far: {self.lines}")

    async def close_an_order(self) -> str:
        order = await self.world.order()
        await self.world.post(f"/v1/orders/{order['id']}/close", {})
        await self.world.work()
        return str(order["id"])


@asynccontextmanager
async def served(world: World) -> AsyncIterator[str]:
    """The API on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop, ready = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(serve_app(world.app, listener, stop, ready.set))
    await ready.wait()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        await serving


@pytest.fixture
async def ear(database: Database) -> AsyncIterator[Ear]:
    world = await make_world(database)
    async with served(world) as url:
        yield Ear(world, Target(url, Secret(world.api_key)))


@asynccontextmanager
async def listening(ear: Ear, **options: Any) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(listen(ListenOptions(ear.target, **options), stop, ear.lines.append))
    await ear.until(lambda: bool(ear.lines) or task.done())
    try:
        yield
    finally:
        stop.set()
        await task


async def test_each_event_is_printed_and_forwarded_as_an_endpoint_would_get_it(ear: Ear) -> None:
    async with receiving(status(200), status(500)) as receiver:
        async with listening(ear, forward_to=receiver.url()):
            assert ear.lines[0] == f"listening to {ear.target.url}"
            secret = ear.lines[1].rpartition(" ")[2]
            assert secret.startswith("whsec_")
            _, payment_id = await ear.world.pending()
            await ear.world.shopper_pays(payment_id)
            await ear.until(lambda: len(ear.lines) == 4)
        captured, paid = ear.lines[2:]
        assert "payment.captured" in captured
        assert captured.endswith("-> 200")
        assert "order.paid" in paid
        assert "#2" in paid
        assert paid.endswith("-> 500")
        assert len(receiver.requests) == 2
        for request in receiver.requests:
            assert is_genuine(secret, request.headers, request.body, SystemClock().now().timestamp())
        rows = await ear.world.sql("SELECT body FROM webhook_messages ORDER BY sequence")
        assert [request.body.decode() for request in receiver.requests] == [body for (body,) in rows]


async def test_it_begins_now_or_after_a_message(ear: Ear) -> None:
    first = await ear.close_an_order()
    async with listening(ear):
        second = await ear.close_an_order()
        await ear.until(lambda: len(ear.lines) == 2)
        assert second in ear.lines[1]
        assert first not in "".join(ear.lines)
    ear.lines.clear()
    message = (await ear.world.get("/v1/webhook_messages?limit=1")).json()["items"][0]["id"]
    async with listening(ear, since=message):
        await ear.until(lambda: len(ear.lines) == 2)
        assert second in ear.lines[1]


async def test_only_the_wanted_types_as_json(ear: Ear) -> None:
    async with listening(ear, event_types=frozenset({"order.closed"}), is_json=True):
        _, payment_id = await ear.world.pending()
        await ear.world.shopper_pays(payment_id)
        order_id = await ear.close_an_order()
        await ear.until(lambda: len(ear.lines) == 2)
    opening, told = (json.loads(line) for line in ear.lines)
    assert opening == {"listening": ear.target.url, "forward_to": None, "secret": None}
    assert (told["type"], told["subject"], told["data"]["state"]) == ("order.closed", order_id, "CLOSED")
    assert "status" not in told


async def test_a_given_secret_signs_and_a_server_that_is_down_is_said(ear: Ear) -> None:
    async with receiving() as receiver:
        async with listening(ear, forward_to=receiver.url(), secret=SECRET, is_json=True):
            assert json.loads(ear.lines[0])["secret"] == SECRET
            await ear.close_an_order()
            await ear.until(lambda: len(ear.lines) == 2)
        (request,) = receiver.requests
        assert is_genuine(SECRET, request.headers, request.body, SystemClock().now().timestamp())
    down: Receiver = receiver
    ear.lines.clear()
    async with listening(ear, forward_to=down.url(), is_json=True):
        await ear.close_an_order()
        await ear.until(lambda: len(ear.lines) == 2)
    told = json.loads(ear.lines[1])
    assert (told["status"], told["reason"]) == (None, "unreachable")


async def test_it_outlives_an_api_that_is_away(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    world = await make_world(database)
    async with served(world) as url:
        ear = Ear(world, Target(url, Secret(world.api_key)))
        stop = asyncio.Event()
        task = asyncio.create_task(listen(ListenOptions(ear.target), stop, ear.lines.append))
        await ear.until(lambda: bool(ear.lines))
    for _ in range(200):
        if "Trying again" in capsys.readouterr().err:
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError("nothing was said about the server that is away")
    assert not task.done()
    stop.set()
    await task


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"forward_to": "ftp://127.0.0.1/"}, "bad_format"),
        ({"forward_to": "http://169.254.169.254/"}, "private_address"),
        ({"forward_to": "http://127.0.0.1:22/"}, "bad_port"),
        ({"forward_to": "http://127.0.0.1:3000/", "secret": "x"}, "--secret"),
        ({"since": "evt_" + "0" * 26}, "404"),
    ],
)
async def test_what_must_be_put_right_is_one_fault(ear: Ear, options: dict[str, str], words: str) -> None:
    with pytest.raises(SetupFault, match=words):
        await listen(ListenOptions(ear.target, **options), asyncio.Event(), ear.lines.append)


async def test_a_wrong_key_is_said(ear: Ear) -> None:
    with pytest.raises(SetupFault, match="401"):
        await listen(ListenOptions(Target(ear.target.url, Secret("sk_test_x"))), asyncio.Event(), ear.lines.append)


def message(subject: str, sequence: int) -> dict[str, Any]:
    return {"subject": subject, "sequence": sequence}


def test_messages_of_a_subject_take_turns() -> None:
    turns = Turns()
    assert turns.take([message("a", 2), message("b", 1), message("a", 1)], 0) == [
        message("a", 1),
        message("a", 2),
        message("b", 1),
    ]
    assert turns.take([message("a", 4)], 1) == []
    assert turns.is_holding
    assert turns.take([message("a", 3)], 2) == [message("a", 3), message("a", 4)]
    assert not turns.is_holding


def test_a_missing_elder_is_waited_for_a_moment_only() -> None:
    turns = Turns()
    assert turns.take([message("a", 5), message("a", 7)], 0) == []
    assert turns.take([], 2.9) == []
    assert turns.take([], 3.0) == [message("a", 5), message("a", 7)]
    assert turns.take([message("a", 6), message("a", 8)], 4) == [message("a", 6), message("a", 8)]


def test_the_target_is_what_the_demo_wrote_or_what_is_given(tmp_path: Path) -> None:
    info = tmp_path / "demo.json"
    info.write_text(json.dumps({"base_url": "http://a", "api_key": "sk_test_1", "control_url": "http://c"}))
    target = target_of(info, None, None)
    assert (target.url, target.key.reveal(), target.control_url) == ("http://a", "sk_test_1", "http://c")
    given = target_of(None, "http://b/", "sk_test_2")
    assert (given.url, given.key.reveal(), given.control_url) == ("http://b", "sk_test_2", None)
    for path, url, key in [(None, None, None), (None, "http://b", None), (tmp_path / "none.json", None, None)]:
        with pytest.raises(SetupFault, match="--info"):
            target_of(path, url, key)
    info.write_text("[]")
    with pytest.raises(SetupFault, match="shunfu demo --info"):
        target_of(info, None, None)


async def test_ctrl_c_ends_it_with_0(ear: Ear) -> None:
    """As a process: SIGINT, exit code 0, every line printed at once."""
    words = ("listen", "--url", ear.target.url, "--key", ear.world.api_key)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "shunfu", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert (await process.stdout.readline()).decode() == f"listening to {ear.target.url}\n"
        order_id = await ear.close_an_order()
        assert order_id in (await process.stdout.readline()).decode()
        process.send_signal(2)
        rest, errors = await process.communicate()
    assert (process.returncode, rest, errors) == (0, b"", b"")

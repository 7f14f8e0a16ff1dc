"""A worker that stands still for longer than its lease: another takes its job over, and its late word changes nothing."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from processes.fleet import CHANNEL, Fleet, found_shop, free_port, wait_for
from processes.judging import judge
from processes.load import Load, make_session
from processes.proxy import Deed, Rule, Way, pass_on, proxy_to


class Held:
    """Holds back the channel's answers to questions about payments, until they are let go."""

    def __init__(self) -> None:
        self.questions = 0
        self.is_holding = True

    def make_rule(self) -> Rule:
        """The rule of a new connection."""
        is_question = False

        def rule(way: Way, data: bytes) -> Deed:
            nonlocal is_question
            if way == "to_server":
                is_question = data.startswith(b"GET /v3/pay/")
                self.questions += is_question
                return Deed(data)
            return Deed(data, hold=self._let_go if is_question and self.is_holding else None)

        return rule

    async def has_asked(self) -> bool:
        """Whether a question is on the wire."""
        return self.questions > 0

    async def _let_go(self) -> None:
        while self.is_holding:
            await asyncio.sleep(0.05)


async def test_a_worker_that_stood_still_finds_its_job_done_by_another(fleet: Fleet) -> None:
    """It stops with a question on the wire, wakes up after its lease, and hears the answer that another has applied."""
    sandbox, held = urlsplit(fleet.sandbox.base_url), Held()
    async with (
        proxy_to(lambda: asyncio.open_connection(sandbox.hostname, sandbox.port)) as line,
        make_session() as session,
    ):
        settings = fleet.settings(free_port())
        await asyncio.to_thread(fleet.start, "server", settings)
        shop = await found_shop(fleet, int(str(settings["port"])), f"http://127.0.0.1:{line.port}")
        load = Load("a worker that stands still", shop, fleet.sandbox, session)
        async with deaf(load):
            payment_id = await load.buy()
            line.make_rule = held.make_rule
            line.break_all()
            sleeper = await asyncio.to_thread(fleet.start, "worker", settings)
            await wait_for(held.has_asked, "the janitor's question")
            sleeper.signal(signal.SIGSTOP)
            line.make_rule = lambda: pass_on
            await asyncio.to_thread(fleet.start, "worker", settings)

            async def is_captured() -> bool:
                return (await load.get(f"/v1/payments/{payment_id}"))["state"] == "CAPTURED"

            await wait_for(is_captured, "the other worker's question")
        held.is_holding = False
        sleeper.signal(signal.SIGCONT)

        async def has_woken() -> bool:
            return "job_lease_lost" in sleeper.log.read_text("utf-8", "replace")

        await wait_for(has_woken, "the first worker's late word")
        await judge(fleet, load, {"stopped_beyond_its_lease": 1})


@asynccontextmanager
async def deaf(load: Load) -> AsyncIterator[None]:
    """No notification comes through."""
    await set_faults(load, {"lose": "always"})
    try:
        yield
    finally:
        await set_faults(load, {"lose": 0})


async def set_faults(load: Load, faults: dict[str, object]) -> None:
    """What the sandbox does wrong from now on."""
    url = f"{load.sandbox.credentials['control_url']}/faults"
    async with load.session.post(url, json={"channel": CHANNEL, **faults}) as answer:
        assert answer.status == 200, await answer.read()

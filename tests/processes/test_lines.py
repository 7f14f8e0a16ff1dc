"""Connections that break: to PostgreSQL in the middle of commits, to the channel after a request and in a reply."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

import pytest

from processes.fleet import Fleet, found_shop, free_port
from processes.judging import end_leases_of_the_dead, judge
from processes.load import Load, make_session, new_order
from processes.proxy import Connect, Deed, Proxy, Rule, Way, pass_on, proxy_to

COMMIT = b"COMMIT;\0"
EVERY_COMMIT = 9
BYTES_MAX = 60_000
AT_ONCE = 12
"""More than the pool has connections: a payment that waits for its channel holds none."""
SLOW_SECONDS = (8.0, 12.0)
"""A little less and a little more than the driver waits."""
Story: TypeAlias = Callable[[Load, Proxy], Awaitable[dict[str, int]]]
"""What happens while the line misbehaves; its answer is how often each fault came."""


class CutCommits:
    """Every ninth COMMIT is the last word of its connection: by turns it is swallowed, or carried out and not answered.

    Some connections end at a byte drawn by lot as well, whatever is being said.
    """

    def __init__(self, seed: int) -> None:
        self.commits = self.swallowed = self.unanswered = self.cut_at_a_byte = 0
        self.is_on = True
        self._lot = random.Random(seed)

    def make_rule(self) -> Rule:
        """The rule of a new connection."""
        left = self._lot.randrange(5_000, BYTES_MAX) if self._lot.random() < 0.4 else None
        passed = 0

        def rule(way: Way, data: bytes) -> Deed:
            nonlocal passed
            if not self.is_on:
                return Deed(data)
            passed += len(data)
            if left is not None and passed > left:
                self.cut_at_a_byte += 1
                return Deed(data[: len(data) // 2], is_cut=True)
            return self._at_commit(data) if way == "to_server" and COMMIT in data else Deed(data)

        return rule

    def _at_commit(self, data: bytes) -> Deed:
        self.commits += 1
        if self.commits % EVERY_COMMIT:
            return Deed(data)
        if self.swallowed <= self.unanswered:
            self.swallowed += 1
            return Deed(b"", is_cut=True)
        self.unanswered += 1
        return Deed(data, is_cut=True)


async def test_commits_cut_off_are_asked_again_and_nothing_is_doubled(fleet: Fleet) -> None:
    """The client does not know whether its commit took effect; under the same key the answer is one, the effect too."""
    cuts = CutCommits(seed=4)
    async with proxy_to(to_postgres(fleet)) as line, make_session() as session:
        line.make_rule = cuts.make_rule
        settings = fleet.settings(free_port(), database_url=through(fleet, line))
        await asyncio.to_thread(fleet.start, "both", settings)
        shop = await found_shop(fleet, int(str(settings["port"])))
        load = Load("connections to PostgreSQL cut", shop, fleet.sandbox, session)

        async def leases() -> None:
            while not (cuts.swallowed >= 4 and cuts.unanswered >= 4 and cuts.cut_at_a_byte >= 4):
                await asyncio.sleep(0.5)
                await end_leases_of_the_dead(fleet)
            load.is_over.set()
            cuts.is_on = False
            await asyncio.sleep(0.5)
            await end_leases_of_the_dead(fleet)

        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            group.create_task(leases())
            for _ in range(4):
                group.create_task(load.shop_until_over())
        assert load.busy > 0, "no client felt it"
        told = {"commit_swallowed": cuts.swallowed, "commit_unanswered": cuts.unanswered}
        await judge(fleet, load, {**told, "cut_at_a_byte": cuts.cut_at_a_byte})


async def test_replies_of_the_channel_cut_off_and_garbled_are_unknown_until_it_is_asked(fleet: Fleet) -> None:
    """The channel has taken the order, and we do not know: UNKNOWN, never an error, and never a second order."""

    def cut_after_request(way: Way, data: bytes) -> Deed:
        return Deed(data, is_cut=way == "to_server" and b"/v3/pay/" in data)

    def garbled(way: Way, data: bytes) -> Deed:
        return Deed(data.replace(b"code_url", b"code_uri") if way == "to_client" else data)

    async def story(load: Load, line: Proxy) -> dict[str, int]:
        for rule in (cut_after_request, garbled):
            line.make_rule = lambda rule=rule: rule
            line.break_all()
            orders = await asyncio.gather(*(new_order(load) for _ in range(3)))
            wish = {"method": "wechatpay/native"}
            told = await asyncio.gather(*(load.ask(f"/v1/orders/{order}/payments", wish) for order in orders))
            assert [(one.status, one.json()["state"]) for one in told] == [(201, "UNKNOWN")] * 3
            line.make_rule = lambda: pass_on
            line.break_all()
            for order, first in zip(orders, told, strict=True):
                payment = await load.start(order)
                assert payment.json()["id"] == first.json()["id"], "the same payment, under its own number"
                await load.pay(payment.json()["id"])
        return {"cut_after_the_request": 3, "garbled": 3}

    await behind_a_line(fleet, "replies of the channel cut and garbled", story)


class Slowness:
    """Every reply is late: to a new payment by turns less and more than the driver waits, to a question less."""

    def __init__(self) -> None:
        self.payments = 0

    def make_rule(self) -> Rule:
        """The rule of a new connection."""
        waits: list[float] = []

        def rule(way: Way, data: bytes) -> Deed:
            if way == "to_client":
                return Deed(data, wait_seconds=waits.pop() if waits else 0.0)
            is_payment = b"/v3/pay/transactions/native" in data
            waits.append(SLOW_SECONDS[self.payments % 2] if is_payment else SLOW_SECONDS[0])
            self.payments += is_payment
            return Deed(data)

        return rule


async def test_a_slow_channel_keeps_nobody_else_waiting(fleet: Fleet) -> None:
    """Twelve payments wait for the channel, more than there are connections to the database: all else is answered."""
    slowness = Slowness()

    async def story(load: Load, line: Proxy) -> dict[str, int]:
        orders = [await new_order(load) for _ in range(AT_ONCE)]
        line.make_rule = slowness.make_rule
        line.break_all()
        wish = {"method": "wechatpay/native"}
        payments = [asyncio.create_task(load.ask(f"/v1/orders/{order}/payments", wish)) for order in orders]
        while slowness.payments < AT_ONCE:
            await asyncio.sleep(0.05)
        for order in orders:
            assert (await load.get(f"/v1/orders/{order}"))["state"] == "OPEN"
            await new_order(load)
        assert not any(payment.done() for payment in payments), "all else was answered while they waited"
        states = [(await payment).json()["state"] for payment in payments]
        assert sorted(states) == ["PENDING"] * (AT_ONCE // 2) + ["UNKNOWN"] * (AT_ONCE // 2)
        line.make_rule = lambda: pass_on
        for order in orders:
            await load.pay((await load.start(order)).json()["id"])
        return {"slow": AT_ONCE // 2, "slower_than_the_driver_waits": AT_ONCE // 2}

    await behind_a_line(fleet, "a slow channel", story, janitor_divisor=1)


async def behind_a_line(fleet: Fleet, name: str, story: Story, janitor_divisor: int = 20) -> None:
    """A server whose channel is behind a proxy, a story, and the judgement."""
    sandbox = urlsplit(fleet.sandbox.base_url)
    async with (
        proxy_to(lambda: asyncio.open_connection(sandbox.hostname, sandbox.port)) as line,
        make_session() as session,
    ):
        settings = fleet.settings(free_port(), janitor_divisor=janitor_divisor)
        await asyncio.to_thread(fleet.start, "both", settings)
        shop = await found_shop(fleet, int(str(settings["port"])), f"http://127.0.0.1:{line.port}")
        load = Load(name, shop, fleet.sandbox, session)
        async with asyncio.timeout(120):
            await judge(fleet, load, await story(load, line))


def to_postgres(fleet: Fleet) -> Connect:
    """How to reach the fleet's PostgreSQL: by its socket."""
    folder = parse_qs(urlsplit(fleet.urls.app_url).query)["host"][0]
    return lambda: asyncio.open_unix_connection(f"{folder}/.s.PGSQL.5432")


def through(fleet: Fleet, line: Proxy) -> str:
    """PostgreSQL's address with the proxy in between."""
    parts = urlsplit(fleet.urls.app_url)
    user = parts.netloc.rpartition("@")[0]
    return f"postgresql://{user}@127.0.0.1:{line.port}{parts.path}"


@pytest.mark.long
async def test_commits_cut_off_with_other_seeds(fleet: Fleet) -> None:
    for _ in range(5):
        await test_commits_cut_off_are_asked_again_and_nothing_is_doubled(fleet)
        fleet.end_all()

"""kill -9 under load: of the server, of the worker, of both, of PostgreSQL and of one of its backends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from db.support import rows
from processes.fleet import Child, Fleet, Shop, found_shop, free_port, wait_for
from processes.judging import end_leases_of_the_dead, judge
from processes.load import Load, make_session
from shunfu.kernel.errors import TransientFault

pytestmark = pytest.mark.long

SHOPPERS = 4
BREATH_SECONDS = 1.0
LOAD_SECONDS_MAX = 300.0


async def test_kill_9_of_server_and_worker_under_load(fleet: Fleet) -> None:
    """Three times, in the middle of orders, payments and notifications: what was answered stands, all money is here."""
    await kill_servers(fleet, 1)


@pytest.mark.long
async def test_kill_9_of_server_and_worker_again_and_again(fleet: Fleet) -> None:
    await kill_servers(fleet, 10)


async def kill_servers(fleet: Fleet, rounds: int) -> None:
    settings = fleet.settings(free_port())
    server, worker = fleet.start("server", settings), fleet.start("worker", settings)
    shop = await found_shop(fleet, int(str(settings["port"])))

    async def blows() -> None:
        nonlocal server, worker
        for _ in range(rounds):
            for roles in (("server",), ("worker",), ("server", "worker")):
                await asyncio.sleep(BREATH_SECONDS)
                server = await replaced(fleet, server, settings) if "server" in roles else server
                worker = await replaced(fleet, worker, settings) if "worker" in roles else worker

    async with shopping(fleet, shop, blows) as load:
        assert load.silences > 0, "no request was cut off"
        await judge(fleet, load)


async def replaced(fleet: Fleet, child: Child, settings: dict[str, object]) -> Child:
    """kill -9, and another one in its place."""
    await asyncio.to_thread(child.kill)
    born = await asyncio.to_thread(fleet.start, child.role, settings)
    await end_leases_of_the_dead(fleet)
    return born


async def test_kill_9_of_postgresql_under_load(fleet: Fleet) -> None:
    """The postmaster, then one backend: PostgreSQL comes back by itself, and nothing that was committed is missing."""
    await kill_postgres(fleet, 1)


@pytest.mark.long
async def test_kill_9_of_postgresql_again_and_again(fleet: Fleet) -> None:
    await kill_postgres(fleet, 8)


async def kill_postgres(fleet: Fleet, rounds: int) -> None:
    settings = fleet.settings(free_port())
    fleet.start("both", settings)
    shop = await found_shop(fleet, int(str(settings["port"])))

    async def blows() -> None:
        for _ in range(rounds):
            await asyncio.sleep(BREATH_SECONDS)
            os.kill(fleet.postmaster, signal.SIGKILL)
            await wait_for(lambda: is_back(fleet), "PostgreSQL's return")
            await end_leases_of_the_dead(fleet)
            await asyncio.sleep(BREATH_SECONDS)
            await kill_a_backend(fleet)
            await wait_for(lambda: is_back(fleet), "PostgreSQL's return")
            await end_leases_of_the_dead(fleet)

    async with shopping(fleet, shop, blows) as load:
        assert load.busy > 0, "no request felt it"
        await judge(fleet, load)


async def kill_a_backend(fleet: Fleet) -> None:
    """One of PostgreSQL's processes that serve the server: PostgreSQL ends all of them and recovers."""
    async with fleet.house() as house:
        ((pid,),) = await rows(
            house.database,
            "SELECT pid FROM pg_stat_activity WHERE usename = 'shunfu_app' AND pid <> pg_backend_pid() LIMIT 1",
        )
        assert isinstance(pid, int)
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.2)


async def is_back(fleet: Fleet) -> bool:
    """Whether PostgreSQL serves."""
    try:
        async with fleet.house() as house:
            return await rows(house.database, "SELECT 1") == [(1,)]
    except TransientFault:
        return False


@asynccontextmanager
async def shopping(fleet: Fleet, shop: Shop, blows: Callable[[], Awaitable[None]]) -> AsyncIterator[Load]:
    """Shoppers buy while the blows fall, and finish what they began; the clients can still ask afterwards."""
    async with make_session() as session:
        load = Load(shop, fleet.sandbox, session)

        async def hit() -> None:
            await blows()
            await asyncio.sleep(BREATH_SECONDS)
            load.is_over.set()

        async with asyncio.timeout(LOAD_SECONDS_MAX), asyncio.TaskGroup() as group:
            group.create_task(hit())
            for _ in range(SHOPPERS):
                group.create_task(load.shop_until_over())
        yield load

"""kill -9 under load: of the server, of the worker, of both, of PostgreSQL and of one of its backends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from crash.facts import sums_now
from db.support import rows
from processes.fleet import Child, Fleet, Shop, found_shop, free_port, wait_for
from processes.judging import end_leases_of_the_dead, judge
from processes.load import Load, make_session
from shunfu.kernel.errors import TransientFault

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

    kills = {"server": 0, "worker": 0}

    async def blows() -> None:
        nonlocal server, worker
        for _ in range(rounds):
            for roles in (("server",), ("worker",), ("server", "worker")):
                await asyncio.sleep(BREATH_SECONDS)
                server = await replaced(fleet, server, settings) if "server" in roles else server
                worker = await replaced(fleet, worker, settings) if "worker" in roles else worker
                kills.update({role: kills[role] + 1 for role in roles})

    async with shopping(fleet, f"kill -9 of server and worker, {rounds} round(s)", shop, blows) as load:
        assert load.silences > 0, "no request was cut off"
        await judge(fleet, load, kills)


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

    kills = {"postmaster": 0, "backend": 0}

    async def blows() -> None:
        for _ in range(rounds):
            await asyncio.sleep(BREATH_SECONDS)
            os.kill(fleet.postmaster, signal.SIGKILL)
            kills["postmaster"] += 1
            await wait_for(lambda: is_back(fleet), "PostgreSQL's return")
            await end_leases_of_the_dead(fleet)
            await asyncio.sleep(BREATH_SECONDS)
            await kill_a_backend(fleet)
            kills["backend"] += 1
            await wait_for(lambda: is_back(fleet), "PostgreSQL's return")
            await end_leases_of_the_dead(fleet)

    async with shopping(fleet, f"kill -9 of PostgreSQL, {rounds} round(s)", shop, blows) as load:
        assert load.busy > 0, "no request felt it"
        await judge(fleet, load, kills)


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
async def shopping(fleet: Fleet, name: str, shop: Shop, blows: Callable[[], Awaitable[None]]) -> AsyncIterator[Load]:
    """Shoppers buy while the blows fall, and finish what they began; the clients can still ask afterwards."""
    async with make_session() as session:
        load = Load(name, shop, fleet.sandbox, session)

        async def hit() -> None:
            await blows()
            await asyncio.sleep(BREATH_SECONDS)
            load.is_over.set()

        async with asyncio.timeout(LOAD_SECONDS_MAX), asyncio.TaskGroup() as group:
            group.create_task(hit())
            group.create_task(take_snapshots(fleet, load))
            for _ in range(SHOPPERS):
                group.create_task(load.shop_until_over())
        yield load


async def take_snapshots(fleet: Fleet, load: Load) -> None:
    """The sums of the money at moments of the storm, whenever PostgreSQL answers."""
    while not load.is_over.is_set():
        with suppress(TransientFault):
            async with fleet.house() as house:
                while not load.is_over.is_set():
                    load.snapshots.append(await sums_now(house.database))
                    await asyncio.sleep(BREATH_SECONDS / 4)
        await asyncio.sleep(BREATH_SECONDS / 4)
    assert load.snapshots, "no moment was seen"

"""The installation under test: two servers and two workers on one database, each built by the real wiring.

Swapped are asyncpg's pool, the driver, the carrier of webhooks, clock and entropy; everything above runs unchanged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from shunfu.app.http.idempotency import Idempotency
from shunfu.app.settings import Settings
from shunfu.app.wiring import House, build
from shunfu.db import Database, Handler, PoolSettings, Worker, WorkerSettings
from shunfu.driver import Driver, Registry
from shunfu.kernel.clock import Source
from shunfu.kernel.ids import PLATFORM
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import Signer
from shunfu.merchants import KeyRing
from shunfu.merchants.envelope import Key
from simulation.chance import Entropy
from simulation.loop import Process
from simulation.memory.storage import Change
from simulation.memory.wire import IDLE_SECONDS, DatabaseServer, SimPool
from simulation.network import START, ChannelHost, SimDriver, World
from simulation.receiver import Receiver

RING = KeyRing({PLATFORM: Key(PLATFORM, Secret(b"k" * 32))}, PLATFORM, Signer(Secret(b"s" * 32)))
FOREVER_SECONDS = 86400.0


class SimClock:
    """A process's clock: the true time, and how far it is off."""

    def __init__(self, world: World, process: Process) -> None:
        self._loop = world.loop
        self._process = process
        self._shown = (-1.0, START)

    def now(self) -> datetime:
        """What the clock shows."""
        seconds = self._loop.now + self._process.clock_offset_seconds
        if self._shown[0] != seconds:
            self._shown = (seconds, START + timedelta(seconds=seconds))
        return self._shown[1]


class SimWorker(Worker):
    """The real worker. It looks only when looking finds something: `wait_seconds` until then, counted in whole looks."""

    wait_seconds: Callable[[], float]
    works_on: frozenset[str]

    async def _round_or_fault(self) -> int:
        return await super()._round_or_fault() if self.wait_seconds() < 1.0 else 0

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self.wait_seconds()):
                await self._woken.wait()
        except TimeoutError:
            return

    def poke(self) -> None:
        """Look now, if there is something to be seen."""
        if self.wait_seconds() < 1.0:
            self._woken.set()


@dataclass(slots=True)
class Life:
    """One process while it lives, as the wiring built it."""

    process: Process
    house: House
    idempotency: Idempotency
    workers: tuple[SimWorker, ...] = ()


@dataclass(slots=True)
class Site:
    """What lives and what outlives it: database, channels, the merchant's server."""

    world: World
    server: DatabaseServer
    hosts: dict[str, ChannelHost]
    receiver: Receiver
    registry: Registry
    settings: Settings
    pool_size: int
    watch: Callable[[Process, str, Handler], Handler]
    lives: dict[str, Life | None] = field(default_factory=dict[str, "Life | None"])
    merchant_id: UUID = PLATFORM
    accounts: dict[str, UUID] = field(default_factory=dict[str, UUID])
    offers: list[str] = field(default_factory=list[str])

    def begin(self, name: str) -> Life:
        """A process begins; a worker begins to work."""
        process = Process(name)
        source = Source(SimClock(self.world, process), Entropy(self.world.chance))
        pool = SimPool(self.server, process, self.pool_size)
        database = Database(cast("Any", pool), PoolSettings("memory://"))
        driver = cast("Driver", SimDriver(self.world, self.hosts, process, source))
        house = build(self.settings, RING, (source, database, driver, self.receiver.carrier(process)), self.registry)
        life = Life(process, house, Idempotency(database, source, house.payments.vault))
        if name.startswith("worker"):
            life.workers = tuple(self._worker(life, worker) for worker in (house.worker, house.webhook_worker))
        self.lives[name] = life
        self.world.trace.add(self.world.loop.now, name, "begins")
        return life

    def _worker(self, life: Life, built: Worker) -> SimWorker:
        found: Mapping[str, Handler] = built._handlers
        handlers = {kind: self.watch(life.process, kind, handler) for kind, handler in found.items()}
        settings: WorkerSettings = built._settings
        worker = SimWorker(life.house.database, handlers, settings, life.house.source)
        worker.works_on = frozenset(handlers)
        worker.wait_seconds = lambda: self._seconds_to_next(life, worker)
        self.world.loop.spawn(life.process, worker.run(asyncio.Event()))
        return worker

    def _seconds_to_next(self, life: Life, worker: SimWorker) -> float:
        """When the next look would find a job that is due, looking each second."""
        now = life.house.source.now()
        due = self.next_due(worker.works_on)
        if due is None:
            return FOREVER_SECONDS
        return max(0.0, (due - now).total_seconds()) + self.world.chance.schedule.random()

    def next_due(self, kinds: frozenset[str] | None = None) -> datetime | None:
        """When the next waiting job can be claimed."""
        jobs = self.waiting_jobs()
        return min(
            (
                max(job["run_at"], job["lease_until"] or job["run_at"])
                for job in jobs
                if kinds is None or job["kind"] in kinds
            ),
            default=None,
        )

    def waiting_jobs(self) -> list[dict[str, Any]]:
        """The jobs that wait."""
        found = self.server.store.tables["jobs"].by(("merchant_id", "state")).get((self.merchant_id, "waiting"), {})
        return [slot.row for slot in found if slot.row is not None and slot.row["state"] == "waiting"]

    def see_jobs(self, changes: list[Change]) -> None:
        """Workers of other processes find a new job when they next look."""
        loop, chance = self.world.loop, self.world.chance
        for table, _, new in changes:
            if table == "jobs" and new is not None and new["state"] == "waiting" and new["lease_until"] is None:
                for life in self.lives.values():
                    for worker in life.workers if life else ():
                        wait = (new["run_at"] - life.house.source.now()).total_seconds()
                        if new["kind"] in worker.works_on:
                            loop.at(life.process, max(0.0, wait) + chance.schedule.random(), worker.poke)

    def kill(self, name: str) -> None:
        """A process dies without a word."""
        life = self.lives[name]
        if life is not None:
            self.world.trace.add(self.world.loop.now, name, "dies")
            self.lives[name] = None
            self.world.loop.kill(life.process)

    def pause(self, name: str, seconds: float) -> None:
        """A process stands still; its open transactions are taken from it after a while."""
        life = self.lives[name]
        if life is not None:
            self.world.trace.add(self.world.loop.now, name, f"pauses {seconds:.3f}")
            life.process.paused_until = self.world.loop.now + seconds
            if seconds > IDLE_SECONDS:
                self.world.loop.at(None, IDLE_SECONDS, self.server.end_idle, life.process)

    def set_clock(self, name: str, offset_seconds: float) -> None:
        """A process's clock is set."""
        life = self.lives[name]
        if life is not None:
            self.world.trace.add(self.world.loop.now, name, f"clock {offset_seconds:.3f}")
            life.process.clock_offset_seconds = offset_seconds
            for worker in life.workers:
                self.world.loop.at(life.process, 1.0, worker.poke)

    def any_server(self) -> Life | None:
        """A server that a balancer would choose; it may be one that is dead."""
        names = [name for name in self.lives if name.startswith("server")]
        return self.lives[names[self.world.chance.schedule.randrange(len(names))]]

    def serve(
        self, work: Callable[[Life], Coroutine[Any, Any, Any]], answered: Callable[[Any], None], patience_seconds: float
    ) -> None:
        """A request on its way to some server: `answered` hears what came back, or None when nothing did in time."""
        world = self.world
        heard: list[object] = []

        def tell(answer: object) -> None:
            if not heard:
                heard.append(answer)
                answered(answer)

        def arrive() -> None:
            life = self.any_server()
            if life is None:
                world.loop.at(None, world.chance.travel_seconds(), tell, None)
                return
            world.loop.spawn(life.process, carry(life))

        async def carry(life: Life) -> None:
            answer = await work(life)
            world.loop.at(None, world.chance.travel_seconds(), tell, answer)

        world.loop.at(None, patience_seconds, tell, None)
        world.later(world.chance.travel_seconds(), arrive)

"""One seed from the founding of the merchant to the checker's word, and many seeds with their sums."""

from __future__ import annotations

import hashlib
import logging
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import structlog

from checker.check import check
from shunfu.app.settings import Settings, load
from shunfu.db import collect, named_queries, schema_packages
from shunfu.kernel.ids import public
from shunfu.merchants import Merchant
from shunfu.merchants import store as merchants
from shunfu.offers import NewOffer, create_offer
from shunfu.webhooks import NewEndpoint, create_endpoint
from simulation.chance import Chance, Trace
from simulation.channels import make_registry
from simulation.edge import Clients
from simulation.gathering import facts_of
from simulation.healing import Healing, NeverQuiet
from simulation.loop import VirtualLoop
from simulation.mail import Mail
from simulation.memory.schema import read_schema
from simulation.memory.statements import Plan, compile_statement
from simulation.memory.storage import Shape, Store
from simulation.memory.wire import DatabaseServer
from simulation.mischief import PROCESSES, STORM_SECONDS, Mischief
from simulation.network import ChannelHost, World
from simulation.observing import Observer
from simulation.receiver import Receiver
from simulation.site import Life, Site
from simulation.story import Story, drawn_terms

ROOMS = (
    "db",
    "merchants",
    "ledger",
    "webhooks",
    "shoppers",
    "offers",
    "driver",
    "notifications",
    "payments",
    "refunds",
    "inspections",
    "app",
)
APPROVAL_ABOVE_MINOR = 9950
OPERATIONS_MIN = 20
ORDERS_MIN = 3
WORKLOAD_SECONDS = 6 * 3600.0


@cache
def shapes() -> dict[str, Shape]:
    """The tables, read once."""
    return read_schema(migration.text for migration in collect(schema_packages()))


class Plans(dict[str, Plan]):
    """Compiled statements by their text; one that was never run is not compiled."""

    def __missing__(self, text: str) -> Plan:
        plan = self[text] = compile_statement(text, shapes(), queries_by_text()[text])
        return plan


@cache
def plans() -> Plans:
    """Compiled once for all seeds."""
    return Plans()


@cache
def queries_by_text() -> dict[str, str]:
    """Room and name of every named statement, by its text."""
    return {query.text: f"{room}.{query.name}" for room in ROOMS for query in named_queries(f"shunfu.{room}")}


@dataclass(slots=True)
class Play:
    """One seed's stage: all parts put together."""

    seed: int
    world: World
    store: Store
    site: Site
    clients: Clients
    mail: Mail
    observer: Observer
    operations: int = 0
    orders: int = 0
    healing_helped: Counter[str] = field(default_factory=Counter[str])

    @property
    def bugs(self) -> list[str]:
        """What no fault explains."""
        found = [*self.clients.bugs, *self.mail.bugs, *self.observer.bugs]
        return found + [f"a task met {failure.get('exception')!r}" for failure in self.world.loop.failures]

    def digest(self) -> str:
        """One hash of everything that happened and of every row at the end."""
        told = hashlib.sha256(self.world.trace.digest().encode())
        for table in self.store.tables:
            told.update(repr(self.store.committed(table)).encode())
        return told.hexdigest()

    def end(self) -> None:
        """Everything that still runs ends."""
        lives = [life.process for life in self.site.lives.values() if life is not None]
        self.world.loop.end([*lives, self.clients.process])


def make_play(seed: int) -> Play:
    """Everything of a seed, with the merchant founded and nothing begun."""
    loop, chance, trace = VirtualLoop(), Chance(seed), Trace()
    world = World(loop, chance, trace)
    store = Store(shapes())
    server = DatabaseServer(store, plans(), (loop, chance, trace))
    mail, observer, registry = Mail(world), Observer(store), make_registry()
    hosts = {name: ChannelHost.create(box, world, mail.deliver) for name, box in registry.sandboxes.items()}
    pool_size = chance.story.choice((2, 4, 10))
    site = Site(
        world, server, hosts, Receiver(world, store), registry, settings(), pool_size=pool_size, watch=observer.watch
    )
    mail.site = site
    store.observers += [observer.see, site.see_jobs]
    return Play(seed, world, store, site, Clients(site, observer), mail, observer)


@cache
def settings() -> Settings:
    """The installation's settings."""
    flags = {"public_url": "https://pay.example.com", "refund_approval_above_minor": APPROVAL_ABOVE_MINOR}
    return load(flags, {})


def found(play: Play) -> None:
    """The merchant, its channel accounts and its webhook endpoint; nothing goes wrong yet."""
    play.world.chance.is_healed = True
    life = play.site.begin("server-0")
    task = play.world.loop.spawn(life.process, _found(play, life))
    play.world.loop.run_until(task.done, 60.0)
    task.result()
    play.world.chance.is_healed = False


async def _found(play: Play, life: Life) -> None:
    house, site = life.house, play.site
    merchant = Merchant(house.source.new_id(), house.source.new_id(), "茶馆", "test", ())
    site.merchant_id = merchant.merchant_id

    async def story(tx: Any) -> None:
        await merchants.add_merchant(tx, merchant, house.source.now())
        for name, host in site.hosts.items():
            site.accounts[name] = await house.accounts.add(tx, merchant, name, host.credentials())

    await house.database.transact(story)
    for terms in drawn_terms(site.world.chance.story, house.source.now()):
        wish = NewOffer(site.merchant_id, house.source.new_id(), "优惠", terms, "boss")
        site.offers.append(public("off", (await create_offer(house.offers, wish)).offer_id))
    endpoint_id = house.source.new_id()
    wish = NewEndpoint(merchant.merchant_id, endpoint_id, "https://shop.example.com/hooks", ("*",), "shop")
    await create_endpoint(house.webhooks, wish)


def work(play: Play) -> None:
    """The workload under faults: at least three orders and twenty operations."""
    world, rng, stored = play.world, play.world.chance.story, play.store.committed
    for name in PROCESSES[1:]:
        play.site.begin(name)
    Mischief(play.site, play.clients, play.mail).plan()
    for _ in range(6):
        world.loop.at(None, rng.random() * STORM_SECONDS, play.observer.take_snapshot)
    tasks: list[Any] = []

    def begin_orders(count: int) -> None:
        for _ in range(count):
            story = Story(play.clients, random.Random(f"{play.seed}/story/{len(tasks)}"), len(tasks))
            tasks.append(world.loop.spawn(play.clients.process, story.live()))

    def is_done() -> bool:
        return world.loop.now >= STORM_SECONDS and all(task.done() for task in tasks)

    begin_orders(ORDERS_MIN)
    world.loop.at(None, STORM_SECONDS, play.observer.take_snapshot)
    while True:
        if not world.loop.run_until(is_done, world.loop.now + WORKLOAD_SECONDS):
            raise NeverQuiet("the stories do not end")
        if play.clients.operations >= OPERATIONS_MIN and len(stored("orders")) >= ORDERS_MIN:
            break
        begin_orders(1)
    for task in tasks:
        task.result()
    play.operations, play.orders = play.clients.operations, len(stored("orders"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one seed came to; `problems` are what does not hold, and `play` what is left to be counted."""

    seed: int
    problems: list[str]
    play: Play
    probe_seconds: float = 0.0


def run_seed(seed: int, *, keeps_steps: bool = False) -> Outcome:
    """Found, work, heal, drain, check."""
    random.seed(seed)  # the pool's pauses between retries
    with quiet():
        play = make_play(seed)
        play.site.server.steps = [] if keeps_steps else None
        try:
            found(play)
            work(play)
            healing = Healing(play.site, play.clients, helped=play.healing_helped)
            healing.heal()
            healing.probe()
            healing.drain()
            play.observer.take_snapshot()
            problems = [str(finding) for finding in check(facts_of(play, healing))]
        except NeverQuiet as never:
            return Outcome(seed, [*play.bugs, f"never quiet: {never}"], play)
        finally:
            play.end()
        return Outcome(seed, [*play.bugs, *problems], play, healing.probe_seconds or 0.0)


@contextmanager
def quiet() -> Iterator[None]:
    """No log lines: every fault would write one."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        structlog.configure(**before)

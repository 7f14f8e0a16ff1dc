"""An installation of two processes on one database: one is there all the time, the other is made anew and dies.

They share the database, the channel and the clock, and nothing in memory: what the dead one knew is gone. Time passes
by leaps: to the next job that is due, to the next thing that the channel has to tell, until nothing waits.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Protocol, TypeAlias, cast

from crash.fuse import Fuse, FusedCarrier, FusedLine, FusedPool
from db.support import START, sql
from flows.world import SANDBOX_URL, Line, Said, World, made_state, sandbox_of
from shunfu.app.anchors import ANCHOR_JOB
from shunfu.app.commands import found_organisation
from shunfu.app.http.server import create_app
from shunfu.app.key_checks import KEY_CHECK_JOB
from shunfu.app.settings import load
from shunfu.app.wiring import ANNOUNCE_HANDLER, RETENTION_JOB, House, Parts, build
from shunfu.channels._template import CHANNEL as TEMPLATE
from shunfu.channels._template import SANDBOX as TEMPLATE_SANDBOX
from shunfu.db import Database, PoolSettings, Transaction, Worker, WorkerSettings
from shunfu.driver import Driver, Registry, discover
from shunfu.gateway.sandbox import Stage
from shunfu.gateway.sandbox import stage as stages
from shunfu.gateway.sandbox.values import Outcome
from shunfu.kernel.clock import ManualClock, Source, SystemEntropy
from shunfu.kernel.ids import PLATFORM, decode, public
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import Signer
from shunfu.merchants import KeyRing, NewKey, issue_api_key
from shunfu.merchants.envelope import Key
from shunfu.reconcile import DAILY_JOB
from shunfu.webhooks import Outgoing, Sent

HOUSEKEEPING = (RETENTION_JOB, ANCHOR_JOB, DAILY_JOB, KEY_CHECK_JOB)
"""Jobs that come again every day, for ever: put off, and nobody waits for them."""
ANNOUNCE = f"on:{ANNOUNCE_HANDLER}"
APPROVAL_ABOVE_MINOR = 5000
SEASON = timedelta(days=90)
LEAPS_MAX = 300
RETRY_SECONDS = (61.0, 61.0, 600.0, 3600.0)
"""When a client that got no final answer asks again: when whoever died can hold no lease any more, and later."""
ONE_AT_A_TIME = WorkerSettings(batch=1, concurrency=1)
"""So that what a worker sends comes in the same order each time."""
RING = KeyRing({PLATFORM: Key(PLATFORM, Secret(b"k" * 32))}, PLATFORM, Signer(Secret(b"s" * 32)))
PUBLIC_URL = "http://127.0.0.1:8700"


Answer: TypeAlias = tuple[str, str, bytes, int, bytes]
"""Path, key, request body, status and body of an answer."""


@dataclass(frozen=True, slots=True)
class Post:
    """A client's request: the same key and body each time that it is sent."""

    path: str
    body: object
    key: str
    api_key: str = ""


class Receiver:
    """The merchant's server: takes every webhook, and keeps what it was told in the order of arrival."""

    def __init__(self, database: Database) -> None:
        self.got: list[dict[str, Any]] = []
        self._database = database

    async def send(self, outgoing: Outgoing) -> Sent:
        """Take one message; whether its event is committed is looked up from outside."""
        body = json.loads(outgoing.body)
        event_id = decode(body["id"].partition("_")[2])
        is_known = bool(await self._database.single(sql("SELECT 1 FROM events WHERE id = $1"), event_id))
        told = {name: body[name] for name in ("id", "type", "subject", "sequence")}
        whole = {"endpoint": outgoing.url, "state": body["data"].get("state"), "body": outgoing.body.decode()}
        self.got.append({**told, **whole, "is_known": is_known})
        return Sent(200, "ok", 1)


class Seat:
    """What a house has at one place, whoever's house it is now."""

    def __init__(self, name: str, occupants: list[House]) -> None:
        self._name = name
        self._occupants = occupants

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(self._occupants[-1], self._name), name)


class Door:
    """The HTTP application of whoever lives now. It is code alone: all that it stands on is looked up at each use.

    Thousands of deaths would else spend most of their time on building the same routes again.
    """

    def __init__(self, house: House) -> None:
        self.occupants = [house]
        seats = {one.name: Seat(one.name, self.occupants) for one in fields(House)}
        self.app = create_app(House(**cast("Any", seats)))


@dataclass(frozen=True, slots=True)
class Mortal:
    """A process that dies when its fuse blows."""

    world: World
    fuse: Fuse
    answers: list[Answer]


@dataclass(slots=True)
class Site:
    """The process that stays (`world`) with the channel and the clock, and how to start another one.

    `left` are the kinds of jobs that nobody does: housekeeping, and telling the merchant until a server listens.
    """

    world: World
    pool_settings: PoolSettings
    second_key: str
    door: Door
    receiver: Receiver
    whole: House
    left: tuple[str, ...] = (*HOUSEKEEPING, ANNOUNCE)
    answers: list[Answer] = field(default_factory=list[Answer])
    snapshots: list[dict[str, int]] = field(default_factory=list[dict[str, int]])

    @property
    def clock(self) -> ManualClock:
        """The one clock."""
        return self.world.clock

    @property
    def line(self) -> Line:
        """The channel."""
        return self.world.line

    @property
    def channel(self) -> str:
        """The channel's name."""
        return self.world.channel

    @asynccontextmanager
    async def mortal(self, at: int | None, kinds: tuple[str, ...]) -> AsyncIterator[Mortal]:
        """Another process, with nothing in memory, that ends at the moment with this index.

        Its worker does jobs of these kinds. Afterwards its connections are cut: what it did not commit never was.
        """
        fuse, source = Fuse(self.clock, at), Source(self.clock, SystemEntropy())
        connected = await Database.connect(self.pool_settings)
        pool = FusedPool(connected._pool, fuse)
        database = Database(pool, self.pool_settings)
        line, carrier = FusedLine(self.line, source, fuse), FusedCarrier(self.receiver, fuse)
        house = only(make_house((source, database, cast("Driver", line), carrier)), kinds.__contains__)
        self.door.occupants[:] = [house]
        try:
            yield Mortal(replace(self.world, house=house, app=self.door.app), fuse, self.answers)
        finally:
            pool.terminate()

    async def insist(self, ask: Post) -> Said:
        """The client asks again, under the same key, until the answer is final."""
        said = await post(self, ask)
        for wait_seconds in RETRY_SECONDS:
            if is_final(said):
                return said
            await self.live(self.clock.instant + timedelta(seconds=wait_seconds))
            said = await post(self, ask)
        raise AssertionError(f"{ask.path} has no final answer: {said.status} {said.body!r}")

    async def live(self, until: datetime | None = None) -> None:
        """Time passes up to a moment, or until nothing is due any more, neither here nor at the channel.

        What the channel does after a season (a trade may be finished after a year) is not waited for.
        """
        last = until or self.clock.instant + SEASON
        for _ in range(LEAPS_MAX):
            due = await self._next_due()
            if due is None or due > last:
                self.clock.instant = max(self.clock.instant, until or self.clock.instant)
                return
            self.clock.instant = max(self.clock.instant, due)
            await self.deliver_due()
            await self.world.work()
        raise AssertionError(f"it never came to rest: {await self.waiting()}")

    async def deliver_due(self) -> None:
        """The channel sends what it has to tell, and sends again later what nobody took."""
        for delivery in self.line.due():
            said = await self.world.deliver(delivery)
            sent_ms = int(self.clock.instant.timestamp() * 1000)
            outcome = Outcome(said.status, "", sent_ms, 0, said.body)
            self.line.stage = stages.settle(self.line.stage, delivery, outcome, self.clock.instant)

    def listen(self) -> None:
        """The merchant has a server: it is told from now on."""
        self.left = HOUSEKEEPING
        self.world.house = only(self.whole, lambda kind: kind not in self.left)

    async def work_on(self, *kinds: str) -> None:
        """The worker does what is due of these kinds, and leaves the rest."""
        assert await only(self.whole, kinds.__contains__).drain() > 0, f"there was nothing of {kinds} to do"

    async def waiting(self) -> list[tuple[object, ...]]:
        """The jobs that wait, but for housekeeping."""
        return await self.peek(
            "SELECT kind, key, state, run_at, lease_until, last_error FROM jobs"
            " WHERE state <> 'done' AND NOT kind = ANY($1::text[]) ORDER BY run_at",
            self.left,
        )

    async def peek(self, text: str, *args: object) -> list[tuple[object, ...]]:
        """A look behind the scenes, in one round trip."""
        return [tuple(row.values()) for row in await self.world.house.database.single(sql(text), *args)]

    async def _next_due(self) -> datetime | None:
        ((job,),) = await self.peek(
            "SELECT min(GREATEST(run_at, lease_until)) FROM jobs"
            " WHERE state = 'waiting' AND NOT kind = ANY($1::text[])",
            self.left,
        )
        told = stages.next_due_seconds(self.line.stage, self.clock.instant)
        due = [] if told is None else [self.clock.instant + timedelta(seconds=told)]
        return min([*due, *([cast("datetime", job)] if job else [])], default=None)


class Desk(Protocol):
    """A process that serves clients; what it answers is kept."""

    @property
    def world(self) -> World: ...

    @property
    def answers(self) -> list[Answer]: ...


async def post(desk: Desk, ask: Post) -> Said:
    """One request of a client."""
    headers = {"authorization": f"Bearer {ask.api_key}"} if ask.api_key else {}
    body = json.dumps(ask.body).encode()
    said = await desk.world.post(ask.path, body, ask.key, **headers)
    desk.answers.append((ask.path, ask.key, body, said.status, said.body))
    return said


def is_final(said: Said) -> bool:
    """Whether an answer ends a client's retries."""
    is_busy = said.status == 409 and said.code == "request_in_flight"
    return said.status < 500 and said.status not in {401, 429} and not is_busy


@asynccontextmanager
async def open_site(pool_settings: PoolSettings, channel: str) -> AsyncIterator[Site]:
    """A site on a fresh database, with one merchant who has an account at the channel."""
    clock = ManualClock(START)
    source = Source(clock, SystemEntropy())
    line = Line(clock, source)
    is_template = channel == TEMPLATE.name
    sandbox = cast("Any", TEMPLATE_SANDBOX) if is_template else sandbox_of(channel)
    state = sandbox.verbs.create_state(START, b"x" * 32) if is_template else made_state(channel)
    line.stage = Stage(sandbox, state)
    database = await Database.connect(pool_settings)
    try:
        receiver = Receiver(database)
        house = make_house((source, database, cast("Driver", line), receiver))
        yield await _found(house, (line, receiver), pool_settings)
    finally:
        await database.close()


async def _found(house: House, outside: tuple[Line, Receiver], pool_settings: PoolSettings) -> Site:
    line, receiver = outside
    made = await found_organisation(house, "山前咖啡", ())
    channel = line.stage.sandbox.name
    told = dict(line.stage.sandbox.verbs.describe(line.stage.state, SANDBOX_URL).client)

    async def story(tx: Transaction) -> tuple[str, str]:
        account_id = await house.accounts.add(tx, made.test, channel, told)
        await tx.execute(
            sql("UPDATE jobs SET run_at = run_at + interval '100 years' WHERE kind = ANY($1)"), HOUSEKEEPING
        )
        second = await issue_api_key(tx, house.source, made.test, NewKey("the second pair of eyes"))
        return public("acc", account_id), second.reveal()

    account, second_key = await house.database.transact(story)
    path = f"/notifications/{channel}/{public('mer', made.test.merchant_id)}/{account}"
    living = only(house, lambda kind: kind not in (*HOUSEKEEPING, ANNOUNCE))
    world = World(living, create_app(house), line, line.clock, made.test_key.reveal(), "", "", path, channel)
    return Site(world, pool_settings, second_key, Door(house), receiver, house)


def make_house(parts: Parts) -> House:
    """A process: everything in memory made anew."""
    told = {"public_url": PUBLIC_URL, "refund_approval_above_minor": APPROVAL_ABOVE_MINOR}
    return build(load(told, {}), RING, parts, _registry())


def only(house: House, is_wanted: Callable[[str], bool]) -> House:
    """The same house with one worker in place of three, that does one thing at a time, of the kinds that are wanted."""
    workers = (house.worker, house.webhook_worker, house.reconcile_worker)
    every = {kind: one for worker in workers for kind, one in worker._handlers.items()}
    handlers = {kind: one for kind, one in every.items() if is_wanted(kind)}
    worker, idle = Worker(house.database, handlers, ONE_AT_A_TIME, house.source), cast("Worker", Idle())
    return replace(house, worker=worker, webhook_worker=idle, reconcile_worker=idle)


class Idle:
    """A worker that has nothing to do, and does not look."""

    async def drain(self) -> int:
        """Nothing."""
        return 0


@cache
def _registry() -> Registry:
    """Every channel, and the one that is there to be copied: its signatures are quick."""
    found = discover()
    return Registry(
        {**found.channels, TEMPLATE.name: cast("Any", TEMPLATE)},
        {**found.sandboxes, TEMPLATE.name: cast("Any", TEMPLATE_SANDBOX)},
    )

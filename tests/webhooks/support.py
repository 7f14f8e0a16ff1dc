"""The webhooks room on a real database, with a standing clock and a merchant's server that is a function."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from db.support import START, rows
from merchants.support import RING
from shunfu.db import Database, Jobs, Outbox, Transaction, Worker, WorkerSettings
from shunfu.kernel.clock import ManualClock, Source, SystemEntropy
from shunfu.merchants import Organisation, Vault, create_merchant
from shunfu.webhooks import (
    Announcement,
    NewEndpoint,
    Outgoing,
    Sent,
    Shown,
    WebhookTools,
    announce,
    create_endpoint,
    make_handlers,
    read_endpoint,
    read_message,
)
from shunfu.webhooks.model import Delivery, Endpoint

TYPES = frozenset({"order.paid", "order.closed", "payment.captured"})
URL = "https://hooks.example.com/shunfu"
OK = Sent(200, "ok", 1)
DOWN = Sent(500, "status", 1, b"oops")

Reply = Callable[[Outgoing], Sent]


@dataclass
class Server:
    """A merchant's server as a carrier: `reply` says what it answers, everything that reached it is kept.

    `on_the_way` may hold a message up, or answer in the server's place.
    """

    reply: Reply = lambda _: OK
    arrived: list[Outgoing] = field(default_factory=list)
    pause: Callable[[], float] | None = None
    on_the_way: Callable[[Outgoing], Awaitable[Sent | None]] | None = None
    busy: int = 0
    busiest: int = 0

    async def send(self, outgoing: Outgoing) -> Sent:
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            if self.pause:
                await asyncio.sleep(self.pause())
            met = await self.on_the_way(outgoing) if self.on_the_way else None
            if met is not None:
                return met
            self.arrived.append(outgoing)
            return self.reply(outgoing)
        finally:
            self.busy -= 1

    def told(self) -> list[tuple[str, int]]:
        """Subject and sequence of everything that arrived, in order."""
        return [(body["subject"], body["sequence"]) for body in map(parsed, self.arrived)]

    def sequences(self, subject: str) -> list[int]:
        """The sequences of one subject, in the order of their arrival."""
        return [sequence for name, sequence in self.told() if name == subject]


def parsed(outgoing: Outgoing) -> Mapping[str, Any]:
    """The body's JSON value."""
    return json.loads(outgoing.body)


@dataclass
class Office:
    """The room with one organisation; time passes when it is told to."""

    database: Database
    clock: ManualClock
    source: Source
    tools: WebhookTools
    server: Server
    sides: Organisation
    worker: Worker

    @property
    def merchant_id(self) -> UUID:
        return self.sides.test.merchant_id

    async def endpoint(self, *types: str, url: str = URL, merchant_id: UUID | None = None) -> Shown:
        """A new endpoint for these types, or for all."""
        wish = NewEndpoint(merchant_id or self.merchant_id, self.source.new_id(), url, types or ("*",), "")
        return await create_endpoint(self.tools, wish)

    async def announce(self, subject: str, sequence: int, event_type: str = "order.paid") -> UUID:
        """Something happened; the message's id."""
        event_id = self.source.new_id()
        await announce(self.tools, self.announcement(subject, sequence, event_type, event_id))
        return event_id

    def announcement(self, subject: str, sequence: int, event_type: str, event_id: UUID) -> Announcement:
        data = {"order_id": subject, "amount_minor": 8600}
        return Announcement(self.merchant_id, event_id, event_type, subject, sequence, self.clock.now(), data)

    async def work(self) -> None:
        await self.worker.drain()

    async def pass_time(self, **span: float) -> None:
        self.clock.instant += timedelta(**span)
        await self.work()

    async def pass_hours(self, hours: int, step_minutes: int = 15) -> None:
        """Let time pass in steps, as the worker would see it."""
        for _ in range(hours * 60 // step_minutes):
            await self.pass_time(minutes=step_minutes)

    async def fate(self, message_id: UUID, endpoint_id: UUID | None = None) -> Delivery:
        """How a message fared at its only endpoint, or at this one."""
        told, _ = await read_message(self.tools, self.merchant_id, message_id)
        found = [one for one in told.deliveries if endpoint_id in {None, one.endpoint_id}]
        assert len(found) == 1, found
        return found[0]

    async def health(self, shown: Shown) -> Endpoint:
        return await read_endpoint(self.tools, (shown.endpoint.merchant_id, shown.endpoint.endpoint_id))

    async def events(self) -> list[tuple[object, ...]]:
        return await rows(self.database, "SELECT name FROM events ORDER BY id")


async def open_office(database: Database, *, allows_private: bool = False) -> Office:
    """The room with a fresh organisation."""
    clock = ManualClock(START)
    source = Source(clock, SystemEntropy())
    server = Server()
    tools = WebhookTools(
        database=database,
        source=source,
        vault=Vault(RING, source),
        outbox=Outbox({}, source),
        jobs=Jobs(source),
        sender=server,
        event_types=TYPES,
        allows_private=allows_private,
    )

    async def found(tx: Transaction) -> Organisation:
        return await create_merchant(tx, source, "山前咖啡", ())

    sides = await database.transact(found)
    worker = Worker(database, make_handlers(tools), WorkerSettings(), source)
    return Office(database, clock, source, tools, server, sides, worker)

"""Between us and the channels: requests, replies and notifications under way, and everything that can happen to them.

A message under way is the world's, not a process's: it arrives although whoever sent it has died.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from shunfu.driver import Exchange, Sent, describe
from shunfu.driver.registry import AnyChannel, AnySandbox
from shunfu.gateway.flow import Answer, Flow, NoReply, Reply, Request
from shunfu.gateway.sandbox import Act, Deed, Faults, Sheet, Stage
from shunfu.gateway.sandbox import stage as stages
from shunfu.gateway.sandbox.values import At, Delivery, Outcome, Step
from shunfu.kernel.clock import Source
from simulation.chance import Chance, Trace
from simulation.loop import Entry, Process, VirtualLoop
from simulation.lying import lie_in_reply

START = datetime(2026, 1, 5, tzinfo=UTC)
REPLY_FAULTS = {
    "reply_gateway_error": "gateway_error",
    "reply_gateway_error_after": "gateway_error_after",
    "reply_bad_signature": "reply_bad_signature",
    "reply_signature_probe": "reply_signtest",
    "channel_system_error": "system_error",
    "channel_too_many": "too_many",
}
"""Our fault classes to the stage's."""
NOTIFICATION_FAULTS = {
    "notification_forged": "wrong_serial",
    "notification_stale": "stale_timestamp",
    "notification_wrong_amount": "wrong_amount",
    "notification_wrong_merchant": "wrong_merchant",
}
UNSENT_RETRIES = 2
NONE = Faults()


@dataclass(slots=True)
class World:
    """What every part of a simulation shares."""

    loop: VirtualLoop
    chance: Chance
    trace: Trace
    under_way: int = 0

    def now(self) -> datetime:
        """The true time."""
        return START + timedelta(seconds=self.loop.now)

    def later(self, wait_seconds: float, callback: Callable[..., object], *args: object) -> None:
        """Something that is under way and arrives whatever happens to anybody."""
        self.under_way += 1

        def arrive() -> None:
            self.under_way -= 1
            callback(*args)

        self.loop.at(None, wait_seconds, arrive)


Deliver = Callable[["ChannelHost", Delivery, Callable[[Outcome], None]], None]


@dataclass(slots=True)
class ChannelHost:
    """A channel's servers: the stage, woken when something is due."""

    name: str
    world: World
    stage: Stage[Any]
    deliver: Deliver
    old_replies: dict[str, Reply] = field(default_factory=dict[str, Reply])
    heard: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    lies: int = 0
    _alarm: Entry | None = None

    @classmethod
    def create(cls, sandbox: AnySandbox, world: World, deliver: Deliver) -> ChannelHost:
        """A channel with a fresh merchant."""
        entropy = world.chance.bits.randbytes(32)
        return cls(sandbox.name, world, stages.create(sandbox, world.now(), entropy), deliver)

    def credentials(self) -> dict[str, str]:
        """What the merchant is given."""
        found = self.stage.sandbox.verbs.describe(self.stage.state, f"http://{self.name}.example")
        return dict(found.client)

    def at(self) -> At:
        """The present at the channel."""
        return self.stage.at(self.world.now(), self.world.chance.bits.randbytes(32))

    def answer(self, request: Request) -> Answer:
        """One request arrives."""
        chance = self.world.chance
        self.world.trace.add(self.world.loop.now, self.name, f"{request.method} {urlsplit(request.url).path}")
        fault = next((theirs for ours, theirs in REPLY_FAULTS.items() if chance.hits(ours)), None)
        faults = Faults(**{fault: 1}) if fault else NONE
        for name in ("refund_abnormal", "refund_closed"):
            if request.method == "POST" and request.url.endswith("/refunds") and chance.hits(name):
                faults = replace(faults, **{name: 1})
        stage = self.stage if faults is NONE else replace(self.stage, faults=faults)
        told = stages.answer(stage, request, self.world.now(), chance.bits.randbytes(32))
        self.stage = told.stage if faults is NONE else replace(told.stage, faults=NONE)
        self.schedule()
        reply = told.reply
        if reply is not None and reply.status in {200, 400} and chance.hits("contradicting_reply"):
            reply = lie_in_reply(self, request, reply)
        elif reply is not None and reply.status == 200:
            self.old_replies[f"{request.method} {request.url}"] = reply
        return reply or NoReply("connection closed", was_sent=True)

    def shopper(self, number: str, deed: Deed) -> Sheet:
        """The shopper does something on the payment sheet."""
        self.world.trace.add(self.world.loop.now, self.name, f"{deed} {number}")
        entropy = self.world.chance.bits.randbytes(32)
        self.stage, sheet = stages.act(self.stage, Act(number, deed), self.world.now(), entropy)
        self.schedule()
        return sheet

    def take(self, step: Step[Any] | None, at: At) -> bool:
        """Something happens at the channel itself; whether it did."""
        if step is None:
            return False
        self.stage = stages.take_step(self.stage, step, at)
        self.schedule()
        return True

    def schedule(self) -> None:
        """Be woken when the next thing is due."""
        wait_seconds = stages.next_due_seconds(self.stage, self.world.now())
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if wait_seconds is not None:
            self._alarm = self.world.loop.at(None, wait_seconds + 0.001, self._wake)

    @property
    def is_busy(self) -> bool:
        """Whether something is still to come of itself."""
        return bool(self.stage.timers or self.stage.post.waiting)

    def _wake(self) -> None:
        self._alarm = None
        chance = self.world.chance
        fault = next(
            (theirs for ours, theirs in NOTIFICATION_FAULTS.items() if self._has_mail() and chance.hits(ours)), ""
        )
        stage = replace(self.stage, faults=Faults(**{fault: 1})) if fault else self.stage
        stage, deliveries = stages.advance(stage, self.world.now(), chance.bits.randbytes(32))
        self.stage = replace(stage, faults=NONE) if fault else stage
        self.schedule()
        for delivery in deliveries:
            self.deliver(self, delivery, self._settle(delivery))

    def _has_mail(self) -> bool:
        now_ms = self.at().business_ms
        return any(one.due_ms <= now_ms for one in self.stage.post.waiting.values())

    def _is_harmless(self, delivery: Delivery) -> bool:
        """What may be taken although it is twisted: an old message by a clock that is wrong itself, and a word about a
        refund in which no money moved, for it names nobody and no amount that we would believe.
        """
        if delivery.fault == "stale_timestamp" and self.world.chance.counts["clock_backward"]:
            return True
        letter = self.stage.post.letters[delivery.notification_id]
        is_twisted = delivery.fault in {"wrong_amount", "wrong_merchant"} and letter.kind == "REFUND"
        return is_twisted and (delivery.fault == "wrong_merchant" or '"DONE"' not in letter.content)

    def _settle(self, delivery: Delivery) -> Callable[[Outcome], None]:
        def settle(outcome: Outcome) -> None:
            self.stage = stages.settle(self.stage, delivery, outcome, self.world.now())
            if self.stage.sandbox.verbs.is_heard(outcome) and not self._is_harmless(delivery):
                self.heard.append((delivery.notification_id, delivery.fault))
            self.schedule()

        return settle


class SimDriver:
    """The driver's stand-in in one process: the same generators over the simulated network."""

    def __init__(self, world: World, hosts: dict[str, ChannelHost], process: Process, source: Source) -> None:
        self._world = world
        self._hosts = hosts
        self._process = process
        self._source = source

    async def run(self, channel: AnyChannel, flow: Flow[Any]) -> Any:
        """Carry a conversation to its result."""
        return (await self.converse(channel, flow))[0]

    async def converse(self, channel: AnyChannel, flow: Flow[Any]) -> tuple[Any, tuple[Exchange, ...]]:
        """Carry a conversation to its result, with a record of its exchanges."""
        record: list[Exchange] = []
        answer: Answer | None = None
        while True:
            try:
                request = next(flow) if answer is None else flow.send(answer)
            except StopIteration as stop:
                return stop.value, tuple(record)
            for attempt in range(1 + UNSENT_RETRIES):
                if attempt:
                    await self._world.loop.pause(self._process, 0.1 * attempt)
                began = self._world.loop.now
                sent = Sent(self._source.new_id(), self._source.now(), 0)
                answer = await self._send(request)
                sent = replace(sent, took_milliseconds=int((self._world.loop.now - began) * 1000))
                record.append(describe(channel.scrub, request, answer, sent))
                if isinstance(answer, Reply) or answer.was_sent:
                    break

    async def _send(self, request: Request) -> Answer:
        """One request: it may be lost, late, or arrive twice, and so may its reply."""
        self._process.require_alive()
        world, chance = self._world, self._world.chance
        if chance.hits("request_refused"):
            await world.loop.pause(self._process, chance.travel_seconds())
            return NoReply("connection: refused", was_sent=False)
        future: asyncio.Future[Answer] = world.loop.create_future()
        host = self._hosts[urlsplit(request.url).netloc.partition(".")[0]]
        wait_seconds = chance.travel_seconds()
        if chance.hits("request_delayed"):
            wait_seconds += 1 + chance.schedule.random() ** 4 * 3600
        if not chance.hits("request_lost"):
            world.later(wait_seconds, self._arrive, host, request, future)
        if chance.hits("request_duplicated"):
            world.later(wait_seconds + chance.schedule.random() * 20, host.answer, request)
        limit = world.loop.at(
            self._process, request.timeout_seconds, _answer, future, NoReply("time-out", was_sent=True)
        )
        try:
            return await future
        finally:
            limit.cancel()

    def _arrive(self, host: ChannelHost, request: Request, future: asyncio.Future[Answer]) -> None:
        chance = self._world.chance
        answer = host.answer(request)
        wait_seconds = chance.travel_seconds()
        if isinstance(answer, Reply):
            if chance.hits("reply_lost"):
                return
            if chance.hits("reply_delayed"):
                wait_seconds += chance.schedule.random() * 20
            if answer.body and chance.hits("reply_corrupted"):
                answer = replace(answer, body=corrupted(answer.body, chance))
        self._world.loop.at(self._process, wait_seconds, _answer, future, answer)


def _answer(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)


def corrupted(body: bytes, chance: Chance) -> bytes:
    """One bit turned over, or the end cut off."""
    place = chance.schedule.randrange(len(body))
    if chance.schedule.random() < 0.3:
        return body[:place]
    return body[:place] + bytes([body[place] ^ (1 << chance.schedule.randrange(8))]) + body[place + 1 :]

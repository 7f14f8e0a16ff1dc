"""Runs the channels' sandboxes: answers, delivers notifications when due, keeps one clock and the state file.

One event loop owns the stages; every change is one assignment. Must not know: HTML, routes, the command line.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
from yarl import URL

from shunfu.app.sandbox.dice import Dice
from shunfu.app.sandbox.keeping import Kept, write_kept, write_private
from shunfu.gateway.flow import Request
from shunfu.gateway.sandbox import Act, Faults, Sheet, Stage, write_stage
from shunfu.gateway.sandbox import stage as stages
from shunfu.gateway.sandbox.stage import Told
from shunfu.gateway.sandbox.values import At, Delivery, Outcome, Pace, RefundEnd
from shunfu.kernel.clock import Source

SAVE_SECONDS = 0.5
DELIVERIES_AT_ONCE = 32
ANSWER_BYTES_MAX = 65536
WAKE_SECONDS_MIN, WAKE_SECONDS_MAX = 0.001, 86400.0

AnyStage: TypeAlias = Stage[Any]
"""A sandbox on its stage, whose state only its own folder opens."""


class Host:
    """Every sandbox of this process. Call `run` in a task of its own; cancel it to stop, then `save`."""

    def __init__(self, begun: Iterable[AnyStage], path: Path, source: Source, dice: Dice | None = None) -> None:
        self._stages = {stage.sandbox.name: stage for stage in begun}
        self._path = path
        self._source = source
        self._dice = dice or Dice(None, source.entropy)
        self._is_dirty = False
        self._changed = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(DELIVERIES_AT_ONCE)

    @property
    def stages(self) -> Mapping[str, AnyStage]:
        """The sandboxes by channel name."""
        return self._stages

    @property
    def source(self) -> Source:
        """The clock of this host."""
        return self._source

    @property
    def pace(self) -> Pace:
        """The one clock of all sandboxes."""
        return next((stage.pace for stage in self._stages.values()), Pace())

    def at(self, name: str) -> At:
        """A channel's moment now, for looking without changing."""
        return self._stages[name].at(self._source.now())

    def find(self, name: object) -> AnyStage | None:
        """The sandbox of this channel; without a name (None) the only one there is, else None."""
        if name is None:
            return next(iter(self._stages.values())) if len(self._stages) == 1 else None
        return self._stages.get(name) if isinstance(name, str) else None

    def find_by(self, name: object, knows: Callable[[AnyStage], bool]) -> AnyStage | None:
        """The sandbox of this channel; without a name the only one that knows what is asked for."""
        found = self.find(name)
        if found is not None or name is not None:
            return found
        knowing = [stage for stage in self._stages.values() if knows(stage)]
        return knowing[0] if len(knowing) == 1 else None

    def answer(self, name: str, request: Request) -> Told[Any]:
        """Answer one request on a channel's wire."""
        told = stages.answer(self._stages[name], request, self._source.now(), self._dice.roll(name))
        self._put(told.stage)
        return told

    def open_sheet(self, name: str, fields: Mapping[str, str]) -> Sheet:
        """What the payment sheet finds for these fields."""
        return stages.open_sheet(self._stages[name], fields, self._source.now())

    def act(self, name: str, deed: Act) -> Sheet:
        """Carry out a shopper's deed; a payment is on disk before this returns."""
        stage, sheet = stages.act(self._stages[name], deed, self._source.now(), self._dice.roll(name))
        self._put(stage)
        if deed.deed == "pay":
            self.save()
        return sheet

    def end_refund(self, name: str, number: str, end: RefundEnd) -> bool:
        """End a refund that is going on; False when there is none or the channel has no such end."""
        stage = self._stages[name]
        ended = stages.end_refund(stage, number, end, stage.at(self._source.now(), self._dice.roll(name)))
        return self._put_if(ended)

    def complain(self, name: str, number: str, text: str) -> bool:
        """Let the shopper complain about an order; False when the channel has none to complain about."""
        stage = self._stages[name]
        at, complain = stage.at(self._source.now(), self._dice.roll(name)), stage.sandbox.file_complaint
        step = complain(stage.state, number, text, at) if complain else None
        return self._put_if(None if step is None else stages.take_step(stage, step, at))

    def redeliver(self, name: str, number: str) -> bool:
        """Send an order's notifications once more, their schedules begun anew; False when it has none."""
        self._dice.sent_anew(name, 1)
        return self._put_if(stages.redeliver(self._stages[name], number, self._source.now()))

    def prove_phone(self, name: str, phone: str) -> str:
        """What a client in the channel's app is given for this phone number."""
        stage = self._stages[name]
        return stage.sandbox.verbs.phone_proof(stage.state, phone, stage.at(self._source.now(), self._dice.roll(name)))

    def set_faults(self, name: str, faults: Faults) -> None:
        """Let these faults come from now on, instead of those still to come."""
        self._put(replace(self._stages[name], faults=faults))

    def switch_key(self, name: str, notify_key: str) -> None:
        """Sign notifications by another key from now on, those that wait too. Raises ValueError for an unknown one."""
        self._put(stages.switch_key(self._stages[name], notify_key))

    def set_clock(self, speed: float, advance_seconds: float) -> None:
        """Let all sandboxes' waits pass `speed` times as fast from now on, after their time jumped by some seconds.

        What ended in those seconds has ended when this returns.
        """
        now = self._source.now()
        for name, stage in tuple(self._stages.items()):
            jumped = stages.set_clock(stage, speed, advance_seconds, now)
            self._put(stages.ring_due(jumped, now, self._dice.keep_time(name)))

    async def run(self) -> None:
        """Deliver what is due and save what changed, until cancelled."""
        async with aiohttp.ClientSession(auto_decompress=False) as self._session:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._keep_delivering())
                    group.create_task(self._keep_saving())
            finally:
                await self._stop_sending()

    def save(self) -> None:
        """Write the state file, by atomic rename, readable by its owner only."""
        self._is_dirty = False
        texts = {name: write_stage(stage) for name, stage in self._stages.items()}
        write_private(self._path, write_kept(Kept(texts, self._dice.counts)))

    def _put(self, stage: AnyStage) -> None:
        if stage is not self._stages[stage.sandbox.name]:
            self._stages[stage.sandbox.name], self._is_dirty = stage, True
            self._changed.set()

    def _put_if(self, stage: AnyStage | None) -> bool:
        if stage is not None:
            self._put(stage)
        return stage is not None

    async def _keep_delivering(self) -> None:
        while True:
            self._changed.clear()
            waits = [self._deliver_due(name) for name in self._stages]
            wait_seconds = min((wait for wait in waits if wait is not None), default=WAKE_SECONDS_MAX)
            bounded_seconds = min(max(wait_seconds, WAKE_SECONDS_MIN), WAKE_SECONDS_MAX)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), bounded_seconds)

    def _deliver_due(self, name: str) -> float | None:
        """Start the deliveries that are due now; seconds until the next ones, or None."""
        stage = self._stages[name]
        if stages.next_due_seconds(stage, self._source.now()) == 0:
            stage, due = stages.advance(stage, self._source.now(), self._dice.keep_time(name))
            self._put(stage)
            for delivery in due:
                self._start(name, delivery)
        return stages.next_due_seconds(stage, self._source.now())

    async def _keep_saving(self) -> None:
        loop, pause_seconds = asyncio.get_running_loop(), SAVE_SECONDS
        while True:
            await asyncio.sleep(pause_seconds)
            if self._is_dirty:
                began = loop.time()
                self.save()
                pause_seconds = max(SAVE_SECONDS, 20 * (loop.time() - began))

    def _start(self, name: str, delivery: Delivery) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(name, delivery))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _deliver(self, name: str, delivery: Delivery) -> None:
        async with self._gate:
            sent = self._source.now()
            status, reason, body = await self._send(delivery.request)
        now = self._source.now()
        took_ms = int((now - sent).total_seconds() * 1000)
        outcome = Outcome(status, reason, int(sent.timestamp() * 1000), took_ms, body)
        self._put(stages.settle(self._stages[name], delivery, outcome, now))

    async def _send(self, request: Request) -> tuple[int, str, bytes]:
        """The status, a word on it and the body; status 0 when no answer came in time. Redirects are not followed."""
        timeout = aiohttp.ClientTimeout(total=request.timeout_seconds)
        try:
            async with self._session.request(
                request.method,
                URL(request.url, encoded=True),  # exactly as the merchant gave it
                data=request.body,
                headers=request.headers,
                allow_redirects=False,
                timeout=timeout,
            ) as reply:
                return reply.status, "refused", await reply.content.read(ANSWER_BYTES_MAX)
        except TimeoutError:
            return 0, f"no answer within {request.timeout_seconds:g} seconds", b""
        except (aiohttp.ClientError, ValueError, OSError) as error:
            return 0, type(error).__name__, b""

    async def _stop_sending(self) -> None:
        for task in tuple(self._sending):
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

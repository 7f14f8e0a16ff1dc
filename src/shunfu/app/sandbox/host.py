"""Runs the channels' sandboxes: answers, delivers notifications when due, keeps one clock and the state file.

One event loop owns the states; every change is one assignment. Must not know: HTML, routes, the command line.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

import aiohttp

from shunfu.app.sandbox.keeping import write_private, write_states
from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.sandbox import Act, Delivery, Outcome, Pace, Sandbox, Sheet
from shunfu.kernel.clock import Source

SAVE_SECONDS = 0.5
DELIVERIES_AT_ONCE = 32
ANSWER_BYTES_MAX = 65536

S = TypeVar("S")


@dataclass(slots=True)
class Stand(Generic[S]):
    """One channel's sandbox with its present state."""

    sandbox: Sandbox[S]
    state: S


AnyStand: TypeAlias = Stand[Any]


class Host:
    """Every sandbox of this process. Call `run` in a task of its own; cancel it to stop, then `save`."""

    def __init__(self, stands: Iterable[AnyStand], path: Path, source: Source) -> None:
        self._stands = {stand.sandbox.name: stand for stand in stands}
        self._path = path
        self._source = source
        self._is_dirty = False
        self._changed = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(DELIVERIES_AT_ONCE)

    @property
    def stands(self) -> Mapping[str, AnyStand]:
        """The sandboxes by channel name."""
        return self._stands

    @property
    def source(self) -> Source:
        """The clock and the randomness of this host."""
        return self._source

    @property
    def pace(self) -> Pace:
        """The one clock of all sandboxes."""
        return next((stand.sandbox.verbs.get_pace(stand.state) for stand in self._stands.values()), Pace())

    def find(self, name: object) -> AnyStand | None:
        """The sandbox of this channel; without a name (None) the only one there is, else None."""
        if name is None:
            return next(iter(self._stands.values())) if len(self._stands) == 1 else None
        return self._stands.get(name) if isinstance(name, str) else None

    def set_clock(self, speed: float, advance_seconds: float) -> None:
        """Let all sandboxes' waits pass `speed` times as fast from now on, after their time jumped by some seconds."""
        now = self._source.now()
        for stand in self._stands.values():
            self._put(stand, stand.sandbox.verbs.set_clock(stand.state, speed, advance_seconds, now))

    def answer(self, stand: Stand[S], request: Request) -> Reply:
        """Answer one request on a channel's wire."""
        told = stand.sandbox.verbs.answer(stand.state, request, self._source.now(), self._source.entropy.take(32))
        self._put(stand, told.state)
        self._start(stand, told.deliveries)
        return told.reply

    def act(self, stand: Stand[S], deed: Act) -> Sheet:
        """Carry out a shopper's deed; a payment is on disk before this returns."""
        state, sheet = stand.sandbox.verbs.act(stand.state, deed, self._source.now(), self._source.entropy.take(32))
        self._put(stand, state)
        if deed.deed == "pay":
            self.save()
        return sheet

    def change(self, stand: Stand[S], step: Callable[[S], S | None]) -> bool:
        """Apply a step to a state, to be saved soon; False when the step has nothing to change."""
        state = step(stand.state)
        if state is not None:
            self._put(stand, state)
        return state is not None

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
        texts = {name: stand.sandbox.verbs.write_state(stand.state) for name, stand in self._stands.items()}
        write_private(self._path, write_states(texts))

    def _put(self, stand: Stand[S], state: S) -> None:
        if state is not stand.state:
            stand.state, self._is_dirty = state, True
            self._changed.set()

    async def _keep_delivering(self) -> None:
        while True:
            self._changed.clear()
            waits = [self._deliver_due(stand) for stand in self._stands.values()]
            wait_seconds = min((wait for wait in waits if wait is not None), default=None)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait_seconds)

    def _deliver_due(self, stand: Stand[S]) -> float | None:
        """Start the deliveries that are due now; seconds until the next ones, or None."""
        verbs, now = stand.sandbox.verbs, self._source.now()
        state, due = verbs.send_due(stand.state, now, self._source.entropy.take(32))
        self._put(stand, state)
        self._start(stand, due)
        return verbs.next_due_seconds(state, self._source.now())

    async def _keep_saving(self) -> None:
        loop, pause_seconds = asyncio.get_running_loop(), SAVE_SECONDS
        while True:
            await asyncio.sleep(pause_seconds)
            if self._is_dirty:
                began = loop.time()
                self.save()
                pause_seconds = max(SAVE_SECONDS, 20 * (loop.time() - began))

    def _start(self, stand: Stand[S], deliveries: tuple[Delivery, ...]) -> None:
        for delivery in deliveries:
            task = asyncio.get_running_loop().create_task(self._deliver(stand, delivery))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _deliver(self, stand: Stand[S], delivery: Delivery) -> None:
        async with self._gate:
            sent = self._source.now()
            status, reason, body = await self._send(delivery.request)
        now = self._source.now()
        took_ms = int((now - sent).total_seconds() * 1000)
        outcome = Outcome(status, reason, int(sent.timestamp() * 1000), took_ms, body)
        self._put(stand, stand.sandbox.verbs.settle(stand.state, delivery, outcome, now))

    async def _send(self, request: Request) -> tuple[int, str, bytes]:
        """The status, a word on it and the body; status 0 when no answer came in time. Redirects are not followed."""
        timeout = aiohttp.ClientTimeout(total=request.timeout_seconds)
        try:
            async with self._session.request(
                request.method,
                request.url,
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

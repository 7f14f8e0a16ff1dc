"""Virtual time: an event loop without sockets or threads, whose every wait is an entry of one heap.

Use-cases are coroutines of asyncio, so the loop is one that asyncio's own tasks, futures and time-outs run on. Time moves
only from one entry to the next, and what happens when is drawn from the seed. Each entry belongs to a simulated process:
a dead process's entries never come, a paused one's come later. Must not know: what the processes do.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from typing import Any

Future = asyncio.Future
PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


class ProcessDied(BaseException):
    """What code of a dead process meets at its next step outside: nothing catches it."""


class Process:
    """One simulated process: what runs in it dies with it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = False
        self.paused_until = 0.0
        self.clock_offset_seconds = 0.0
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.at_death: list[Callable[[], None]] = []

    def forget(self, task: asyncio.Task[Any]) -> None:
        """A task has ended."""
        self.tasks.pop(task, None)

    def require_alive(self) -> None:
        """Raises ProcessDied."""
        if self.is_dead:
            raise ProcessDied

    def die(self) -> None:
        """Nothing of it runs any more: no reply is read, no `finally` reaches anything outside."""
        self.is_dead = True
        for last in self.at_death:
            last()
        tasks, self.tasks = self.tasks, {}
        for task in tasks:
            task._log_destroy_pending = False  # asyncio's own name for it
            _close(task.get_coro())


def _close(coroutine: Any) -> None:
    """End a coroutine where it waits. One that waits again while it ends is ended again."""
    for _ in range(20):
        try:
            coroutine.close()
        except (RuntimeError, ProcessDied):
            continue
        return
    raise AssertionError("a coroutine does not end")


class Entry:
    """A call that is due: what `call_soon` and `call_at` give back."""

    __slots__ = ("arguments", "callback", "context", "is_cancelled")

    def __init__(self, callback: Callable[..., object], arguments: tuple[Any, ...], context: Context | None) -> None:
        self.callback = callback
        self.arguments = arguments
        self.context = context
        self.is_cancelled = False

    def cancel(self) -> None:
        """It does not happen."""
        self.is_cancelled = True

    def cancelled(self) -> bool:
        """Whether it will not happen."""
        return self.is_cancelled


class VirtualLoop(asyncio.AbstractEventLoop):
    """asyncio's loop on virtual time. `now` is seconds since the beginning."""

    def __init__(self) -> None:
        self.now = 0.0
        self.steps = 0
        self.failures: list[dict[str, Any]] = []
        self._ready: deque[Entry] = deque()
        self._heap: list[tuple[float, int, Process | None, Entry | asyncio.Future[None]]] = []
        self._count = 0

    def run_until(self, is_done: Callable[[], bool], limit_seconds: float) -> bool:
        """Let everything happen that is due until `is_done` or the time; whether it was done."""
        asyncio._set_running_loop(self)
        try:
            while not is_done():
                if not self._next(limit_seconds):
                    return is_done()
            return True
        finally:
            asyncio._set_running_loop(None)

    def end(self, processes: Iterable[Process]) -> None:
        """The simulation is over: whatever still waits ends where it is."""
        asyncio._set_running_loop(self)
        try:
            self._drain()
            for process in processes:
                self.kill(process)
        finally:
            asyncio._set_running_loop(None)

    def _next(self, limit_seconds: float) -> bool:
        """One entry of the heap and all that follows from it at once."""
        self._drain()
        heap = self._heap
        while heap:
            when, _, process, due = heap[0]
            if when > limit_seconds:
                break
            heappop(heap)
            if process is not None:
                if process.is_dead:
                    continue
                if process.paused_until > when:
                    self._push(process.paused_until, process, due)
                    continue
            if type(due) is Entry:
                if due.is_cancelled:
                    continue
                self.now = when
                if due.context is None:
                    due.callback(*due.arguments)
                else:
                    due.context.run(due.callback, *due.arguments)
            else:
                self.now = when
                wake(due)
            self.steps += 1
            self._drain()
            return True
        self.now = max(self.now, limit_seconds)
        return False

    def _drain(self) -> None:
        ready = self._ready
        while ready:
            entry = ready.popleft()
            if not entry.is_cancelled:
                context = entry.context
                if context is None:
                    entry.callback(*entry.arguments)
                else:
                    context.run(entry.callback, *entry.arguments)

    def _push(self, when: float, process: Process | None, due: Entry | asyncio.Future[None]) -> None:
        self._count += 1
        heappush(self._heap, (when, self._count, process, due))

    def kill(self, process: Process) -> None:
        """End a process between two entries of the heap; what its ends still ask for never happens."""
        assert not self._ready, "a process is killed from outside"
        process.die()
        self._ready.clear()

    def spawn(self, process: Process, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begin a coroutine in a process."""
        context = copy_context()
        context.run(PROCESS.set, process)
        return self.create_task(work, context=context)

    def at(self, process: Process | None, wait_seconds: float, callback: Callable[..., object], *args: object) -> Entry:
        """Call back after a wait, as an entry of a process (None: of the world, which never dies)."""
        entry = Entry(callback, args, None)
        self._count += 1
        heappush(self._heap, (self.now + wait_seconds, self._count, process, entry))
        return entry

    def pause(self, process: Process | None, wait_seconds: float) -> asyncio.Future[None]:
        """Wait, as an entry of a process."""
        future: asyncio.Future[None] = Future(loop=self)
        self._count += 1
        heappush(self._heap, (self.now + wait_seconds, self._count, process, future))
        return future

    # What asyncio itself asks of a loop.

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:
        entry = Entry(callback, args, context)
        self._ready.append(entry)
        return entry

    def call_later(self, delay: float, callback: Any, *args: Any, context: Context | None = None) -> Any:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> Any:
        entry = Entry(callback, args, context or copy_context())
        self._push(max(when, self.now), PROCESS.get(), entry)
        return entry

    def create_future(self) -> asyncio.Future[Any]:
        return Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> asyncio.Task[Any]:
        process = context.get(PROCESS) if context is not None else PROCESS.get()
        task = asyncio.Task(coro, loop=self, name=name or "simulated", context=context)
        if process is not None:
            process.tasks[task] = None
            task.add_done_callback(process.forget)
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.failures.append(context)


def wake(future: asyncio.Future[None]) -> None:
    """Let who waits go on."""
    if not future.done():
        future.set_result(None)

"""A load of HTTP requests from this process: so many at once, for so long. Must not know: what is asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp


@dataclass(slots=True)
class Load:
    """What a load did: seconds of each piece of work, by its name, and how long it all took."""

    seconds: float
    samples: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def count(self, name: str) -> int:
        """How often a piece of work was done."""
        return len(self.samples.get(name, ()))


class Caller:
    """Sends requests on kept connections and notes how long each took."""

    def __init__(self, session: aiohttp.ClientSession, samples: dict[str, list[float]]) -> None:
        self._session = session
        self._samples = samples

    async def post(self, name: str, url: str, wanted: int, **told: Any) -> bytes:
        """One POST that must answer `wanted`; SystemExit with the answer otherwise."""
        began = time.perf_counter()
        async with self._session.post(url, **told) as answer:
            body = await answer.read()
        self.note(name, time.perf_counter() - began)
        if answer.status != wanted:
            raise SystemExit(f"{name} answered {answer.status}: {body[:400]!r}")
        return body

    def note(self, name: str, seconds: float) -> None:
        """Keep one sample."""
        self._samples.setdefault(name, []).append(seconds)


@asynccontextmanager
async def calling(samples: dict[str, list[float]]) -> AsyncIterator[Caller]:
    """A caller on a pool of kept connections."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield Caller(session, samples)


async def for_seconds(seconds: float, at_once: int, work: Callable[[Caller], Awaitable[None]]) -> Load:
    """Do the work again and again, `at_once` times side by side, until the time is over."""
    samples: dict[str, list[float]] = {}

    async def one(caller: Caller, ends: float) -> None:
        while time.perf_counter() < ends:
            await work(caller)

    async with calling(samples) as caller:
        began = time.perf_counter()
        await asyncio.gather(*(one(caller, began + seconds) for _ in range(at_once)))
        return Load(time.perf_counter() - began, samples)

"""More notifications than the machine can hold: sent on a clock that waits for nobody, and again as the channel does.

Open loop: a message leaves when its time has come, however many are still unanswered; a closed loop would send slower
and never ask for more than is given. What brings no 2xx within the channel's time-out is sent again after the channel's
own waits, made shorter. Must not know: what a message says.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from _meter import percentile_ms

TIMEOUT_SECONDS = 5.0
"""WeChat Pay gives up on an answer after so long."""
NOBODY = 0
"""The status of a try that brought no answer."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent, and the id by which it is looked up afterwards."""

    external_id: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Flood:
    """What came of it: when each message left first, how long each took to be acknowledged, and every try's status."""

    url: str
    waits_seconds: Sequence[float]
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    first_tries: list[float] = field(default_factory=list[float])
    statuses: Counter[int] = field(default_factory=Counter[int])
    given_up: int = 0
    acknowledged_in_time: int = 0

    async def run(self, messages: Sequence[Message], a_second: float) -> None:
        """Send at this rate, then wait for the last retry."""
        limit = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=limit) as session:
            began = time.perf_counter()
            ends = began + len(messages) / a_second
            async with asyncio.TaskGroup() as group:
                for index, message in enumerate(messages):
                    await asyncio.sleep(max(0.0, began + index / a_second - time.perf_counter()))
                    group.create_task(self._deliver(session, message, ends))

    async def _deliver(self, session: aiohttp.ClientSession, message: Message, ends: float) -> None:
        began = time.perf_counter()
        for wait_seconds in (0.0, *self.waits_seconds):
            await asyncio.sleep(wait_seconds)
            tried = time.perf_counter()
            status = await self._try(session, message)
            now = time.perf_counter()
            self.statuses[status] += 1
            if 200 <= status < 300:
                if not wait_seconds:
                    self.first_tries.append(now - tried)
                self.seconds[message.external_id] = now - began
                self.acknowledged_in_time += now <= ends
                return
        self.given_up += 1

    async def _try(self, session: aiohttp.ClientSession, message: Message) -> int:
        try:
            async with session.post(self.url, data=message.body, headers=message.headers) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return NOBODY

    def report(self, count: int, a_second: float) -> dict[str, Any]:
        """The numbers. `acknowledged_a_second` counts only while messages were being sent."""
        waited = list(self.seconds.values())
        return {
            "offered_a_second": round(a_second, 1),
            "messages": count,
            "acknowledged_a_second": round(self.acknowledged_in_time / (count / a_second), 1),
            "acknowledged_at_the_first_try": len(self.first_tries),
            "p50_ms": percentile_ms(self.first_tries, 50) if self.first_tries else None,
            "p99_ms": percentile_ms(self.first_tries, 99) if self.first_tries else None,
            "with_retries_p99_ms": percentile_ms(waited, 99),
            "tries_by_status": {str(status): times for status, times in sorted(self.statuses.items())},
            "acknowledged": len(waited),
            "given_up_by_the_channel": self.given_up,
        }

"""Where time and random bits come from: two small seams that tests and simulations swap. Standard library only."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from shunfu.kernel.ids import SEQUENCE_MAX, make_id


class Clock(Protocol):
    """Tells the present, time-zone aware, in UTC."""

    def now(self) -> datetime:
        """The present instant in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The machine's present instant in UTC."""
        return datetime.now(UTC)


@dataclass(slots=True)
class ManualClock:
    """A clock that stands still until moved: for tests and simulations."""

    instant: datetime

    def now(self) -> datetime:
        """The instant it was last moved to."""
        return self.instant

    def advance(self, seconds: float) -> None:
        """Move forward by seconds."""
        self.instant += timedelta(seconds=seconds)


class Entropy(Protocol):
    """Gives random bytes."""

    def take(self, count: int) -> bytes:
        """That many random bytes."""
        ...


class SystemEntropy:
    """The operating system's random source."""

    def take(self, count: int) -> bytes:
        """That many random bytes from the operating system."""
        return secrets.token_bytes(count)


class Source:
    """Clock and entropy together: what an edge needs to make ids and to pass `now` inwards.

    Its ids sort in the order in which they were made, also inside one millisecond and when the clock steps back.
    One thread makes them.
    """

    __slots__ = ("_last_milliseconds", "_sequence", "clock", "entropy")

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self.clock = clock
        self.entropy = entropy
        self._last_milliseconds = 0
        self._sequence = 0

    def now(self) -> datetime:
        """The present instant in UTC."""
        return self.clock.now()

    def new_id(self) -> UUID:
        """A fresh id that sorts after every id this source has made."""
        milliseconds = int(self.clock.now().timestamp() * 1000)
        if milliseconds > self._last_milliseconds:
            self._last_milliseconds, self._sequence = milliseconds, 0
        elif self._sequence < SEQUENCE_MAX:
            self._sequence += 1
        else:
            self._last_milliseconds, self._sequence = self._last_milliseconds + 1, 0
        return make_id(self._last_milliseconds, self.entropy.take(10), self._sequence)

    def nonce(self) -> str:
        """32 random hexadecimal characters, upper case."""
        return self.entropy.take(16).hex().upper()


def rfc3339(moment: datetime) -> str:
    """`2026-11-22T06:29:35.120Z`: UTC with milliseconds, as every answer of ours writes time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

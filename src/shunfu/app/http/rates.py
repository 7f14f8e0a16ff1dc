"""How often is too often: a token bucket a key, as the generic cell rate algorithm (ITU-T I.371, annex A).

One number a key, the instant at which its bucket is full again; bounded memory, in this process alone. Why no library:
docs/adr/0020. Must not know: what a key stands for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

KEYS_MAX = 50_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many within a minute on average, and at most so many at once; 0: no limit. Who is refused is told `name`."""

    name: str
    per_minute: int
    burst: int | None = None

    @property
    def size(self) -> int:
        """How many a full bucket holds."""
        return self.burst or self.per_minute


class Buckets:
    """One rate's buckets. When there are too many the one that was touched longest ago is forgotten.

    Forgetting helps nobody: to push his own bucket out a caller needs as many other keys, and each of them has a full
    bucket of its own anyway.
    """

    def __init__(self, rate: Rate, seconds: Callable[[], float], keys_max: int = KEYS_MAX) -> None:
        """`seconds` tells the present; it may stand still or step back."""
        self.rate = rate
        self._seconds = seconds
        self._keys_max = keys_max
        self._full_at: OrderedDict[object, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def wait_seconds(self, key: object) -> float:
        """How long until the key may take one; 0: at once. Takes nothing."""
        if self.rate.per_minute == 0:
            return 0.0
        return max(0.0, self._missing(key) + self._step - self._window)

    def take(self, key: object) -> float:
        """Take one and answer 0, or take nothing and say how many seconds to wait."""
        wait = self.wait_seconds(key)
        if wait == 0.0 and self.rate.per_minute:
            self._full_at[key] = self._seconds() + self._missing(key) + self._step
            self._full_at.move_to_end(key)
            if len(self._full_at) > self._keys_max:
                self._full_at.popitem(last=False)
        return wait

    @property
    def _step(self) -> float:
        return 60.0 / self.rate.per_minute

    @property
    def _window(self) -> float:
        """How long an empty bucket takes to fill; a hair more, because floating point loses a little of every sum."""
        return self._step * (self.rate.size + 1e-6)

    def _missing(self, key: object) -> float:
        """Seconds until the key's bucket is full: no more than a whole bucket, also after the clock stepped back."""
        now = self._seconds()
        missing = max(0.0, self._full_at.get(key, 0.0) - now)
        if missing > self._window:
            missing = self._window
            self._full_at[key] = now + missing
        return missing

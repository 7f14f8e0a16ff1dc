"""The sandbox's randomness: the system's, or all of it from a seed, so that a run repeats. Must not know: channels.

A seeded run gives the same numbers, ids and drawn faults for the same calls in the same order. RSA keys are OpenSSL's
own and do not repeat: they stay in the state file, so copy that file to repeat a run with its keys too.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from shunfu.kernel.clock import Entropy

BYTES = 32


class Dice:
    """32 bytes for each step of a channel. `counts` says how many steps each has had; it is kept between runs."""

    def __init__(self, seed: str | None, entropy: Entropy, counts: Mapping[str, int] | None = None) -> None:
        self._seed = seed
        self._entropy = entropy
        self._counts = dict(counts or {})

    @property
    def counts(self) -> Mapping[str, int]:
        """What to keep, so that the next run goes on and repeats no number."""
        return self._counts

    def roll(self, channel: str) -> bytes:
        """The next step's bytes: a call, or a deed of the shopper or the tester."""
        if self._seed is None:
            return self._entropy.take(BYTES)
        self._counts[channel] = self._counts.get(channel, 0) + 1
        return self._drawn(channel, "step", self._counts[channel])

    def keep_time(self, channel: str) -> bytes:
        """The bytes for what time brings. With a seed they stay the same, for how often we wake depends on the machine.

        The stage draws from them by the letter and its try.
        """
        return (
            self._entropy.take(BYTES) if self._seed is None else self._drawn(channel, "time", self.sent_anew(channel))
        )

    def sent_anew(self, channel: str, more: int = 0) -> int:
        """How often a tester has begun notifications anew: their tries count from one again, and must differ."""
        name = f"{channel}/anew"
        if more and self._seed is not None:
            self._counts[name] = self._counts.get(name, 0) + more
        return self._counts.get(name, 0)

    def _drawn(self, channel: str, kind: str, count: int) -> bytes:
        return sha256(f"{self._seed}\n{channel}\n{kind}\n{count}".encode()).digest()

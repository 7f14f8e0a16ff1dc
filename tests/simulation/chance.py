"""What goes wrong, and how often: each class of fault is on or off in a seed, and then has its own rate.

Source: the swarm of TigerBeetle's VOPR: rates drawn anew for each seed find more than one rate for all. Everything that is
drawn comes from the seed, and everything that happens goes into one hash. Must not know: what any fault does.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter

RATES: dict[str, tuple[float, float]] = {
    # on the way to a channel and back
    "request_refused": (0.01, 0.2),
    "request_lost": (0.01, 0.2),
    "request_delayed": (0.01, 0.1),
    "request_duplicated": (0.01, 0.2),
    "reply_lost": (0.01, 0.25),
    "reply_delayed": (0.02, 0.2),
    "reply_corrupted": (0.01, 0.15),
    "reply_gateway_error": (0.01, 0.15),
    "reply_gateway_error_after": (0.01, 0.15),
    "reply_bad_signature": (0.01, 0.1),
    "reply_signature_probe": (0.01, 0.1),
    "channel_system_error": (0.01, 0.2),
    "channel_too_many": (0.01, 0.2),
    # a channel's messages
    "notification_lost": (0.05, 0.6),
    "notification_duplicated": (0.05, 0.5),
    "notification_delayed": (0.05, 0.4),
    "notification_reordered": (0.05, 0.4),
    "notification_corrupted": (0.02, 0.2),
    "notification_forged": (0.02, 0.2),
    "notification_stale": (0.02, 0.2),
    "notification_wrong_amount": (0.02, 0.2),
    "notification_wrong_merchant": (0.02, 0.2),
    "notification_other_account": (0.02, 0.2),
    "notification_replayed": (0.02, 0.3),
    # what a channel does on purpose
    "refund_abnormal": (0.1, 0.4),
    "refund_closed": (0.1, 0.4),
    "contradicting_reply": (0.02, 0.2),
    "contradicting_notification": (0.1, 0.5),
    "contradicting_statement": (0.1, 0.5),
    "refund_behind_our_back": (0.2, 0.8),
    # processes and their clocks
    "server_crashed": (0.2, 0.9),
    "worker_crashed": (0.2, 0.9),
    "process_paused": (0.2, 0.9),
    "clock_forward": (0.2, 0.9),
    "clock_backward": (0.2, 0.9),
    # PostgreSQL
    "database_restarted": (0.2, 0.9),
    "connection_lost": (0.0005, 0.01),
    "commit_unknown": (0.002, 0.03),
    "write_conflict": (0.001, 0.02),
    # clients and the merchant's server
    "client_lost_answer": (0.02, 0.3),
    "client_doubled": (0.05, 0.5),
    "receiver_failed": (0.05, 0.6),
    "receiver_hung": (0.02, 0.2),
    "receiver_forgot": (0.02, 0.3),
    "receiver_gone": (0.01, 0.05),
}
"""Fault class to the range of its rate: of messages and statements for most, of storms a seed for processes and clocks."""

ON = 0.55
"""How likely a class is on in a seed."""


class Chance:
    """The randomness of one seed, in streams that do not disturb each other."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.schedule = random.Random(f"{seed}/schedule")
        self.story = random.Random(f"{seed}/story")
        self.faults = random.Random(f"{seed}/faults")
        self.bits = random.Random(f"{seed}/bits")
        self.counts: Counter[str] = Counter()
        self.is_healed = False
        draw = random.Random(f"{seed}/rates")
        self.rates = {name: draw.uniform(*span) for name, span in RATES.items() if draw.random() < ON}

    def hits(self, name: str) -> bool:
        """Whether this fault happens now; it is counted when it does."""
        rate = self.rates.get(name)
        if rate is None or self.is_healed or self.faults.random() >= rate:
            return False
        self.counts[name] += 1
        return True

    def travel_seconds(self) -> float:
        """How long a statement or a message is under way: mostly a moment, sometimes long."""
        drawn = self.schedule.random()
        if drawn < 0.97:
            return 0.0002 + drawn * 0.004
        return 0.005 + self.schedule.random() ** 3 * 2.0


class Trace:
    """Everything that happened, in order; one hash says whether two runs were the same."""

    def __init__(self) -> None:
        self._told: list[tuple[float, str, str]] = []

    def add(self, now: float, who: str, what: str) -> None:
        """One thing that happened."""
        self._told.append((now, who, what))

    def lines(self) -> list[str]:
        """What happened, one line each."""
        return [f"{now:.6f} {who} {what}" for now, who, what in self._told]

    def digest(self) -> str:
        """SHA-256 over all of it."""
        return hashlib.sha256("\n".join(self.lines()).encode()).hexdigest()


class Entropy:
    """Random bytes for ids and nonces, out of the seed."""

    def __init__(self, chance: Chance) -> None:
        self._bits = chance.bits

    def take(self, count: int) -> bytes:
        """That many bytes."""
        return self._bits.randbytes(count)

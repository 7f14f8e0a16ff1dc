"""When keys end and when somebody is warned: 30, 7 and 1 days before, and once they have ended. Pure.

Must not know: where keys are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from shunfu.kernel.clock import rfc3339

KeyKind = Literal["api_key", "channel_account", "data_key", "webhook_secret", "wrapping_key", "signing_key"]
Step = Literal["30", "7", "1", "ended", "endless"]
STEPS: tuple[tuple[int, Step], ...] = ((1, "1"), (7, "7"), (30, "30"))
"""Days before the end, the nearest first."""


@dataclass(frozen=True, slots=True)
class KeyExpiry:
    """A key and its end. `subject` is a public id, `name` says which of the subject's keys it is.

    `not_after` is None for a key that never ends by itself, which somebody is warned of too. `days_left` counts whole
    days, 0 on the last one, and is None where there is no end.
    """

    kind: KeyKind
    subject: str
    name: str
    not_after: datetime | None
    is_expired: bool
    days_left: int | None

    @property
    def step(self) -> Step | None:
        """Which warning is due now, if any."""
        if self.not_after is None or self.days_left is None:
            return "endless"
        if self.is_expired:
            return "ended"
        return next((step for days, step in STEPS if self.days_left < days), None)

    @property
    def ends(self) -> str:
        """The end as it is noted with a warning: empty for never."""
        return rfc3339(self.not_after) if self.not_after else ""


@dataclass(frozen=True, slots=True)
class Lives:
    """How many days a key without a date of its own may be used."""

    key_days: int = 365
    credential_days: int = 365


def judge(kind: KeyKind, who: tuple[str, str], not_after: datetime | None, now: datetime) -> KeyExpiry:
    """How a key stands; `who` is its subject and its name."""
    if not_after is None:
        return KeyExpiry(kind, *who, None, is_expired=False, days_left=None)
    left = (not_after - now) // timedelta(days=1)
    return KeyExpiry(kind, *who, not_after, is_expired=now >= not_after, days_left=max(0, left))


def soonest(found: list[KeyExpiry]) -> tuple[KeyExpiry, ...]:
    """Those without an end first, because nothing else reminds of them, then by their end."""
    return tuple(sorted(found, key=lambda one: (one.not_after is not None, one.ends, one.subject, one.name)))

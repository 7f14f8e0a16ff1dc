"""What the merchants room tells the rooms above it: a key comes to its end."""

from __future__ import annotations

from dataclasses import dataclass

from shunfu.kernel.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWarned(Event):
    """A key ends within 30, 7 or 1 days (`step`), has ended, or never ends by itself.

    `subject` is its public id, `name` which of the subject's keys, `ends` RFC 3339 or empty. Never the key.
    """

    kind: str
    subject: str
    name: str
    ends: str
    step: str
    alarm: str

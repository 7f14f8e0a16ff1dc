"""Names in the archive and what they mean: segments, timelines, and what a recovery needs. Pure.

Each restore begins a new timeline: the log forks where the restore stopped, and both branches stay in the archive.
Source: PostgreSQL manual, 26.3.6 (timelines).
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

SEGMENT_BYTES = 16 * 1024 * 1024
"""What initdb makes; a cluster of ours has no other."""
_A_FILE = 2**32 // SEGMENT_BYTES

_SEGMENT = re.compile(r"[0-9A-F]{24}")
_HISTORY = re.compile(r"([0-9A-F]{8})\.history")
_FORK = re.compile(r"\s*(\d+)\s+([0-9A-F]+/[0-9A-F]+)\s+(.*)")
_BEFORE = re.compile(r"before (\d{4}-\S+ \S+)")
_TO_THE_END = "no recovery target specified"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the log on one timeline: segments from `begin` on, and the position where the next one forks off.

    `end` is None for the last stretch, which is still being written. `forked_at`: the transactions that were committed
    before it are on the way, in seconds since 1970.
    """

    timeline: int
    begin: int
    end: int | None
    forked_at: float


Lineage = tuple[Stretch, ...]


def position(text: str) -> int:
    """The byte position that `0/2000028` writes."""
    high, _, low = text.partition("/")
    return int(high, 16) << 32 | int(low, 16)


def segment_of(place: int) -> int:
    """The number of the segment that holds a position."""
    return place // SEGMENT_BYTES


def segment_name(timeline: int, segment: int) -> str:
    """The file name of a segment: 24 hexadecimal digits."""
    return f"{timeline:08X}{segment // _A_FILE:08X}{segment % _A_FILE:08X}"


def timelines_in(names: Collection[str]) -> tuple[int, ...]:
    """The timelines that an archive knows, oldest first; the first one always, which has no history file."""
    return tuple(sorted({1, *(int(found[1], 16) for name in names if (found := _HISTORY.fullmatch(name)))}))


def lineage(timeline: int, history: str) -> Lineage:
    """The way to a timeline from the first one, as its history file tells it (empty for the first)."""
    forks = [found for line in history.splitlines() if (found := _FORK.match(line))]
    ends = [position(fork[2]) for fork in forks]
    begins = [0, *(segment_of(place) for place in ends)]
    stretches = [
        Stretch(int(fork[1]), begin, end, _forked_at(fork[3]))
        for fork, begin, end in zip(forks, begins, ends, strict=False)
    ]
    return (*stretches, Stretch(timeline, begins[-1], None, math.inf))


def _forked_at(reason: str) -> float:
    """From what PostgreSQL wrote when it stopped: before a transaction's time, or at the log's end. Another reason is
    no restore of ours, and nothing is known of it.
    """
    if found := _BEFORE.match(reason):
        return datetime.fromisoformat(found[1]).timestamp()
    return math.inf if reason.startswith(_TO_THE_END) else -math.inf


def leads_to(way: Lineage, timeline: int, moment: float) -> bool:
    """Whether the way goes on from what a timeline held at a moment, in seconds since 1970."""
    return any(part.timeline == timeline and moment < part.forked_at for part in way)


def leads_through(way: Lineage, timeline: int, place: int) -> bool:
    """Whether the log up to a position of a timeline belongs to the way."""
    return any(part.timeline == timeline and (part.end is None or place <= part.end) for part in way)


def missing_segments(way: Lineage, first: int, names: Collection[str]) -> tuple[str, ...]:
    """What lacks between the segment `first` and the newest one of the way, oldest first; the newest may not be there
    yet where its timeline has only begun.
    """
    segments = {name for name in names if _SEGMENT.fullmatch(name)}
    wanted = (_name_on(way, segment) for segment in range(first, newest_segment(way, segments) + 1))
    return tuple(name for name in wanted if name not in segments)


def newest_segment(way: Lineage, names: Collection[str]) -> int:
    """The number of the newest segment of the way; without one on its last timeline, the last before the fork."""
    last = way[-1]
    own = (name for name in names if _SEGMENT.fullmatch(name) and int(name[:8], 16) == last.timeline)
    return max((int(name[8:16], 16) * _A_FILE + int(name[16:], 16) for name in own), default=last.begin - 1)


def _name_on(way: Lineage, segment: int) -> str:
    """On which timeline a segment is read: the newest that had begun by then, as PostgreSQL does."""
    part = next(part for part in reversed(way) if part.begin <= segment)
    return segment_name(part.timeline, segment)


def timeline_at(begins: Mapping[int, float], moment: float) -> int:
    """The timeline that the server was on at a moment; both are in seconds since 1970, `begins` when each began."""
    return max((timeline for timeline, begin in begins.items() if begin <= moment), default=1)

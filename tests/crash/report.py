"""The table of points that were visited: a line an operation, and all of them in build/crash-points.json."""

from __future__ import annotations

import fcntl
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crash.fuse import FRAMES, Moment

FILE = Path(__file__).resolve().parents[2] / "build" / "crash-points.json"


@dataclass(frozen=True, slots=True)
class Row:
    """An operation at a channel, with every point in it, and at how many of them a process died."""

    operation: str
    channel: str
    moments: list[Moment]
    visited: int

    def numbers(self) -> dict[str, Any]:
        """What is counted: statements (commits among them), calls of the channel, points."""
        begun = [moment for moment in self.moments if moment.position == "before"]
        return {
            "operation": self.operation,
            "channel": self.channel,
            "statements": sum(not moment.is_call and moment.what not in FRAMES for moment in begun),
            "commits": sum(moment.what == "COMMIT" for moment in begun),
            "channel_calls": sum(moment.is_call for moment in begun),
            "points": len(self.moments),
            "visited": self.visited,
        }

    def __str__(self) -> str:
        told = self.numbers()
        words = f"{told['operation']} ({told['channel']})"
        return (
            f"crash points  {words:<48} {told['statements']:>3} statements {told['commits']:>2} commits"
            f" {told['channel_calls']:>2} calls {told['points']:>4} points, {told['visited']:>4} visited"
        )


def keep(row: Row) -> None:
    """Put the row into the file of crash points."""
    put(FILE, f"{row.operation} ({row.channel})", row.numbers())


def put(file: Path, name: str, numbers: dict[str, Any]) -> None:
    """Put numbers under a name into a file of results, in place of older ones; several processes may do so at once."""
    file.parent.mkdir(exist_ok=True)
    with file.open("a+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        text = stream.read()
        rows: dict[str, Any] = json.loads(text) if text else {}
        rows[name] = numbers
        stream.truncate(0)
        json.dump(rows, stream, ensure_ascii=False, indent=2, sort_keys=True)

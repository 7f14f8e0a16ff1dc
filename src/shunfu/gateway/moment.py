"""What a pure verb needs from outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Moment:
    """The present, and 32 characters of randomness."""

    now: datetime
    nonce: str

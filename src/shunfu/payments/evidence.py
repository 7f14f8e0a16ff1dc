"""Evidence as it is kept about a payment: what was said, through which door, and what it led to. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from shunfu.gateway.wire import Json

Door = Literal["reply", "notification", "query", "close", "statement"]
Kind = Literal["accepted", "refused", "unknown", "not_paid", "paid", "closed", "not_found"]
"""The kinds of evidence by the names that `gateway.wire` writes."""


@dataclass(frozen=True, slots=True)
class KeptEvidence:
    """A line of a payment's timeline. `body` is the evidence in `gateway.wire.evidence_to_json`'s form."""

    evidence_id: UUID
    payment_id: UUID
    door: Door
    kind: Kind
    state_before: str
    state_after: str
    alarm: str | None
    notification_id: UUID | None
    happened_at: datetime
    recorded_at: datetime
    body: dict[str, Json] = field(default_factory=dict[str, Json])

    @property
    def has_moved(self) -> bool:
        """Whether it brought the payment into another state."""
        return self.state_before != self.state_after

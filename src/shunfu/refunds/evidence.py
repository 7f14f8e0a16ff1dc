"""Evidence as it is kept about a refund: what was said, through which door, and what it led to. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from shunfu.gateway.wire import Json

Door = Literal["reply", "notification", "query", "redirect", "statement", "person"]
Kind = Literal[
    "accepted",
    "not_yet",
    "refused",
    "unknown",
    "not_found",
    "processing",
    "abnormal",
    "succeeded",
    "closed",
    "approved",
    "rejected",
]
"""The kinds of evidence by the names that `gateway.refund_wire` writes, and a person's two words."""


@dataclass(frozen=True, slots=True)
class KeptRefundEvidence:
    """A line of a refund's timeline. `body` is the evidence in `gateway.refund_wire.refund_evidence_to_json`'s form."""

    evidence_id: UUID
    refund_id: UUID
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
        """Whether it brought the refund into another state."""
        return self.state_before != self.state_after

"""What the webhooks room tells the rooms above it: a merchant's endpoint does not take its messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shunfu.kernel.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointFailing(Event):
    """Nothing has succeeded at an endpoint for a day; it will be disabled if that goes on."""

    endpoint_id: UUID
    failing_since: datetime
    alarm: str = "webhook_endpoint_failing"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointDisabled(Event):
    """An endpoint is sent nothing any more: `reason` is `failing` (three days without success) or `gone` (410)."""

    endpoint_id: UUID
    reason: str
    alarm: str = "webhook_endpoint_disabled"

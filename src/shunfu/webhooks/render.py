"""Endpoints and messages to their wire shapes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import cast

from shunfu.kernel.clock import rfc3339
from shunfu.kernel.ids import public
from shunfu.webhooks.model import Delivery, DeliveryState, Endpoint, Fact
from shunfu.webhooks.schemas import (
    AttemptOut,
    DeliveryOut,
    EndpointOut,
    EndpointWithSecret,
    MessageOut,
    MessageWithAttempts,
    SecretOut,
)
from shunfu.webhooks.store import Attempt
from shunfu.webhooks.usecases import Shown, Told


def render_endpoint(endpoint: Endpoint, now: datetime) -> EndpointOut:
    """An endpoint's wire shape."""
    secrets = [
        SecretOut(made_at=rfc3339(secret.made_at), ends_at=_moment(secret.ends_at))
        for secret in endpoint.secrets_in_force(now)
    ]
    return EndpointOut.model_validate(
        {
            "id": public("whk", endpoint.endpoint_id),
            "url": endpoint.url,
            "event_types": list(endpoint.event_types),
            "description": endpoint.description,
            "state": endpoint.state.value,
            "secrets": secrets,
            "failing_since": _moment(endpoint.failing_since),
            "disabled_at": _moment(endpoint.disabled_at),
            "disabled_reason": endpoint.disabled_reason,
            "created_at": rfc3339(endpoint.created_at),
        }
    )


def render_shown(shown: Shown, now: datetime) -> EndpointWithSecret:
    """An endpoint with its new secret."""
    return EndpointWithSecret(**render_endpoint(shown.endpoint, now).model_dump(), secret=shown.secret.reveal())


def render_message(told: Told) -> MessageOut:
    """A message with how it fared."""
    body = cast("dict[str, dict[str, Fact]]", json.loads(told.message.body))
    return MessageOut(
        id=public("evt", told.message.message_id),
        type=told.message.type,
        subject=told.message.subject,
        sequence=told.message.sequence,
        timestamp=rfc3339(told.message.happened_at),
        data=body["data"],
        deliveries=[_delivery(delivery) for delivery in told.deliveries],
    )


def render_attempts(told: Told, attempts: Sequence[Attempt]) -> MessageWithAttempts:
    """A message with every try."""
    return MessageWithAttempts(
        **render_message(told).model_dump(),
        attempts=[
            AttemptOut(
                endpoint_id=public("whk", attempt.endpoint_id),
                attempted_at=rfc3339(attempt.attempted_at),
                took_ms=attempt.took_ms,
                status=attempt.status,
                reason=attempt.reason,
                answer=attempt.answer,
            )
            for attempt in attempts
        ],
    )


def _delivery(delivery: Delivery) -> DeliveryOut:
    is_waiting = delivery.state is DeliveryState.WAITING
    return DeliveryOut(
        endpoint_id=public("whk", delivery.endpoint_id),
        state=delivery.state.value,
        attempts=delivery.attempts,
        is_replay=delivery.is_replay,
        next_at=rfc3339(delivery.next_at) if is_waiting else None,
        last_status=delivery.last_status,
        last_reason=delivery.last_reason,
        delivered_at=_moment(delivery.delivered_at),
    )


def _moment(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None

"""Webhook endpoints and deliveries as values, the timetable of tries, and what follows from an answer.

Must not know: SQL, the network, clocks, what the events mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, TypeAlias
from uuid import UUID

Fact: TypeAlias = str | int | bool | None
"""One thing that a message tells: `data` is flat."""

EVERY_TYPE = "*"
"""An endpoint that names this wants messages of every type."""

RETRY_SECONDS = (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
"""The pause before each try: ten tries in 75 hours and 35 minutes. Source: Standard Webhooks 1.0.0, Deliverability."""

JITTER_STEPS = 65536
JITTER_PER_MILLE = 100
"""A pause is up to a tenth shorter or longer, so that failures that came together do not come again together."""

RETRY_AFTER_MAX = timedelta(days=1)
WARN_AFTER = timedelta(days=1)
DISABLE_AFTER = timedelta(days=3)
GAP_PATIENCE = timedelta(hours=1)
"""How long a message waits for an earlier one of its subject that has not been announced yet."""

ANSWER_KEPT_BYTES = 512
SECRETS_MAX = 8
ENDPOINTS_MAX = 16
"""How many endpoints of a merchant may be enabled at a time."""

_SECRETS = re.compile(r"whsec_[A-Za-z0-9+/=]+|sk_(?:test|live)_[A-Za-z0-9_-]+")


class EndpointState(StrEnum):
    """Whether an endpoint is sent anything."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class DeliveryState(StrEnum):
    """How one message fares at one endpoint."""

    WAITING = "WAITING"
    DELIVERED = "DELIVERED"
    GIVEN_UP = "GIVEN_UP"


@dataclass(frozen=True, slots=True)
class KeptSecret:
    """A signing secret as it is stored, with the id of the wish that made it; `ends_at` is None for the newest one."""

    secret_id: UUID
    sealed: Mapping[str, object]
    made_at: datetime
    ends_at: datetime | None = None

    def is_in_force(self, now: datetime) -> bool:
        """Whether messages are still signed with it."""
        return self.ends_at is None or now < self.ends_at


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a merchant wants to be told what. `failing_since` is the first failure after the last success."""

    merchant_id: UUID
    endpoint_id: UUID
    url: str
    event_types: tuple[str, ...]
    description: str
    state: EndpointState
    secrets: tuple[KeptSecret, ...]
    created_at: datetime
    failing_since: datetime | None = None
    warned_at: datetime | None = None
    disabled_at: datetime | None = None
    disabled_reason: str | None = None

    @property
    def is_enabled(self) -> bool:
        """Whether it is sent anything."""
        return self.state is EndpointState.ENABLED

    def wants(self, event_type: str) -> bool:
        """Whether it asked for messages of this type."""
        return EVERY_TYPE in self.event_types or event_type in self.event_types

    def secret(self, secret_id: UUID) -> KeptSecret | None:
        """The secret that this wish made, or None when it has ended."""
        return next((kept for kept in self.secrets if kept.secret_id == secret_id), None)

    def secrets_in_force(self, now: datetime) -> tuple[KeptSecret, ...]:
        """The secrets that sign now, newest first."""
        return tuple(secret for secret in self.secrets if secret.is_in_force(now))


@dataclass(frozen=True, slots=True)
class Message:
    """One event as merchants are told it; `body` is the text exactly as it is sent, `place` its place in the feed."""

    merchant_id: UUID
    message_id: UUID
    place: int
    type: str
    subject: str
    sequence: int
    body: str
    happened_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way to one endpoint. `attempts` counts its tries; a replay begins them anew."""

    merchant_id: UUID
    endpoint_id: UUID
    message_id: UUID
    subject: str
    sequence: int
    state: DeliveryState
    is_replay: bool
    attempts: int
    next_at: datetime
    last_status: int | None = None
    last_reason: str | None = None
    delivered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is to be sent. `may_be_private` lets it go to this machine and to private networks."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    may_be_private: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of one try. `status` is None when no answer came; `reason` is a stable code, `ok` for a success."""

    status: int | None
    reason: str
    took_ms: int
    answer: bytes = b""
    retry_after_seconds: int = 0

    @property
    def is_success(self) -> bool:
        """Only 2xx is: a redirection is a failure and is never followed."""
        return self.status is not None and 200 <= self.status < 300


Alarm = Literal["failing", "disabled"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a try makes of endpoint and delivery, and what a person should be told."""

    endpoint: Endpoint
    delivery: Delivery
    alarm: Alarm | None = None


def pause(attempts: int, jitter: int) -> timedelta | None:
    """How long to wait after so many tries, or None when they were all; `jitter` is from 0 to JITTER_STEPS - 1."""
    if attempts >= len(RETRY_SECONDS):
        return None
    per_mille = 1000 - JITTER_PER_MILLE + 2 * JITTER_PER_MILLE * jitter // (JITTER_STEPS - 1)
    return timedelta(milliseconds=RETRY_SECONDS[attempts] * per_mille)


def judge(endpoint: Endpoint, delivery: Delivery, sent: Sent, at: tuple[datetime, int]) -> Judgement:
    """What follows from one try; `at` is the present and the jitter of the next pause."""
    now, jitter = at
    tried = replace(
        delivery, attempts=delivery.attempts + 1, last_status=sent.status, last_reason=sent.reason, next_at=now
    )
    if sent.is_success:
        healthy = replace(endpoint, failing_since=None, warned_at=None)
        return Judgement(healthy, replace(tried, state=DeliveryState.DELIVERED, delivered_at=now))
    wait = pause(tried.attempts, jitter)
    if wait is None:
        moved = replace(tried, state=DeliveryState.GIVEN_UP)
    else:
        asked = min(timedelta(seconds=sent.retry_after_seconds), RETRY_AFTER_MAX)
        moved = replace(tried, next_at=now + max(wait, asked))
    failing = replace(endpoint, failing_since=endpoint.failing_since or now)
    return _judge_endpoint(failing, moved, sent, now)


def _judge_endpoint(endpoint: Endpoint, delivery: Delivery, sent: Sent, now: datetime) -> Judgement:
    """410 disables at once; a message given up after three days without any success does, with a warning before."""
    assert endpoint.failing_since is not None, "a failure was just noted"
    if not endpoint.is_enabled:
        return Judgement(endpoint, delivery)
    if sent.status == 410:
        return Judgement(disable(endpoint, "gone", now), delivery, "disabled")
    age = now - endpoint.failing_since
    if delivery.state is DeliveryState.GIVEN_UP and age >= DISABLE_AFTER:
        return Judgement(disable(endpoint, "failing", now), delivery, "disabled")
    if age >= WARN_AFTER and endpoint.warned_at is None:
        return Judgement(replace(endpoint, warned_at=now), delivery, "failing")
    return Judgement(endpoint, delivery)


def disable(endpoint: Endpoint, reason: str, now: datetime) -> Endpoint:
    """The endpoint switched off: `asked`, `failing` or `gone`. What waits for it stays until it is enabled."""
    return replace(endpoint, state=EndpointState.DISABLED, disabled_at=now, disabled_reason=reason)


def enable(endpoint: Endpoint) -> Endpoint:
    """The endpoint switched on, its failures forgotten."""
    return replace(
        endpoint,
        state=EndpointState.ENABLED,
        failing_since=None,
        warned_at=None,
        disabled_at=None,
        disabled_reason=None,
    )


def rotate(endpoint: Endpoint, fresh: KeptSecret, overlap: timedelta) -> Endpoint:
    """The endpoint with a new secret; the others sign on for `overlap` at the longest. Those that ended are dropped."""
    now = fresh.made_at
    ends = now + overlap
    others = (replace(secret, ends_at=min(secret.ends_at or ends, ends)) for secret in endpoint.secrets_in_force(now))
    kept = tuple(secret for secret in others if secret.is_in_force(now))
    return replace(endpoint, secrets=(fresh, *kept))


def harmless(answer: bytes) -> str:
    """The beginning of an answer's body as one line of text that shows no secret of ours that it may echo."""
    text = answer[:ANSWER_KEPT_BYTES].decode("utf-8", "replace")
    line = "".join(character if character.isprintable() else " " for character in text)
    return _SECRETS.sub("***", line)

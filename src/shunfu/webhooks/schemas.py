"""The shapes of webhook endpoints and messages on the wire, with their limits and examples."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from shunfu.kernel.plain import LINE_TEXT
from shunfu.webhooks.addresses import URL_CHARACTERS_MAX
from shunfu.webhooks.model import Fact

EventType = Annotated[StrictStr, Field(max_length=64, pattern=r"^([a-z_]+\.[a-z_]+|\*)$")]
DAY_SECONDS = 86400


class Strict(BaseModel):
    """A request body: unknown members are errors."""

    model_config = ConfigDict(extra="forbid")


class EndpointIn(Strict):
    """Where to tell the merchant's server, and about what."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "url": "https://shop.example.com/hooks/shunfu",
                    "event_types": ["order.paid", "refund.succeeded"],
                    "description": "shop back end",
                }
            ]
        },
    )

    url: StrictStr = Field(
        min_length=1,
        max_length=URL_CHARACTERS_MAX,
        description="https, a public host, port 443 or above 1023; visible ASCII, no user, no fragment.",
    )
    event_types: list[EventType] = Field(
        default_factory=lambda: ["*"], min_length=1, max_length=50, description='`["*"]`: every type.'
    )
    description: StrictStr = Field(default="", max_length=127, pattern=LINE_TEXT)


class RotateIn(Strict):
    """How long the secrets before go on signing."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"old_valid_seconds": 86400}]})

    old_valid_seconds: StrictInt = Field(
        default=DAY_SECONDS, ge=0, le=7 * DAY_SECONDS, description="0 ends them at once: do so when one has leaked."
    )


class SwitchIn(Strict):
    """Nothing: an empty object, or no body at all."""


class ReplayIn(Strict):
    """Where to send a message once more."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"endpoint_id": "whk_01HZY3V9Q8M5T2K7R4W6X0J1BC"}]}
    )

    endpoint_id: StrictStr | None = Field(
        default=None, max_length=64, description="One endpoint; without it every enabled one that wants the type."
    )


class SecretOut(BaseModel):
    """A secret that signs, without the secret itself."""

    made_at: str
    ends_at: str | None = Field(description="Until when it signs beside a newer one; null for the newest.")


class EndpointOut(BaseModel):
    """Where the merchant's server is told."""

    id: str
    url: str
    event_types: list[str]
    description: str
    state: Literal["ENABLED", "DISABLED"]
    secrets: list[SecretOut] = Field(description="Those in force, newest first: a message has a signature by each.")
    failing_since: str | None
    disabled_at: str | None
    disabled_reason: Literal["asked", "failing", "gone"] | None
    created_at: str


class EndpointWithSecret(EndpointOut):
    """An endpoint with its new secret, which is shown this once."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class EndpointPage(BaseModel):
    """A page of endpoints, newest first."""

    items: list[EndpointOut]
    next_cursor: str | None


class DeliveryOut(BaseModel):
    """How a message fares at one endpoint."""

    endpoint_id: str
    state: Literal["WAITING", "DELIVERED", "GIVEN_UP"]
    attempts: int
    is_replay: bool
    next_at: str | None = Field(description="When it is tried next, if nothing before it in its subject still waits.")
    last_status: int | None
    last_reason: str | None
    delivered_at: str | None


class AttemptOut(BaseModel):
    """One try at one endpoint."""

    endpoint_id: str
    attempted_at: str
    took_ms: int
    status: int | None
    reason: str
    answer: str = Field(description="The beginning of the answer's body.")


class MessageOut(BaseModel):
    """What happened, as endpoints are told it."""

    id: str
    type: str
    subject: str
    sequence: int = Field(description="Counts from 1 in its subject; the highest one seen is the newest state.")
    timestamp: str
    data: dict[str, Fact]
    deliveries: list[DeliveryOut]


class MessageWithAttempts(MessageOut):
    """A message with every try to deliver it, oldest first."""

    attempts: list[AttemptOut]


class MessagePage(BaseModel):
    """A page of the feed, oldest first."""

    items: list[MessageOut]
    next_after: str = Field(description="Give it as `after` to go on; also when there was nothing more.")

"""The shapes of refunds on the wire, with their limits and examples. Pydantic lives at the edge only."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StrictInt, StrictStr

from shunfu.kernel.money import MAX_MINOR
from shunfu.kernel.plain import LINE_TEXT
from shunfu.payments.schemas import LineOut, WordsOut

State = Literal[
    "REQUESTED", "SENDING", "UNKNOWN", "PROCESSING", "ABNORMAL", "CLOSED", "REFUSED", "REJECTED", "SUCCEEDED"
]


class Strict(BaseModel):
    """A request body: unknown members are errors."""

    model_config = ConfigDict(extra="forbid")


class RefundIn(Strict):
    """How much goes back, and why."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"amount_minor": 2800, "reason": "少了一件，退这一件"}]}
    )

    amount_minor: StrictInt = Field(ge=1, le=MAX_MINOR, description="Integer minor units of the payment's currency.")
    reason: StrictStr = Field(min_length=1, max_length=80, pattern=LINE_TEXT, description="The shopper may see it.")


class DecisionIn(Strict):
    """Nothing: an empty object, or no body at all."""


class RedirectIn(Strict):
    """Where the money of an abnormal refund shall go; a bank card's three texts only with `payer`. None is stored."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"to": "merchant"}]})

    to: Literal["payer", "merchant"]
    bank: StrictStr = Field(default="", max_length=32, pattern=r"^[A-Z_]*$", description="The channel's bank code.")
    bank_account: SecretStr = Field(default=SecretStr(""), max_length=64)
    real_name: SecretStr = Field(default=SecretStr(""), max_length=64)


class WayOut(BaseModel):
    """One step of the money's way back."""

    step: Literal["requested", "approved", "rejected", "sent", "accepted", "stuck", "returned", "ended"]
    at: str


class RefundEvidenceOut(BaseModel):
    """A line of the refund's timeline."""

    door: Literal["reply", "notification", "query", "redirect", "statement", "person"]
    kind: str
    state_before: str
    state_after: str
    alarm: str | None
    happened_at: str
    recorded_at: str


class RefundOut(BaseModel):
    """Money of one payment going back."""

    id: str
    payment_id: str
    order_id: str
    amount_minor: int
    currency: str
    reason: str
    state: State
    refused_reason: str | None
    is_automatic: bool
    requested_by: str
    decided_by: str | None
    channel_refund_no: str | None
    send_after: str
    created_at: str
    succeeded_at: str | None


class RefundWithTimeline(RefundOut):
    """A refund with the way of its money, everything that was heard about it, and why it is in its state.

    `lines` is all of it as one list, oldest first, at most 500: with `is_cut` older ones are left out.
    """

    way: list[WayOut]
    timeline: list[RefundEvidenceOut]
    why: WordsOut
    lines: list[LineOut]
    is_cut: bool


class RefundList(BaseModel):
    """The refunds of a payment, oldest first."""

    items: list[RefundOut]


class RefundPage(BaseModel):
    """A page of refunds, newest first."""

    items: list[RefundOut]
    next_cursor: str | None

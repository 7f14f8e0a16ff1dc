"""The shapes of offers on the wire, with their limits and examples. Pydantic lives at the edge only."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from shunfu.kernel.money import MAX_MINOR
from shunfu.kernel.plain import LINE_TEXT
from shunfu.merchants.api import Moment

StateFilter = Literal["ACTIVE", "ENDED"]


class Strict(BaseModel):
    """A request body: unknown members are errors."""

    model_config = ConfigDict(extra="forbid")


class OfferIn(Strict):
    """What is taken off, from which amount on, when, and how often."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "满 50 减 5",
                    "kind": "amount_off",
                    "amount_minor": 500,
                    "minimum_minor": 5000,
                    "currency": "CNY",
                    "ends_at": "2026-12-31T23:59:59+08:00",
                    "stock": 1000,
                    "per_shopper_max": 1,
                }
            ]
        },
    )

    name: StrictStr = Field(min_length=1, max_length=60, pattern=LINE_TEXT, description="The shopper sees it.")
    kind: Literal["amount_off", "percent_off"]
    amount_minor: StrictInt | None = Field(
        default=None, ge=1, le=MAX_MINOR, description="With `amount_off`: what is taken off, in minor units."
    )
    percent_bp: StrictInt | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="With `percent_off`: basis points taken off, 1000 for ten per cent; rounds down.",
    )
    minimum_minor: StrictInt = Field(
        default=0, ge=0, le=MAX_MINOR, description="The smallest order amount that may have it."
    )
    cap_minor: StrictInt | None = Field(
        default=None, ge=1, le=MAX_MINOR, description="The most that a `percent_off` takes off."
    )
    currency: Literal["CNY"] = Field(description="ISO 4217; CNY only until a channel can take others.")
    starts_at: Moment | None = Field(default=None, description="Default: now.")
    ends_at: Moment = Field(description="It can be had before this time.")
    stock: StrictInt | None = Field(
        default=None, ge=1, le=1_000_000_000, description="How often it may be had in all; left out: without end."
    )
    per_shopper_max: StrictInt | None = Field(
        default=None, ge=1, le=1000, description="How often one shopper may have it; then only known shoppers may."
    )


class EndIn(Strict):
    """Nothing: an empty object, or no body at all."""


class OfferOut(BaseModel):
    """An offer. `held`: payments under way that have it; `used`: payments that paid with it."""

    id: str
    name: str
    kind: Literal["amount_off", "percent_off"]
    amount_minor: int | None
    percent_bp: int | None
    minimum_minor: int
    cap_minor: int | None
    currency: str
    starts_at: str
    ends_at: str
    stock: int | None
    per_shopper_max: int | None
    state: Literal["ACTIVE", "ENDED"]
    held: int
    used: int
    created_at: str
    ended_at: str | None


class OfferPage(BaseModel):
    """A page of offers, newest first."""

    items: list[OfferOut]
    next_cursor: str | None

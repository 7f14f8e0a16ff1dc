"""The shapes of orders and payments on the wire, with their limits and examples. Pydantic lives at the edge only."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, StrictStr

from shunfu.gateway.evidence import InvokeKind
from shunfu.kernel.money import MAX_MINOR
from shunfu.kernel.plain import LINE_TEXT
from shunfu.merchants.api import Moment
from shunfu.payments.model import Need
from shunfu.payments.timeline import Lane, LineKind, Verdict
from shunfu.shoppers.schemas import AddressBody, InvoiceBody, Phone

OfferId = Annotated[
    StrictStr, Field(pattern=r"^off_[0-9A-HJKMNP-TV-Z]{26}$", examples=["off_01HZY3V9Q8M5T2K7R4W6X0J1BC"])
]


def _ip_address(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError("bad_format") from None


class Strict(BaseModel):
    """A request body: unknown members are errors."""

    model_config = ConfigDict(extra="forbid")


class ItemIn(Strict):
    """A line of the order as the shopper will see it."""

    name: StrictStr = Field(min_length=1, max_length=127, pattern=LINE_TEXT)
    quantity: StrictInt = Field(ge=1, le=9999)
    amount_minor: StrictInt = Field(ge=0, le=MAX_MINOR, description="The line's total, in minor units.")


class OrderIn(Strict):
    """What is bought, for how much, until when."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "amount_minor": 8600,
                    "currency": "CNY",
                    "subject": "云南日晒咖啡豆 等 2 件",
                    "items": [{"name": "云南日晒咖啡豆 250g", "quantity": 1, "amount_minor": 8600}],
                    "merchant_order_no": "A-20261122-0417",
                }
            ]
        },
    )

    amount_minor: StrictInt = Field(ge=1, le=MAX_MINOR, description="Integer minor units; fen for CNY.")
    currency: Literal["CNY"] = Field(description="ISO 4217; CNY only until a channel can take others.")
    subject: StrictStr = Field(min_length=1, max_length=127, pattern=LINE_TEXT)
    items: list[ItemIn] = Field(default_factory=list[ItemIn], max_length=50)
    expires_at: Moment | None = Field(default=None, description="Default: 30 minutes from now; at most 7 days.")
    merchant_order_no: StrictStr | None = Field(default=None, pattern=r"^[0-9A-Za-z_\-|*]{1,64}$")
    return_url: StrictStr | None = Field(
        default=None, max_length=512, description="Where the checkout leads back to; on a registered origin."
    )
    needs: list[Need] = Field(
        default_factory=list[Need],
        max_length=3,
        description="What the shopper must give before it can be paid.",
    )


class CloseIn(Strict):
    """Nothing: an empty object, or no body at all."""


class ContactBody(Strict):
    """Where to send the order and whom to bill. What is left out stays as it was given before."""

    address: AddressBody | None = None
    phone: Phone | None = None
    invoice: InvoiceBody | None = None


class PaymentIn(Strict):
    """Which method to pay with."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"method": "wechatpay/miniprogram", "payer": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}]},
    )

    method: StrictStr = Field(pattern=r"^[a-z0-9_]{1,32}/[a-z0-9_]{1,32}$", description="`channel/scene`.")
    payer: StrictStr | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        pattern=r"^[\x21-\x7e]+$",
        description="The shopper's id at the channel.",
    )
    client_ip: Annotated[StrictStr, AfterValidator(_ip_address)] | None = Field(
        default=None, max_length=45, description="The shopper's IP address; the scenes of a phone's browser need it."
    )
    offer: OfferId | None = Field(default=None, description="An offer to take off; none unless it is named.")
    contact: ContactBody | None = Field(default=None, description="Kept with the order, sealed.")


class ItemOut(BaseModel):
    """A line of the order."""

    name: str
    quantity: int
    amount_minor: int


class InvokeOut(BaseModel):
    """What the client hands to the platform to open the payment sheet."""

    kind: InvokeKind
    params: dict[str, str]
    expires_at: str
    sandbox_url: str | None = Field(description="The stand-in payment sheet; only on a test side.")


class EvidenceOut(BaseModel):
    """A line of the payment's timeline."""

    door: Literal["reply", "notification", "query", "close", "statement"]
    kind: str
    state_before: str
    state_after: str
    alarm: str | None
    happened_at: str
    recorded_at: str


class NotificationOut(BaseModel):
    """A message of the channel about this payment, refused ones too."""

    id: str
    verdict: Literal["accepted", "duplicate", "refused", "probe"]
    reason: str
    event_type: str | None
    received_at: str


class PaymentOut(BaseModel):
    """One attempt to pay."""

    id: str
    order_id: str
    method: str
    amount_minor: int = Field(description="What is paid: the order's amount less the discount.")
    discount_minor: int
    offer: str | None
    currency: str
    state: Literal["SENDING", "UNKNOWN", "PENDING", "REFUSED", "CLOSED", "CAPTURED"]
    refused_reason: str | None
    is_surplus: bool
    captured_minor: int
    refunded_minor: int
    refund_reserved_minor: int
    channel_transaction_no: str | None
    invoke: InvokeOut | None
    created_at: str
    captured_at: str | None


class WordsOut(BaseModel):
    """One text in Chinese and in English."""

    zh_cn: str = Field(serialization_alias="zh-CN")
    en: str


class DetailOut(BaseModel):
    """What proves a line of the timeline; what it has not is null. Bodies are their SHA-256 in hexadecimal."""

    door: str | None
    evidence: str | None
    verdict: Verdict | None
    reason: str | None
    event_type: str | None
    method: str | None
    host: str | None
    path: str | None
    status: int | None
    headers: dict[str, str] | None
    body_sha256: str | None
    body_bytes: int | None
    took_milliseconds: int | None
    state_before: str | None
    state_after: str | None
    alarm: str | None


class LineOut(BaseModel):
    """A message in or out, a decision, or what should have come and did not; `towards` is null for a decision."""

    id: str
    at: str
    lane: Lane
    towards: Lane | None
    kind: LineKind
    summary: WordsOut
    detail: DetailOut


class PaymentWithTimeline(PaymentOut):
    """A payment with everything that was heard about it, and why it is in its state.

    `lines` is all of it as one list, oldest first, at most 500: with `is_cut` older ones are left out.
    """

    timeline: list[EvidenceOut]
    notifications: list[NotificationOut]
    why: WordsOut
    lines: list[LineOut]
    is_cut: bool


class OrderOut(BaseModel):
    """An order."""

    id: str
    merchant_order_no: str | None
    amount_minor: int
    currency: str
    subject: str
    items: list[ItemOut]
    state: Literal["OPEN", "CLOSING", "PAID", "CLOSED"]
    expires_at: str
    created_at: str
    return_url: str | None
    needs: list[Need]
    checkout_url: str


class OrderWithPaymentsOut(OrderOut):
    """An order with its payments, oldest first."""

    payments: list[PaymentOut]


class OrderReadOut(OrderWithPaymentsOut):
    """An order with its payments and what the shopper gave with it, null before anything was given."""

    contact: ContactBody | None


class OrderPage(BaseModel):
    """A page of orders, newest first."""

    items: list[OrderOut]
    next_cursor: str | None

"""The checkout's one answer on the wire, and the tap."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from shunfu.gateway.evidence import InvokeKind
from shunfu.kernel.money import MAX_MINOR
from shunfu.payments import Need
from shunfu.payments.schemas import ContactBody, OfferId
from shunfu.shoppers.schemas import ProfileOut


class CheckoutPaymentIn(BaseModel):
    """How the shopper pays. Without `offer` the best one is used, with null none."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"method": "wechatpay/native", "amount_minor": 8600}]}
    )

    method: StrictStr = Field(pattern=r"^[a-z0-9_]{1,32}/[a-z0-9_]{1,32}$", description="`channel/scene`.")
    payer: StrictStr | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        pattern=r"^[\x21-\x7e]+$",
        description="The shopper's id at the channel; not needed with a session of a shopper who signed in there.",
    )
    offer: OfferId | None = Field(default=None, description="Which offer to use; null: none; absent: the best.")
    contact: ContactBody | None = Field(default=None, description="What the order needs; kept with it, sealed.")
    amount_minor: StrictInt | None = Field(
        default=None, ge=1, le=MAX_MINOR, description="What the button said; another amount is refused."
    )


class CheckoutItem(BaseModel):
    """A line of the order."""

    name: str
    quantity: int
    amount_minor: int | None


class CheckoutOrder(BaseModel):
    """The order, as the shopper sees it; `amount_minor` is before any offer."""

    id: str
    state: Literal["OPEN", "CLOSING", "PAID", "CLOSED"]
    amount_minor: int
    currency: str
    subject: str
    items: list[CheckoutItem]
    expires_at: str
    needs: list[Need]


class CheckoutPay(BaseModel):
    """What is to be paid, or was: the order's amount less the saving."""

    amount_minor: int
    saving_minor: int


class CheckoutOffer(BaseModel):
    """An offer on this order; the best is first."""

    id: str
    name: str
    saving_minor: int
    is_applied: bool
    reason: str | None


class CheckoutMethod(BaseModel):
    """One way to pay, named in the answer's language; `reason` is a code and `reason_text` its sentence."""

    method: str
    label: str
    labels: dict[str, str]
    icon: str
    is_default: bool
    is_enabled: bool
    reason: str
    reason_text: str
    invoke_kind: InvokeKind


class CheckoutInvoke(BaseModel):
    """What opens the payment sheet."""

    kind: InvokeKind
    params: dict[str, str]
    expires_at: str
    sandbox_url: str | None


class CheckoutPayment(BaseModel):
    """The payment to talk about."""

    id: str
    state: Literal["SENDING", "UNKNOWN", "PENDING", "REFUSED", "CLOSED", "CAPTURED"]
    method: str
    refused_reason: str | None
    invoke: CheckoutInvoke | None
    captured_minor: int
    refunded_minor: int
    refund_reserved_minor: int


class CheckoutShopper(BaseModel):
    """The shopper of the session that came with the request."""

    id: str
    profile: ProfileOut | None
    last_method: str | None


class CheckoutLinks(BaseModel):
    """Where else the shopper may go; null where there is nothing."""

    help: str | None
    refund: str | None
    feedback: str | None
    back: str | None


class CheckoutTelemetry(BaseModel):
    """The share of visits to tell us about, 0 to 1."""

    rate: float


class CheckoutOut(BaseModel):
    """Everything the checkout needs, in one answer. No clock is in it: while nothing changes it is the same bytes."""

    phase: Literal["ready", "qr", "processing", "unknown", "success", "failed", "cancelled", "expired", "closed"]
    lang: Literal["zh-CN", "en"]
    merchant_name: str
    order: CheckoutOrder
    pay: CheckoutPay
    offers: list[CheckoutOffer]
    methods: list[CheckoutMethod]
    payment: CheckoutPayment | None
    shopper: CheckoutShopper | None
    contact: ContactBody | None = Field(description="What the session's shopper gave with this order.")
    contact_given: list[Need] = Field(description="What the order has been given, by whomever.")
    links: CheckoutLinks
    telemetry: CheckoutTelemetry
    texts: dict[str, str]
    is_sandbox: bool
    return_url: str | None

"""The checkout's one answer on the wire."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from shunfu.checkout.model import CheckoutView, phase
from shunfu.gateway.evidence import InvokeKind
from shunfu.gateway.wire import invoke_to_json
from shunfu.kernel.clock import rfc3339


class CheckoutPaymentIn(BaseModel):
    """Which method to pay with."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"method": "wechatpay/native"}]})

    method: StrictStr = Field(pattern=r"^[a-z0-9_]{1,32}/[a-z0-9_]{1,32}$", description="`channel/scene`.")
    payer: StrictStr | None = Field(default=None, min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")


class CheckoutItem(BaseModel):
    """A line of the order."""

    name: str
    quantity: int
    amount_minor: int | None


class CheckoutOrder(BaseModel):
    """The order, as the shopper sees it."""

    id: str
    state: Literal["OPEN", "CLOSING", "PAID", "CLOSED"]
    amount_minor: int
    currency: str
    subject: str
    items: list[CheckoutItem]
    expires_at: str


class CheckoutMethod(BaseModel):
    """One way to pay; `reason` is a code whose text the client holds."""

    method: str
    labels: dict[str, str]
    icon: str
    is_default: bool
    is_enabled: bool
    reason: str


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


class CheckoutOut(BaseModel):
    """Everything the checkout needs, in one answer."""

    phase: Literal["ready", "qr", "processing", "unknown", "success", "failed", "cancelled", "expired", "closed"]
    merchant_name: str
    order: CheckoutOrder
    methods: list[CheckoutMethod]
    payment: CheckoutPayment | None
    is_sandbox: bool
    return_url: str | None


def render_checkout(view: CheckoutView) -> CheckoutOut:
    """A view's wire shape."""
    order = CheckoutOrder(
        id=view.order_id,
        state=view.order_state,
        amount_minor=view.amount.minor,
        currency=view.amount.currency,
        subject=view.subject,
        items=[
            CheckoutItem(name=item.name, quantity=item.quantity, amount_minor=item.amount_minor) for item in view.items
        ],
        expires_at=rfc3339(view.expires_at),
    )
    return CheckoutOut(
        phase=phase(view),
        merchant_name=view.merchant_name,
        order=order,
        methods=[_method(view, index) for index in range(len(view.methods))],
        payment=_payment(view),
        is_sandbox=view.is_sandbox,
        return_url=view.return_url,
    )


def _method(view: CheckoutView, index: int) -> CheckoutMethod:
    choice = view.methods[index]
    return CheckoutMethod(
        method=choice.method,
        labels=dict(choice.labels),
        icon=choice.icon,
        is_default=choice.is_default,
        is_enabled=choice.is_enabled,
        reason=choice.reason,
    )


def _payment(view: CheckoutView) -> CheckoutPayment | None:
    payment = view.payment
    if payment is None:
        return None
    invoke = CheckoutInvoke.model_validate(invoke_to_json(payment.invoke)) if payment.invoke else None
    return CheckoutPayment(
        id=payment.public_id,
        state=payment.state,
        method=payment.method,
        refused_reason=payment.refused_reason,
        invoke=invoke,
    )

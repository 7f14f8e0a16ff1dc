"""What the hosted checkout shows, as values, and the one function that decides its phase.

The phase follows our own record of the order and its payment; what the channel's sheet said on its way back is a hint
that may change the words but never claims money moved or did not. Must not know: HTTP, templates, SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shunfu.gateway.evidence import Invoke, InvokeKind
from shunfu.kernel.money import Money

Phase = Literal["ready", "qr", "processing", "unknown", "success", "failed", "cancelled", "expired", "closed"]
Need = Literal["address", "phone", "invoice"]
OrderState = Literal["OPEN", "CLOSING", "PAID", "CLOSED"]
PaymentState = Literal["SENDING", "UNKNOWN", "PENDING", "REFUSED", "CLOSED", "CAPTURED"]
SheetResult = Literal["ok", "cancel", "fail"]
Notice = Literal["changed", "offer", "contact", "login", "busy"]
"""Why the last tap on the page started nothing: the amount changed, the offer is gone, a field is missing or wrong, the
app did not say who pays, or too many came at once."""

WAITING: frozenset[Phase] = frozenset({"qr", "processing", "unknown"})
"""Phases in which the page asks again by itself, with or without a script."""


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """One way to pay: `method` is `channel/scene`, `labels` its channel's name by language, `reason` a text key.

    `reason` has no prefix: `available` is the text `reason.available`.
    """

    method: str
    scene: str
    labels: Mapping[str, str]
    icon: str
    is_default: bool
    is_enabled: bool
    reason: str
    invoke: InvokeKind = "qr"


@dataclass(frozen=True, slots=True)
class OfferChoice:
    """An offer on this order; at most one is applied. `reason` is a text key without its prefix, or None."""

    public_id: str
    name: str
    saving_minor: int
    is_applied: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the order; `amount_minor` is the line's amount in the order's currency, None when not told."""

    name: str
    quantity: int
    amount_minor: int | None


@dataclass(frozen=True, slots=True)
class PaymentView:
    """The order's latest payment. `refused_reason` is one of gateway's reasons; `paid_at` the channel's time.

    `invoke` is there while it can be paid, for a visitor who can open it.
    """

    public_id: str
    state: PaymentState
    method: str
    invoke: Invoke | None
    refused_reason: str | None
    amount: Money
    paid_at: datetime | None = None
    captured_minor: int = 0
    refunded_minor: int = 0
    refund_reserved_minor: int = 0


@dataclass(frozen=True, slots=True)
class CheckoutView:
    """Everything the page shows. `page_url` is its own absolute address without a query.

    `amount` is the order's, `saving_minor` what an offer takes off it. `sandbox_origin` is any address of the sandbox
    host when it is one: the pay form's answer leads there. `is_elsewhere`: the browser is inside an app where this
    merchant's ways to pay do not work. `missing` is what the order needs of the shopper and does not have yet, `given`
    what it has been given.
    """

    token: str
    order_id: str
    order_state: OrderState
    amount: Money
    subject: str
    items: Sequence[Item]
    created_at: datetime
    expires_at: datetime
    merchant_name: str
    methods: Sequence[MethodChoice]
    payment: PaymentView | None
    is_sandbox: bool
    return_url: str | None
    sheet_result: SheetResult | None
    now: datetime
    page_url: str = ""
    sandbox_origin: str | None = None
    saving_minor: int = 0
    offers: Sequence[OfferChoice] = ()
    needs: Sequence[Need] = ()
    missing: Sequence[Need] = ()
    given: Sequence[Need] = ()
    is_elsewhere: bool = False
    notice: Notice | None = None

    @property
    def pay(self) -> Money:
        """What is to be paid, or was."""
        return Money(self.amount.minor - self.saving_minor, self.amount.currency)


def phase(view: CheckoutView) -> Phase:
    """Which page to show. Never an offer to pay while the result of a payment is unknown."""
    is_over = view.now >= view.expires_at
    match view.order_state:
        case "PAID":
            return "success"
        case "CLOSED":
            return "expired" if is_over else "closed"
        case "CLOSING":
            return "unknown"
        case "OPEN":
            return _open_phase(view, view.payment, is_over=is_over)


def _open_phase(view: CheckoutView, payment: PaymentView | None, *, is_over: bool) -> Phase:
    hint = view.sheet_result
    match payment.state if payment else None:
        case "SENDING" | "UNKNOWN" | "CAPTURED":
            return "unknown"  # captured is for the order to say: its own transaction makes it PAID
        case "PENDING":
            return _pending_phase(payment, hint, is_over=is_over)
        case _ if is_over:
            return "expired"
        case "REFUSED":
            return "failed"
        case "CLOSED" if hint is not None:
            return "failed" if hint == "ok" else "cancelled"
        case _:
            return "ready"


def _pending_phase(payment: PaymentView | None, hint: SheetResult | None, *, is_over: bool) -> Phase:
    if hint == "ok":
        return "processing"
    if is_over:
        return "unknown"  # only the channel's word closes a payment that could still be paid
    if payment and payment.invoke and payment.invoke.kind == "qr":
        return "qr"
    return "ready" if hint is None else "cancelled"


def is_closing(view: CheckoutView) -> bool:
    """Whether the unknown phase is about closing: the order's time is over and the channel has not said "closed"."""
    if view.order_state == "CLOSING":
        return True
    is_live = view.payment is not None and view.payment.state == "PENDING"
    return view.order_state == "OPEN" and is_live and view.now >= view.expires_at


def is_late_money(view: CheckoutView) -> bool:
    """Whether money arrived on an order that had closed: then nobody may be told that nothing was charged."""
    return view.order_state == "CLOSED" and view.payment is not None and view.payment.state == "CAPTURED"


def may_change(view: CheckoutView) -> bool:
    """Whether the page should keep asking: something can still happen without the shopper."""
    is_live = view.payment is not None and view.payment.state in {"SENDING", "UNKNOWN", "PENDING"}
    return view.order_state in {"OPEN", "CLOSING"} and (phase(view) in WAITING or is_live)


def preselect(methods: Sequence[MethodChoice], avoid: str | None = None) -> MethodChoice | None:
    """The method to have chosen already: the default, else the first that works; `avoid` only when it is the last."""
    enabled = [choice for choice in methods if choice.is_enabled]
    ranked = sorted(enabled, key=lambda choice: (choice.method == avoid, not choice.is_default))
    return ranked[0] if ranked else None

"""The checkout's view on the wire, in one language. Must not know: routes, use-cases."""

from __future__ import annotations

from shunfu.checkout.answer import Answer, ShopperView
from shunfu.checkout.kit import Language, client_texts, either, label_of, speaker
from shunfu.checkout.model import CheckoutView, MethodChoice, PaymentView, phase
from shunfu.checkout.schemas import (
    CheckoutInvoke,
    CheckoutItem,
    CheckoutLinks,
    CheckoutMethod,
    CheckoutOffer,
    CheckoutOrder,
    CheckoutOut,
    CheckoutPay,
    CheckoutPayment,
    CheckoutShopper,
    CheckoutTelemetry,
)
from shunfu.gateway.wire import invoke_to_json
from shunfu.kernel.clock import rfc3339
from shunfu.payments.render import render_contact
from shunfu.shoppers.render import render_profile


def render_checkout(answer: Answer, language: Language) -> CheckoutOut:
    """An answer's wire shape."""
    view = answer.view
    return CheckoutOut(
        phase=phase(view),
        lang=language,
        merchant_name=view.merchant_name,
        order=_order(view),
        pay=CheckoutPay(amount_minor=view.pay.minor, saving_minor=view.saving_minor),
        offers=[
            CheckoutOffer(
                id=one.public_id,
                name=one.name,
                saving_minor=one.saving_minor,
                is_applied=one.is_applied,
                reason=one.reason,
            )
            for one in view.offers
        ],
        methods=[_method(choice, language) for choice in view.methods],
        payment=_payment(view.payment) if view.payment else None,
        shopper=_shopper(answer.shopper) if answer.shopper else None,
        contact=render_contact(answer.contact) if answer.contact else None,
        contact_given=list(view.given),
        links=CheckoutLinks(help=None, refund=None, feedback=None, back=view.return_url),
        telemetry=CheckoutTelemetry(rate=answer.telemetry_rate),
        texts=dict(client_texts(language)),
        is_sandbox=view.is_sandbox,
        return_url=view.return_url,
    )


def _order(view: CheckoutView) -> CheckoutOrder:
    return CheckoutOrder(
        id=view.order_id,
        state=view.order_state,
        amount_minor=view.amount.minor,
        currency=view.amount.currency,
        subject=view.subject,
        items=[
            CheckoutItem(name=item.name, quantity=item.quantity, amount_minor=item.amount_minor) for item in view.items
        ],
        expires_at=rfc3339(view.expires_at),
        needs=list(view.needs),
    )


def _method(choice: MethodChoice, language: Language) -> CheckoutMethod:
    fallback = "reason.available" if choice.is_enabled else "reason.unavailable"
    return CheckoutMethod(
        method=choice.method,
        label=label_of(choice.labels, language, choice.method),
        labels=dict(choice.labels),
        icon=choice.icon,
        is_default=choice.is_default,
        is_enabled=choice.is_enabled,
        reason=choice.reason,
        reason_text=either(speaker(language), f"reason.{choice.reason}", fallback),
        invoke_kind=choice.invoke,
    )


def _payment(payment: PaymentView) -> CheckoutPayment:
    invoke = CheckoutInvoke.model_validate(invoke_to_json(payment.invoke)) if payment.invoke else None
    return CheckoutPayment(
        id=payment.public_id,
        state=payment.state,
        method=payment.method,
        refused_reason=payment.refused_reason,
        invoke=invoke,
        captured_minor=payment.captured_minor,
        refunded_minor=payment.refunded_minor,
        refund_reserved_minor=payment.refund_reserved_minor,
    )


def _shopper(shopper: ShopperView) -> CheckoutShopper:
    return CheckoutShopper(
        id=shopper.public_id, profile=render_profile(shopper.profile), last_method=shopper.last_method
    )

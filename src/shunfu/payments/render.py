"""Orders and payments to their wire shapes."""

from __future__ import annotations

from dataclasses import asdict, replace

from shunfu.gateway.wire import invoke_to_json
from shunfu.kernel.clock import rfc3339
from shunfu.kernel.errors import FieldError, InvalidField
from shunfu.kernel.ids import public
from shunfu.kernel.plain import Words
from shunfu.notifications import KeptNotification
from shunfu.payments.contact import Contact
from shunfu.payments.evidence import KeptEvidence
from shunfu.payments.model import Order, Payment
from shunfu.payments.schemas import (
    ContactBody,
    DetailOut,
    EvidenceOut,
    InvokeOut,
    ItemOut,
    LineOut,
    NotificationOut,
    OrderOut,
    PaymentOut,
    PaymentWithTimeline,
    WordsOut,
)
from shunfu.payments.timeline import Line
from shunfu.payments.usecases import Explained
from shunfu.shoppers import Address, Invoice
from shunfu.shoppers.schemas import AddressBody, InvoiceBody


def render_order(order: Order, checkout_url: str) -> OrderOut:
    """An order's wire shape."""
    return OrderOut(
        id=public("ord", order.order_id),
        merchant_order_no=order.merchant_order_no,
        amount_minor=order.amount.minor,
        currency=order.amount.currency,
        subject=order.subject,
        items=[ItemOut(name=item.name, quantity=item.quantity, amount_minor=item.amount_minor) for item in order.items],
        state=order.state.value,
        expires_at=rfc3339(order.expires_at),
        created_at=rfc3339(order.created_at),
        return_url=order.return_url,
        needs=list(order.needs),
        checkout_url=checkout_url,
    )


def render_payment(payment: Payment) -> PaymentOut:
    """A payment's wire shape. Invoke data only while the shopper can still use it."""
    invoke = payment.invoke if payment.is_live else None
    return PaymentOut(
        id=public("pay", payment.payment_id),
        order_id=public("ord", payment.order_id),
        method=payment.method,
        amount_minor=payment.amount.minor,
        discount_minor=payment.discount_minor,
        offer=public("off", payment.offer_id) if payment.offer_id else None,
        currency=payment.amount.currency,
        state=payment.state.value,
        refused_reason=payment.refused_reason,
        is_surplus=payment.is_surplus,
        captured_minor=payment.captured.minor if payment.captured else 0,
        refunded_minor=payment.refunded_minor,
        refund_reserved_minor=payment.refund_reserved_minor,
        channel_transaction_no=payment.channel_transaction_no,
        invoke=InvokeOut.model_validate(invoke_to_json(invoke)) if invoke else None,
        created_at=rfc3339(payment.created_at),
        captured_at=rfc3339(payment.captured_at) if payment.captured_at else None,
    )


def read_contact(body: ContactBody | None) -> Contact | None:
    """The contact in a request, None when it gives nothing. Raises InvalidField for a company without a tax number.

    Which of a shopper's addresses is the default one is no matter of an order.
    """
    if body is None or not body.model_dump(exclude_none=True):
        return None
    address, invoice = body.address, body.invoice
    if invoice is not None and invoice.kind == "company" and invoice.tax_number is None:
        raise InvalidField(errors=(FieldError("/contact/invoice/tax_number", "required"),))
    return Contact(
        replace(Address(**address.model_dump()), is_default=False) if address else None,
        body.phone,
        replace(Invoice(**invoice.model_dump()), is_default=False) if invoice else None,
    )


def render_contact(contact: Contact) -> ContactBody:
    """A contact's wire shape."""
    return ContactBody(
        address=AddressBody(**asdict(contact.address)) if contact.address else None,
        phone=contact.phone,
        invoice=InvoiceBody(**asdict(contact.invoice)) if contact.invoice else None,
    )


def render_timeline(found: Explained) -> PaymentWithTimeline:
    """A payment with everything that was heard about it, and why it is in its state."""
    return PaymentWithTimeline(
        **render_payment(found.payment).model_dump(),
        timeline=[_evidence(line) for line in found.evidence],
        notifications=[_notification(line) for line in found.notifications],
        why=render_words(found.why),
        lines=[render_line(line) for line in found.lines],
        is_cut=found.is_cut,
    )


def render_words(words: Words) -> WordsOut:
    """A text in both languages."""
    return WordsOut(zh_cn=words.zh, en=words.en)


def render_line(line: Line) -> LineOut:
    """A line of a timeline."""
    return LineOut(
        id=line.id,
        at=rfc3339(line.at),
        lane=line.lane,
        towards=line.towards,
        kind=line.kind,
        summary=render_words(line.summary),
        detail=DetailOut(**asdict(line.detail)),
    )


def _evidence(line: KeptEvidence) -> EvidenceOut:
    return EvidenceOut(
        door=line.door,
        kind=line.kind,
        state_before=line.state_before,
        state_after=line.state_after,
        alarm=line.alarm,
        happened_at=rfc3339(line.happened_at),
        recorded_at=rfc3339(line.recorded_at),
    )


def _notification(line: KeptNotification) -> NotificationOut:
    return NotificationOut(
        id=public("ntf", line.notification_id),
        verdict=line.verdict,
        reason=line.reason,
        event_type=line.event_type,
        received_at=rfc3339(line.recorded_at),
    )

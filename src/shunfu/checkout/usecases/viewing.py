"""The one answer that the checkout needs. Reads the rooms below; decides nothing about money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shunfu.checkout.answer import Answer, ShopperView
from shunfu.checkout.methods import Habit, choices, ways_for_client, ways_in_browser
from shunfu.checkout.model import CheckoutView, Item, MethodChoice, OfferChoice, PaymentView
from shunfu.checkout.usecases.paying import why_not_kept
from shunfu.checkout.usecases.tools import CheckoutTools, Visit, live_payment, place_of
from shunfu.db import Reader
from shunfu.kernel.errors import NotFoundHere
from shunfu.kernel.ids import public
from shunfu.merchants import Merchant, OpenAccount, get_merchant
from shunfu.offers import best_offers, find_offer
from shunfu.payments import Contact, Order, OrderState, OrderWithPayments, Payment, read_order
from shunfu.shoppers import last_method, read_profile


@dataclass(frozen=True, slots=True)
class _Read:
    """What the answer is made of, beside the order."""

    merchant: Merchant
    accounts: Sequence[OpenAccount]
    popular: Sequence[str]
    offers: Sequence[OfferChoice]
    last: str | None


async def view_checkout(tools: CheckoutTools, visit: Visit) -> Answer:
    """Order, methods, offers, shopper and payment in one value. Raises NotFoundHere."""
    found = await read_order(tools.payments, visit.merchant_id, visit.order_id)
    payment = await _shown(tools, visit, found)
    async with tools.payments.database.glancing() as reader:
        read = await _read(tools, reader, visit, (found.order, payment))
    view = _view(tools, visit, (found, payment), read)
    return Answer(view, _own_contact(visit, found), await _shopper(tools, visit, read.last), tools.telemetry_rate)


def _view(
    tools: CheckoutTools, visit: Visit, about: tuple[OrderWithPayments, Payment | None], read: _Read
) -> CheckoutView:
    found, payment = about
    order, contact = found.order, found.contact
    methods, is_elsewhere = _methods(tools, visit, found, read)
    return CheckoutView(
        token=visit.token,
        order_id=public("ord", order.order_id),
        order_state=order.state.value,
        amount=order.amount,
        subject=order.subject,
        items=[Item(item.name, item.quantity, item.amount_minor) for item in order.items],
        created_at=order.created_at,
        expires_at=order.expires_at,
        merchant_name=read.merchant.name,
        methods=methods,
        payment=_payment_view(payment, visit.opens) if payment else None,
        is_sandbox=read.merchant.mode == "test",
        return_url=order.return_url,
        sheet_result=visit.sheet_result,
        now=tools.now(),
        page_url=f"{tools.payments.public_url}/c/{visit.token}",
        sandbox_origin=next((account.sandbox_url for account in read.accounts if account.sandbox_url), None),
        saving_minor=_saving(payment, read.offers),
        offers=read.offers,
        needs=order.needs,
        missing=[need for need in order.needs if contact is None or need not in contact.kinds],
        given=list(contact.kinds) if contact and not _is_over(order) else [],
        is_elsewhere=is_elsewhere,
        notice=visit.notice,
    )


async def _read(tools: CheckoutTools, reader: Reader, visit: Visit, about: tuple[Order, Payment | None]) -> _Read:
    order, payment = about
    merchant = await get_merchant(reader, visit.merchant_id)
    if merchant is None:
        raise NotFoundHere
    return _Read(
        merchant=merchant,
        accounts=await tools.payments.accounts.usable(reader, visit.merchant_id),
        popular=await tools.popular.ranked(reader, visit.merchant_id, tools.now()),
        offers=await _offers(tools, reader, visit, order, payment),
        last=await last_method(reader, visit.merchant_id, visit.shopper_id) if visit.shopper_id else None,
    )


async def _offers(
    tools: CheckoutTools, reader: Reader, visit: Visit, order: Order, payment: Payment | None
) -> list[OfferChoice]:
    """A payment that lives or paid keeps what it has; a closed order offers nothing; else the best is applied."""
    if payment is not None and _keeps_discount(payment):
        return await _kept_offer(reader, payment)
    if order.state is not OrderState.OPEN:
        return []
    views = await best_offers(reader, order.merchant_id, order.amount, visit.shopper_id, tools.now())
    return [
        OfferChoice(public("off", one.offer_id), one.name, one.saving_minor, index == 0, "best" if index == 0 else None)
        for index, one in enumerate(views)
    ]


async def _kept_offer(reader: Reader, payment: Payment) -> list[OfferChoice]:
    if payment.offer_id is None:
        return []
    offer = await find_offer(reader, payment.merchant_id, payment.offer_id)
    assert offer is not None, "an offer is never deleted"
    number = public("off", offer.offer_id)
    return [OfferChoice(number, offer.name, payment.discount_minor, is_applied=True, reason="kept")]


def _keeps_discount(payment: Payment) -> bool:
    return payment.is_live or payment.captured is not None


def _saving(payment: Payment | None, offers: Sequence[OfferChoice]) -> int:
    """What is taken off: by the payment that keeps it, else by the offer that is applied."""
    if payment is not None and _keeps_discount(payment):
        return payment.discount_minor
    return next((offer.saving_minor for offer in offers if offer.is_applied), 0)


async def _shown(tools: CheckoutTools, visit: Visit, found: OrderWithPayments) -> Payment | None:
    """The payment to talk about; none where a tap has just learnt that another method cannot have its price.

    Then the page shows what can be had anew, and a tap on the payment's own method leads back to it.
    """
    if visit.notice == "offer" and await why_not_kept(tools, visit, found) is not None:
        return None
    return _shown_payment(found)


def _is_over(order: Order) -> bool:
    return order.state in {OrderState.PAID, OrderState.CLOSED}


def _own_contact(visit: Visit, found: OrderWithPayments) -> Contact | None:
    """What the visitor gave themselves, while it may still change: whoever holds the link sees nobody else's."""
    return found.kept.of(visit.shopper_id) if found.kept and not _is_over(found.order) else None


def _shown_payment(found: OrderWithPayments) -> Payment | None:
    """The payment to talk about: the one that pays the order, else a live one, else the newest."""
    paying = next((payment for payment in found.payments if payment.captured and not payment.is_surplus), None)
    return paying or live_payment(found) or next(reversed(found.payments), None)


def _methods(
    tools: CheckoutTools, visit: Visit, found: OrderWithPayments, read: _Read
) -> tuple[list[MethodChoice], bool]:
    """The choices, and whether the page is open where none of the merchant's works."""
    place, pending = place_of(tools.payments.accounts, visit), live_payment(found)
    if visit.client == "app":
        ways = ways_for_client(read.accounts, visit.opens, place)
    else:
        ways = ways_in_browser(read.accounts, place)
    habit = Habit(pending.method if pending else None, read.last, read.popular)
    return choices(ways, found.order.amount.currency, habit), not ways and place.own is not None


async def _shopper(tools: CheckoutTools, visit: Visit, last: str | None) -> ShopperView | None:
    if visit.shopper is None:
        return None
    profile = await read_profile(tools.shoppers, visit.merchant_id, visit.shopper.shopper_id)
    return ShopperView(visit.shopper.public_id, profile, last)


def _payment_view(payment: Payment, opens: frozenset[str] | None) -> PaymentView:
    """A payment; its signed data only while it can be paid, and for whoever can open it."""
    invoke = payment.invoke
    is_opened = payment.is_live and invoke is not None and (opens is None or invoke.kind in opens)
    return PaymentView(
        public_id=public("pay", payment.payment_id),
        state=payment.state.value,
        method=payment.method,
        invoke=invoke if is_opened else None,
        refused_reason=payment.refused_reason,
        amount=payment.amount,
        paid_at=payment.captured_at,
        captured_minor=payment.captured.minor if payment.captured else 0,
        refunded_minor=payment.refunded_minor,
        refund_reserved_minor=payment.refund_reserved_minor,
    )

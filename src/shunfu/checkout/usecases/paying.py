"""Pay from the checkout: with the offer and for the amount that the shopper saw, as the shopper whom we know."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from shunfu.checkout.usecases.tools import CheckoutTools, Visit, live_payment
from shunfu.kernel.errors import AmountChanged, OfferGone
from shunfu.kernel.ids import public
from shunfu.offers import Basket, Hold, best_offers, check_offer
from shunfu.payments import (
    Browser,
    Contact,
    OrderState,
    OrderWithPayments,
    Payment,
    StartPayment,
    read_order,
    start_payment,
)
from shunfu.shoppers import payer_at


@dataclass(frozen=True, slots=True)
class Wish:
    """One tap. Without `offer_id` the best offer is used, or none when `is_best` is False.

    `amount_minor` is what the button said; None asks no question.
    """

    method: str
    payment_id: UUID
    payer: str | None = None
    offer_id: UUID | None = None
    is_best: bool = True
    amount_minor: int | None = None
    contact: Contact | None = None


async def pay_from_checkout(tools: CheckoutTools, visit: Visit, wish: Wish) -> Payment:
    """Start a payment for the order that the visitor may pay, or get the live one again.

    Raises AmountChanged, and what `start_payment` raises.
    """
    found = await read_order(tools.payments, visit.merchant_id, visit.order_id)
    offer_id = await _settled_offer(tools, visit, wish, found)
    start = StartPayment(
        merchant_id=visit.merchant_id,
        order_id=visit.order_id,
        method=wish.method,
        payer=wish.payer or await _payer(tools, visit, wish.method),
        payment_id=wish.payment_id,
        browser=Browser(visit.client_ip, visit.return_url),
        offer_id=offer_id,
        shopper_id=visit.shopper_id,
        contact=wish.contact,
        is_visitor=True,
    )
    return await start_payment(tools.payments, start)


async def _settled_offer(tools: CheckoutTools, visit: Visit, wish: Wish, found: OrderWithPayments) -> UUID | None:
    """The offer to pay with, once the amount is the one that was seen. Raises AmountChanged or OfferGone."""
    if found.order.state is not OrderState.OPEN:
        return None  # `start_payment` says why not
    again = next((one for one in found.payments if _is_again(one, wish)), None)
    if again is not None:
        _check_amount(wish, again.amount.minor)
        return again.offer_id
    offer_id, saving_minor = await _chosen(tools, visit, wish, found)
    _check_amount(wish, found.order.amount.minor - saving_minor)
    return offer_id


def _is_again(payment: Payment, wish: Wish) -> bool:
    return payment.payment_id == wish.payment_id or (payment.is_live and payment.method == wish.method)


async def _chosen(tools: CheckoutTools, visit: Visit, wish: Wish, found: OrderWithPayments) -> tuple[UUID | None, int]:
    """The offer and what it saves: the one named, else exactly the live payment's, else the best."""
    if wish.offer_id is None and not wish.is_best:
        return None, 0
    live = live_payment(found)
    if live is not None and wish.offer_id in {None, live.offer_id}:
        gone = await why_not_kept(tools, visit, found)
        if gone is None:
            return live.offer_id, live.discount_minor
        if wish.offer_id is not None or wish.amount_minor == live.amount.minor:
            raise gone  # the shopper means that price: they shall see first that it is gone
    async with tools.payments.database.glancing() as reader:
        order = found.order
        views = await best_offers(reader, order.merchant_id, order.amount, visit.shopper_id, tools.now())
    for one in views:
        if wish.offer_id in {None, one.offer_id}:
            return one.offer_id, one.saving_minor
    if wish.offer_id is not None:
        raise OfferGone(members={"offer": public("off", wish.offer_id), "reason": "not_shown"})
    return None, 0


async def why_not_kept(tools: CheckoutTools, visit: Visit, found: OrderWithPayments) -> OfferGone | None:
    """Why a payment by another method could not have the live payment's offer, or None when it could.

    The offer may have ended, or be counted by shopper and not be the visitor's to have.
    """
    live = live_payment(found)
    if live is None or live.offer_id is None:
        return None
    basket = Basket(found.order.amount, visit.shopper_id, tools.now())
    try:
        async with tools.payments.database.glancing() as reader:
            await check_offer(reader, Hold(live.merchant_id, live.payment_id, live.offer_id, basket))
    except OfferGone as gone:
        return gone
    return None


def _check_amount(wish: Wish, amount_minor: int) -> None:
    if wish.amount_minor is not None and wish.amount_minor != amount_minor:
        raise AmountChanged(members={"amount_minor": str(amount_minor)})


async def _payer(tools: CheckoutTools, visit: Visit, method: str) -> str | None:
    """The shopper's id at the channel where the scene asks for one: of the session, or of a sandbox's stand-in."""
    async with tools.payments.database.glancing() as reader:
        found = await tools.payments.accounts.for_method(reader, visit.merchant_id, method)
    if found is None or not found[1].needs_payer:
        return None
    if visit.shopper is not None:
        known = await payer_at(tools.shoppers, visit.merchant_id, visit.shopper.shopper_id, method)
        if known is not None:
            return known
    return found[0].stand_in if visit.client == "web" else None

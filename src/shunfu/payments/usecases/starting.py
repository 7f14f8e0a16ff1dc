"""Start a payment: admit, save as SENDING, commit; call the channel with no transaction open; record what it said."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from uuid import UUID

from shunfu.db import Transaction
from shunfu.gateway.port import Scene
from shunfu.kernel.errors import ChannelRefused, MethodUnavailable, NotFoundHere, PaymentUnknown, Refusal
from shunfu.kernel.ids import public
from shunfu.kernel.money import Money
from shunfu.merchants import OpenAccount
from shunfu.offers import Basket, Hold, check_offer, hold_offer
from shunfu.payments import store
from shunfu.payments.admission import (
    Ask,
    CloseFirst,
    Resume,
    StartNew,
    admit,
    check_scene,
    lets_next_begin,
)
from shunfu.payments.contact import Contact, Given
from shunfu.payments.model import (
    SETTLE_MARGIN,
    Order,
    OrderState,
    Payment,
    PaymentState,
)
from shunfu.payments.timetable import next_ask
from shunfu.payments.usecases.asking import account_of, ask_close, not_found_is_final, sealed_place, send
from shunfu.payments.usecases.contacting import check_given, keep_contact
from shunfu.payments.usecases.tools import ASK_JOB, PaymentTools

CLOSES_MAX = 3
"""How many pending payments of other methods one start may close before it gives up."""


@dataclass(frozen=True, slots=True)
class Browser:
    """What the scenes of a browser tell the channel besides: the shopper's address and where to come back to."""

    client_ip: str | None = None
    return_url: str | None = None


@dataclass(frozen=True, slots=True)
class StartPayment:
    """A wish to pay an order. `payment_id` is the id that a new payment gets; a retry brings the same one.

    A new payment takes the offer's saving off; one that is live already keeps what it has. `contact` is kept with the
    order: from the merchant's server over what was given before, from a visitor only over what that shopper gave.
    """

    merchant_id: UUID
    order_id: UUID
    method: str
    payer: str | None
    payment_id: UUID
    browser: Browser = field(default_factory=Browser)
    offer_id: UUID | None = None
    shopper_id: UUID | None = None
    contact: Contact | None = None
    is_visitor: bool = False

    @property
    def given(self) -> Given:
        """What comes with it, and from whom."""
        return Given(self.contact, self.shopper_id, self.is_visitor)


@dataclass(frozen=True, slots=True)
class _Admitted:
    order: Order
    payment: Payment
    account: OpenAccount


async def start_payment(tools: PaymentTools, wish: StartPayment) -> Payment:
    """Start (or resume) a payment and return it with its invoke data.

    An unknown channel outcome is a payment in state UNKNOWN. Raises ChannelRefused when the channel refused it, and
    OrderNotOpen, RequestInFlight, PaymentUnknown, MethodUnavailable, OfferGone, ContactMissing or NotFoundHere when it
    cannot start.
    """
    released: frozenset[UUID] = frozenset()
    for _ in range(CLOSES_MAX):
        admitted = await _admit(tools, wish, released)
        if isinstance(admitted, _Admitted):
            return await _send_if_wanted(tools, admitted)
        evidence, decision = await ask_close(tools, admitted.payment)
        is_final = await not_found_is_final(tools, admitted.payment)
        if not lets_next_begin(evidence, not_found_is_final=is_final) and decision.payment.is_live:
            raise PaymentUnknown("The payment begun with another method could not be closed yet; try again shortly.")
        released |= {admitted.payment.payment_id}
    raise PaymentUnknown


async def _admit(tools: PaymentTools, wish: StartPayment, released: frozenset[UUID]) -> _Admitted | CloseFirst:
    async def story(tx: Transaction) -> _Admitted | CloseFirst:
        order = await store.lock_order(tx, wish.merchant_id, wish.order_id)
        if order is None:
            raise NotFoundHere
        payments = await store.list_payments(tx, wish.merchant_id, wish.order_id)
        admission = admit(order, payments, Ask(wish.method, wish.payment_id, released), tools.now())
        match admission:
            case Refusal():
                raise admission
            case CloseFirst(payment):
                await _check(tools, tx, order, wish, payment)
                return admission
            case Resume(payment) if payment.is_live and await _is_anothers(tools, tx, payment, wish):
                await _check(tools, tx, order, wish, payment)
                return CloseFirst(payment)
            case Resume(payment):
                if payment.is_live:
                    await keep_contact(tools, tx, order, wish.given)
                return _Admitted(order, payment, await account_of(tools, tx, payment))
            case StartNew():
                account, scene = await _account(tools, tx, order, wish)
                await keep_contact(tools, tx, order, wish.given)
                return _Admitted(order, await _add(tools, tx, order, wish, (account, scene)), account)

    return await tools.database.transact(story)


async def _check(tools: PaymentTools, tx: Transaction, order: Order, wish: StartPayment, live: Payment) -> None:
    """Judge a wish before the live payment is closed for it: a wish that cannot be met closes nothing."""
    await _account(tools, tx, order, wish)
    await check_given(tools, tx, order, wish.given)
    if wish.offer_id is not None:
        basket = Basket(order.amount, wish.shopper_id, tools.now())
        await check_offer(tx, Hold(order.merchant_id, live.payment_id, wish.offer_id, basket))


async def _is_anothers(tools: PaymentTools, tx: Transaction, payment: Payment, wish: StartPayment) -> bool:
    """Whether a live payment was begun for another payer than this one: the channel lets nobody else pay it."""
    if payment.payer is None or wish.payer is None or payment.payment_id == wish.payment_id:
        return False
    return (await tools.vault.open(tx, sealed_place(payment, "payer"), payment.payer)).reveal() != wish.payer.encode()


async def _account(tools: PaymentTools, tx: Transaction, order: Order, wish: StartPayment) -> tuple[OpenAccount, Scene]:
    found = await tools.accounts.for_method(tx, wish.merchant_id, wish.method)
    if found is None or order.amount.currency not in found[0].channel.capabilities.currencies:
        raise MethodUnavailable
    check_scene(needs_payer=found[1].needs_payer, payer=wish.payer)
    return found


async def _add(
    tools: PaymentTools, tx: Transaction, order: Order, wish: StartPayment, way: tuple[OpenAccount, Scene]
) -> Payment:
    """Save the new payment as SENDING, with the janitor's first visit, before the channel hears of it."""
    account, scene = way
    discount_minor = await _discount(tools, tx, order, wish)
    payment = Payment(
        merchant_id=order.merchant_id,
        payment_id=wish.payment_id,
        order_id=order.order_id,
        channel=account.channel.name,
        scene=scene.name,
        account_id=account.account_id,
        channel_account=account.identity.account,
        channel_app=account.identity.app_in(scene.name),
        amount=Money(order.amount.minor - discount_minor, order.amount.currency),
        state=PaymentState.SENDING,
        deadline=order.expires_at + SETTLE_MARGIN,
        created_at=tools.now(),
        notify_url=tools.notify_url(account.channel.name, order.merchant_id, account.account_id),
        return_url=wish.browser.return_url or order.return_url,
        offer_id=wish.offer_id,
        discount_minor=discount_minor,
        shopper_id=wish.shopper_id,
    )
    if wish.payer is not None and scene.needs_payer:
        place = sealed_place(payment, "payer")
        payment = replace(payment, payer=await tools.vault.seal(tx, place, "payer", wish.payer.encode()))
    if wish.browser.client_ip is not None:
        place = sealed_place(payment, "client_ip")
        payment = replace(
            payment, client_ip=await tools.vault.seal(tx, place, "payer", wish.browser.client_ip.encode())
        )
    await store.add_payment(tx, payment)
    visit = next_ask(payment, order, tools.now(), tools.pace)
    await tools.jobs.enqueue(tx, tools.job(ASK_JOB, payment.merchant_id, payment.payment_id, visit))
    return payment


async def _discount(tools: PaymentTools, tx: Transaction, order: Order, wish: StartPayment) -> int:
    """Hold the offer that the shopper pays with: what it takes off, in minor units; 0 without one. Raises OfferGone."""
    if wish.offer_id is None:
        return 0
    basket = Basket(order.amount, wish.shopper_id, tools.now())
    return await hold_offer(tx, Hold(order.merchant_id, wish.payment_id, wish.offer_id, basket))


async def _send_if_wanted(tools: PaymentTools, admitted: _Admitted) -> Payment:
    """Send a new payment, or a pending one again for fresh invoke data; answer others as they stand."""
    payment, order = admitted.payment, admitted.order
    is_payable = order.state is OrderState.OPEN and tools.now() < order.expires_at
    if is_payable and payment.state in {PaymentState.SENDING, PaymentState.PENDING}:
        payment = (await send(tools, order, payment, admitted.account)).payment
    if payment.state is PaymentState.REFUSED:
        members = {"payment_id": public("pay", payment.payment_id), "reason": payment.refused_reason or ""}
        raise ChannelRefused(members=members)
    return payment

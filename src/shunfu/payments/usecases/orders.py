"""Create, read, list and close orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shunfu.db import ConstraintViolated, Reader, Transaction
from shunfu.kernel.errors import NotFoundHere, StateConflict
from shunfu.kernel.money import Money
from shunfu.payments import store
from shunfu.payments.contact import Contact, KeptContact
from shunfu.payments.events import OrderClosed
from shunfu.payments.model import Item, Need, Order, OrderState, Payment, close_asked
from shunfu.payments.usecases.asking import ask_close
from shunfu.payments.usecases.contacting import open_contact
from shunfu.payments.usecases.telling import tell
from shunfu.payments.usecases.tools import ASK_JOB, EXPIRE_JOB, PaymentTools


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What a merchant asks for. `order_id` is the id it gets; a retry brings the same one.

    `needs` is what the shopper must give before it can be paid.
    """

    merchant_id: UUID
    order_id: UUID
    amount: Money
    subject: str
    items: tuple[Item, ...]
    merchant_order_no: str | None
    return_url: str | None
    expires_at: datetime
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderWithPayments:
    """An order and its payments, oldest first, and what the shopper gave with it."""

    order: Order
    payments: tuple[Payment, ...]
    kept: KeptContact | None = None

    @property
    def contact(self) -> Contact | None:
        """All that was given, by whomever."""
        return self.kept.contact if self.kept else None


async def create_order(tools: PaymentTools, wish: NewOrder) -> OrderWithPayments:
    """Save an order and the job that asks for its close when it expires.

    Raises StateConflict when the merchant_order_no is another order's.
    """
    order = Order(
        merchant_id=wish.merchant_id,
        order_id=wish.order_id,
        merchant_order_no=wish.merchant_order_no,
        amount=wish.amount,
        subject=wish.subject,
        items=wish.items,
        return_url=wish.return_url,
        state=OrderState.OPEN,
        expires_at=wish.expires_at,
        created_at=tools.now(),
        needs=wish.needs,
    )

    async def story(tx: Transaction) -> bool:
        is_new = await store.add_order(tx, order)
        if is_new:
            job = tools.job(EXPIRE_JOB, order.merchant_id, order.order_id, order.expires_at)
            await tools.jobs.enqueue(tx, job)
        return is_new

    try:
        is_new = await tools.database.transact(story)
    except ConstraintViolated as error:
        raise StateConflict(
            "This merchant_order_no belongs to another order; read that one or use a new number."
        ) from error
    return OrderWithPayments(order, ()) if is_new else await read_order(tools, wish.merchant_id, wish.order_id)


async def read_order(tools: PaymentTools, merchant_id: UUID, order_id: UUID) -> OrderWithPayments:
    """One order with its payments and contact. Raises NotFoundHere."""
    async with tools.database.reading() as reader:
        order = await store.get_order(reader, merchant_id, order_id)
        if order is None:
            raise NotFoundHere
        payments = tuple(await store.list_payments(reader, merchant_id, order_id))
        return OrderWithPayments(order, payments, await open_contact(tools, reader, order))


async def list_orders(
    tools: PaymentTools, merchant_id: UUID, before: UUID, *, state: str | None, limit: int
) -> list[Order]:
    """Orders with an id below `before`, newest first."""
    async with tools.database.reading() as reader:
        return await store.list_orders(reader, merchant_id, before, state, limit)


async def expected_amount(reader: Reader, merchant_id: UUID, payment_id: UUID) -> Money | None:
    """The amount that one of our payments asks for, or None when there is no such payment."""
    payment = await store.get_payment(reader, merchant_id, payment_id)
    return payment.amount if payment else None


async def channel_app_of(reader: Reader, merchant_id: UUID, payment_id: UUID) -> str | None:
    """The application that one of our payments names at its channel, or None when there is no such payment."""
    payment = await store.get_payment(reader, merchant_id, payment_id)
    return payment.channel_app if payment else None


async def close_order(tools: PaymentTools, merchant_id: UUID, order_id: UUID) -> OrderWithPayments:
    """Ask for an order's close and ask the channel about each live payment, now.

    The answer is CLOSED, or CLOSING while a channel has not said. Raises NotFoundHere, and StateConflict when paid.
    """
    for payment in await _ask_for_close(tools, merchant_id, order_id, is_refused_when_paid=True):
        await ask_close(tools, payment)
    return await read_order(tools, merchant_id, order_id)


async def expire_order(tools: PaymentTools, merchant_id: UUID, order_id: UUID) -> None:
    """The expiry job: only asks. The janitor visits each live payment at once."""
    await _ask_for_close(tools, merchant_id, order_id, is_refused_when_paid=False)


async def _ask_for_close(
    tools: PaymentTools, merchant_id: UUID, order_id: UUID, *, is_refused_when_paid: bool
) -> list[Payment]:
    async def story(tx: Transaction) -> list[Payment]:
        order = await store.lock_order(tx, merchant_id, order_id)
        if order is None:
            raise NotFoundHere
        if order.state is OrderState.PAID and is_refused_when_paid:
            raise StateConflict("The order is paid; it can only be refunded.")
        payments = await store.list_payments(tx, merchant_id, order_id)
        asked = close_asked(order, payments)
        await tell(tools, tx, (order, asked), _closed(order, asked, tools.now()))
        live = [payment for payment in payments if payment.is_live]
        for payment in live if asked.state is OrderState.CLOSING else ():
            job = tools.job(ASK_JOB, merchant_id, payment.payment_id, tools.now())
            await tools.jobs.enqueue(tx, job)
        return live if asked.state is OrderState.CLOSING else []

    return await tools.database.transact(story)


def _closed(before: Order, after: Order, now: datetime) -> list[OrderClosed]:
    if after.state is not OrderState.CLOSED or before.state is OrderState.CLOSED:
        return []
    return [OrderClosed(merchant_id=before.merchant_id, happened_at=now, order_id=before.order_id)]

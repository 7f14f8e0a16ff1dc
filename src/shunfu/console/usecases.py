"""What staff look at, each page of one moment of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shunfu.console import store
from shunfu.console.model import (
    ALARMS_SHOWN,
    PAGE_ROWS,
    OrderFilter,
    OrderRow,
    RefundRow,
    Today,
    day_span,
    first_id,
    read_needle,
)
from shunfu.db import Database
from shunfu.kernel.cursor import FIRST
from shunfu.payments import Explained, Order, Payment, PaymentTools, Teller, read_order, read_payment


@dataclass(frozen=True, slots=True)
class OrderPage:
    """A page of orders; `is_more`: older ones follow."""

    rows: Sequence[OrderRow]
    is_more: bool


@dataclass(frozen=True, slots=True)
class WholeOrder:
    """An order with its payments and their refunds, oldest first."""

    order: Order
    payments: Sequence[Payment]
    refunds: Sequence[RefundRow]


async def look_at_today(database: Database, merchant_id: UUID, now: datetime) -> Today:
    """The merchant's day in China so far, and what needs a person now."""
    start, end = day_span(now)
    async with database.reading() as reader:
        unknown, since = await store.unknown_now(reader, merchant_id)
        return Today(
            now=now,
            captured=await store.captured_between(reader, merchant_id, start, end),
            refunded=await store.refunded_between(reader, merchant_id, start, end),
            methods=await store.ended_by_method(reader, merchant_id, first_id(start), first_id(end)),
            unknown=unknown,
            unknown_since=since,
            waiting_refunds=await store.waiting_refunds(reader, merchant_id),
            alarms=await store.standing_alarms(reader, merchant_id, ALARMS_SHOWN),
            jobs=await store.troubled_jobs(reader, merchant_id),
            has_orders=bool(await store.list_orders(reader, merchant_id, FIRST, None, 1)),
        )


async def page_of_orders(database: Database, merchant_id: UUID, before: UUID, state: OrderFilter | None) -> OrderPage:
    """Fifty orders with an id below `before`, newest first."""
    async with database.reading() as reader:
        found = await store.list_orders(reader, merchant_id, before, state, PAGE_ROWS + 1)
    return OrderPage(found[:PAGE_ROWS], len(found) > PAGE_ROWS)


async def search_orders(database: Database, merchant_id: UUID, text: str) -> OrderPage:
    """The orders that a text names: our id of order or payment, the merchant's order number, the channel's number."""
    needle = read_needle(text)
    if needle is None:
        return OrderPage((), is_more=False)
    async with database.reading() as reader:
        return OrderPage(await store.find_orders(reader, merchant_id, needle, PAGE_ROWS), is_more=False)


async def look_at_order(tools: PaymentTools, merchant_id: UUID, order_id: UUID) -> WholeOrder:
    """One order with everything that was tried. Raises NotFoundHere."""
    found = await read_order(tools, merchant_id, order_id)
    async with tools.database.reading() as reader:
        ids = [payment.payment_id for payment in found.payments]
        return WholeOrder(found.order, found.payments, await store.refunds_of_payments(reader, merchant_id, ids))


async def look_at_payment(
    tools: PaymentTools, merchant_id: UUID, payment_id: UUID, teller: Teller
) -> tuple[Explained, Sequence[RefundRow]]:
    """One payment, explained, and its refunds, oldest first. Raises NotFoundHere."""
    found = await read_payment(tools, merchant_id, payment_id, teller)
    async with tools.database.reading() as reader:
        return found, await store.refunds_of_payments(reader, merchant_id, [payment_id])

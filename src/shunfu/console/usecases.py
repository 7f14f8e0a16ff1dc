"""What staff look at, each page of one moment of the data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from shunfu.console import store
from shunfu.console.model import (
    ALARMS_SHOWN,
    EXPORT_ROWS,
    PAGE_ROWS,
    JobFault,
    OrderFilter,
    OrderRow,
    RefundRow,
    Signer,
    Today,
    day_span,
    first_id,
    hours_of,
    read_needle,
)
from shunfu.db import Database, Transaction, revive_job
from shunfu.inspections import count_open_alarms
from shunfu.kernel.caller import Caller
from shunfu.kernel.cursor import FIRST
from shunfu.kernel.errors import NotFoundHere
from shunfu.kernel.ids import public
from shunfu.merchants import AuditEntry, write_audit
from shunfu.payments import Explained, Order, Payment, PaymentTools, Teller, read_order, read_payment


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
        captured = await store.captured_between(reader, merchant_id, start, end)
        currency = captured[0].amount.currency if captured else "CNY"
        hours = await store.captured_by_hour(reader, merchant_id, (start - timedelta(days=1), end), currency)
        return Today(
            now=now,
            captured=captured,
            refunded=await store.refunded_between(reader, merchant_id, start, end),
            methods=await store.ended_by_method(reader, merchant_id, first_id(start), first_id(end)),
            unknown=unknown,
            unknown_since=since,
            waiting_refunds=await store.waiting_refunds(reader, merchant_id),
            alarms=await store.standing_alarms(reader, merchant_id, ALARMS_SHOWN),
            jobs=await store.troubled_jobs(reader, merchant_id),
            has_orders=bool(await store.list_orders(reader, merchant_id, FIRST, None, 1)),
            hours=hours_of(hours, currency, now),
            open_alarms=await count_open_alarms(reader, merchant_id),
        )


async def page_of_orders(
    database: Database, merchant_id: UUID, before: UUID, state: OrderFilter | None
) -> Sequence[OrderRow]:
    """A page of orders with an id below `before`, newest first, and one more where older ones follow."""
    async with database.reading() as reader:
        return await store.list_orders(reader, merchant_id, before, state, PAGE_ROWS + 1)


async def every_order(database: Database, merchant_id: UUID, state: OrderFilter | None) -> AsyncIterator[OrderRow]:
    """Every order, newest first, read in parts."""
    before = FIRST
    while True:
        async with database.reading() as reader:
            rows = await store.list_orders(reader, merchant_id, before, state, EXPORT_ROWS)
        for row in rows:
            yield row
        if len(rows) < EXPORT_ROWS:
            return
        before = rows[-1].order_id


async def search_orders(database: Database, merchant_id: UUID, text: str) -> Sequence[OrderRow]:
    """The orders that a text names: our id of order or payment, the merchant's order number, the channel's number."""
    needle = read_needle(text)
    if needle is None:
        return ()
    async with database.reading() as reader:
        return await store.find_orders(reader, merchant_id, needle, PAGE_ROWS)


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


async def look_at_signers(database: Database, merchant_id: UUID, account_id: UUID, now: datetime) -> Sequence[Signer]:
    """By which of its keys a channel has signed its messages for an account in the last seven days."""
    async with database.reading() as reader:
        return await store.list_signers(reader, merchant_id, account_id, first_id(now - timedelta(days=7)))


async def list_faults(database: Database, merchant_id: UUID, before: UUID, state: str | None) -> Sequence[JobFault]:
    """A page of jobs that gave up or failed, newest first, and one more where older ones follow."""
    async with database.reading() as reader:
        return await store.list_faults(reader, merchant_id, before, state, PAGE_ROWS + 1)


async def look_at_fault(database: Database, merchant_id: UUID, job_id: UUID) -> JobFault:
    """One job that gave up or failed. Raises NotFoundHere."""
    async with database.reading() as reader:
        found = await store.get_fault(reader, merchant_id, job_id)
    if found is None:
        raise NotFoundHere
    return found


async def run_again(tools: PaymentTools, caller: Caller, job_id: UUID) -> None:
    """Let a job that gave up or failed run at once, and write down who said so. Raises NotFoundHere."""

    async def story(tx: Transaction) -> None:
        kind = await revive_job(tx, caller.merchant_id, job_id, tools.now())
        if kind is None:
            raise NotFoundHere
        entry = AuditEntry(caller.merchant_id, caller.subject, "job.run_again", public("job", job_id))
        await write_audit(tx, tools.source, replace(entry, detail={"kind": kind}))

    await tools.database.transact(story)

"""Rows of other rooms' views to the values that the pages show. Reads only, each query within one merchant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from shunfu.console.model import (
    Alarm,
    JobFault,
    MethodRate,
    Needle,
    NewestPayment,
    OrderFilter,
    OrderRow,
    RefundRow,
    Signer,
    SubjectKind,
    Sum,
    TroubledJob,
)
from shunfu.db import Reader, Record, named_queries
from shunfu.kernel.money import Money

SQL = named_queries("shunfu.console")
JOBS_SHOWN = 20
MESSAGES_LOOKED_AT = 10_000


async def captured_between(reader: Reader, merchant_id: UUID, start: datetime, end: datetime) -> tuple[Sum, ...]:
    """What was captured in a span of time, a line a currency, the one most used first."""
    return tuple(_sum(row) for row in await reader.fetch(SQL["captured_between"], merchant_id, start, end))


async def refunded_between(reader: Reader, merchant_id: UUID, start: datetime, end: datetime) -> tuple[Sum, ...]:
    """What went back in a span of time, a line a currency, the one most used first."""
    return tuple(_sum(row) for row in await reader.fetch(SQL["refunded_between"], merchant_id, start, end))


async def captured_by_hour(
    reader: Reader, merchant_id: UUID, span: tuple[datetime, datetime], currency: str
) -> list[tuple[int, int]]:
    """(hour since the span began, minor units captured in it), of hours in which something was."""
    found = await reader.fetch(SQL["captured_by_hour"], merchant_id, *span, currency)
    return [(row["hour"], row["amount_minor"]) for row in found]


async def ended_by_method(reader: Reader, merchant_id: UUID, first: UUID, after: UUID) -> tuple[MethodRate, ...]:
    """How payments with an id from `first` up to `after` ended, by method, the one most used first."""
    found = await reader.fetch(SQL["ended_by_method"], merchant_id, first, after)
    return tuple(MethodRate(row["channel"], row["scene"], row["captured"], row["ended"]) for row in found)


async def unknown_now(reader: Reader, merchant_id: UUID) -> tuple[int, datetime | None]:
    """How many payments have no result, counted up to a thousand, and when the oldest of them began."""
    row = await reader.fetch_row(SQL["unknown_now"], merchant_id)
    assert row is not None, "an aggregate has a row"
    return row["payments"], row["since"]


async def waiting_refunds(reader: Reader, merchant_id: UUID) -> int:
    """How many refunds wait for a second person, counted up to a thousand."""
    row = await reader.fetch_row(SQL["waiting_refunds"], merchant_id)
    assert row is not None, "an aggregate has a row"
    return row["refunds"]


async def standing_alarms(reader: Reader, merchant_id: UUID, limit: int) -> tuple[Alarm, ...]:
    """The alarms that still need a person, of payments and of refunds, newest first."""
    payments = await reader.fetch(SQL["payment_alarms"], merchant_id, limit)
    refunds = await reader.fetch(SQL["refund_alarms"], merchant_id, limit)
    found = [_alarm("payment", row["payment_id"], row) for row in payments]
    found += [_alarm("refund", row["refund_id"], row) for row in refunds]
    found.sort(key=lambda alarm: (alarm.raised_at, alarm.evidence_id), reverse=True)
    return tuple(found[:limit])


async def troubled_jobs(reader: Reader, merchant_id: UUID) -> tuple[TroubledJob, ...]:
    """The newest jobs that gave up or failed."""
    found = await reader.fetch(SQL["troubled_jobs"], merchant_id, JOBS_SHOWN)
    return tuple(
        TroubledJob(
            kind=row["kind"],
            state=row["state"],
            attempts=row["attempts"],
            error=row["last_error"] or "",
            run_at=row["run_at"],
        )
        for row in found
    )


async def list_signers(reader: Reader, merchant_id: UUID, account_id: UUID, after: UUID) -> list[Signer]:
    """The channel's keys that signed the newest messages with an id above `after`, the one most used first."""
    found = await reader.fetch(SQL["list_signers"], merchant_id, account_id, after, MESSAGES_LOOKED_AT)
    return [Signer(row["signed_by"], row["messages"], row["last_at"]) for row in found]


async def list_faults(reader: Reader, merchant_id: UUID, before: UUID, state: str | None, limit: int) -> list[JobFault]:
    """Jobs with an id below `before` that gave up or failed, newest first."""
    return [_fault(row) for row in await reader.fetch(SQL["list_faults"], merchant_id, before, state, limit)]


async def get_fault(reader: Reader, merchant_id: UUID, job_id: UUID) -> JobFault | None:
    """One job that gave up or failed, or None."""
    row = await reader.fetch_row(SQL["get_fault"], merchant_id, job_id)
    return _fault(row) if row else None


def _fault(row: Record) -> JobFault:
    return JobFault(
        job_id=row["job_id"],
        kind=row["kind"],
        key=row["key"],
        state=row["state"],
        attempts=row["attempts"],
        error=row["last_error"] or "",
        run_at=row["run_at"],
    )


async def list_orders(
    reader: Reader, merchant_id: UUID, before: UUID, state: OrderFilter | None, limit: int
) -> list[OrderRow]:
    """Orders with an id below `before`, newest first, with how each was last tried to be paid."""
    if state == "UNKNOWN":
        found = await reader.fetch(SQL["list_unknown_orders"], merchant_id, before, limit)
    else:
        found = await reader.fetch(SQL["list_orders"], merchant_id, before, state, limit)
    return await _with_payments(reader, merchant_id, found)


async def find_orders(reader: Reader, merchant_id: UUID, needle: Needle, limit: int) -> list[OrderRow]:
    """The orders that an id or a number names, newest first."""
    found = await reader.fetch(SQL["find_orders"], merchant_id, needle.own_id, needle.text, limit)
    return await _with_payments(reader, merchant_id, found)


async def refunds_of_payments(reader: Reader, merchant_id: UUID, payments: Sequence[UUID]) -> tuple[RefundRow, ...]:
    """The refunds of these payments, oldest first, at most 200."""
    found = await reader.fetch(SQL["refunds_of_payments"], merchant_id, list(payments))
    return tuple(RefundRow(row["refund_id"], _money(row), row["state"], row["created_at"]) for row in found)


async def _with_payments(reader: Reader, merchant_id: UUID, found: Sequence[Record]) -> list[OrderRow]:
    orders = [_order(row) for row in found]
    newest = await reader.fetch(SQL["newest_payments"], merchant_id, [order.order_id for order in orders])
    by_order: Mapping[UUID, NewestPayment] = {
        row["order_id"]: NewestPayment(row["channel"], row["scene"], row["state"]) for row in newest
    }
    return [replace(order, payment=by_order.get(order.order_id)) for order in orders]


def _order(row: Record) -> OrderRow:
    return OrderRow(
        order_id=row["order_id"],
        merchant_order_no=row["merchant_order_no"],
        amount=_money(row),
        subject=row["subject"],
        state=row["state"],
        created_at=row["created_at"],
    )


def _alarm(kind: SubjectKind, subject_id: UUID, row: Record) -> Alarm:
    return Alarm(
        kind=kind,
        evidence_id=row["evidence_id"],
        subject_id=subject_id,
        state=row["state"],
        amount=_money(row),
        alarm=row["alarm"],
        raised_at=row["recorded_at"],
    )


def _sum(row: Record) -> Sum:
    return Sum(row["times"], _money(row))


def _money(row: Record) -> Money:
    return Money(row["amount_minor"], row["currency"])

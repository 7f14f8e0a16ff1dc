"""Rows of refunds and their evidence to values and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from shunfu.db import Reader, Transaction, named_queries
from shunfu.driver import Exchange
from shunfu.gateway.refund import RefundEvidence, RefundSucceeded
from shunfu.gateway.refund_wire import refund_evidence_to_json
from shunfu.gateway.wire import Json
from shunfu.kernel.errors import TransientFault
from shunfu.kernel.money import Money
from shunfu.refunds.evidence import Door, KeptRefundEvidence
from shunfu.refunds.model import Refund, RefundState

SQL = named_queries("shunfu.refunds")


@dataclass(frozen=True, slots=True)
class Arrival:
    """Evidence as it came in: through which door, from which notification, and when it happened in the world.

    `exchanges` are what was said to the channel to get it.
    """

    evidence: RefundEvidence
    door: Door
    happened_at: datetime
    notification_id: UUID | None = None
    exchanges: tuple[Exchange, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """A line of the timeline to keep with a move: its id, its door, what it says, and the alarm that it raised."""

    evidence_id: UUID
    door: Door
    body: Mapping[str, Json]
    alarm: str | None
    happened_at: datetime
    notification_id: UUID | None = None


def arrived(evidence: RefundEvidence, door: Door, now: datetime, notification_id: UUID | None = None) -> Arrival:
    """Evidence with the world's time: the refund's own when it succeeded, else the moment we learned it."""
    happened_at = evidence.happened_at if isinstance(evidence, RefundSucceeded) else now
    return Arrival(evidence, door, happened_at, notification_id)


def kept(arrival: Arrival, evidence_id: UUID, alarm: str | None) -> Kept:
    """The line that keeps a piece of evidence."""
    body = refund_evidence_to_json(arrival.evidence)
    return Kept(evidence_id, arrival.door, body, alarm, arrival.happened_at, arrival.notification_id)


def _refund(row: asyncpg.Record) -> Refund:
    told = dict(row)
    currency: str = told.pop("currency")
    amount, total = Money(told.pop("amount_minor"), currency), Money(told.pop("total_minor"), currency)
    return Refund(amount=amount, total=total, state=RefundState(told.pop("state")), **told)


async def add_refund(tx: Transaction, refund: Refund) -> None:
    """Save a new refund before the channel hears of it."""
    await tx.execute(
        SQL["add_refund"],
        refund.merchant_id,
        refund.refund_id,
        refund.payment_id,
        refund.order_id,
        refund.channel,
        refund.account_id,
        refund.channel_account,
        refund.channel_transaction_no,
        refund.amount.minor,
        refund.total.minor,
        refund.amount.currency,
        refund.reason,
        refund.notify_url,
        refund.is_surplus,
        refund.is_automatic,
        refund.state.value,
        refund.requested_by,
        refund.sends,
        refund.send_after,
        refund.created_at,
    )


async def get_refund(reader: Reader, merchant_id: UUID, refund_id: UUID) -> Refund | None:
    """One refund, or None."""
    row = await reader.fetch_row(SQL["get_refund"], merchant_id, refund_id)
    return _refund(row) if row else None


async def list_of_payment(reader: Reader, merchant_id: UUID, payment_id: UUID) -> list[Refund]:
    """The refunds of a payment, oldest first, at most 1,000."""
    return [_refund(row) for row in await reader.fetch(SQL["list_of_payment"], merchant_id, payment_id)]


async def list_refunds(reader: Reader, merchant_id: UUID, before: UUID, state: str | None, limit: int) -> list[Refund]:
    """Refunds with an id below `before`, newest first."""
    return [_refund(row) for row in await reader.fetch(SQL["list_refunds"], merchant_id, before, state, limit)]


async def save_decision(tx: Transaction, moved: tuple[Refund, Refund], line: Kept, now: datetime) -> None:
    """Compare and set a refund, from (before) to (after), and keep the line that says why.

    Raises TransientFault when somebody else moved the refund.
    """
    before, after = moved
    saved = await tx.execute(
        SQL["save_decision"],
        before.merchant_id,
        before.refund_id,
        before.state.value,
        after.state.value,
        after.refused_reason,
        after.channel_refund_no,
        after.sends,
        after.asks,
        after.is_over,
        after.not_found_at,
        after.redirected_at,
        after.succeeded_at,
        after.decided_by,
        after.send_after,
        now,
        line.evidence_id,
        line.door,
        line.body["kind"],
        line.body,
        line.alarm,
        line.notification_id,
        line.happened_at,
    )
    if saved != 1:
        raise TransientFault("The refund was moved by somebody else; try again.")


async def begin_send(tx: Transaction, refund: Refund, now: datetime) -> None:
    """Count a send before it is made. Raises TransientFault when somebody else moved the refund."""
    if await tx.execute(SQL["begin_send"], refund.merchant_id, refund.refund_id, refund.state.value, now) != 1:
        raise TransientFault("The refund was moved by somebody else; try again.")


async def postpone_send(tx: Transaction, refund: Refund, due: datetime, now: datetime) -> None:
    """Note that a refund may not be sent before `due`."""
    await tx.execute(SQL["postpone_send"], refund.merchant_id, refund.refund_id, due, now)


async def begin_redirect(tx: Transaction, refund: Refund, now: datetime) -> bool:
    """Note a redirection before it is asked for; False when the refund is not abnormal any more."""
    return await tx.execute(SQL["begin_redirect"], refund.merchant_id, refund.refund_id, now) == 1


async def list_evidence(reader: Reader, merchant_id: UUID, refund_id: UUID) -> list[KeptRefundEvidence]:
    """A refund's timeline, oldest first; of a very long one the newest 500 lines."""
    rows = await reader.fetch(SQL["list_evidence"], merchant_id, refund_id)
    return [KeptRefundEvidence(**dict(row)) for row in reversed(rows)]


async def last_move(reader: Reader, refund: Refund) -> KeptRefundEvidence | None:
    """The evidence that brought a refund into its state, or None."""
    row = await reader.fetch_row(SQL["last_move"], refund.merchant_id, refund.refund_id, refund.state.value)
    return KeptRefundEvidence(**dict(row)) if row else None


async def has_alarm(reader: Reader, refund: Refund, alarm: str) -> bool:
    """Whether that alarm was raised for a refund before."""
    return await reader.fetch_value(SQL["count_alarm"], refund.merchant_id, refund.refund_id, alarm) != 0


@dataclass(frozen=True, slots=True)
class Settled:
    """What one refund gave back. `is_over`: beyond what was left."""

    refund_id: UUID
    currency: str
    amount_minor: int
    is_surplus: bool
    is_over: bool


async def settled_amounts(reader: Reader, merchant_id: UUID, after: UUID, limit: int) -> Sequence[Settled]:
    """A page of what went back, by refund."""
    rows = await reader.fetch(SQL["settled_amounts"], merchant_id, after, limit)
    return [Settled(**dict(row)) for row in rows]


async def sums_by_payment(
    reader: Reader, merchant_id: UUID, after: UUID, limit: int
) -> Sequence[tuple[UUID, str, int, int]]:
    """A page of (payment, currency, minor units given back, minor units reserved), by payment."""
    rows = await reader.fetch(SQL["sums_by_payment"], merchant_id, after, limit)
    return [(row["payment_id"], row["currency"], row["refunded_minor"], row["reserved_minor"]) for row in rows]


async def list_unasked(reader: Reader, merchant_id: UUID, since: datetime, page: tuple[UUID, int]) -> list[UUID]:
    """A page of refunds, above an id, whose channel has not answered since then. `page` is (after, limit)."""
    return [row["refund_id"] for row in await reader.fetch(SQL["list_unasked"], merchant_id, since, *page)]

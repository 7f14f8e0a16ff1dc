"""Rows of orders, payments and evidence to values and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

import asyncpg

from shunfu.db import Reader, Transaction, named_queries
from shunfu.driver import Exchange
from shunfu.gateway.evidence import Evidence, Paid
from shunfu.gateway.wire import evidence_to_json, invoke_from_json, invoke_to_json
from shunfu.kernel.errors import TransientFault
from shunfu.kernel.money import Money
from shunfu.payments.evidence import Door, KeptEvidence
from shunfu.payments.model import Item, Need, Order, OrderState, Payment, PaymentState

SQL = named_queries("shunfu.payments")


@dataclass(frozen=True, slots=True)
class Arrival:
    """Evidence as it came in: through which door, from which notification, and when it happened in the world.

    `exchanges` are what was said to the channel to get it.
    """

    evidence: Evidence
    door: Door
    happened_at: datetime
    notification_id: UUID | None = None
    exchanges: tuple[Exchange, ...] = ()


def when_it_happened(evidence: Evidence, now: datetime) -> datetime:
    """The world's time of a piece of evidence: a payment's own, else the moment we learned it."""
    return evidence.happened_at if isinstance(evidence, Paid) else now


def _order(row: asyncpg.Record) -> Order:
    items = tuple(Item(line["name"], line["quantity"], line["amount_minor"]) for line in row["items"])
    return Order(
        merchant_id=row["merchant_id"],
        order_id=row["order_id"],
        merchant_order_no=row["merchant_order_no"],
        amount=Money(row["amount_minor"], row["currency"]),
        subject=row["subject"],
        items=items,
        return_url=row["return_url"],
        state=OrderState(row["state"]),
        expires_at=row["expires_at"],
        created_at=row["created_at"],
        close_requested_at=row["close_requested_at"],
        needs=tuple(row["needs"]),
    )


def _payment(row: asyncpg.Record) -> Payment:
    currency: str = row["currency"]
    captured: int = row["captured_minor"]
    return Payment(
        merchant_id=row["merchant_id"],
        payment_id=row["payment_id"],
        order_id=row["order_id"],
        channel=row["channel"],
        scene=row["scene"],
        account_id=row["account_id"],
        channel_account=row["channel_account"],
        channel_app=row["channel_app"],
        amount=Money(row["amount_minor"], currency),
        state=PaymentState(row["state"]),
        deadline=row["deadline"],
        created_at=row["created_at"],
        notify_url=row["notify_url"],
        payer=row["payer"],
        client_ip=row["client_ip"],
        return_url=row["return_url"],
        refused_reason=row["refused_reason"],
        invoke=invoke_from_json(row["invoke"]) if row["invoke"] else None,
        channel_transaction_no=row["channel_transaction_no"],
        is_surplus=row["is_surplus"],
        captured=Money(captured, currency) if captured else None,
        refunded_minor=row["refunded_minor"],
        refund_reserved_minor=row["refund_reserved_minor"],
        asks=row["asks"],
        not_found_at=row["not_found_at"],
        captured_at=row["captured_at"],
        offer_id=row["offer_id"],
        discount_minor=row["discount_minor"],
        shopper_id=row["shopper_id"],
    )


async def add_order(tx: Transaction, order: Order) -> bool:
    """Save an order; False when its id is there already. Raises ConstraintViolated on a used merchant_order_no."""
    items = [{"name": item.name, "quantity": item.quantity, "amount_minor": item.amount_minor} for item in order.items]
    added = await tx.execute(
        SQL["add_order"],
        order.merchant_id,
        order.order_id,
        order.merchant_order_no,
        order.amount.minor,
        order.amount.currency,
        order.subject,
        items,
        order.return_url,
        order.state.value,
        order.expires_at,
        order.created_at,
        list(order.needs),
    )
    return added == 1


async def get_order(reader: Reader, merchant_id: UUID, order_id: UUID) -> Order | None:
    """One order, or None."""
    row = await reader.fetch_row(SQL["get_order"], merchant_id, order_id)
    return _order(row) if row else None


async def lock_order(tx: Transaction, merchant_id: UUID, order_id: UUID) -> Order | None:
    """One order, locked until the transaction ends, or None."""
    row = await tx.fetch_row(SQL["lock_order"], merchant_id, order_id)
    return _order(row) if row else None


async def lock_order_of_payment(tx: Transaction, merchant_id: UUID, payment_id: UUID) -> Order | None:
    """The order of a payment, locked until the transaction ends, or None."""
    row = await tx.fetch_row(SQL["lock_order_of_payment"], merchant_id, payment_id)
    return _order(row) if row else None


async def list_orders(reader: Reader, merchant_id: UUID, before: UUID, state: str | None, limit: int) -> list[Order]:
    """Orders with an id below `before`, newest first."""
    return [_order(row) for row in await reader.fetch(SQL["list_orders"], merchant_id, before, state, limit)]


async def move_order(tx: Transaction, before: Order, after: Order, told: int, now: datetime) -> int:
    """Compare and set the order's state and count what is told of it; the number of the last thing told.

    Raises TransientFault when somebody else moved it.
    """
    key = (before.merchant_id, before.order_id)
    last = await tx.fetch_value(SQL["move_order"], *key, before.state.value, after.state.value, now, told)
    if last is None:
        raise TransientFault("The order was moved by somebody else; try again.")
    return cast("int", last)


async def get_contact(
    reader: Reader, merchant_id: UUID, order_id: UUID
) -> tuple[dict[str, object], dict[Need, UUID]] | None:
    """The sealed contact of an order and the shopper who gave each kind, or None."""
    row = await reader.fetch_row(SQL["get_contact"], merchant_id, order_id)
    return (row["contact"], {kind: UUID(giver) for kind, giver in row["givers"].items()}) if row else None


async def save_contact(
    tx: Transaction, order: Order, kept: tuple[dict[str, str | int], Mapping[Need, UUID]], now: datetime
) -> None:
    """Keep the sealed contact of an order in place of an older one. `kept` is (envelope, who gave each kind)."""
    envelope, givers = kept
    told = {kind: str(giver) for kind, giver in givers.items()}
    await tx.execute(SQL["save_contact"], order.merchant_id, order.order_id, envelope, now, told)


async def add_payment(tx: Transaction, payment: Payment) -> None:
    """Save a new payment before the channel hears of it."""
    await tx.execute(
        SQL["add_payment"],
        payment.merchant_id,
        payment.payment_id,
        payment.order_id,
        payment.channel,
        payment.scene,
        payment.account_id,
        payment.channel_account,
        payment.channel_app,
        payment.amount.minor,
        payment.amount.currency,
        payment.state.value,
        payment.payer,
        payment.deadline,
        payment.created_at,
        payment.notify_url,
        payment.client_ip,
        payment.return_url,
        payment.offer_id,
        payment.discount_minor,
        payment.shopper_id,
    )


async def get_payment(reader: Reader, merchant_id: UUID, payment_id: UUID) -> Payment | None:
    """One payment, or None."""
    row = await reader.fetch_row(SQL["get_payment"], merchant_id, payment_id)
    return _payment(row) if row else None


async def list_payments(reader: Reader, merchant_id: UUID, order_id: UUID) -> list[Payment]:
    """The payments of an order, oldest first, at most 100."""
    return [_payment(row) for row in await reader.fetch(SQL["list_payments"], merchant_id, order_id)]


async def save_decision(
    tx: Transaction, moved: tuple[Payment, Payment], arrival: Arrival, kept: tuple[UUID, str | None], now: datetime
) -> None:
    """Compare and set a payment and keep its evidence. `moved` is (before, after), `kept` (evidence id, alarm).

    Raises TransientFault when somebody else moved the payment.
    """
    before, after = moved
    body = evidence_to_json(arrival.evidence)
    saved = await tx.execute(
        SQL["save_decision"],
        before.merchant_id,
        before.payment_id,
        before.state.value,
        after.state.value,
        after.refused_reason,
        invoke_to_json(after.invoke) if after.invoke else None,
        after.channel_transaction_no,
        after.is_surplus,
        after.captured.minor if after.captured else 0,
        after.captured_at,
        after.asks,
        after.not_found_at,
        now,
        kept[0],
        arrival.door,
        body["kind"],
        body,
        kept[1],
        arrival.notification_id,
        arrival.happened_at,
    )
    if saved != 1:
        raise TransientFault("The payment was moved by somebody else; try again.")


async def move_refund_money(
    tx: Transaction, payment: tuple[UUID, UUID], reserved_minor: int, refunded_minor: int, now: datetime
) -> bool:
    """Add to what is reserved and given back on (merchant, payment); False when the payment has too little left."""
    return await tx.execute(SQL["move_refund_money"], *payment, reserved_minor, refunded_minor, now) == 1


async def list_evidence(reader: Reader, merchant_id: UUID, payment_id: UUID) -> list[KeptEvidence]:
    """A payment's timeline, oldest first; of a very long one the newest 500 lines."""
    rows = await reader.fetch(SQL["list_evidence"], merchant_id, payment_id)
    return [KeptEvidence(**dict(row)) for row in reversed(rows)]


async def last_move(reader: Reader, payment: Payment) -> KeptEvidence | None:
    """The evidence that brought a payment into its state, or None."""
    row = await reader.fetch_row(SQL["last_move"], payment.merchant_id, payment.payment_id, payment.state.value)
    return KeptEvidence(**dict(row)) if row else None


async def has_alarm(reader: Reader, payment: Payment, alarm: str) -> bool:
    """Whether that alarm was raised for a payment before."""
    return await reader.fetch_value(SQL["count_alarm"], payment.merchant_id, payment.payment_id, alarm) != 0


async def captured_amounts(
    reader: Reader, merchant_id: UUID, after: UUID, *, is_surplus: bool, limit: int
) -> Sequence[tuple[UUID, str, int]]:
    """A page of (payment, currency, minor units) captured, by payment."""
    rows = await reader.fetch(SQL["captured_amounts"], merchant_id, is_surplus, after, limit)
    return [(row["payment_id"], cast("str", row["currency"]), cast("int", row["captured_minor"])) for row in rows]


async def refunded_amounts(
    reader: Reader, merchant_id: UUID, after: UUID, limit: int
) -> Sequence[tuple[UUID, str, int, int]]:
    """A page of (payment, currency, minor units given back, minor units reserved), by payment."""
    rows = await reader.fetch(SQL["refunded_amounts"], merchant_id, after, limit)
    return [(row["payment_id"], row["currency"], row["refunded_minor"], row["refund_reserved_minor"]) for row in rows]


async def list_unasked(reader: Reader, merchant_id: UUID, since: datetime, page: tuple[UUID, int]) -> list[UUID]:
    """A page of live payments, above an id, whose channel has not answered since then. `page` is (after, limit)."""
    return [row["payment_id"] for row in await reader.fetch(SQL["list_unasked"], merchant_id, since, *page)]

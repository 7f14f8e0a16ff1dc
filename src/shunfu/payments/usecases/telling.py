"""What the rooms above do to an order and its payments, in a transaction of theirs: lock, move refund money, tell.

Events are numbered in the order's own sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from shunfu.db import Transaction
from shunfu.kernel.errors import NotFoundHere
from shunfu.kernel.event import OrderEvent
from shunfu.payments import store
from shunfu.payments.model import Order, Payment
from shunfu.payments.usecases.tools import PaymentTools


async def tell(tools: PaymentTools, tx: Transaction, orders: tuple[Order, Order], facts: Sequence[OrderEvent]) -> None:
    """Set an order from (before) to (after) and publish the facts about it, numbered. The caller holds its lock."""
    before, after = orders
    if before.state is after.state and not facts:
        return
    last = await store.move_order(tx, before, after, len(facts), tools.now())
    for sequence, fact in enumerate(facts, last - len(facts) + 1):
        await tools.outbox.publish(tx, replace(fact, sequence=sequence))


async def lock_payment(tx: Transaction, merchant_id: UUID, payment_id: UUID) -> tuple[Order, Payment]:
    """A payment and its order, both held by the order's lock until the transaction ends. Raises NotFoundHere."""
    order = await store.lock_order_of_payment(tx, merchant_id, payment_id)
    payment = await store.get_payment(tx, merchant_id, payment_id) if order else None
    if order is None or payment is None:
        raise NotFoundHere
    return order, payment


async def move_refund_money(
    tx: Transaction, payment: tuple[UUID, UUID], reserved_minor: int, refunded_minor: int, now: datetime
) -> bool:
    """Add to what is reserved and given back on (merchant, payment); False when the payment has too little left."""
    return await store.move_refund_money(tx, payment, reserved_minor, refunded_minor, now)

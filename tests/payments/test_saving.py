"""What is saved about an order when two hands reach for it: the lock, compare and set, its keys, its numbered facts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from db.support import sql, waits_or_ends
from flows.world import World, make_world
from shunfu.db import ConstraintViolated, Database, Transaction
from shunfu.gateway.evidence import Closed
from shunfu.kernel.errors import TransientFault
from shunfu.kernel.ids import parse_public
from shunfu.payments import lock_payment, store, tell
from shunfu.payments.events import OrderClosed, PaymentEnded
from shunfu.payments.model import Order, Payment, PaymentState
from shunfu.payments.store import Arrival

Lock = Callable[[Transaction, Order, Payment], Awaitable[Any]]

LOCKS: dict[str, Lock] = {
    "its id": lambda tx, order, _: store.lock_order(tx, order.merchant_id, order.order_id),
    "its payment": lambda tx, order, payment: lock_payment(tx, order.merchant_id, payment.payment_id),
}


@pytest.fixture
async def world(database: Database) -> World:
    return await make_world(database)


async def pending(world: World) -> tuple[Order, Payment]:
    """An order with a pending payment, as they are read."""
    order_name, payment_name = await world.pending()
    merchant_id = parse_public("mer", world.notify_path.split("/")[3])
    order_id, payment_id = parse_public("ord", order_name), parse_public("pay", payment_name)
    assert merchant_id
    assert order_id
    assert payment_id
    async with world.house.database.reading() as reader:
        order = await store.get_order(reader, merchant_id, order_id)
        payment = await store.get_payment(reader, merchant_id, payment_id)
    assert order
    assert payment
    return order, payment


@pytest.mark.parametrize("by", LOCKS)
async def test_whoever_decides_about_an_order_holds_it(world: World, by: str) -> None:
    order, payment = await pending(world)
    database = world.house.database
    held, may_end = asyncio.Event(), asyncio.Event()

    async def first(tx: Transaction) -> None:
        await LOCKS[by](tx, order, payment)
        held.set()
        await may_end.wait()

    async def second(tx: Transaction) -> None:
        await LOCKS[by](tx, order, payment)

    holder = asyncio.create_task(database.transact(first))
    await held.wait()
    follower = asyncio.create_task(database.transact(second))
    await waits_or_ends(database, follower)
    went_past = follower.done()
    may_end.set()
    await asyncio.gather(holder, follower)
    assert not went_past


async def test_a_decision_made_on_an_old_reading_saves_neither_state_nor_evidence(world: World) -> None:
    _, old = await pending(world)
    await world.shopper_pays(f"pay_{(await world.sql('SELECT number FROM channel_exchanges LIMIT 1'))[0][0]}")
    evidence = "SELECT state, (SELECT count(*) FROM payment_evidence) FROM payments"
    before = await world.sql(evidence)
    arrival = Arrival(Closed("CLOSED"), "query", world.clock.now())
    kept = (UUID(int=1), None)

    async def story(tx: Transaction) -> None:
        await store.save_decision(tx, (old, replace(old, state=PaymentState.CLOSED)), arrival, kept, world.clock.now())

    with pytest.raises(TransientFault):
        await world.house.database.transact(story)
    assert await world.sql(evidence) == before
    assert before[0][0] == "CAPTURED"


COPY_AS_PAYING = """
INSERT INTO payments (merchant_id, payment_id, order_id, channel, scene, account_id, channel_account, channel_app,
                      notify_url, amount_minor, currency, state, captured_minor, captured_at, deadline, created_at,
                      updated_at, is_surplus)
SELECT merchant_id, $1, order_id, channel, scene, account_id, channel_account, channel_app, notify_url, amount_minor,
       currency, 'CAPTURED', amount_minor, created_at, deadline, created_at, created_at, $2
FROM payments LIMIT 1
"""


async def test_the_database_itself_refuses_a_second_payment_that_pays(world: World) -> None:
    """Were the transition function wrong, the unique index would still hold; a surplus is no second one."""
    await pending(world)
    database = world.house.database
    await database.transact(lambda tx: tx.execute(sql(COPY_AS_PAYING), UUID(int=1), False))
    await database.transact(lambda tx: tx.execute(sql(COPY_AS_PAYING), UUID(int=2), True))
    with pytest.raises(ConstraintViolated, match="payments_one_paying"):
        await database.transact(lambda tx: tx.execute(sql(COPY_AS_PAYING), UUID(int=3), False))


def facts(order: Order, payment: Payment) -> list[PaymentEnded | OrderClosed]:
    about = {"merchant_id": order.merchant_id, "happened_at": order.created_at, "order_id": order.order_id}
    return [PaymentEnded(**about, payment_id=payment.payment_id, state="CLOSED"), OrderClosed(**about)]


TOLD = "SELECT name, (body->>'sequence')::int FROM events WHERE body ? 'sequence' ORDER BY 2"


async def test_facts_are_numbered_on_from_the_last_one_told(world: World) -> None:
    order, payment = await pending(world)
    tools = world.house.payments
    for _ in range(2):
        await tools.database.transact(lambda tx: tell(tools, tx, (order, order), facts(order, payment)))
    assert await world.sql(TOLD) == [
        ("PaymentEnded", 1),
        ("OrderClosed", 2),
        ("PaymentEnded", 3),
        ("OrderClosed", 4),
    ]


async def test_facts_are_told_with_their_story_or_not_at_all(world: World) -> None:
    order, payment = await pending(world)
    tools = world.house.payments

    async def story(tx: Transaction) -> None:
        await tell(tools, tx, (order, order), facts(order, payment))
        raise LookupError

    with pytest.raises(LookupError):
        await tools.database.transact(story)
    assert await world.sql(TOLD) == []
    assert await world.sql("SELECT sequence FROM orders") == [(0,)]

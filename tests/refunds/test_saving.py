"""What is saved about a refund before and while money moves: read under the lock, each send counted, one automatic."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from db.support import sql, waits_or_ends
from flows.world import World, make_world
from shunfu.db import ConstraintViolated, Database, Transaction
from shunfu.gateway.flow import Answer, Request
from shunfu.gateway.sandbox import Faults
from shunfu.kernel.ids import parse_public
from shunfu.payments import lock_payment
from shunfu.refunds import Named
from shunfu.refunds.usecases.settling import lock_refund


@pytest.fixture
async def world(database: Database) -> World:
    return await make_world(database)


async def paid(world: World) -> str:
    _, payment_id = await world.pending()
    await world.shopper_pays(payment_id)
    return payment_id


async def ask(world: World, payment_id: str, key: str | None = None) -> Any:
    return await world.post(f"/v1/payments/{payment_id}/refunds", {"amount_minor": 2800, "reason": "少了一件"}, key)


async def test_a_refund_is_read_as_the_one_who_held_it_left_it(world: World) -> None:
    payment_id = await paid(world)
    refund_id = (await ask(world, payment_id)).json()["id"]
    merchant_id, found = parse_public("mer", world.notify_path.split("/")[3]), parse_public("rfd", refund_id)
    payment = parse_public("pay", payment_id)
    assert merchant_id
    assert found
    assert payment
    held, may_end = asyncio.Event(), asyncio.Event()
    database = world.house.database

    async def first(tx: Transaction) -> None:
        await lock_payment(tx, merchant_id, payment)
        await tx.execute(sql("UPDATE refunds SET asks = 41 WHERE refund_id = $1"), found)
        held.set()
        await may_end.wait()

    async def second(tx: Transaction) -> int:
        return (await lock_refund(tx, Named(merchant_id, found)))[1].asks

    holder = asyncio.create_task(database.transact(first))
    await held.wait()
    follower = asyncio.create_task(database.transact(second))
    await waits_or_ends(database, follower)
    may_end.set()
    await holder
    assert await follower == 41


async def test_a_send_is_counted_although_nobody_lived_to_hear_of_it(world: World) -> None:
    """The channel has the request and the process dies: a refusal of the next send must not free the money."""
    payment_id = await paid(world)
    answer = world.line.answer

    def crash(request: Request) -> Answer:
        answer(request)
        raise RuntimeError("the power went out")

    world.line.answer = crash
    assert (await ask(world, payment_id)).status == 500
    world.line.answer = answer
    assert len(world.line.state.refunds) == 1
    assert await world.sql("SELECT state, sends FROM refunds") == [("SENDING", 1)]
    assert await world.sql("SELECT refund_reserved_minor FROM payments") == [(2800,)]


async def surplus(world: World) -> str:
    """A payment whose money came although it had been closed."""
    _, payment_id = await world.pending()
    world.line.shopper(payment_id[4:])
    (late,) = world.line.due()
    await _owner(world, "UPDATE payments SET state = 'CLOSED'")
    await world.deliver(late)
    await world.work()
    assert (await world.payment(payment_id))["is_surplus"]
    return payment_id


async def test_a_surplus_whose_refund_was_closed_is_not_refunded_again_by_itself(world: World) -> None:
    """The money is free again, and still it is for a person to decide."""
    world.line.stage = replace(world.line.stage, faults=Faults(refund_closed=1))
    payment_id = await surplus(world)
    for _ in range(3):
        await world.pass_time(minutes=5)
        for delivery in world.line.due():
            await world.deliver(delivery)
        await world.work()
    assert await world.sql("SELECT state FROM refunds") == [("CLOSED",)]
    assert await world.sql("SELECT refund_reserved_minor, refunded_minor FROM payments") == [(0, 0)]
    handler = "on:refunds.refund_surplus"
    again = "UPDATE jobs SET state = 'waiting', finished_at = NULL, attempts = 0 WHERE kind = $1"
    await _owner(world, again, handler)
    await world.work()
    assert await world.sql("SELECT count(*) FROM refunds") == [(1,)]
    assert await world.sql("SELECT state, last_error FROM jobs WHERE kind = $1", handler) == [("done", None)]
    assert len(world.line.state.refunds) == 1
    assert (await world.payment(payment_id))["refunded_minor"] == 0


COPY = """
INSERT INTO refunds (merchant_id, refund_id, payment_id, order_id, channel, account_id, channel_account,
                     channel_transaction_no, amount_minor, total_minor, currency, reason, notify_url, is_surplus,
                     is_automatic, state, requested_by, send_after, created_at, updated_at)
SELECT merchant_id, merchant_id, payment_id, order_id, channel, account_id, channel_account, channel_transaction_no,
       amount_minor, total_minor, currency, reason, notify_url, is_surplus, is_automatic, state, requested_by,
       send_after, created_at, updated_at
FROM refunds
"""


async def test_the_database_itself_refuses_a_second_automatic_refund(world: World) -> None:
    await surplus(world)
    assert await world.sql("SELECT is_automatic FROM refunds") == [(True,)]
    with pytest.raises(ConstraintViolated, match="refunds_one_automatic"):
        await _owner(world, COPY)


async def _owner(world: World, statement: str, *args: object) -> None:
    await world.house.database.transact(lambda tx: tx.execute(sql(statement), *args))

"""After a restore the channel knows more than we do: no money leaves until everything open was asked about.

The database is set back by hand to how it was before a refund was sent; the sandbox goes on from where it is.
"""

from uuid import UUID

from flows.test_refund import ask, lose, money, paid, read
from flows.world import World
from shunfu.app.commands import prove_books
from shunfu.db import Query, Transaction, begin_recovery, recovering_since
from shunfu.kernel.ids import parse_public
from shunfu.refunds import recover_job


def merchant_of(world: World) -> UUID:
    merchant_id = parse_public("mer", world.notify_path.split("/")[3])
    assert merchant_id is not None
    return merchant_id


async def restore(world: World) -> None:
    """What `shunfu backup restore` does last."""

    async def story(tx: Transaction) -> None:
        await begin_recovery(tx, merchant_of(world), world.clock.now())
        await world.house.jobs.enqueue(tx, recover_job(merchant_of(world), world.clock.now()))

    await world.house.database.transact(story)


async def is_recovering(world: World) -> bool:
    async with world.house.database.reading() as reader:
        return await recovering_since(reader, merchant_of(world)) is not None


async def forget_the_send(world: World, refund_id: str) -> None:
    """The row as it was before anything was sent."""
    text = "UPDATE refunds SET state = 'SENDING', sends = 0, channel_refund_no = NULL WHERE refund_id = $1"
    await world.house.database.transact(
        lambda tx: tx.execute(Query("test", text, "test"), parse_public("rfd", refund_id))
    )


async def test_nothing_leaves_while_a_channel_is_silent(world: World) -> None:
    payment_id = await paid(world)
    await world.pending()
    await restore(world)
    world.line.lose_replies = 1_000_000
    refund = await ask(world, payment_id)
    assert refund["state"] == "SENDING"
    await lose(world, hours=5)
    assert await is_recovering(world)
    assert len(world.line.state.refunds) == 0
    world.line.lose_replies = 0
    await lose(world, minutes=2)
    assert not await is_recovering(world)
    await lose(world, hours=5)
    await lose(world, hours=5)
    assert (await read(world, refund["id"]))["state"] == "SUCCEEDED"


async def test_a_refund_sent_before_the_restore_is_found_and_not_sent_again(world: World) -> None:
    payment_id = await paid(world)
    refund = await ask(world, payment_id)
    await forget_the_send(world, refund["id"])
    sent = len([one for one in world.line.requests if one.method == "POST"])
    await restore(world)
    await world.work()
    assert not await is_recovering(world)
    assert (await read(world, refund["id"]))["state"] == "PROCESSING"
    await lose(world, hours=1)
    assert len([one for one in world.line.requests if one.method == "POST"]) == sent
    assert await money(world, payment_id) == (2800, 0)
    assert (await prove_books(world.house))["ok"]


async def test_a_payment_made_meanwhile_is_found(world: World) -> None:
    order_id, payment_id = await world.pending()
    world.line.shopper(payment_id[4:])
    await restore(world)
    await world.work()
    assert await world.order_state(order_id) == "PAID"
    assert not await is_recovering(world)


async def test_with_nothing_open_it_ends_at_once(world: World) -> None:
    await paid(world)
    await restore(world)
    asked = len(world.line.requests)
    await world.work()
    assert not await is_recovering(world)
    assert len(world.line.requests) == asked


async def test_an_abnormal_refund_waits_too(world: World) -> None:
    payment_id = await paid(world, 9921)
    refund = await ask(world, payment_id, 9921)
    await lose(world, minutes=6)
    assert (await read(world, refund["id"]))["state"] == "ABNORMAL"
    await restore(world)
    said = await world.post(f"/v1/refunds/{refund['id']}/redirect", {"to": "merchant"})
    assert (said.status, said.code) == (409, "state_conflict")
    await world.work()
    said = await world.post(f"/v1/refunds/{refund['id']}/redirect", {"to": "merchant"})
    assert said.json()["state"] == "PROCESSING"

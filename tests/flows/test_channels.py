"""One payment's life at every channel that there is: the same story and states, whoever stands behind the port."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.world import World, make_world
from shunfu.app.commands import prove_books
from shunfu.db import Database
from shunfu.driver import discover
from shunfu.gateway.sandbox import Faults
from shunfu.gateway.sandbox import stage as stages
from shunfu.gateway.sandbox.values import NOTIFICATION_TWISTS, Outcome


@pytest.fixture(params=list(discover().channels))
async def world(request: pytest.FixtureRequest, database: Database) -> World:
    """A whole installation with an account at one channel."""
    return await make_world(database, request.param)


async def test_a_notification_pays_the_order_and_a_replay_changes_nothing(world: World) -> None:
    order_id, payment_id = await world.pending()
    world.line.shopper(payment_id[4:])
    (delivery,) = world.line.due()
    for _ in range(2):
        assert (await world.deliver(delivery)).status in {200, 204}
        await world.work()
    assert await world.order_state(order_id) == "PAID"
    payment = await world.payment(payment_id)
    assert (payment["state"], payment["captured_minor"]) == ("CAPTURED", 8600)
    assert payment["channel_transaction_no"]
    assert [line["door"] for line in payment["timeline"]] == ["reply", "notification"]
    proof = await prove_books(world.house)
    assert proof["ok"], proof


async def test_the_channel_takes_our_answer_to_its_notification(world: World) -> None:
    """What our server answers is what this channel's sandbox counts as taken, and it does not come again."""
    _, payment_id = await world.pending()
    world.line.shopper(payment_id[4:])
    (delivery,) = world.line.due()
    said = await world.deliver(delivery)
    outcome = Outcome(said.status, "refused", 0, 0, said.body)
    stage = stages.settle(world.line.stage, delivery, outcome, world.clock.now())
    assert not stage.post.waiting
    assert stage.post.sendings[-1].outcome == "accepted"


async def test_when_every_notification_is_lost_the_janitor_finds_the_payment(world: World) -> None:
    order_id, payment_id = await world.pending()
    world.line.shopper(payment_id[4:])
    await world.pass_time(minutes=6)
    assert await world.order_state(order_id) == "PAID"
    assert (await world.payment(payment_id))["timeline"][-1]["door"] == "query"


@pytest.mark.parametrize("twist", NOTIFICATION_TWISTS)
async def test_a_notification_with_something_wrong_moves_nothing_and_the_genuine_one_counts(
    world: World, twist: str
) -> None:
    order_id, payment_id = await world.pending()
    world.line.shopper(payment_id[4:], faults=Faults(**{twist: 1}))
    (wrong,) = world.line.due()
    said = await world.deliver(wrong)
    await world.work()
    assert await world.order_state(order_id) == "OPEN", (twist, said.status, said.body)
    (genuine,) = world.line.again(payment_id[4:])
    await world.deliver(genuine)
    await world.work()
    assert await world.order_state(order_id) == "PAID"


@pytest.mark.parametrize("fault", ["reply_lost", "gateway_error", "gateway_error_after", "reply_bad_signature"])
async def test_a_reply_that_goes_wrong_is_unknown_until_the_channel_says(world: World, fault: str) -> None:
    order = await world.order()
    world.line.stage = replace(world.line.stage, faults=Faults(**{fault: 1}))
    said = await world.pay(order["id"])
    assert (said.status, said.json()["state"]) == (201, "UNKNOWN"), said.body
    await world.pass_time(minutes=5)
    payment = await world.payment(said.json()["id"])
    assert payment["state"] in {"PENDING", "UNKNOWN"}
    if payment["state"] == "PENDING":
        await world.shopper_pays(payment["id"])
        assert await world.order_state(order["id"]) == "PAID"


async def test_an_order_that_nobody_pays_closes_by_the_channels_word(world: World) -> None:
    order_id, payment_id = await world.pending()
    await world.pass_time(hours=3)
    await world.pass_time(hours=3)
    assert await world.order_state(order_id) == "CLOSED"
    assert (await world.payment(payment_id))["state"] == "CLOSED"

"""Paying with an offer: what is taken off, held, used and given back, through every layer and in every order."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from db.support import sql
from flows.test_payment import assert_books_balance, ledger_lines
from flows.test_refund import lose, money
from flows.world import World, sandbox_of
from offers.support import as_shopper, counts, make, pay
from shunfu.db import ConstraintViolated
from shunfu.kernel.clock import rfc3339
from shunfu.kernel.errors import OfferGone
from shunfu.kernel.ids import parse_public, public
from shunfu.kernel.money import Money
from shunfu.offers import best_offers
from shunfu.payments import start_payment

SHOPPER, OTHER = UUID(int=71), UUID(int=72)


async def begun(world: World, offer_id: str | None, **order: object) -> tuple[str, Any]:
    """An order with a payment that has an offer: (order id, payment)."""
    made = await world.order(**order)
    said = await pay(world, made["id"], offer_id)
    assert said.status == 201, said.body
    return made["id"], said.json()


async def test_what_is_paid_is_the_price_less_the_saving_and_everything_says_so(world: World) -> None:
    offer = await make(world)
    order_id, payment = await begun(world, offer["id"])
    assert (payment["amount_minor"], payment["discount_minor"], payment["offer"]) == (8100, 500, offer["id"])
    assert await counts(world, offer["id"]) == (1, 0)
    (placed,) = sandbox_of(world.channel).verbs.list_orders(world.line.state)
    assert placed.amount_minor == 8100, "the channel is asked for what is paid"
    await world.shopper_pays(payment["id"])
    order = (await world.get(f"/v1/orders/{order_id}")).json()
    assert (order["state"], order["amount_minor"]) == ("PAID", 8600)
    paid = await world.payment(payment["id"])
    assert (paid["captured_minor"], paid["amount_minor"], paid["discount_minor"]) == (8100, 8100, 500)
    assert await counts(world, offer["id"]) == (0, 1)
    assert await ledger_lines(world) == [("capture", 8100, "CNY")]
    facts = await world.sql("SELECT body FROM events WHERE name IN ('PaymentCaptured', 'OrderPaid') ORDER BY id")
    told = [(body["amount"]["minor"], body["discount_minor"], body["offer_id"]) for (body,) in facts]
    assert told == [(8100, 500, str(parse_public("off", offer["id"])))] * 2
    assert "¥5.00" in paid["lines"][1]["summary"]["zh-CN"]
    await assert_books_balance(world)


async def test_no_more_than_was_captured_goes_back_and_a_refund_gives_no_offer_back(world: World) -> None:
    offer = await make(world)
    _, payment = await begun(world, offer["id"])
    await world.shopper_pays(payment["id"])
    target = f"/v1/payments/{payment['id']}/refunds"
    over = await world.post(target, {"amount_minor": 8600, "reason": "全退"})
    assert (over.status, over.code) == (422, "amount_exceeds_refundable")
    whole = await world.post(target, {"amount_minor": 8100, "reason": "全退"})
    assert whole.status == 201
    await lose(world, minutes=12)
    assert await money(world, payment["id"]) == (8100, 0)
    assert await counts(world, offer["id"]) == (0, 1)
    await assert_books_balance(world)


async def test_a_payment_that_the_channel_refuses_gives_its_offer_back_at_once(world: World) -> None:
    offer = await make(world, stock=1)
    order = await world.order(amount_minor=9901 + 500)
    refused = await pay(world, order["id"], offer["id"])
    assert (refused.status, refused.code) == (422, "channel_refused")
    assert await counts(world, offer["id"]) == (0, 0)
    _, payment = await begun(world, offer["id"])
    assert payment["discount_minor"] == 500


async def test_another_method_takes_the_last_one_over_from_the_first(world: World) -> None:
    """The shopper changes their mind: the first payment is closed at the channel, and its offer is free again."""
    offer = await make(world, stock=1)
    order_id, first = await begun(world, offer["id"])
    payer = {"method": "wechatpay/miniprogram", "payer": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}
    second = await pay(world, order_id, offer["id"], **payer)
    assert second.status == 201, second.body
    assert second.json()["discount_minor"] == 500
    assert (await world.payment(first["id"]))["state"] == "CLOSED"
    assert await counts(world, offer["id"]) == (1, 0)


async def test_a_pending_payment_keeps_its_discount_when_the_offer_ends(world: World) -> None:
    offer = await make(world)
    order_id, payment = await begun(world, offer["id"])
    await world.post(f"/v1/offers/{offer['id']}/end", {})
    for wanted in (offer["id"], None):
        again = (await pay(world, order_id, wanted)).json()
        assert (again["id"], again["amount_minor"], again["discount_minor"]) == (payment["id"], 8100, 500)
    await world.shopper_pays(payment["id"])
    assert await world.order_state(order_id) == "PAID"
    assert await counts(world, offer["id"]) == (0, 1)
    other = await world.order()
    gone = await pay(world, other["id"], offer["id"])
    assert (gone.status, gone.code) == (409, "offer_gone")
    assert (gone.json()["reason"], gone.json()["offer"]) == ("ended", offer["id"])


async def test_another_offer_while_a_payment_is_live_changes_nothing(world: World) -> None:
    first, second = await make(world), await make(world, amount_minor=900)
    order_id, payment = await begun(world, first["id"])
    again = (await pay(world, order_id, second["id"])).json()
    assert (again["id"], again["offer"]) == (payment["id"], first["id"])
    assert await counts(world, second["id"]) == (0, 0)


async def test_an_expired_order_gives_its_offer_back(world: World) -> None:
    offer = await make(world)
    order_id, _ = await begun(world, offer["id"])
    await world.pass_time(minutes=31)
    await world.pass_time(minutes=10)
    assert await world.order_state(order_id) == "CLOSED"
    assert await counts(world, offer["id"]) == (0, 0)


async def test_an_unknown_payment_holds_its_offer_until_the_channel_says(world: World) -> None:
    offer = await make(world)
    order = await world.order()
    world.line.lose_replies = 1
    payment = (await pay(world, order["id"], offer["id"])).json()
    assert payment["state"] == "UNKNOWN"
    assert await counts(world, offer["id"]) == (1, 0)
    await world.pass_time(seconds=6)
    await world.shopper_pays(payment["id"])
    assert await world.order_state(order["id"]) == "PAID"
    assert await counts(world, offer["id"]) == (0, 1)


async def test_a_surplus_goes_back_whole_with_what_was_captured_and_uses_no_offer(world: World) -> None:
    """The channel closed the payment, and let the shopper pay it all the same."""
    offer = await make(world, stock=1)
    order_id, payment = await begun(world, offer["id"])
    payable = world.line.stage
    await world.post(f"/v1/orders/{order_id}/close", {})
    assert await world.order_state(order_id) == "CLOSED"
    assert await counts(world, offer["id"]) == (0, 0)
    _, taken = await begun(world, offer["id"])
    now_there = world.line.stage
    world.line.stage = payable
    world.line.shopper(payment["id"][4:])
    (delivery,) = world.line.due()
    await world.deliver(delivery)
    await world.work()
    late = await world.payment(payment["id"])
    assert (late["state"], late["is_surplus"], late["captured_minor"]) == ("CAPTURED", True, 8100)
    await lose(world, minutes=12)
    assert await money(world, payment["id"]) == (8100, 0)
    assert await counts(world, offer["id"]) == (1, 0), "the other order's"
    world.line.stage = now_there
    assert (await world.payment(taken["id"]))["discount_minor"] == 500
    await assert_books_balance(world)


async def test_a_notification_of_the_full_price_is_no_payment_of_ours(world: World) -> None:
    """Guard G compares with what is paid, not with the order's price."""
    offer = await make(world)
    order_id, payment = await begun(world, offer["id"])
    world.line.shopper(payment["id"][4:])
    (delivery,) = world.line.due()
    lie = world.lie(delivery, amount={"total": 8600, "payer_total": 8600})
    await world.deliver(lie)
    await world.work()
    assert await world.order_state(order_id) == "OPEN"
    assert await counts(world, offer["id"]) == (1, 0)


async def test_twenty_at_once_and_five_of_them_get_one(world: World) -> None:
    offer = await make(world, stock=5)
    orders = [await world.order() for _ in range(20)]
    said = await asyncio.gather(*(pay(world, order["id"], offer["id"]) for order in orders))
    assert sorted(answer.status for answer in said) == [201] * 5 + [409] * 15
    assert {answer.json()["reason"] for answer in said if answer.status == 409} == {"out_of_stock"}
    assert await counts(world, offer["id"]) == (5, 0)
    assert await world.sql("SELECT count(*) FROM payments") == [(5,)], "nothing was begun without it"
    assert len(world.line.state.orders) == 5, "nothing was sent"


async def test_one_shopper_at_two_places_at_once_gets_one(world: World) -> None:
    offer = await make(world, per_shopper_max=1)
    orders = [await world.order() for _ in range(6)]
    tools = world.house.payments
    wishes = [as_shopper(world, order["id"], offer["id"], SHOPPER, tools.source.new_id()) for order in orders]
    said = await asyncio.gather(*(start_payment(tools, one) for one in wishes), return_exceptions=True)
    assert len([one for one in said if isinstance(one, OfferGone) and one.members["reason"] == "had_it"]) == 5
    assert await counts(world, offer["id"]) == (1, 0)
    order = await world.order()
    other = as_shopper(world, order["id"], offer["id"], OTHER, tools.source.new_id())
    assert (await start_payment(tools, other)).discount_minor == 500


async def test_a_guest_gets_no_offer_that_is_counted_by_shopper(world: World) -> None:
    offer = await make(world, per_shopper_max=1)
    order = await world.order()
    gone = await pay(world, order["id"], offer["id"])
    assert (gone.code, gone.json()["reason"]) == ("offer_gone", "no_shopper")


async def test_who_pays_is_told_of_with_their_method(world: World) -> None:
    offer = await make(world)
    order = await world.order()
    tools = world.house.payments
    wish = as_shopper(world, order["id"], offer["id"], SHOPPER, tools.source.new_id())
    payment = await start_payment(tools, wish)
    told = "SELECT body->>'shopper_id', body->>'method' FROM events WHERE name = 'ShopperPaid'"
    assert await world.sql(told) == []
    await world.shopper_pays(public("pay", payment.payment_id))
    assert await world.sql(told) == [(str(SHOPPER), world.method)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"minimum_minor": 8601}, "below_minimum"),
        ({"starts_at": "2026-01-01T00:30:00Z"}, "not_begun"),
        ({"kind": "percent_off", "amount_minor": None, "percent_bp": 1}, "saves_nothing"),
    ],
)
async def test_an_offer_is_judged_anew_when_paying(world: World, changes: dict[str, object], reason: str) -> None:
    offer = await make(world, **changes)
    order = await world.order()
    said = await pay(world, order["id"], offer["id"])
    assert (said.code, said.json()["reason"]) == ("offer_gone", reason)
    assert await world.sql("SELECT count(*) FROM payments") == [(0,)]
    assert world.line.requests == []


async def test_an_offer_of_another_merchant_cannot_be_had(world: World) -> None:
    order = await world.order()
    gone = await pay(world, order["id"], public("off", UUID(int=5)))
    assert (gone.code, gone.json()["reason"]) == ("offer_gone", "not_found")
    malformed = await pay(world, order["id"], "off_nonsense")
    assert malformed.code == "invalid_field"


async def test_a_retry_of_the_same_wish_holds_one(world: World) -> None:
    """The process died after the payment was saved: the same wish again finds it, and nothing is held twice."""
    offer = await make(world, stock=2)
    order = await world.order()
    tools = world.house.payments
    wish = as_shopper(world, order["id"], offer["id"], SHOPPER, tools.source.new_id())
    first, again = [await start_payment(tools, wish) for _ in range(2)]
    assert first.payment_id == again.payment_id
    assert await counts(world, offer["id"]) == (1, 0)


async def test_the_database_itself_refuses_more_than_the_stock_and_a_discount_without_an_offer(world: World) -> None:
    offer = await make(world, stock=1)
    await begun(world, offer["id"])
    database = world.house.database
    for wrong, constraint in (
        ("UPDATE offers SET held = held + 1", "offers_within_stock"),
        ("UPDATE offers SET held = held - 2", "offers_held_check"),
        ("UPDATE payments SET discount_minor = 0", "payments_discount"),
        ("UPDATE payments SET offer_id = NULL", "payments_discount"),
    ):
        with pytest.raises(ConstraintViolated, match=constraint):
            await database.transact(lambda tx, text=wrong: tx.execute(sql(text)))


async def test_the_best_offers_of_a_shopper(world: World) -> None:
    plain = await make(world, name="减五元")
    mine = await make(world, name="新客减八元", amount_minor=800, per_shopper_max=1)
    await make(world, name="还没开始", amount_minor=2000, starts_at=rfc3339(world.clock.now() + timedelta(hours=1)))
    merchant_id = parse_public("mer", world.notify_path.split("/")[3])
    assert merchant_id
    tools = world.house.payments

    async def shown(shopper_id: UUID | None) -> list[tuple[str, int]]:
        async with world.house.database.reading() as reader:
            found = await best_offers(reader, merchant_id, Money(8600, "CNY"), shopper_id, world.clock.now())
        return [(public("off", one.offer_id), one.saving_minor) for one in found]

    assert await shown(None) == [(plain["id"], 500)]
    assert await shown(SHOPPER) == [(mine["id"], 800), (plain["id"], 500)]
    order = await world.order()
    await start_payment(tools, as_shopper(world, order["id"], mine["id"], SHOPPER, tools.source.new_id()))
    assert await shown(SHOPPER) == [(plain["id"], 500)]
    assert await shown(OTHER) == [(mine["id"], 800), (plain["id"], 500)]

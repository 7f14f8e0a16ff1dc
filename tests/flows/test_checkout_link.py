"""Many may hold one checkout's link: what a second look and a second person may see, change and close, and what not."""

from __future__ import annotations

from typing import Any

import pytest

from db.support import sql
from flows.test_checkout_answer import look, offer, tap, token_of
from flows.test_checkout_browsers import ANDROID, CHROME, INPUT, WECHAT, visit, walked
from flows.world import Said, World
from shoppers.support import ADDRESS, COMPANY, Client

NATIVE, H5, MINI = "wechatpay/native", "wechatpay/h5", "wechatpay/miniprogram"
KINDS = ["address", "phone", "invoice"]
ANOTHER = {**ADDRESS, "name": "马洛里", "street": "别处 1 号", "phone": "13700137000"}


async def states(world: World, order: Any) -> list[tuple[str, str]]:
    """The order's payments, oldest first."""
    payments = (await world.get(f"/v1/orders/{order['id']}")).json()["payments"]
    return [(one["method"], one["state"]) for one in payments]


async def contact_of(world: World, order: Any) -> Any:
    """What the merchant is told."""
    return (await world.get(f"/v1/orders/{order['id']}")).json()["contact"]


async def session_of(world: World, who: str) -> dict[str, str]:
    """A shopper who has signed in."""
    client = Client(world)
    await client.sign_in(who)
    return {"shunfu-shopper": client.token}


async def begun(world: World, method: str = NATIVE, **changes: object) -> tuple[Any, str]:
    """An order with a live payment."""
    order, token = await token_of(world, **changes)
    assert (await tap(world, token, {"method": method})).status == 201
    return order, token


def is_gone(said: Said, reason: str) -> bool:
    return (said.status, said.code, said.json().get("reason")) == (409, "offer_gone", reason)


async def test_a_live_payment_without_an_offer_is_switched_without_one(world: World) -> None:
    """An offer that begins meanwhile is for the next order: what was shown is what another method takes."""
    order, token = await begun(world)
    made = await offer(world)
    told = (await look(world, token)).json()
    assert (told["pay"]["amount_minor"], told["offers"]) == (8600, [])
    said = await tap(world, token, {"method": H5, "amount_minor": 8600})
    assert (said.status, said.json()["offer"]) == (201, None), said.body
    assert await states(world, order) == [(NATIVE, "CLOSED"), (H5, "PENDING")]
    named = await tap(world, token, {"method": NATIVE, "amount_minor": 7600, "offer": made["id"]})
    assert (named.status, named.json()["offer"]) == (201, made["id"]), "whoever names it has it"


async def test_an_offer_that_was_left_out_stays_out(world: World) -> None:
    await offer(world)
    _, token = await token_of(world)
    assert (await tap(world, token, {"method": NATIVE, "offer": None, "amount_minor": 8600})).status == 201
    said = await tap(world, token, {"method": H5, "amount_minor": 8600})
    assert (said.status, said.json()["amount_minor"]) == (201, 8600), said.body


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"method": "nope/nope"}, 422, "method_unavailable"),
        ({"method": MINI}, 422, "invalid_field"),
        ({"method": H5, "offer": "off_01HZY3V9Q8M5T2K7R4W6X0J1BC"}, 409, "offer_gone"),
    ],
)
async def test_a_wish_that_cannot_be_met_closes_nothing(
    world: World, wish: dict[str, object], status: int, code: str
) -> None:
    order, token = await begun(world)
    sent = len(world.line.requests)
    said = await tap(world, token, wish)
    assert (said.status, said.code) == (status, code), said.body
    merchant = await world.post(f"/v1/orders/{order['id']}/payments", wish)
    assert (merchant.status, merchant.code) == (status, code), "nor from the merchant's own server"
    assert await states(world, order) == [(NATIVE, "PENDING")]
    assert len(world.line.requests) == sent, "the channel hears nothing of it"


async def test_an_order_that_needs_more_than_it_has_closes_nothing(world: World) -> None:
    order, token = await token_of(world, needs=["phone"])
    contact = {"phone": "13800138000"}
    assert (await tap(world, token, {"method": NATIVE, "contact": contact})).status == 201
    assert (await tap(world, token, {"method": H5})).status == 201, "what it has need not be sent again"
    more = sql('UPDATE orders SET needs = \'["phone", "address"]\'')
    await world.house.database.transact(lambda tx: tx.execute(more))
    said = await tap(world, token, {"method": NATIVE})
    assert (said.status, said.code) == (422, "contact_missing")
    assert await states(world, order) == [(NATIVE, "CLOSED"), (H5, "PENDING")]


async def test_an_offer_that_ends_under_a_live_payment_leaves_two_ways_to_pay(world: World) -> None:
    made = await offer(world)
    order, token = await begun(world)
    assert (await world.post(f"/v1/offers/{made['id']}/end", {})).status == 200
    told = (await look(world, token)).json()
    assert told["pay"]["amount_minor"] == 7600, "the live payment keeps what it has"
    for body in ({}, {"offer": made["id"]}):
        assert is_gone(await tap(world, token, {"method": H5, "amount_minor": 7600, **body}), "ended")
    assert await states(world, order) == [(NATIVE, "PENDING")]
    again = await tap(world, token, {"method": NATIVE, "amount_minor": 7600})
    assert (again.status, again.json()["amount_minor"]) == (201, 7600)
    said = await tap(world, token, {"method": H5, "amount_minor": 8600, "offer": None})
    assert (said.status, said.json()["amount_minor"]) == (201, 8600), said.body
    assert await states(world, order) == [(NATIVE, "CLOSED"), (H5, "PENDING")]


async def test_on_the_page_a_second_look_shows_the_price_that_a_second_tap_pays(world: World) -> None:
    made = await offer(world)
    visitor = await visit(world, ANDROID)
    token = visitor.path.rpartition("/")[2]
    assert (await tap(world, token, {"method": NATIVE, "amount_minor": 7600})).status == 201
    await world.post(f"/v1/offers/{made['id']}/end", {})
    said = await visitor.tap(H5)
    assert "said=offer" in said.headers["location"]
    plain, visitor.path = visitor.path, said.headers["location"]
    await visitor.get(visitor.path)
    assert "¥86.00" in visitor.html
    assert "¥76.00" not in visitor.html
    fields = dict(INPUT.findall(visitor.html))
    assert (fields["amount_minor"], "offer" in fields) == ("8600", False)
    visitor.path = plain
    said = await visitor.tap(H5, amount_minor="8600", offer="")
    assert "said=" not in said.headers["location"], said.headers["location"]
    assert await world.sql("SELECT scene, amount_minor FROM payments WHERE state = 'PENDING'") == [("h5", 8600)]


async def test_nobody_has_an_offer_by_another_shoppers_payment(world: World) -> None:
    """One for each shopper: a guest with the link gets the price of a guest, and closes nothing by asking for more."""
    made = await offer(world, per_shopper_max=1)
    mine, hers = await session_of(world, "a"), await session_of(world, "b")
    order, token = await token_of(world)
    assert (await tap(world, token, {"method": NATIVE, "amount_minor": 7600}, **mine)).status == 201
    for body in ({}, {"offer": made["id"]}):
        assert is_gone(await tap(world, token, {"method": H5, "amount_minor": 7600, **body}), "no_shopper")
    assert await states(world, order) == [(NATIVE, "PENDING")]
    kept = await tap(world, token, {"method": H5, "amount_minor": 7600}, **mine)
    assert (kept.status, kept.json()["amount_minor"]) == (201, 7600), "its own shopper keeps it"
    guest = await tap(world, token, {"method": NATIVE, "amount_minor": 8600})
    assert (guest.status, guest.json()["offer"], guest.json()["amount_minor"]) == (201, None, 8600), guest.body
    other, hers_too = await token_of(world)
    assert (await tap(world, hers_too, {"method": NATIVE, "amount_minor": 7600}, **hers)).status == 201
    assert (await tap(world, token, {"method": H5, "offer": made["id"]}, **mine)).status == 201
    assert is_gone(await tap(world, token, {"method": NATIVE, "amount_minor": 7600}, **hers), "had_it")
    assert await states(world, other) == [(NATIVE, "PENDING")]


async def test_whoever_holds_the_link_sees_and_changes_nothing_of_a_contact(world: World) -> None:
    order, token = await token_of(world, needs=["address", "phone"])
    mine, hers = await session_of(world, "a"), await session_of(world, "b")
    body: dict[str, object] = {"method": NATIVE, "contact": {"address": ADDRESS}}
    assert (await look(world, token)).json()["contact_given"] == []
    said = await tap(world, token, {**body, "contact": {"address": ADDRESS, "phone": "13800138000"}}, **mine)
    assert said.status == 201, said.body
    before = await contact_of(world, order)
    for headers in ({}, hers):
        seen = await look(world, token, **headers)
        assert (seen.json()["contact"], seen.json()["contact_given"]) == (None, ["address", "phone"])
        assert not [text for text in (ADDRESS["street"], "陈梅", "13800138000") if str(text) in seen.body.decode()]
        for method in (NATIVE, H5, NATIVE):
            stolen = {"address": ANOTHER, "phone": "13700137000"}
            assert (await tap(world, token, {"method": method, "contact": stolen}, **headers)).status == 201
        assert await contact_of(world, order) == before
    assert (await tap(world, token, {"method": NATIVE, "contact": {"invoice": COMPANY}}, **hers)).status == 201
    assert (await look(world, token, **hers)).json()["contact"] == {
        "address": None,
        "phone": None,
        "invoice": {**COMPANY, "is_default": False},
    }
    answer = await look(world, token, **mine)
    told = answer.json()
    assert (told["contact"]["phone"], told["contact"]["invoice"]) == ("13800138000", None)
    assert (told["contact"]["address"]["street"], told["contact_given"]) == (ADDRESS["street"], KINDS)
    assert answer.headers["cache-control"] == "no-store"
    moved = await tap(world, token, {"method": NATIVE, "contact": {"phone": "13600136000"}}, **mine)
    assert moved.status == 201
    assert (await contact_of(world, order))["phone"] == "13600136000", "whoever gave it may change it"


async def test_what_a_guest_gave_is_shown_to_nobody_and_stays(world: World) -> None:
    order, token = await token_of(world, needs=["phone"])
    assert (await tap(world, token, {"method": NATIVE, "contact": {"phone": "13800138000"}})).status == 201
    assert (await tap(world, token, {"method": H5, "contact": {"phone": "13700137000"}})).status == 201
    told = (await look(world, token)).json()
    assert (told["contact"], told["contact_given"]) == (None, ["phone"])
    assert (await contact_of(world, order))["phone"] == "13800138000"
    given = {"method": H5, "contact": {"phone": "13600136000"}}
    assert (await world.post(f"/v1/orders/{order['id']}/payments", given)).status == 201
    assert (await contact_of(world, order))["phone"] == "13600136000", "the merchant's own server may"


async def test_a_contact_given_on_the_way_to_the_platform_replaces_nothing(world: World) -> None:
    visitor = await visit(world, WECHAT, needs=["phone"])
    first = await visitor.tap("wechatpay/jsapi", **{"contact.phone": "13800138000"})
    assert "connect/oauth2" in first.headers["location"]
    await visitor.tap("wechatpay/jsapi", **{"contact.phone": "13700137000"})
    (order,) = (await world.get("/v1/orders")).json()["items"]
    assert (await contact_of(world, order))["phone"] == "13800138000"


@pytest.mark.parametrize("end", ["paid", "closed"])
async def test_nothing_of_a_contact_is_in_the_answer_about_an_order_that_is_over(world: World, end: str) -> None:
    mine = await session_of(world, "a")
    order, token = await token_of(world, needs=["phone"])
    paid = await tap(world, token, {"method": NATIVE, "contact": {"phone": "13800138000"}}, **mine)
    assert (await look(world, token, **mine)).json()["contact"]["phone"] == "13800138000"
    if end == "paid":
        await world.shopper_pays(paid.json()["id"])
    else:
        await world.post(f"/v1/orders/{order['id']}/close", {})
    told = (await look(world, token, **mine)).json()
    assert (told["order"]["state"], told["contact"], told["contact_given"]) == (end.upper(), None, [])
    assert (await contact_of(world, order))["phone"] == "13800138000", "the merchant still delivers"


async def test_a_code_that_the_client_cannot_show_is_no_dead_end(world: World) -> None:
    order, token = await begun(world)
    told = (await look(world, token, "opens=wechat_request_payment")).json()
    assert (told["phase"], told["payment"]["state"], told["payment"]["invoke"]) == ("ready", "PENDING", None)
    assert [(one["method"], one["is_default"]) for one in told["methods"]] == [(MINI, True)]
    told = (await look(world, token, "opens=wechat_request_payment,qr", **{"user-agent": CHROME})).json()
    assert (told["phase"], told["payment"]["invoke"]["kind"]) == ("qr", "qr")
    mine = await session_of(world, "a")
    assert (await tap(world, token, {"method": MINI, "amount_minor": 8600}, **mine)).status == 201
    assert await states(world, order) == [(NATIVE, "CLOSED"), (MINI, "PENDING")]


async def test_nobody_gets_a_sheet_that_was_made_for_another_payer(world: World) -> None:
    mine, hers = await session_of(world, "a"), await session_of(world, "b")
    order, token = await token_of(world)
    first = (await tap(world, token, {"method": MINI}, **mine)).json()
    again = (await tap(world, token, {"method": MINI}, **mine)).json()
    assert again["id"] == first["id"], "the same payer goes on with the same payment"
    second = (await tap(world, token, {"method": MINI}, **hers)).json()
    assert second["id"] != first["id"]
    assert second["invoke"]["params"]["package"] != first["invoke"]["params"]["package"]
    assert await states(world, order) == [(MINI, "CLOSED"), (MINI, "PENDING")]


async def test_in_wechat_who_pays_is_asked_again_before_a_live_sheet_is_opened(world: World) -> None:
    """The link went on to somebody else: the walk says so, and nobody waits at a sheet that is not theirs."""
    visitor = await visit(world, WECHAT)
    token = visitor.path.rpartition("/")[2]
    other = await tap(world, token, {"method": "wechatpay/jsapi", "payer": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"})
    assert other.status == 201, other.body
    said = await visitor.get(await walked(world, visitor))
    assert "/sandbox/sheet?" in said.headers["location"]
    (order,) = (await world.get("/v1/orders")).json()["items"]
    assert await states(world, order) == [("wechatpay/jsapi", "CLOSED"), ("wechatpay/jsapi", "PENDING")]

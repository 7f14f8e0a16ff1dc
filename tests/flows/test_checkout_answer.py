"""The one answer over HTTP: what is in it, that it stays the same while nothing changes, and the tap after it."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from crash.fuse import FRAMES, Fuse, FusedPool
from db.support import START
from flows.world import Said, World, call, make_world
from shoppers.support import ADDRESS, ME, PROFILE, Client, comes_again
from shunfu.db import Database, PoolSettings, Urls
from shunfu.kernel.clock import ManualClock


async def token_of(world: World, **changes: object) -> tuple[Any, str]:
    order = await world.order(**changes)
    return order, order["checkout_url"].rpartition("/")[2]


async def look(world: World, token: str, query: str = "", **headers: str) -> Said:
    return await call(world.app, "GET", f"/v1/checkout/{token}{'?' + query if query else ''}", headers, b"")


async def tap(world: World, token: str, body: object, key: str | None = None, **headers: str) -> Said:
    world.keys_made += 1
    told = {"content-type": "application/json", "idempotency-key": key or f"tap-{world.keys_made}", **headers}
    return await call(world.app, "POST", f"/v1/checkout/{token}/payments", told, json.dumps(body).encode())


async def offer(world: World, **changes: object) -> Any:
    terms = {"name": "新客立减 10 元", "kind": "amount_off", "amount_minor": 1000, "currency": "CNY"}
    said = await world.post("/v1/offers", {**terms, "ends_at": "2027-01-31T00:00:00+08:00", **changes})
    assert said.status == 201, said.body
    return said.json()


async def test_the_same_answer_twice_has_one_etag_and_a_change_another(world: World) -> None:
    _, token = await token_of(world)
    first = await look(world, token)
    world.clock.advance(61)
    second = await look(world, token)
    assert (first.body, first.headers["etag"]) == (second.body, second.headers["etag"])
    third = await look(world, token, **{"if-none-match": first.headers["etag"]})
    assert (third.status, third.body) == (304, b"")
    assert third.headers["etag"] == first.headers["etag"]
    weak = await look(world, token, **{"if-none-match": f'"other", W/{first.headers["etag"]}'})
    assert weak.status == 304, "a proxy that compresses makes the tag weak"
    assert (await tap(world, token, {"method": "wechatpay/native"})).status == 201
    changed = await look(world, token, **{"if-none-match": first.headers["etag"]})
    assert changed.status == 200
    assert changed.headers["etag"] != first.headers["etag"]


async def test_an_answer_is_kept_by_nobody_else(world: World) -> None:
    _, token = await token_of(world)
    headers = (await look(world, token)).headers
    assert headers["cache-control"] == "private, no-cache"
    assert {"User-Agent", "Accept-Language", "Shunfu-Shopper"} <= set(headers["vary"].split(", "))


async def test_everything_is_said_in_the_language_asked_for(world: World) -> None:
    _, token = await token_of(world)
    zh = (await look(world, token)).json()
    en = (await look(world, token, "lang=en")).json()
    also = (await look(world, token, **{"accept-language": "en-GB,en;q=0.9"})).json()
    assert (zh["lang"], en["lang"]) == ("zh-CN", "en")
    assert also == en
    assert zh["texts"].keys() == en["texts"].keys()
    assert zh["texts"]["checkout.unknown"] == "正在确认，请勿重复支付"
    assert en["methods"][0]["label"] == "WeChat Pay"
    assert en["methods"][0]["reason_text"] == "Available"
    said = await look(world, token, "lang=fr")
    assert (said.status, said.code) == (422, "invalid_field")


async def test_only_what_the_client_opens_is_offered(world: World) -> None:
    _, token = await token_of(world)
    methods = (await look(world, token, "opens=wechat_request_payment,%20,NONSENSE")).json()["methods"]
    assert [(one["method"], one["invoke_kind"], one["is_default"]) for one in methods] == [
        ("wechatpay/miniprogram", "wechat_request_payment", True)
    ]
    assert (await look(world, token, "opens=alipay_trade_pay")).json()["methods"] == []
    assert len((await look(world, token)).json()["methods"]) == 5


async def test_signed_data_is_there_only_for_a_live_payment(world: World) -> None:
    _, token = await token_of(world)
    assert (await look(world, token)).json()["payment"] is None
    paid = (await tap(world, token, {"method": "wechatpay/native"})).json()
    payment = (await look(world, token)).json()["payment"]
    assert payment["invoke"]["params"] == paid["invoke"]["params"]
    await world.shopper_pays(paid["id"])
    told = (await look(world, token)).json()
    assert (told["phase"], told["payment"]["invoke"]) == ("success", None)


async def test_the_best_offer_is_applied_and_paid(world: World) -> None:
    best, other = await offer(world), await offer(world, name="满减 5 元", amount_minor=500)
    order, token = await token_of(world)
    told = (await look(world, token)).json()
    assert told["order"]["amount_minor"] == 8600
    assert told["pay"] == {"amount_minor": 7600, "saving_minor": 1000}
    assert [(one["id"], one["saving_minor"], one["is_applied"]) for one in told["offers"]] == [
        (best["id"], 1000, True),
        (other["id"], 500, False),
    ]
    said = await tap(world, token, {"method": "wechatpay/native", "amount_minor": 7600})
    assert said.status == 201, said.body
    payment = said.json()
    assert (payment["amount_minor"], payment["discount_minor"], payment["offer"]) == (7600, 1000, best["id"])
    held = (await look(world, token)).json()
    assert held["pay"] == {"amount_minor": 7600, "saving_minor": 1000}
    assert [(one["id"], one["is_applied"], one["reason"]) for one in held["offers"]] == [(best["id"], True, "kept")]
    await world.shopper_pays(payment["id"])
    paid = (await look(world, token)).json()
    assert (paid["phase"], paid["pay"]["amount_minor"]) == ("success", 7600)
    assert (await world.get(f"/v1/orders/{order['id']}")).json()["state"] == "PAID"


async def test_an_offer_can_be_chosen_or_left_out(world: World) -> None:
    await offer(world)
    other = await offer(world, name="满减 5 元", amount_minor=500)
    _, first = await token_of(world)
    said = await tap(world, first, {"method": "wechatpay/native", "offer": other["id"], "amount_minor": 8100})
    assert (said.status, said.json()["offer"]) == (201, other["id"])
    _, second = await token_of(world)
    said = await tap(world, second, {"method": "wechatpay/native", "offer": None, "amount_minor": 8600})
    assert (said.status, said.json()["offer"], said.json()["amount_minor"]) == (201, None, 8600)
    _, third = await token_of(world)
    gone = await tap(world, third, {"method": "wechatpay/native", "offer": "off_01HZY3V9Q8M5T2K7R4W6X0J1BC"})
    assert (gone.status, gone.code) == (409, "offer_gone")


@pytest.mark.parametrize("seen", [8599, 8601, 1])
async def test_another_amount_than_the_shopper_saw_is_refused_and_nothing_is_sent(world: World, seen: int) -> None:
    order, token = await token_of(world)
    said = await tap(world, token, {"method": "wechatpay/native", "amount_minor": seen})
    assert (said.status, said.code) == (409, "amount_changed")
    assert (await world.get(f"/v1/orders/{order['id']}")).json()["payments"] == []
    assert (await tap(world, token, {"method": "wechatpay/native", "amount_minor": 8600})).status == 201


async def test_an_offer_that_ends_between_look_and_tap_changes_the_amount(world: World) -> None:
    made = await offer(world)
    _, token = await token_of(world)
    seen = (await look(world, token)).json()["pay"]["amount_minor"]
    assert (await world.post(f"/v1/offers/{made['id']}/end", {})).status == 200
    said = await tap(world, token, {"method": "wechatpay/native", "amount_minor": seen})
    assert (said.status, said.code) == (409, "amount_changed")
    assert (await look(world, token)).json()["pay"] == {"amount_minor": 8600, "saving_minor": 0}


async def test_the_last_offer_stays_with_its_order_when_the_method_changes(world: World) -> None:
    """One in stock, held by a pending payment: another method closes that one and gets the same price."""
    last = await offer(world, stock=1)
    _, token = await token_of(world)
    assert (await tap(world, token, {"method": "wechatpay/native", "amount_minor": 7600})).status == 201
    _, stranger = await token_of(world)
    assert (await look(world, stranger)).json()["pay"]["amount_minor"] == 8600
    said = await tap(world, token, {"method": "wechatpay/h5", "amount_minor": 7600})
    assert said.status == 201, said.body
    assert (said.json()["offer"], said.json()["amount_minor"]) == (last["id"], 7600)


async def test_the_shopper_of_the_session_is_in_it_and_pays_as_themselves(world: World) -> None:
    client = Client(world)
    told = await client.sign_in()
    assert (await client.ask("PUT", ME, PROFILE)).status == 200
    _, token = await token_of(world)
    session = {"shunfu-shopper": client.token}
    answer = (await look(world, token, "opens=wechat_request_payment", **session)).json()
    assert answer["shopper"]["id"] == told["shopper"]
    assert answer["shopper"]["profile"]["addresses"] == [ADDRESS]
    assert answer["shopper"]["last_method"] is None
    said = await tap(world, token, {"method": "wechatpay/miniprogram", "amount_minor": 8600}, **session)
    assert said.status == 201, said.body
    await world.shopper_pays(said.json()["id"])
    _, another = await token_of(world)
    answer = (await look(world, another, **session)).json()
    assert answer["shopper"]["last_method"] == "wechatpay/miniprogram"
    assert [(one["method"], one["reason"]) for one in answer["methods"] if one["is_default"]] == [
        ("wechatpay/miniprogram", "last_used")
    ]


async def test_without_a_session_a_scene_that_needs_a_payer_says_so(world: World) -> None:
    _, token = await token_of(world)
    said = await tap(world, token, {"method": "wechatpay/miniprogram"})
    assert (said.status, said.code) == (422, "invalid_field"), said.body


@pytest.mark.parametrize("spoil", ["", "nonsense", "shs_", "cut", "other"])
async def test_a_session_that_is_none_makes_a_guest(world: World, spoil: str) -> None:
    client = Client(world)
    await client.sign_in()
    shown = {"cut": client.token[:-1], "other": client.token.replace(client.token[4:30], "0" * 26)}.get(spoil, spoil)
    _, token = await token_of(world)
    assert (await look(world, token, **{"shunfu-shopper": shown})).json()["shopper"] is None
    mine = await look(world, token, **{"shunfu-shopper": client.token})
    assert mine.json()["shopper"] is not None
    assert mine.headers["cache-control"] == "no-store", "a person's answer is kept by no browser"


async def test_a_session_of_another_merchant_is_nobody(world: World) -> None:
    client = Client(world)
    await client.sign_in()
    said = await world.post(
        "/v1/orders",
        {"amount_minor": 100, "currency": "CNY", "subject": "x"},
        authorization=f"Bearer {world.other_key}",
    )
    token = said.json()["checkout_url"].rpartition("/")[2]
    assert (await look(world, token, **{"shunfu-shopper": client.token})).json()["shopper"] is None


async def test_what_the_order_needs_is_asked_for_kept_and_shown(world: World) -> None:
    _, token = await token_of(world, needs=["address", "phone"])
    answer = (await look(world, token)).json()
    assert (answer["order"]["needs"], answer["contact"]) == (["address", "phone"], None)
    body: dict[str, object] = {"method": "wechatpay/native", "amount_minor": 8600}
    said = await tap(world, token, body)
    assert (said.status, said.code) == (422, "contact_missing")
    assert {error["pointer"] for error in said.json()["errors"]} == {"/contact/address", "/contact/phone"}
    said = await tap(world, token, {**body, "contact": {"address": ADDRESS, "phone": "13800138000"}})
    assert said.status == 201, said.body
    told = (await look(world, token)).json()
    assert (told["contact"], told["contact_given"]) == (None, ["address", "phone"]), "a guest's is shown to nobody"
    order = (await world.get("/v1/orders")).json()["items"][0]
    contact = (await world.get(f"/v1/orders/{order['id']}")).json()["contact"]
    assert (contact["phone"], contact["address"]["street"]) == ("13800138000", ADDRESS["street"])


async def test_the_way_most_shoppers_pay_here_is_chosen_for_a_stranger(world: World) -> None:
    for _ in range(2):
        _, payment = await world.pending("wechatpay/native")
        await world.shopper_pays(payment)
    world.clock.advance(61)
    _, token = await token_of(world)
    default = [one for one in (await look(world, token)).json()["methods"] if one["is_default"]]
    assert [(one["method"], one["reason"]) for one in default] == [("wechatpay/native", "popular")]


async def test_a_glance_costs_few_statements(database: Database, database_urls: Urls, app_role: str | None) -> None:
    """A guest's answer: the order, its payments and contact; the merchant, its accounts and offers."""
    settings = PoolSettings(database_urls.app_url, role=app_role)
    connected = await Database.connect(settings)
    fuse = Fuse(ManualClock(START), None)
    try:
        world = await make_world(Database(cast("Any", FusedPool(connected._pool, fuse)), settings))
        _, token = await token_of(world)
        client = Client(world)
        await client.sign_in()
        comes_again(world)
        await look(world, token)
        counts: list[int] = []
        for headers in ({}, {"shunfu-shopper": client.token}):
            before = len(fuse.moments)
            assert (await look(world, token, **headers)).status == 200
            sent = [one.what for one in fuse.moments[before:] if one.position == "before" and one.what not in FRAMES]
            counts.append(len(sent))
        assert counts == [6, 9]
    finally:
        await connected.close()
        del database

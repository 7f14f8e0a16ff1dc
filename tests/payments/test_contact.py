"""What an order asks of the shopper and what they gave: demanded, checked, sealed, shown to who may read the order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flows.world import Said, World, call, make_world
from shunfu.db import Database, Transaction
from shunfu.kernel.ids import parse_public
from shunfu.merchants import NewKey, get_merchant, issue_api_key

ADDRESS = {
    "name": "陈梅",
    "phone": "13800138000",
    "province": "云南省",
    "city": "昆明市",
    "district": "五华区",
    "street": "翠湖南路 1 号",
    "postcode": "650031",
    "is_default": False,
}
INVOICE = {
    "kind": "company",
    "title": "山前咖啡有限公司",
    "tax_number": "91530100MA6K0AAAA1",
    "email": "mei@example.com",
    "is_default": False,
}
NOTHING = {"address": None, "phone": None, "invoice": None}
EVERYTHING = {"address": ADDRESS, "phone": "+8613900139000", "invoice": INVOICE}


@pytest.fixture
async def world(database: Database) -> World:
    return await make_world(database)


async def pay(world: World, order_id: str, contact: object = None, method: str | None = None) -> Said:
    """Start a payment and give a contact with it, or none."""
    payer = {"payer": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"} if method else {}
    body = {"method": method or world.method, "contact": contact, **payer}
    return await world.post(f"/v1/orders/{order_id}/payments", body)


async def contact_of(world: World, order_id: str) -> Any:
    """What the order's answer has."""
    return (await world.get(f"/v1/orders/{order_id}")).json()["contact"]


def missing(said: Said) -> list[str]:
    """What a refusal names."""
    assert (said.status, said.code) == (422, "contact_missing")
    return [error["pointer"] for error in said.json()["errors"]]


async def test_what_an_order_needs_is_demanded_before_anything_is_sent(world: World) -> None:
    order = await world.order(needs=["address", "phone", "invoice"])
    assert order["needs"] == ["address", "phone", "invoice"]
    assert missing(await pay(world, order["id"])) == ["/contact/address", "/contact/phone", "/contact/invoice"]
    assert missing(await pay(world, order["id"], {"phone": "13900139000"})) == ["/contact/address", "/contact/invoice"]
    assert missing(await pay(world, order["id"], {})) == ["/contact/address", "/contact/phone", "/contact/invoice"]
    assert world.line.requests == []
    assert await world.sql("SELECT count(*) FROM payments") == [(0,)]
    assert await contact_of(world, order["id"]) is None, "a refused wish leaves nothing"
    assert (await pay(world, order["id"], EVERYTHING)).status == 201
    assert await contact_of(world, order["id"]) == EVERYTHING


async def test_an_order_that_needs_nothing_keeps_what_is_given(world: World) -> None:
    order = await world.order()
    assert order["needs"] == []
    assert (await pay(world, order["id"])).status == 201
    assert await contact_of(world, order["id"]) is None
    await pay(world, order["id"], {"phone": "13900139000"})
    assert await contact_of(world, order["id"]) == {**NOTHING, "phone": "13900139000"}


async def test_the_last_word_before_the_payment_wins_member_by_member(world: World) -> None:
    order = await world.order(needs=["address"])
    first = await pay(world, order["id"], {"address": ADDRESS, "phone": "13900139000"})
    moved = {**ADDRESS, "street": "翠湖北路 9 号", "is_default": True}
    assert (await pay(world, order["id"], {"address": moved})).json()["id"] == first.json()["id"]
    wanted = {"address": {**moved, "is_default": False}, "phone": "13900139000", "invoice": None}
    assert await contact_of(world, order["id"]) == wanted
    assert (await pay(world, order["id"], {"phone": "13700137000"}, "wechatpay/miniprogram")).status == 201
    assert await contact_of(world, order["id"]) == {**wanted, "phone": "13700137000"}


async def test_nothing_is_changed_once_the_order_is_paid(world: World) -> None:
    order = await world.order(needs=["phone"])
    payment = (await pay(world, order["id"], {"phone": "13900139000"})).json()
    await world.shopper_pays(payment["id"])
    assert (await pay(world, order["id"], {"phone": "13700137000"})).code == "order_not_open"
    assert (await contact_of(world, order["id"]))["phone"] == "13900139000"


async def test_it_is_sealed_and_stands_in_no_other_answer(world: World) -> None:
    order = await world.order(needs=["address"], merchant_order_no="A-1")
    said = await pay(world, order["id"], EVERYTHING)
    closed = await world.post(f"/v1/orders/{order['id']}/close", {})
    token = order["checkout_url"].rpartition("/")[2]
    for answer in (said, closed, await world.get("/v1/orders"), await world.page(f"/c/{token}")):
        text = answer.body.decode()
        assert not [secret for secret in ("陈梅", "13800138000", "翠湖南路", "91530100MA6K0AAAA1") if secret in text]
    ((envelope, given_at),) = await world.sql("SELECT contact, given_at FROM order_contacts")
    assert "陈梅" not in json.dumps(envelope, ensure_ascii=False)
    assert set(envelope) == set("acknv"), "an envelope"
    assert given_at == world.clock.now()
    for table in ("events", "idempotency_keys", "orders", "payments", "payment_evidence", "webhook_messages"):
        ((text,),) = await world.sql(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t")
        assert "13800138000" not in str(text), table


async def test_only_whoever_may_read_orders_sees_it(world: World) -> None:
    order = await world.order()
    await pay(world, order["id"], EVERYTHING)
    merchant_id = parse_public("mer", world.notify_path.split("/")[3])
    assert merchant_id
    house = world.house

    async def key(*capabilities: str) -> str:
        async def story(tx: Transaction) -> str:
            merchant = await get_merchant(tx, merchant_id)
            assert merchant
            made = await issue_api_key(tx, house.source, merchant, NewKey("some", frozenset(capabilities)))
            return made.reveal()

        return await house.database.transact(story)

    for who, status in (
        (await key("orders:write", "payments:write"), 403),
        (world.other_key, 404),
        (world.live_key, 404),
        (await key("orders:read"), 200),
    ):
        headers = {"authorization": f"Bearer {who}"}
        answer = await call(world.app, "GET", f"/v1/orders/{order['id']}", headers, b"")
        assert answer.status == status
        assert ("13800138000" in answer.body.decode()) == (status == 200)


WRONG: list[tuple[dict[str, object], str]] = [
    ({"address": {**ADDRESS, "phone": "call me"}}, "/contact/address/phone"),
    ({"address": {**ADDRESS, "name": " "}}, "/contact/address/name"),
    ({"address": {**ADDRESS, "name": "梅\u202e陈"}}, "/contact/address/name"),
    ({"address": {**ADDRESS, "street": "x" * 201}}, "/contact/address/street"),
    ({"address": {**ADDRESS, "country": "CN"}}, "/contact/address/country"),
    ({"phone": 13900139000}, "/contact/phone"),
    ({"invoice": {**INVOICE, "tax_number": None}}, "/contact/invoice/tax_number"),
    ({"invoice": {**INVOICE, "kind": "state"}}, "/contact/invoice/kind"),
    ({"note": "hello"}, "/contact/note"),
]


@pytest.mark.parametrize(("contact", "pointer"), WRONG)
async def test_what_is_wrong_is_named(world: World, contact: dict[str, object], pointer: str) -> None:
    order = await world.order()
    said = await pay(world, order["id"], contact)
    assert (said.status, said.code) == (422, "invalid_field")
    assert [error["pointer"] for error in said.json()["errors"]] == [pointer]
    assert await world.sql("SELECT count(*) FROM order_contacts") == [(0,)]


async def test_a_need_named_twice_is_one(world: World) -> None:
    assert (await world.order(needs=["phone", "address", "phone"]))["needs"] == ["phone", "address"]


async def test_needs_that_nobody_knows_are_refused(world: World) -> None:
    body = {"amount_minor": 8600, "currency": "CNY", "subject": "咖啡豆"}
    for needs in (["passport"], "address", [None], ["address"] * 4):
        said = await world.post("/v1/orders", {**body, "needs": needs})
        assert (said.status, said.code) == (422, "invalid_field")
        assert said.json()["errors"][0]["pointer"].startswith("/needs")

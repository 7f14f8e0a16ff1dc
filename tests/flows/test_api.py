"""Orders over HTTP as a merchant's back end meets them: create, read, page, close; idempotency; bad input; tenants."""

import asyncio
import json
from datetime import timedelta

import pytest
from openapi_spec_validator import validate

from db.support import START
from flows.world import SHOP, World
from shunfu.app.openapi import document
from shunfu.kernel.clock import rfc3339
from shunfu.kernel.errors import PROBLEMS


async def test_create_and_read(world: World) -> None:
    told = {
        "amount_minor": 8600,
        "currency": "CNY",
        "subject": "咖啡豆 等 2 件",
        "items": [{"name": "云南日晒", "quantity": 2, "amount_minor": 8600}],
        "merchant_order_no": "A-1",
        "return_url": f"{SHOP}/orders/A-1",
        "expires_at": "2026-01-01T16:00:00+08:00",
    }
    said = await world.post("/v1/orders", told)
    assert said.status == 201
    order = said.json()
    assert order["state"] == "OPEN"
    assert order["expires_at"] == "2026-01-01T08:00:00.000Z"
    assert order["checkout_url"].startswith("http://127.0.0.1:8700/c/")
    assert order["items"] == told["items"]
    assert (await world.get(f"/v1/orders/{order['id']}")).json() == {**order, "contact": None}
    assert said.headers["cache-control"] == "no-store"
    assert said.headers["x-request-id"].startswith("req_")


async def test_a_used_merchant_order_no_is_a_conflict(world: World) -> None:
    await world.order(merchant_order_no="A-1")
    told = {"amount_minor": 1, "currency": "CNY", "subject": "x", "merchant_order_no": "A-1"}
    said = await world.post("/v1/orders", told)
    assert (said.status, said.code) == (409, "state_conflict")


async def test_paging_newest_first_with_a_bound_cursor(world: World) -> None:
    made = [(await world.order())["id"] for _ in range(5)]
    first = (await world.get("/v1/orders?limit=2")).json()
    assert [order["id"] for order in first["items"]] == [made[4], made[3]]
    second = (await world.get(f"/v1/orders?limit=2&cursor={first['next_cursor']}")).json()
    assert [order["id"] for order in second["items"]] == [made[2], made[1]]
    last = (await world.get(f"/v1/orders?limit=2&cursor={second['next_cursor']}")).json()
    assert [order["id"] for order in last["items"]] == [made[0]]
    assert last["next_cursor"] is None
    wrong = [{"pointer": "/cursor", "code": "not_valid"}]
    for spoiled in ("x", made[0], "0" * 26 + "x"):
        said = await world.get(f"/v1/orders?limit=2&cursor={spoiled}")
        assert (said.status, said.json()["errors"]) == (404 if len(spoiled) == 27 else 422, wrong), spoiled
    for elsewhere in (first["next_cursor"][:-1] + "!", first["next_cursor"] + "&state=PAID"):
        said = await world.get(f"/v1/orders?limit=2&cursor={elsewhere}")
        assert (said.status, said.code, said.json()["errors"]) == (404, "not_found", wrong), elsewhere
    world.api_key = world.other_key
    said = await world.get(f"/v1/orders?cursor={first['next_cursor']}")
    assert said.status == 404
    assert (await world.get("/v1/orders")).json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1.5"])
async def test_page_limits(world: World, limit: str) -> None:
    said = await world.get(f"/v1/orders?limit={limit}")
    assert (said.status, said.code) == (422, "invalid_field")
    assert said.json()["errors"][0]["pointer"] == "/limit"


async def test_state_filter(world: World) -> None:
    order = await world.order()
    await world.order()
    await world.post(f"/v1/orders/{order['id']}/close", {})
    found = (await world.get("/v1/orders?state=CLOSED")).json()["items"]
    assert [line["id"] for line in found] == [order["id"]]


async def test_close(world: World) -> None:
    order = await world.order()
    assert (await world.post(f"/v1/orders/{order['id']}/close", {})).json()["state"] == "CLOSED"
    assert (await world.post(f"/v1/orders/{order['id']}/close", {})).json()["state"] == "CLOSED"
    said = await world.pay(order["id"])
    assert (said.status, said.code) == (409, "order_not_open")


async def test_close_with_a_pending_payment_asks_the_channel(world: World) -> None:
    order_id, payment_id = await world.pending()
    assert (await world.post(f"/v1/orders/{order_id}/close", {})).json()["state"] == "CLOSED"
    assert (await world.payment(payment_id))["state"] == "CLOSED"


async def test_close_that_the_channel_does_not_answer_is_closing_until_it_does(world: World) -> None:
    order_id, _ = await world.pending()
    world.line.lose_replies = 2
    assert (await world.post(f"/v1/orders/{order_id}/close", {})).json()["state"] == "CLOSING"
    assert (await world.pay(order_id)).code == "order_not_open"
    await world.pass_time(minutes=2)
    assert await world.order_state(order_id) == "CLOSED"


async def test_a_paid_order_cannot_be_closed(world: World) -> None:
    order_id, payment_id = await world.pending()
    await world.shopper_pays(payment_id)
    said = await world.post(f"/v1/orders/{order_id}/close", {})
    assert (said.status, said.code) == (409, "state_conflict")
    assert await world.order_state(order_id) == "PAID"


# --- idempotency ---


async def test_same_key_and_body_same_answer_byte_for_byte(world: World) -> None:
    told = {"amount_minor": 8600, "currency": "CNY", "subject": "咖啡豆"}
    first = await world.post("/v1/orders", told, "k")
    second = await world.post("/v1/orders", told, "k")
    assert (second.status, second.body) == (first.status, first.body)
    other = await world.post("/v1/orders", {**told, "amount_minor": 8601}, "k")
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert await world.sql("SELECT count(*) FROM orders") == [(1,)]


async def test_the_answer_is_kept_longer_than_a_day(world: World) -> None:
    told = {"amount_minor": 8600, "currency": "CNY", "subject": "咖啡豆"}
    first = await world.post("/v1/orders", told, "k")
    await world.pass_time(days=29)
    assert (await world.post("/v1/orders", told, "k")).body == first.body


async def test_a_refusal_is_repeated_too(world: World) -> None:
    order = await world.order()
    await world.post(f"/v1/orders/{order['id']}/close", {})
    first = await world.pay(order["id"], key="k")
    second = await world.pay(order["id"], key="k")
    assert (first.status, first.body) == (second.status, second.body) == (409, first.body)


async def test_a_hundred_at_once_make_one_order(world: World) -> None:
    told = {"amount_minor": 8600, "currency": "CNY", "subject": "咖啡豆"}
    answers = await asyncio.gather(*(world.post("/v1/orders", told, "k") for _ in range(100)))
    made = {answer.body for answer in answers if answer.status == 201}
    assert len(made) == 1
    assert {answer.code for answer in answers if answer.status != 201} <= {"request_in_flight"}
    assert await world.sql("SELECT count(*) FROM orders") == [(1,)]


async def test_keys_are_the_merchants_own(world: World) -> None:
    told = {"amount_minor": 8600, "currency": "CNY", "subject": "咖啡豆"}
    first = await world.post("/v1/orders", told, "k")
    world.api_key = world.other_key
    second = await world.post("/v1/orders", told, "k")
    assert second.status == 201
    assert second.json()["id"] != first.json()["id"]


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 65, "键", "a\tb"])
async def test_malformed_keys(world: World, key: str) -> None:
    headers = {"idempotency-key": key.encode().decode("latin-1")}
    said = await world.post("/v1/orders", {"amount_minor": 1, "currency": "CNY", "subject": "x"}, None, **headers)
    assert (said.status, said.code) == (400, "idempotency_key_missing")
    assert await world.sql("SELECT count(*) FROM orders") == [(0,)]


# --- bad input ---

GOOD = {"amount_minor": 8600, "currency": "CNY", "subject": "咖啡豆"}
FIELDS = [
    ({"amount_minor": 0}, "/amount_minor", "too_small"),
    ({"amount_minor": -1}, "/amount_minor", "too_small"),
    ({"amount_minor": 86.0}, "/amount_minor", "not_integer"),
    ({"amount_minor": "8600"}, "/amount_minor", "not_integer"),
    ({"amount_minor": "１００"}, "/amount_minor", "not_integer"),
    ({"amount_minor": True}, "/amount_minor", "not_integer"),
    ({"amount_minor": None}, "/amount_minor", "not_integer"),
    ({"amount_minor": 100_000_000_000}, "/amount_minor", "too_large"),
    ({"amount_minor": 2**31}, None, None),
    ({"amount_minor": 2**63 - 1}, "/amount_minor", "too_large"),
    ({"amount_minor": 2**63}, "/amount_minor", "too_large"),
    ({"amount_minor": 10**308}, "/amount_minor", "too_large"),
    ({"currency": "USD"}, "/currency", "not_supported"),
    ({"currency": "JPY"}, "/currency", "not_supported"),
    ({"subject": ""}, "/subject", "too_short"),
    ({"subject": "x" * 128}, "/subject", "too_long"),
    ({"subject": "a\nb"}, "/subject", "bad_format"),
    ({"subject": 5}, "/subject", "not_text"),
    ({"subject": "a\u0000"}, "/subject", "bad_text"),
    ({"state": "PAID"}, "/state", "unknown_field"),
    ({"merchant_id": "x"}, "/merchant_id", "unknown_field"),
    ({"items": [{"name": "x", "quantity": 0, "amount_minor": 1}]}, "/items/0/quantity", "too_small"),
    ({"items": [{"name": "x", "quantity": 1}]}, "/items/0/amount_minor", "required"),
    ({"items": [{"name": "x"}] * 51}, "/items", "too_long"),
    ({"items": "x"}, "/items", "not_list"),
    ({"merchant_order_no": "a b"}, "/merchant_order_no", "bad_format"),
    ({"expires_at": "2025-01-01T00:00:00Z"}, "/expires_at", "too_small"),
    ({"expires_at": "2026-02-01T00:00:00Z"}, "/expires_at", "too_large"),
    ({"expires_at": "2026-01-01 09:00:00"}, "/expires_at", "bad_format"),
    ({"expires_at": 1767225600}, "/expires_at", "bad_format"),
    ({"return_url": "https://evil.example.com/"}, "/return_url", "not_registered"),
    ({"return_url": "//shop.example.com"}, "/return_url", "not_registered"),
    ({"return_url": f"{SHOP}@evil.example.com"}, "/return_url", "not_registered"),
    ({"return_url": f"{SHOP}.evil.example.com/"}, "/return_url", "not_registered"),
    ({"return_url": f"{SHOP}\\@evil"}, "/return_url", "not_registered"),
    ({"return_url": "javascript:alert(1)"}, "/return_url", "not_registered"),
    ({"return_url": "https://["}, "/return_url", "not_registered"),
]


@pytest.mark.parametrize(("change", "pointer", "code"), FIELDS)
async def test_every_wrong_field_is_named_and_nothing_is_written(
    world: World, change: dict[str, object], pointer: str | None, code: str | None
) -> None:
    said = await world.post("/v1/orders", {**GOOD, **change})
    if pointer is None:
        assert said.status == 201
        return
    assert (said.status, said.code) == (422, "invalid_field"), said.body
    assert {"pointer": pointer, "code": code} in said.json()["errors"]
    assert await world.sql("SELECT count(*) FROM orders") == [(0,)]


@pytest.mark.parametrize("missing", ["amount_minor", "currency", "subject"])
async def test_missing_fields(world: World, missing: str) -> None:
    said = await world.post("/v1/orders", {name: value for name, value in GOOD.items() if name != missing})
    assert said.json()["errors"] == [{"pointer": f"/{missing}", "code": "required"}]


BODIES = [
    (b"", 422),
    (b"{", 400),
    (b"[]", 422),
    (b"null", 422),
    (b"{}{}", 400),
    (b'{"amount_minor":1,"amount_minor":2,"currency":"CNY","subject":"x"}', 400),
    (b'{"amount_minor":NaN,"currency":"CNY","subject":"x"}', 400),
    (b'{"amount_minor":1,"currency":"CNY","subject":"\xff"}', 400),
    (b"\xef\xbb\xbf{}", 400),
    (b'{"a":' * 40_000, 400),
    (b'{"a":' * 40 + b"1" + b"}" * 40, 400),
    (b'{"amount_minor":' + b"9" * 5000 + b"}", 400),
    (b"x" * 1_000_000, 413),
]


@pytest.mark.parametrize(("body", "status"), BODIES)
async def test_malformed_bodies(world: World, body: bytes, status: int) -> None:
    said = await world.post("/v1/orders", body)
    assert said.status == status
    assert said.headers["content-type"] == "application/problem+json"
    assert b"Traceback" not in said.body
    assert await world.sql("SELECT count(*) FROM orders") == [(0,)]


async def test_a_duplicate_key_is_named(world: World) -> None:
    said = await world.post("/v1/orders", BODIES[5][0])
    assert said.json()["errors"] == [{"pointer": "/amount_minor", "code": "duplicate_key"}]


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"])
async def test_other_content_types(world: World, media_type: str) -> None:
    said = await world.post("/v1/orders", GOOD, None, **{"content-type": media_type})
    assert (said.status, said.code) == (415, "unsupported_media_type")


async def test_unknown_addresses_and_methods(world: World) -> None:
    assert (await world.get("/v1/nothing")).code == "not_found"
    assert (await world.post("/v1/orders/ord_x/nothing", {})).code == "not_found"
    assert (await world.post("/v1/payments/pay_x", {})).code == "method_not_allowed"
    for order_id in ("ord_x", "pay_01KDVDNA00EFT8838BZ9S1HXKY", "x" * 39, "ord_01KDVDNA00EFT8838BZ9S1HXKY"):
        assert (await world.get(f"/v1/orders/{order_id}")).code == "not_found"


async def test_a_bug_says_nothing_about_its_inside(world: World) -> None:
    order = await world.order()

    def explode(_: object) -> None:
        raise ValueError("secret detail")

    world.line.answer = explode
    said = await world.pay(order["id"])
    assert (said.status, said.code) == (500, "internal")
    assert b"secret detail" not in said.body


# --- who asks ---


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x", "Basic abc", "Bearer sk_test_1_2_3", "sk_test"])
async def test_unauthenticated(world: World, authorization: str) -> None:
    said = await world.post("/v1/orders", GOOD, None, authorization=authorization)
    assert (said.status, said.code) == (401, "unauthenticated")
    assert (await world.get("/v1/orders", authorization=authorization)).status == 401


async def test_another_merchants_ids_are_not_found(world: World) -> None:
    order_id, payment_id = await world.pending()
    for key in (world.other_key, world.live_key):
        world.api_key = key
        assert (await world.get(f"/v1/orders/{order_id}")).code == "not_found"
        assert (await world.get(f"/v1/payments/{payment_id}")).code == "not_found"
        assert (await world.post(f"/v1/orders/{order_id}/close", {})).code == "not_found"
        assert (await world.pay(order_id)).code == "not_found"


async def test_a_live_key_does_not_reach_the_sandbox(world: World) -> None:
    world.api_key = world.live_key
    order = await world.order()
    said = await world.pay(order["id"])
    assert (said.status, said.code) == (422, "method_unavailable")


async def test_a_revoked_key_ends_at_once(world: World) -> None:
    from shunfu.merchants import revoke_api_key

    assert (await world.get("/v1/orders")).status == 200
    house = world.house
    assert await house.database.transact(lambda tx: revoke_api_key(tx, house.source, world.api_key))
    assert (await world.get("/v1/orders")).status == 401


@pytest.mark.parametrize("method", ["pigeon/app", "wechatpay/pager", "x/y"])
async def test_methods_that_cannot_be_used(world: World, method: str) -> None:
    order = await world.order()
    said = await world.post(f"/v1/orders/{order['id']}/payments", {"method": method})
    assert (said.status, said.code) == (422, "method_unavailable")
    assert await world.sql("SELECT count(*) FROM payments") == [(0,)]


async def test_a_method_that_needs_the_payer_names_the_field(world: World) -> None:
    order = await world.order()
    said = await world.post(f"/v1/orders/{order['id']}/payments", {"method": "wechatpay/miniprogram"})
    assert (said.status, said.code) == (422, "invalid_field")
    assert said.json()["errors"] == [{"pointer": "/payer", "code": "required"}]


async def test_a_payer_that_the_method_does_not_need_is_not_sent(world: World) -> None:
    order = await world.order()
    said = await world.post(f"/v1/orders/{order['id']}/payments", {"method": "wechatpay/native", "payer": "oX"})
    assert said.json()["state"] == "PENDING"


async def test_close_takes_no_members(world: World) -> None:
    order = await world.order()
    said = await world.post(f"/v1/orders/{order['id']}/close", {"foo": 1})
    assert said.json()["errors"] == [{"pointer": "/foo", "code": "unknown_field"}]
    assert await world.order_state(order["id"]) == "OPEN"
    assert (await world.post(f"/v1/orders/{order['id']}/close", b"", None, **{"content-type": ""})).status == 200


@pytest.mark.parametrize(
    "path", ["/v1/orders/a\0b/close", f"/v1/orders/{'ab' * 5000}/close", "/v1/orders/", "/v1//orders"]
)
async def test_odd_paths_are_not_found_and_write_nothing(world: World, path: str) -> None:
    said = await world.post(path, {})
    assert (said.status, said.code) == (404, "not_found")
    assert await world.sql("SELECT count(*) FROM idempotency_keys") == [(0,)]


# --- documents ---


def test_the_openapi_document_is_valid_and_has_examples() -> None:
    made = document()
    assert made["openapi"] == "3.1.0"
    validate(made)
    operations = [operation for path in made["paths"].values() for operation in path.values()]
    assert {operation["operationId"] for operation in operations} >= {
        "create_order",
        "list_orders",
        "read_order",
        "close_order",
        "start_payment",
        "read_payment",
    }
    for operation in operations:
        assert "application/problem+json" in operation["responses"]["default"]["content"]
    assert made["components"]["schemas"]["OrderIn"]["examples"]


async def test_the_served_document_is_the_generated_one(world: World) -> None:
    said = await world.page("/openapi.json")
    assert said.json() == json.loads(json.dumps(document()))


@pytest.mark.parametrize("code", [kind.code for kind in PROBLEMS])
async def test_each_problem_type_has_a_page(world: World, code: str) -> None:
    said = await world.page(f"/problems/{code}")
    assert said.status == 200
    assert code.encode() in said.body


async def test_health(world: World) -> None:
    assert (await world.page("/healthz")).json() == {"ok": True}
    assert (await world.page("/readyz")).json() == {"ok": True}
    assert rfc3339(START + timedelta(milliseconds=5)).endswith(".005Z")

"""Numbers, addresses and moments that a merchant's own server may send wrongly (attacks A28, A37, A61, A62, A64, A71).

Each list ends with what is right, sent the same way: the refusal was of the value.
"""

from __future__ import annotations

from typing import Any

import pytest

from flows.world import SHOP, World, make_world
from shunfu.db import Database
from shunfu.kernel.money import MAX_MINOR


@pytest.fixture
async def world(database: Database) -> World:
    return await make_world(database)


AMOUNTS = (
    "0",
    "-0",
    "-1",
    str(2**31 * 100),
    str(2**63 - 1),
    str(2**63),
    "1" + "0" * 308,
    "1" + "0" * 399,
    "NaN",
    "Infinity",
    "-Infinity",
    "1e2",
    "1e999",
    "100.0",
    "0x64",
    "1_000",
    "+1",
    "01",
    "true",
    "null",
    '"100"',
    '"１００"',
    "[100]",
    '{"minor": 100}',
)
"""As they stand in the body: what a JSON writer would never write is among them."""


async def test_an_amount_is_a_whole_number_of_fen_within_its_bounds(world: World) -> None:
    """A28, A61, A62: for an order, for its lines and for a refund."""
    _, payment_id = await world.pending()
    await world.shopper_pays(payment_id)
    line = '{"subject": "x", "currency": "CNY", "amount_minor": 100, "items": [{"name": "x", "quantity": 1, "amount_minor": %s}]}'  # noqa: E501
    places = {
        "/v1/orders": '{"subject": "x", "currency": "CNY", "amount_minor": %s}',
        "/v1/orders?": line,
        f"/v1/payments/{payment_id}/refunds": '{"reason": "x", "amount_minor": %s}',
    }
    for target, shape in places.items():
        for amount in AMOUNTS:
            if target == "/v1/orders?" and amount in {"0", "-0"}:
                continue  # a line may cost nothing
            said = await world.post(target, (shape % amount).encode())
            assert said.status in {400, 422}, (target, amount, said.status)
            assert said.code in {"malformed_body", "invalid_field", "refund_exceeds_payment"}, (amount, said.body)
    assert await world.sql("SELECT count(*) FROM orders") == [(1,)]
    assert await world.sql("SELECT count(*) FROM refunds") == [(0,)]
    for target, shape in places.items():
        assert (await world.post(target, (shape % "1").encode())).status == 201, target
    largest = {"subject": "x", "currency": "CNY", "amount_minor": MAX_MINOR}
    assert (await world.post("/v1/orders", largest)).json()["amount_minor"] == MAX_MINOR


async def test_a_currency_without_its_exponent_is_not_taken_for_fen(world: World) -> None:
    """A64: yen have no hundredth part and dinars a thousandth; neither is silently read as CNY."""
    told = {"subject": "x", "amount_minor": 100}
    for currency in ("JPY", "KWD", "USD", "cny", "CNY ", "人民币", "", None, 156):
        said = await world.post("/v1/orders", {**told, "currency": currency})
        assert (said.status, said.code) == (422, "invalid_field"), currency
    assert (await world.post("/v1/orders", {**told, "currency": "CNY"})).status == 201


ELSEWHERE = (
    "//evil.example.com",
    "https:evil.example.com",
    "https:/evil.example.com",
    "https:///evil.example.com",
    "http://shop.example.com/",
    "HTTPS://shop.example.com.evil.example.com/",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    f"{SHOP}@evil.example.com/",
    f"{SHOP}:443@evil.example.com/",
    f"{SHOP}:8443/",
    f"{SHOP}./",
    f"{SHOP}\\.evil.example.com/",
    f"{SHOP}%2eevil.example.com/",
    f"{SHOP}/\r\nSet-Cookie: a=b",
    f"{SHOP}/\n",
    f"{SHOP}/ x",
    f"{SHOP}/\u202e",
    "https://ѕhop.example.com/",
    "https://[",
    "/orders/1",
    "",
)


async def test_a_shopper_is_led_back_only_to_a_registered_origin(world: World) -> None:
    """A37."""
    told: dict[str, Any] = {"subject": "x", "currency": "CNY", "amount_minor": 100}
    for address in ELSEWHERE:
        said = await world.post("/v1/orders", {**told, "return_url": address})
        assert (said.status, said.code) == (422, "invalid_field"), address
        assert said.json()["errors"][0]["pointer"] == "/return_url"
    assert await world.sql("SELECT count(*) FROM orders") == [(0,)]
    said = await world.post("/v1/orders", {**told, "return_url": f"{SHOP}/done?order=1#top"})
    assert said.status == 201, said.body


async def test_what_was_not_captured_yet_cannot_be_refunded(world: World) -> None:
    """A71: a refund while the capture is pending."""
    _, payment_id = await world.pending()
    wish = {"amount_minor": 100, "reason": "太早"}
    said = await world.post(f"/v1/payments/{payment_id}/refunds", wish)
    assert said.status == 409, said.body
    assert await world.sql("SELECT count(*) FROM refunds") == [(0,)]
    assert await world.sql("SELECT refunded_minor, refund_reserved_minor FROM payments") == [(0, 0)]
    await world.shopper_pays(payment_id)
    assert (await world.post(f"/v1/payments/{payment_id}/refunds", wish)).status == 201


KEYS = ("", " ", "a b", "x" * 65, "x" * 10_240, "a\tb", "a\x01b", "a\x7fb", "ключ".encode().decode("latin-1"), "é")


async def test_an_idempotency_key_is_short_and_visible(world: World) -> None:
    """A69: nothing is made, and nothing is kept under such a key."""
    told = {"subject": "x", "currency": "CNY", "amount_minor": 100}
    for key in KEYS:
        said = await world.post("/v1/orders", told, **{"idempotency-key": key})
        assert (said.status, said.code) == (400, "idempotency_key_missing"), key[:10]
    assert await world.sql("SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM idempotency_keys)") == [(0, 0)]
    assert (await world.post("/v1/orders", told, "x" * 64)).status == 201

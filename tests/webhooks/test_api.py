"""Webhooks over HTTP, from a payment to the merchant's server: keys, limits, tenants, secrets, feed, replay."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

import pytest
import structlog
from structlog.testing import capture_logs

from db.support import START, sql
from flows.world import SHOP, Line, Said, World, call, credentials
from merchants.support import RING
from shunfu.app.commands import found_organisation
from shunfu.app.http.server import create_app
from shunfu.app.settings import load
from shunfu.app.wiring import build
from shunfu.db import Database, Transaction
from shunfu.driver import Driver
from shunfu.kernel.clock import ManualClock, Source, SystemEntropy
from shunfu.kernel.ids import encode, public
from shunfu.webhooks import Sender, SenderSettings, Sent
from webhooks.receiver import receiving, status
from webhooks.support import DOWN, OK, Server, parsed
from webhooks.verifier import is_genuine

HOOK = {"url": "https://hooks.example.com/shunfu"}
PATHS = ("/v1/webhook_endpoints", "/v1/webhook_messages")


@dataclass
class Place:
    """A world and the merchant's server, which is a function."""

    world: World
    server: Server

    async def register(self, **changes: object) -> dict[str, Any]:
        said = await self.world.post("/v1/webhook_endpoints", {**HOOK, **changes})
        assert said.status == 201, said.body
        return said.json()

    async def messages(self, after: str = "0", limit: int = 100) -> list[dict[str, Any]]:
        said = await self.world.get(f"/v1/webhook_messages?after={after}&limit={limit}")
        assert said.status == 200, said.body
        return said.json()["items"]


async def make_place(database: Database, carrier: Server | Sender, **flags: bool) -> World:
    """The flow tests' world with a carrier of webhooks, and settings of its own."""
    clock = ManualClock(START)
    source = Source(clock, SystemEntropy())
    line = Line(clock, source)
    settings = load({"public_url": "http://127.0.0.1:8700", **flags}, {})
    house = build(settings, RING, (source, database, cast("Driver", line), carrier))
    made = await found_organisation(house, "山前咖啡", (SHOP,))
    other = await found_organisation(house, "隔壁书店", ())

    async def story(tx: Transaction) -> str:
        return public("acc", await house.accounts.add(tx, made.test, line.stage.sandbox.name, credentials()))

    account = await database.transact(story)
    path = f"/notifications/{line.stage.sandbox.name}/{public('mer', made.test.merchant_id)}/{account}"
    keys = (made.test_key.reveal(), made.live_key.reveal(), other.test_key.reveal())
    return World(house, create_app(house), line, clock, *keys, path)


@pytest.fixture
async def place(database: Database) -> Place:
    server = Server()
    return Place(await make_place(database, server), server)


async def test_a_paid_order_is_told_in_its_order(place: Place) -> None:
    """A shopper pays; the merchant's server hears first that money came, then that the order is paid."""
    endpoint = await place.register()
    order_id, payment_id = await place.world.pending()
    await place.world.shopper_pays(payment_id)
    assert [parsed(one)["type"] for one in place.server.arrived] == ["payment.captured", "order.paid"]
    body = parsed(place.server.arrived[1])
    assert body["subject"] == body["data"]["order_id"] == order_id
    assert body["sequence"] == 2
    assert body["data"] == {
        "order_id": order_id,
        "payment_id": payment_id,
        "amount_minor": 8600,
        "currency": "CNY",
        "discount_minor": 0,
        "offer": None,
        "state": "PAID",
    }
    for arrived in place.server.arrived:
        now = place.world.clock.now().timestamp()
        assert is_genuine(endpoint["secret"], arrived.headers, arrived.body, now)
    # Two workers may write the two into the feed at once; the order of the facts is their sequence.
    captured, paid = sorted(await place.messages(), key=lambda message: message["sequence"])
    assert [captured["type"], paid["type"]] == ["payment.captured", "order.paid"]
    assert paid["id"] == place.server.arrived[1].headers["webhook-id"]
    assert paid["data"] == body["data"]
    (delivery,) = paid["deliveries"]
    assert (delivery["endpoint_id"], delivery["state"], delivery["last_status"]) == (endpoint["id"], "DELIVERED", 200)


async def test_an_order_that_closes_is_told(place: Place) -> None:
    await place.register(event_types=["order.closed"])
    order = await place.world.order()
    await place.world.post(f"/v1/orders/{order['id']}/close", {})
    await place.world.work()
    (arrived,) = place.server.arrived
    assert parsed(arrived)["data"] == {"order_id": order["id"], "state": "CLOSED"}


async def test_an_endpoint_is_shown_with_its_secret_once(place: Place) -> None:
    made = await place.register(event_types=["order.paid", "refund.succeeded"], description="后台")
    assert made["id"].startswith("whk_")
    assert made["secret"].startswith("whsec_")
    assert (made["state"], made["failing_since"], made["disabled_at"]) == ("ENABLED", None, None)
    read = (await place.world.get(f"/v1/webhook_endpoints/{made['id']}")).json()
    assert read == {name: value for name, value in made.items() if name != "secret"}
    listed = (await place.world.get("/v1/webhook_endpoints")).json()
    assert listed == {"items": [read], "next_cursor": None}


async def test_the_answer_with_a_secret_is_repeated_byte_for_byte_and_kept_sealed(place: Place) -> None:
    """Every POST is repeated for its Idempotency-Key; the stored answer of this one shows nothing."""
    first = await place.world.post("/v1/webhook_endpoints", HOOK, "key-of-mine")
    again = await place.world.post("/v1/webhook_endpoints", HOOK, "key-of-mine")
    assert (first.status, first.body) == (again.status, again.body)
    assert first.headers["content-type"] == again.headers["content-type"] == "application/json"
    assert again.headers["cache-control"] == "no-store"
    secret = first.json()["secret"]
    ((kept, kind),) = await place.world.sql("SELECT body, media_type FROM idempotency_keys WHERE key = 'key-of-mine'")
    assert secret[6:30] not in bytes(cast("bytes", kept)).decode("latin-1")
    assert b"hooks.example.com" not in bytes(cast("bytes", kept))
    assert str(kind).startswith("sealed ")
    tables = await place.world.sql("SELECT tablename::text FROM pg_tables WHERE schemaname = 'shunfu'")
    for (table,) in tables:
        for (row,) in await place.world.sql(f"SELECT t::text FROM {table} t"):
            assert secret[6:30] not in str(row), table


async def test_a_registration_whose_answer_was_lost_in_a_crash_is_found_again(place: Place) -> None:
    """The endpoint was saved, the answer was not: the retry with the same key gets the same endpoint and secret."""
    first = await place.world.post("/v1/webhook_endpoints", HOOK, "crashed")

    async def forget(tx: Transaction) -> None:
        await tx.fetch(
            sql("UPDATE idempotency_keys SET status = NULL, body = NULL, media_type = NULL WHERE key = 'crashed'")
        )

    await place.world.house.database.transact(forget)
    place.world.clock.advance(120)
    again = await place.world.post("/v1/webhook_endpoints", HOOK, "crashed")
    assert again.status == 201
    assert again.json() == first.json()
    assert len((await place.world.get("/v1/webhook_endpoints")).json()["items"]) == 1


async def test_a_rotated_secret_signs_beside_the_old_one(place: Place) -> None:
    made = await place.register()
    said = await place.world.post(f"/v1/webhook_endpoints/{made['id']}/rotate", {"old_valid_seconds": 3600}, "turn")
    assert said.status == 200
    rotated = said.json()
    assert rotated["secret"] != made["secret"]
    assert [one["ends_at"] is None for one in rotated["secrets"]] == [True, False]
    again = await place.world.post(f"/v1/webhook_endpoints/{made['id']}/rotate", {"old_valid_seconds": 3600}, "turn")
    assert again.body == said.body
    for _ in range(6):
        assert (await place.world.post(f"/v1/webhook_endpoints/{made['id']}/rotate", {})).status == 200
    full = await place.world.post(f"/v1/webhook_endpoints/{made['id']}/rotate", {})
    assert (full.status, full.code) == (409, "state_conflict")
    order = await place.world.order()
    await place.world.post(f"/v1/orders/{order['id']}/close", {})
    await place.world.work()
    (arrived,) = place.server.arrived
    assert len(arrived.headers["webhook-signature"].split(" ")) == 8
    now = place.world.clock.now().timestamp()
    assert is_genuine(made["secret"], arrived.headers, arrived.body, now)
    leaked = await place.world.post(f"/v1/webhook_endpoints/{made['id']}/rotate", {"old_valid_seconds": 0})
    assert len(leaked.json()["secrets"]) == 1


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"url": "http://hooks.example.com/"}, "/url", "not_https"),
        ({"url": "https://169.254.169.254/latest"}, "/url", "private_address"),
        ({"url": "https://127.1/"}, "/url", "bad_format"),
        ({"url": "https://u@evil#@good.example/"}, "/url", "bad_format"),
        ({"url": "https://hooks.example.com:22/"}, "/url", "bad_port"),
        ({"url": "gopher://hooks.example.com/"}, "/url", "bad_format"),
        ({"url": 1}, "/url", None),
        ({"url": "https://a.example/" + "x" * 2000}, "/url", None),
        ({"event_types": ["order.shipped"]}, "/event_types/0", "not_known"),
        ({"event_types": ["order.paid", "x"]}, "/event_types/1", None),
        ({"event_types": []}, "/event_types", None),
        ({"description": "a\nb"}, "/description", None),
        ({"secret": "whsec_x"}, "/secret", None),
        ({"state": "ENABLED"}, "/state", None),
    ],
)
async def test_what_an_endpoint_may_not_be(
    place: Place, changes: dict[str, object], pointer: str, code: str | None
) -> None:
    said = await place.world.post("/v1/webhook_endpoints", {**HOOK, **changes})
    assert (said.status, said.code) == (422, "invalid_field")
    (error,) = said.json()["errors"]
    assert error["pointer"] == pointer
    assert code in {None, error["code"]}
    assert await place.world.sql("SELECT 1 FROM webhook_endpoints") == []


async def test_a_merchant_has_at_most_sixteen_enabled_endpoints(place: Place) -> None:
    made = [await place.register() for _ in range(16)]
    said = await place.world.post("/v1/webhook_endpoints", HOOK)
    assert (said.status, said.code) == (409, "state_conflict")
    assert (await place.world.post(f"/v1/webhook_endpoints/{made[0]['id']}/disable", {})).json()["state"] == "DISABLED"
    await place.register()
    back = await place.world.post(f"/v1/webhook_endpoints/{made[0]['id']}/enable", {})
    assert (back.status, back.code) == (409, "state_conflict")


async def test_endpoints_are_listed_in_pages(place: Place) -> None:
    made = [(await place.register())["id"] for _ in range(5)]
    first = (await place.world.get("/v1/webhook_endpoints?limit=2")).json()
    second = (await place.world.get(f"/v1/webhook_endpoints?limit=2&cursor={first['next_cursor']}")).json()
    third = (await place.world.get(f"/v1/webhook_endpoints?limit=2&cursor={second['next_cursor']}")).json()
    found = [item["id"] for page in (first, second, third) for item in page["items"]]
    assert found == made[::-1]
    assert third["next_cursor"] is None


async def test_the_feed_is_read_page_by_page_and_from_any_message(place: Place) -> None:
    for _ in range(5):
        order = await place.world.order()
        await place.world.post(f"/v1/orders/{order['id']}/close", {})
    await place.world.work()
    every = await place.messages()
    assert len(every) == 5
    after, walked = "0", []
    while page := (await place.world.get(f"/v1/webhook_messages?after={after}&limit=2")).json():
        walked += page["items"]
        if not page["items"]:
            break
        after = page["next_after"]
    assert walked == every
    assert await place.messages(every[2]["id"]) == every[3:]
    latest = (await place.world.get("/v1/webhook_messages?after=latest")).json()
    assert latest["items"] == []
    assert await place.messages(latest["next_after"]) == []
    empty = Place(place.world, place.server)
    empty.world.api_key = place.world.live_key
    assert (await empty.world.get("/v1/webhook_messages?after=latest")).json() == {"items": [], "next_after": "0"}


@pytest.mark.parametrize(
    "after", ["x", "-1", "1" * 19, "evt_x", "evt_" + "8" * 26, "ord_" + "0" * 26, "evt_" + "0" * 26]
)
async def test_a_place_that_there_is_not_in_the_feed(place: Place, after: str) -> None:
    said = await place.world.get(f"/v1/webhook_messages?after={after}")
    is_id = after == "evt_" + "0" * 26
    assert (said.status, said.code) == ((404, "not_found") if is_id else (422, "invalid_field"))


async def test_a_failed_message_shows_its_tries_and_is_replayed_by_hand(place: Place) -> None:
    endpoint = await place.register()
    place.server.reply = lambda _: DOWN
    order = await place.world.order()
    await place.world.post(f"/v1/orders/{order['id']}/close", {})
    await place.world.work()
    (message,) = await place.messages()
    (delivery,) = message["deliveries"]
    assert (delivery["state"], delivery["last_status"], delivery["last_reason"]) == ("WAITING", 500, "status")
    assert delivery["next_at"] is not None
    assert (await place.world.get(f"/v1/webhook_endpoints/{endpoint['id']}")).json()["failing_since"] is not None
    place.server.reply = lambda _: OK
    said = await place.world.post(f"/v1/webhook_messages/{message['id']}/replay", {"endpoint_id": endpoint["id"]})
    assert said.status == 200
    await place.world.work()
    read = (await place.world.get(f"/v1/webhook_messages/{message['id']}")).json()
    assert [(one["status"], one["answer"]) for one in read["attempts"]] == [(500, "oops"), (200, "")]
    assert read["deliveries"][0]["state"] == "DELIVERED"
    assert (await place.world.get(f"/v1/webhook_endpoints/{endpoint['id']}")).json()["failing_since"] is None


async def test_a_replay_needs_an_endpoint_that_takes_it(place: Place) -> None:
    order = await place.world.order()
    await place.world.post(f"/v1/orders/{order['id']}/close", {})
    await place.world.work()
    (message,) = await place.messages()
    path = f"/v1/webhook_messages/{message['id']}/replay"
    assert (await place.world.post(path, {})).code == "state_conflict"
    endpoint = await place.register(event_types=["order.paid"])
    assert (await place.world.post(path, {})).code == "state_conflict"
    chosen = {"endpoint_id": endpoint["id"]}
    assert (await place.world.post(path, chosen)).status == 200, "a person may send it where it is not asked for"
    await place.world.post(f"/v1/webhook_endpoints/{endpoint['id']}/disable", {})
    assert (await place.world.post(path, chosen)).code == "state_conflict"
    nobody = {"endpoint_id": f"whk_{encode(place.world.house.source.new_id())}"}
    assert (await place.world.post(path, nobody)).code == "not_found"


async def test_410_disables_and_sounds_the_alarm(place: Place) -> None:
    endpoint = await place.register()
    place.server.reply = lambda _: Sent(410, "gone", 1)
    order = await place.world.order()
    await place.world.post(f"/v1/orders/{order['id']}/close", {})
    structlog.reset_defaults()
    with capture_logs() as lines:
        await place.world.work()
    read = (await place.world.get(f"/v1/webhook_endpoints/{endpoint['id']}")).json()
    assert (read["state"], read["disabled_reason"]) == ("DISABLED", "gone")
    (alarm,) = [line for line in lines if line["event"] == "alarm"]
    assert alarm["alarm"] == "webhook_endpoint_disabled"
    assert alarm["subject"] == endpoint["id"]
    enabled = await place.world.post(f"/v1/webhook_endpoints/{endpoint['id']}/enable", {})
    assert (enabled.json()["state"], enabled.json()["disabled_reason"]) == ("ENABLED", None)


async def as_key(world: World, key: str, method: str, target: str, body: object = None) -> Said:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json", "idempotency-key": f"k{target}"}
    raw = b"" if method == "GET" else json.dumps(body or {}).encode()
    return await call(world.app, method, target, headers, raw)


async def test_no_route_shows_or_moves_anything_of_another_merchant(place: Place) -> None:
    """Attacks A40 to A43: another organisation's key, and the other side's own."""
    endpoint = await place.register()
    order = await place.world.order()
    await place.world.post(f"/v1/orders/{order['id']}/close", {})
    await place.world.work()
    (message,) = await place.messages()
    for key in (place.world.other_key, place.world.live_key):
        for method, target, body in [
            ("GET", f"/v1/webhook_endpoints/{endpoint['id']}", None),
            ("POST", f"/v1/webhook_endpoints/{endpoint['id']}/rotate", {}),
            ("POST", f"/v1/webhook_endpoints/{endpoint['id']}/enable", {}),
            ("POST", f"/v1/webhook_endpoints/{endpoint['id']}/disable", {}),
            ("GET", f"/v1/webhook_messages/{message['id']}", None),
            ("POST", f"/v1/webhook_messages/{message['id']}/replay", {}),
            ("POST", f"/v1/webhook_messages/{message['id']}/replay", {"endpoint_id": endpoint["id"]}),
        ]:
            said = await as_key(place.world, key, method, target, body)
            if body and "endpoint_id" in body:  # the same path as before: its Idempotency-Key has another body
                assert said.status == 422
                continue
            assert (said.status, said.code) == (404, "not_found"), (method, target)
        for target in PATHS:
            assert (await as_key(place.world, key, "GET", target)).json()["items"] == []
        foreign = await as_key(place.world, key, "GET", f"/v1/webhook_messages?after={message['id']}")
        assert (foreign.status, foreign.code) == (404, "not_found")
    unchanged = (await place.world.get(f"/v1/webhook_endpoints/{endpoint['id']}")).json()
    assert unchanged["state"] == "ENABLED"
    assert len(unchanged["secrets"]) == 1
    assert len(place.server.arrived) == 1
    foreign_cursor = await as_key(place.world, place.world.other_key, "GET", "/v1/webhook_endpoints?cursor=" + "0" * 48)
    assert foreign_cursor.status == 404


async def test_a_key_needs_the_capability(place: Place) -> None:
    endpoint = await place.register()
    await place.world.house.database.transact(
        lambda tx: tx.fetch(sql("UPDATE api_keys SET capabilities = array_remove(capabilities, 'webhooks:write')"))
    )
    for target in ("/v1/webhook_endpoints", f"/v1/webhook_endpoints/{endpoint['id']}/rotate"):
        said = await place.world.post(target, HOOK if target.endswith("endpoints") else {})
        assert (said.status, said.code) == (403, "forbidden")
    assert (await place.world.get("/v1/webhook_endpoints")).status == 200
    await place.world.house.database.transact(
        lambda tx: tx.fetch(sql("UPDATE api_keys SET capabilities = array_remove(capabilities, 'webhooks:read')"))
    )
    for target in (*PATHS, f"/v1/webhook_endpoints/{endpoint['id']}"):
        assert (await place.world.get(target)).status == 403
    no_key = await call(place.world.app, "GET", "/v1/webhook_messages", {}, b"")
    assert (no_key.status, no_key.code) == (401, "unauthenticated")


@pytest.mark.parametrize(("is_allowed", "expected"), [(True, 201), (False, 422)])
async def test_this_machine_is_an_endpoint_only_where_it_is_allowed(
    database: Database, is_allowed: bool, expected: int
) -> None:
    """And never for a live side: its row says so again when it is sent to."""
    async with receiving(status(500), status(200)) as receiver, Sender(SenderSettings(5)) as sender:
        world = await make_place(database, sender, webhooks_allow_private=is_allowed)
        said = await world.post("/v1/webhook_endpoints", {"url": receiver.url()})
        assert said.status == expected, said.body
        live = await as_key(world, world.live_key, "POST", "/v1/webhook_endpoints", {"url": receiver.url()})
        assert (live.status, live.json()["errors"][0]["code"]) == (422, "not_https")
        order = await world.order()
        await world.post(f"/v1/orders/{order['id']}/close", {})
        await world.work()
        await world.pass_time(seconds=6)
        assert len(receiver.requests) == (2 if is_allowed else 0)
        if is_allowed:
            first, second = receiver.requests
            assert first.body == second.body
            assert first.headers["webhook-id"] == second.headers["webhook-id"]
            now = world.clock.now().timestamp()
            assert is_genuine(said.json()["secret"], second.headers, second.body, now)

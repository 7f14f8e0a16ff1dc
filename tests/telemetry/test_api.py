"""POST /v1/telemetry over HTTP: beacons from anybody, taken once, bounded, and never a shopper's secret in them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from app import asgi
from flows.world import Said, World, call, make_world
from shunfu.app.http.server import create_app
from shunfu.app.settings import load
from shunfu.app.wiring import RETENTION_JOB
from shunfu.db import Database, Job
from shunfu.kernel.ids import parse_public
from telemetry.support import KEEP_DAYS

PATH = "/v1/telemetry"
APP = {"version": "1.0.0", "host": "wechat", "host_version": "8.0.60", "system": "harmony", "device": "华为 Mate 60"}
VISIT = "Zr8v1Qp3T0aYkL5uWc2eMg"
PLAIN = "text/plain;charset=UTF-8"


@pytest.fixture
async def world(database: Database) -> World:
    return await make_world(database)


def body(**changes: object) -> dict[str, Any]:
    """A batch; None leaves a member out."""
    events = [{"name": "open", "at_ms": 0}, {"name": "pay_tap", "at_ms": 900, "method": "wechatpay/native", "taps": 1}]
    told = {"visit": VISIT, "seq": 0, "consent": True, "sample": 0.5, "app": APP, "events": events, **changes}
    return {name: value for name, value in told.items() if value is not None}


def merchant(key: str) -> str:
    return f"mer_{key.split('_')[2]}"


async def token(world: World) -> str:
    return str((await world.order())["checkout_url"]).rpartition("/")[2]


async def tell(world: World, told: object, media_type: str = PLAIN) -> Said:
    raw = told if isinstance(told, bytes) else json.dumps(told).encode()
    return await call(world.app, "POST", PATH, {"content-type": media_type}, raw)


async def test_a_batch_is_taken_once_without_a_header_of_ours(world: World) -> None:
    """The same batch again stores nothing, and a browser's beacon and a mini-program's request are alike."""
    told = body(checkout=await token(world))
    taken = [2, 0, 0, 0]
    for media_type in (PLAIN, "text/plain", "application/json", "Application/JSON; charset=utf-8"):
        said = await tell(world, told, media_type)
        assert (said.status, said.json()) == (202, {"taken": taken.pop(0), "left_out": {}})
    found = await world.sql("SELECT visit, step, tap_ms, method, taps, weight, system, device FROM telemetry_visits")
    assert found == [(VISIT, 4, 900, "wechatpay/native", 1, 2, "harmony", "华为 Mate 60")]
    assert await world.sql("SELECT count(*) FROM idempotency_keys WHERE path = $1", PATH) == [(0,)]


async def test_before_there_is_an_order_the_merchant_is_named(world: World) -> None:
    assert (await tell(world, body(merchant=merchant(world.api_key)))).json()["taken"] == 2
    owner = parse_public("mer", merchant(world.api_key))
    assert await world.sql("SELECT DISTINCT merchant_id FROM telemetry_visits") == [(owner,)]


async def test_who_is_nobody_is_turned_away(world: World) -> None:
    """A stranger's link, a forged or ended one, a merchant that there is not, and nobody at all."""
    ours, other = await token(world), merchant(world.other_key)
    forged = ours[:-1] + ("A" if ours[-1] != "A" else "B")
    for who in (
        {"checkout": ours, "merchant": other},
        {"checkout": ours, "merchant": "mer_x"},
        {"checkout": forged},
        {"checkout": ""},
        {"merchant": "mer_" + "0" * 26},
        {"merchant": "x"},
        {},
    ):
        said = await tell(world, body(**who))
        assert (said.status, said.code) == (401, "unauthenticated"), who
    assert await world.sql("SELECT count(*) FROM telemetry_visits") == [(0,)]
    assert (await tell(world, body(checkout=ours, merchant=merchant(world.api_key)))).status == 202
    world.clock.instant = world.clock.instant.replace(year=2027)
    assert (await tell(world, body(checkout=ours, seq=1))).status == 401, "the link has ended"


async def test_without_consent_there_is_a_count_a_day_and_nothing_else(world: World) -> None:
    checkout = await token(world)
    for seq in (0, 1):
        events = [{"name": "open" if seq == 0 else "paid", "at_ms": seq}]
        said = await tell(world, body(checkout=checkout, consent=False, seq=seq, events=events))
        assert (said.status, said.json()) == (202, {"taken": 0, "left_out": {}})
    assert await world.sql("SELECT reason, times FROM telemetry_counts") == [("no_consent", 1)]
    assert await world.sql("SELECT count(*) FROM telemetry_visits") == [(0,)]


async def test_a_clock_that_jumps_costs_its_event_and_no_other(world: World) -> None:
    events = [{"name": "open", "at_ms": 0}, {"name": "ready", "at_ms": -1}, {"name": "paid", "at_ms": 2**63 - 1}]
    told = body(checkout=await token(world), events=events)
    for taken in (1, 0):
        said = await tell(world, told)
        assert (said.status, said.json()) == (202, {"taken": taken, "left_out": {"at_ms": 2}})
    assert await world.sql("SELECT reason, times FROM telemetry_counts") == [("at_ms", 2)], "counted once as well"


async def test_a_vital_is_a_whole_number(world: World) -> None:
    events = [
        {"name": "vital", "code": "cls", "at_ms": 5, "value": 0.0154},
        {"name": "vital", "code": "lcp", "at_ms": 5, "value": 812.4},
        {"name": "vital", "code": "inp", "at_ms": 5, "duration_ms": 48},
        {"name": "vital", "code": "ttfb", "at_ms": 5, "duration_ms": 48},
    ]
    said = await tell(world, body(checkout=await token(world), events=events))
    assert said.json() == {"taken": 3, "left_out": {"vital": 1}}
    assert await world.sql("SELECT cls_milli, lcp_ms, inp_ms FROM telemetry_visits") == [(15, 812, 48)]


EVENT: dict[str, Any] = {"name": "open", "at_ms": 0}
REFUSED: list[dict[str, Any]] = [
    {"openid": "o-1"},
    {"app": {**APP, "ip": "1.2.3.4"}},
    {"events": [{**EVENT, "address": "x"}]},
    {"events": [{**EVENT, "name": "click"}]},
    {"events": [{**EVENT, "at_ms": 1.5}]},
    {"events": [{**EVENT, "at_ms": "1"}]},
    {"events": [{**EVENT, "at_ms": 2**63}]},
    {"events": [{**EVENT, "method": "wechatpay"}]},
    {"events": [{**EVENT, "code": "a b"}]},
    {"events": [{**EVENT, "code": "x\x00"}]},
    {"events": [{**EVENT, "value": 1e308}]},
    {"events": []},
    {"events": [EVENT] * 51},
    {"app": {**APP, "device": "a\x00b"}},
    {"app": {**APP, "device": "a\nb"}},
    {"app": {**APP, "device": "a\u202eb"}},
    {"app": {**APP, "device": "x" * 41}},
    {"app": {**APP, "system": "symbian"}},
    {"app": {**APP, "host": "WeChat"}},
    {"app": {**APP, "version": "1 0"}},
    {"app": {**APP, "network": "6g"}},
    {"app": None},
    {"visit": VISIT[:-1]},
    {"visit": VISIT + "x"},
    {"visit": VISIT[:-1] + "é"},
    {"visit": VISIT[:-1] + "\n"},
    {"seq": -1},
    {"seq": 1000},
    {"seq": True},
    {"consent": None},
    {"consent": "yes"},
    {"sample": 0},
    {"sample": 0.0009},
    {"sample": 1.1},
]


async def test_what_is_refused_is_refused_as_a_whole(world: World) -> None:
    checkout = await token(world)
    for wrong in REFUSED:
        said = await tell(world, body(checkout=checkout, **wrong))
        assert (said.status, said.code) == (422, "invalid_field"), wrong
        assert said.json()["errors"], wrong
    assert await world.sql("SELECT count(*) FROM telemetry_visits") == [(0,)]
    assert await world.sql("SELECT count(*) FROM telemetry_counts") == [(0,)]
    assert (await tell(world, body(checkout=checkout, events=[EVENT] * 50, sample=0.001))).json()["taken"] == 50


NO_BATCH = (
    (b"", PLAIN, 422, "invalid_field"),
    (b"{", PLAIN, 400, "malformed_body"),
    (b'{"seq": 0, "seq": 1}', PLAIN, 400, "malformed_body"),
    (b"\xff", PLAIN, 400, "malformed_body"),
    (b"[" * 40, PLAIN, 400, "malformed_body"),
    (b'{"x": NaN}', PLAIN, 400, "malformed_body"),
    (b"[]", PLAIN, 422, "invalid_field"),
    (b'{"x": "' + b"x" * 16_384 + b'"}', PLAIN, 413, "body_too_large"),
    (b"{}", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
    (b"{}", "multipart/form-data; boundary=x", 415, "unsupported_media_type"),
    (b"{}", "", 415, "unsupported_media_type"),
)


async def test_what_is_no_batch(world: World) -> None:
    for raw, media_type, status, code in NO_BATCH:
        said = await tell(world, raw, media_type)
        assert (said.status, said.code) == (status, code), (raw[:40], media_type)


async def test_the_largest_batch_fits(world: World) -> None:
    """Fifty events with everything that they may say are less than sixteen thousand bytes."""
    event = {"name": "method_change", "at_ms": 86_400_000, "method": "wechatpay/miniprogram", "taps": 999, "fields": 99}
    told = body(checkout=await token(world), events=[{**event, "duration_ms": 99_999, "code": "x" * 40}] * 50)
    assert len(json.dumps(told)) < 16 * 1024
    assert (await tell(world, told)).json()["taken"] == 50


async def test_nothing_that_names_the_shopper_is_stored(world: World) -> None:
    """Not the token, the order, or the address that it came from."""
    checkout = await token(world)
    await tell(world, body(checkout=checkout))
    ((stored,),) = await world.sql("SELECT string_agg(t::text, ' ') FROM telemetry_visits t")
    order = checkout[26:52]
    for secret in (checkout, checkout[62:], order, str(parse_public("ord", f"ord_{order}")), "127.0.0.1"):
        assert secret not in str(stored)


async def test_an_address_and_a_link_are_counted(database: Database) -> None:
    """One address after its allowance, and one link from many addresses; each hears when to come again."""
    for limits, addresses in (
        ({"limit_address_per_minute": 3}, ["203.0.113.7"] * 4),
        ({"limit_key_per_minute": 3}, [f"203.0.113.{last}" for last in range(4)]),
    ):
        world = await make_world(database)
        checkout = await token(world)
        settings = load({"public_url": "http://localhost", **limits}, {})
        app = create_app(replace(world.house, settings=settings))
        said = [
            await asgi.call(
                app,
                "POST",
                PATH,
                {"content-type": PLAIN},
                [json.dumps(body(checkout=checkout, seq=seq)).encode()],
                client=address,
            )
            for seq, address in enumerate(addresses)
        ]
        assert [one.status for one in said] == [202, 202, 202, 429], limits
        assert int(said[-1].headers["retry-after"]) >= 1


async def test_a_guess_counts_as_a_failure_of_its_address(world: World) -> None:
    settings = load({"public_url": "http://localhost", "limit_failures_per_minute": 2}, {})
    app = create_app(replace(world.house, settings=settings))
    checkout = await token(world)
    for told, status in ((body(), 401), (body(checkout="x"), 401), (body(checkout=checkout), 429)):
        raw = json.dumps(told).encode()
        headers = {"content-type": PLAIN}
        said = await asgi.call(app, "POST", PATH, headers, [raw], client="203.0.113.9")
        assert said.status == status


async def test_the_daily_retention_ends_visits(world: World) -> None:
    owner = parse_public("mer", merchant(world.api_key))
    assert owner is not None
    house = world.house
    await tell(world, body(checkout=await token(world)))
    for days, left in ((KEEP_DAYS - 1, 1), (1, 0)):
        await house.database.transact(
            lambda tx: house.jobs.enqueue(tx, Job(owner, RETENTION_JOB, "daily", {}, house.source.now()))
        )
        await world.pass_time(days=days)
        assert await world.sql("SELECT count(*) FROM telemetry_visits") == [(left,)]

"""Every scene of every channel, from the order to the books: nothing above the port knows which channel it is.

The client opens what it was given, as a browser or an app does. A new channel's folder joins by being there.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import pytest

from flows.world import World, make_world
from shunfu.app.commands import prove_books
from shunfu.db import Database
from shunfu.driver import discover
from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.sandbox import Sheet
from shunfu.gateway.sandbox import stage as stages

SCENES = [(channel.name, scene.name) for channel in discover().channels.values() for scene in channel.scenes]
CHANNELS = sorted(discover().channels)


async def start(world: World, order_id: str, scene: str) -> dict[str, object]:
    found = discover().channels[world.channel].scene(scene)
    payer = {"payer": world.line.stage.sandbox.shopper} if found and found.needs_payer else {}
    body = {"method": f"{world.channel}/{scene}", "client_ip": "203.0.113.7", **payer}
    said = await world.post(f"/v1/orders/{order_id}/payments", body)
    assert said.status == 201, said.body
    return said.json()


def open_invoke(world: World, invoke: dict[str, dict[str, str]]) -> Sheet:
    """What a browser or an app does with the invoke data, as far as the sheet."""
    params, address = invoke["params"], str(invoke["sandbox_url"])
    request = Request("GET", address, ())
    if invoke["kind"] == "form":
        fields = urlencode({name: value for name, value in params.items() if name != "action"})
        headers = (("content-type", "application/x-www-form-urlencoded"),)
        request = Request("POST", params["action"], headers, fields.encode())
    elif invoke["kind"] == "redirect":
        request = Request("GET", params["url"], ())
    for _ in range(3):
        parts = urlsplit(request.url)
        if parts.path == "/sandbox/sheet":
            fields = dict(parse_qsl(parts.query, keep_blank_values=True))
            return stages.open_sheet(world.line.stage, fields, world.clock.now())
        reply = world.line.answer(request)
        assert isinstance(reply, Reply), reply
        assert reply.status in {302, 303}, reply
        request = Request("GET", urljoin(request.url, reply.headers["location"]), ())
    raise AssertionError("no sheet")


@pytest.mark.parametrize(("channel", "scene"), SCENES)
async def test_a_payment_is_opened_paid_notified_and_booked(database: Database, channel: str, scene: str) -> None:
    world = await make_world(database, channel)
    order = await world.order()
    payment = await start(world, order["id"], scene)
    assert payment["state"] == "PENDING"
    sheet = open_invoke(world, payment["invoke"])
    assert sheet.condition == "payable", sheet
    said = await world.shopper_pays(str(payment["id"]))
    assert said.status in {200, 204}
    assert await world.order_state(order["id"]) == "PAID"
    found = await world.payment(str(payment["id"]))
    assert (found["state"], found["captured_minor"]) == ("CAPTURED", 8600)
    proof = await prove_books(world.house)
    assert proof["ok"], proof


@pytest.mark.parametrize("channel", CHANNELS)
async def test_two_payments_one_after_the_other(database: Database, channel: str) -> None:
    """What a channel leaves out of its messages, such as a nonce, must not make two of them look like one."""
    world = await make_world(database, channel)
    for lost in ("lose_replies", "lose_requests"):
        order = await world.order()
        setattr(world.line, lost, 1)
        payment = (await world.pay(order["id"])).json()
        assert payment["state"] == "UNKNOWN", lost
        await world.pass_time(seconds=6)
        assert (await world.payment(payment["id"]))["state"] == "PENDING", lost
        await world.shopper_pays(payment["id"])
        assert await world.order_state(order["id"]) == "PAID", lost


async def test_a_browser_payment_sent_again_is_the_same_request(database: Database) -> None:
    """The shopper's address and the way back are kept, sealed where personal: the channel compares each parameter."""
    world = await make_world(database, "wechatpay")
    order = await world.order(return_url="https://shop.example.com/back")
    world.line.lose_replies = 1
    payment = await start(world, order["id"], "h5")
    assert payment["state"] == "UNKNOWN"
    await world.pass_time(seconds=6)
    assert (await world.payment(str(payment["id"])))["state"] == "PENDING"
    resumed = await start(world, order["id"], "h5")
    assert resumed["invoke"]
    placed = [json.loads(request.body) for request in world.line.requests if request.url.endswith("/h5")]
    assert len(placed) == 2
    assert placed[0] == placed[1]
    assert placed[0]["scene_info"]["payer_client_ip"] == "203.0.113.7"
    ((sealed,),) = await world.sql("SELECT client_ip::text FROM payments")
    assert "203.0.113.7" not in str(sealed)


@pytest.mark.parametrize("wrong", ["", "shop.example.com", "1.2.3", "203.0.113.7, 10.0.0.1", 5])
async def test_a_shoppers_address_must_be_one(database: Database, wrong: object) -> None:
    world = await make_world(database)
    order = await world.order()
    said = await world.post(f"/v1/orders/{order['id']}/payments", {"method": world.method, "client_ip": wrong})
    assert (said.status, said.code) == (422, "invalid_field"), said.body


UNCERTAIN = [
    (channel.name, scene.name)
    for channel in discover().channels.values()
    for scene in channel.scenes
    if not scene.not_found_is_final
]


@pytest.mark.parametrize(("channel", "scene"), UNCERTAIN)
async def test_what_the_shopper_can_still_open_and_pay_lets_no_other_payment_begin(
    database: Database, channel: str, scene: str
) -> None:
    """The channel does not know a signed page that nobody opened, and it can be paid all the same."""
    world = await make_world(database, channel)
    order = await world.order()
    await start(world, order["id"], scene)
    other = next(one.name for one in discover().channels[channel].scenes if one.name != scene)
    payer = {"payer": world.line.stage.sandbox.shopper}
    said = await world.post(f"/v1/orders/{order['id']}/payments", {"method": f"{channel}/{other}", **payer})
    released = said.status == 201 and (await world.get(f"/v1/orders/{order['id']}")).json()["payments"]
    closed = bool(released) and released[0]["state"] == "CLOSED"
    assert closed or (said.status, said.code) == (409, "payment_unknown"), said.body

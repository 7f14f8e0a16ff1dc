"""What strangers may send to the address of notifications, at every channel (attacks A01 to A08, A12, A13, A19).

Each attack is a genuine message with one thing wrong. It is refused, kept with its reason, and moves nothing; and at
the end the genuine message itself arrives and pays the order: so it was the one thing that was refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from flows.world import SANDBOX_URL, World, made_state, make_world, sandbox_of
from shunfu.app.http.server import create_app
from shunfu.db import Database, Transaction
from shunfu.driver import discover
from shunfu.gateway.sandbox.values import Delivery
from shunfu.kernel.ids import parse_public, public
from shunfu.merchants import get_merchant

SIGNATURE = re.compile(rb"(?:^|&)(?:sign|signature)=[^&]*")
Attack = Callable[[World, Delivery], Delivery]


def without_signature(_: World, delivery: Delivery) -> Delivery:
    body = SIGNATURE.sub(b"", delivery.request.body)
    kept = tuple((name, text) for name, text in delivery.request.headers if "signature" not in name.lower())
    assert (body, kept) != (delivery.request.body, delivery.request.headers)
    return replace(delivery, request=replace(delivery.request, headers=kept, body=body))


def by_other_keys(world: World, delivery: Delivery) -> Delivery:
    (forged,) = world.forged(delivery)
    return forged


def one_byte_changed(_: World, delivery: Delivery) -> Delivery:
    """In the middle, where the channel's own words are: a digit or a letter becomes its neighbour."""
    body = bytearray(delivery.request.body)
    place = next(place for place in range(len(body) // 2, len(body)) if chr(body[place]).isalnum())
    body[place] ^= 1
    return replace(delivery, request=replace(delivery.request, body=bytes(body)))


def cut_short(_: World, delivery: Delivery) -> Delivery:
    return replace(delivery, request=replace(delivery.request, body=delivery.request.body[:-3]))


def twisted(twist: str) -> Attack:
    return lambda world, delivery: world.line.written(delivery, twist)


ATTACKS: dict[str, Attack] = {
    "A01 no signature": without_signature,
    "A02 a random signature": twisted("bad_signature"),
    "A03 another's key": by_other_keys,
    "A05 one byte changed": one_byte_changed,
    "A05 cut short": cut_short,
    "A13 an unknown serial": twisted("wrong_serial"),
}
LOCAL = {"host": "localhost", "x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1", "x-debug": "1"}


@pytest.fixture(params=list(discover().channels))
async def world(request: pytest.FixtureRequest, database: Database) -> World:
    """A whole installation with an account at one channel."""
    return await make_world(database, request.param)


async def about_a_payment(world: World) -> tuple[str, str, Delivery]:
    order_id, payment_id = await world.pending()
    world.line.shopper(payment_id[4:])
    (delivery,) = world.line.due()
    return order_id, payment_id, delivery


async def is_refused(world: World, delivery: Delivery, **headers: str) -> str:
    """The reason that was kept; the channel heard nothing that it would count as taken, and no money moved."""
    before = await kept(world)
    said = await world.deliver(delivery, **headers)
    accepted = discover().channels[world.channel].verbs.answer_notification("accepted")
    assert (said.status, said.body) != (accepted.status, accepted.body)
    assert await world.sql("SELECT 1 FROM events WHERE name = 'PaymentReported'") == [], "something follows from it"
    (new,) = (await kept(world)).items() - before.items()
    assert new[1][0] == "refused", new
    return new[1][1]


async def kept(world: World) -> dict[object, tuple[str, str]]:
    """Every message that was kept: its verdict and reason."""
    rows = await world.sql("SELECT notification_id, verdict, reason FROM notifications")
    return {row[0]: (str(row[1]), str(row[2])) for row in rows}


async def test_one_thing_wrong_is_refused_and_the_genuine_message_counts(world: World) -> None:
    order_id, payment_id, delivery = await about_a_payment(world)
    reasons = {name: await is_refused(world, attack(world, delivery)) for name, attack in ATTACKS.items()}
    reasons["A12"] = await is_refused(world, by_other_keys(world, delivery), **LOCAL)
    assert all(reasons.values()), reasons
    await world.work()
    assert await world.sql("SELECT 1 FROM transfers") == []
    assert reasons["A12"] == reasons["A03 another's key"], "saying that one is local changes nothing"
    assert await world.order_state(order_id) == "OPEN"
    assert (await world.deliver(delivery, **LOCAL)).status in {200, 204}
    await world.work()
    assert await world.order_state(order_id) == "PAID"
    assert (await world.payment(payment_id))["captured_minor"] == 8600


async def test_a_message_of_last_month_or_of_the_next_hour_is_refused_where_it_is_dated(database: Database) -> None:
    """A06 and A07: validly signed, at the wrong time. Only this channel dates its signature for replay."""
    world = await make_world(database)
    order_id, _, delivery = await about_a_payment(world)
    for away in (timedelta(days=30), timedelta(seconds=301), timedelta(hours=-1)):
        world.app = create_app(world.house)  # whose limits have not seen the other time
        world.clock.instant += away
        assert await is_refused(world, delivery) == "timestamp is not within 300 seconds of now"
        world.clock.instant -= away
    world.app = create_app(world.house)
    await world.work()
    assert await world.order_state(order_id) == "OPEN"
    assert (await world.deliver(delivery)).status in {200, 204}
    await world.work()
    assert await world.order_state(order_id) == "PAID"


async def second_address(world: World, whose: str) -> str:
    """The address of an account of another merchant: with somebody's keys, or with the very same."""
    merchant_id = parse_public("mer", f"mer_{world.other_key.split('_')[2]}")
    assert merchant_id is not None
    state = made_state(world.channel, whose) if whose else world.line.state
    told = dict(sandbox_of(world.channel).verbs.describe(state, SANDBOX_URL).client)

    async def story(tx: Transaction) -> str:
        merchant = await get_merchant(tx, merchant_id)
        assert merchant is not None
        return public("acc", await world.house.accounts.add(tx, merchant, world.channel, told))

    account = await world.house.database.transact(story)
    return f"/notifications/{world.channel}/{public('mer', merchant_id)}/{account}"


def sent_to(delivery: Delivery, path: str) -> Delivery:
    return replace(delivery, request=replace(delivery.request, url=f"{SANDBOX_URL}{path}"))


async def test_a_genuine_message_at_another_merchants_address_moves_nothing(world: World) -> None:
    """A04: refused by the other's keys. A19: even where both share one channel account, the number is not theirs."""
    order_id, _, delivery = await about_a_payment(world)
    elsewhere = await second_address(world, "somebody else")
    assert await is_refused(world, sent_to(delivery, elsewhere)) != "unknown_number"
    shared = await second_address(world, "")
    assert await is_refused(world, sent_to(delivery, shared)) == "unknown_number"
    other = parse_public("mer", f"mer_{world.other_key.split('_')[2]}")
    assert await world.sql("SELECT DISTINCT merchant_id FROM notifications") == [(other,)]
    assert await world.order_state(order_id) == "OPEN"
    assert (await world.deliver(delivery)).status in {200, 204}
    await world.work()
    assert await world.order_state(order_id) == "PAID"

"""A shopper's whole story through HTTP at every channel: code, session, profile, phone, consents, export, erasure."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from db.support import sql
from flows.world import make_world
from shoppers.support import COMPANY, ME, PHONE, PROFILE, Client, comes_again, dump
from shunfu.db import Database, Transaction
from shunfu.driver import discover
from shunfu.kernel.ids import parse_public
from shunfu.shoppers import last_method, payer_at, read_consents, read_profile

CHANNELS = sorted(discover().channels)


@pytest.mark.parametrize("channel", CHANNELS)
async def test_from_the_code_to_the_end(database: Database, channel: str) -> None:
    """The code becomes a session of ours; the shopper is filled in, vouched for, asked, copied and erased."""
    world = await make_world(database, channel)
    client = Client(world)
    told = await client.sign_in()
    assert set(told) == {"token", "expires_at", "shopper"}
    assert told["token"].startswith(f"shs_{client.merchant.removeprefix('mer_')}")
    assert told["shopper"].startswith("shp_")
    fresh = (await client.ask("GET", ME)).json()
    nothing = {"addresses": [], "phone": None, "phone_is_verified": False, "invoices": []}
    assert fresh == {
        **nothing,
        "shopper": told["shopper"],
        "last_method": None,
        "consents": {"telemetry": None, "personalisation": None},
    }
    replaced = await client.ask("PUT", ME, PROFILE)
    assert replaced.status == 200
    assert replaced.headers["cache-control"] == "no-store"
    assert {name: replaced.json()[name] for name in PROFILE} == PROFILE
    assert replaced.json()["phone_is_verified"] is False, "typed, and nobody vouches for it"
    await _phone(client)
    await _consents(client)
    await _copied(client, told["shopper"])
    await _used_by_the_rooms_above(client, told["shopper"])
    await _erased(client, told["shopper"])


async def _phone(client: Client) -> None:
    said = await client.ask("POST", f"{ME}/phone", {"channel": client.world.channel, "proof": client.proof()})
    assert said.status == 200, said.body
    assert said.json() == {"phone": PHONE, "phone_is_verified": True}
    assert said.headers["cache-control"] == "no-store"
    kept = (await client.ask("PUT", ME, PROFILE)).json()
    assert kept["phone_is_verified"] is True, "the same number stays verified"
    other = (await client.ask("PUT", ME, {**PROFILE, "phone": "+8613800138001"})).json()
    assert other["phone_is_verified"] is False, "another number is not vouched for"
    back = (await client.ask("PUT", ME, PROFILE)).json()
    assert back["phone_is_verified"] is False, "what was given up is not verified by coming back"


async def _consents(client: Client) -> None:
    given = await client.ask("PUT", f"{ME}/consents", {"telemetry": True})
    assert given.json() == {"telemetry": True, "personalisation": None}
    await client.ask("PUT", f"{ME}/consents", {"telemetry": True})
    taken = await client.ask("PUT", f"{ME}/consents", {"telemetry": False, "personalisation": True})
    assert taken.json() == {"telemetry": False, "personalisation": True}
    assert (await client.ask("GET", ME)).json()["consents"] == taken.json()


async def _copied(client: Client, shopper: str) -> None:
    export = (await client.ask("GET", f"{ME}/export")).json()
    assert export["shopper"] == shopper
    assert export["profile"] == {**PROFILE, "phone_is_verified": False}
    assert [(fact["kind"], fact["is_given"]) for fact in export["consents"]] == [
        ("telemetry", True),
        ("telemetry", False),
        ("personalisation", True),
    ], "each new answer is a fact, saying the same again is none"
    assert {place["channel"] for place in export["known_at"]} == {client.world.channel}
    assert len(export["sessions"]) == 1
    assert export["last_paid"] is None


async def _used_by_the_rooms_above(client: Client, shopper: str) -> None:
    tools = client.world.house.shoppers
    shopper_id = parse_public("shp", shopper)
    assert shopper_id is not None
    sandbox = client.world.line.stage.sandbox
    assert await payer_at(tools, client.merchant_id, shopper_id, client.world.channel) == sandbox.shopper
    assert await payer_at(tools, client.merchant_id, shopper_id, f"{client.world.channel}/miniprogram")
    assert await payer_at(tools, client.merchant_id, shopper_id, "nowhere/page") is None
    profile = await read_profile(tools, client.merchant_id, shopper_id)
    assert profile.invoices[0].tax_number == COMPANY["tax_number"]
    async with tools.database.reading() as reader:
        assert (await read_consents(reader, client.merchant_id, shopper_id)).telemetry is False
        assert await last_method(reader, client.merchant_id, shopper_id) is None


async def _erased(client: Client, shopper: str) -> None:
    verified = await client.ask("POST", f"{ME}/phone", {"channel": client.world.channel, "proof": client.proof()})
    if verified.status == 422:  # the same proof of the same instant, which works once
        client.world.clock.advance(1)
        told = {"channel": client.world.channel, "proof": client.proof("13700137000")}
        verified = await client.ask("POST", f"{ME}/phone", told)
    assert verified.status == 200, verified.body
    assert "/me/phone#shp_" in await dump(client.world)
    said = await client.ask("DELETE", ME)
    assert (said.status, said.body) == (204, b"")
    for method, target in (("GET", ME), ("GET", f"{ME}/export"), ("DELETE", ME), ("PUT", ME)):
        assert (await client.ask(method, target, {} if method == "PUT" else None)).status == 401
    left = await dump(client.world)
    of_shoppers = [line for line in left.splitlines() if line.startswith("shopper")]
    assert not [line for line in of_shoppers if line.startswith(("shopper_identities", "shopper_profiles"))]
    assert not [line for line in of_shoppers if line.startswith(("shopper_sessions", "shopper_methods"))]
    assert len([line for line in of_shoppers if line.startswith("shopper_consents")]) == 3, "proof of consent stays"
    assert "/me/phone#shp_" not in left, "the answer that told the phone is forgotten too"
    again: Any = await client.sign_in("again")
    assert again["shopper"] != shopper


async def test_the_same_person_comes_back(database: Database) -> None:
    """Another code of the same shopper opens another session of the same shopper; another's is another's."""
    world = await make_world(database)
    client = Client(world)
    first = await client.sign_in("mei")
    await client.ask("PUT", ME, PROFILE)
    comes_again(world)
    device = Client(world)
    second = await device.sign_in("mei")
    assert (second["shopper"], second["token"] == first["token"]) == (first["shopper"], False)
    assert (await device.ask("GET", ME)).json()["addresses"] == PROFILE["addresses"]
    assert len((await client.ask("GET", f"{ME}/export")).json()["sessions"]) == 2
    other = Client(world)
    assert (await other.sign_in("lan"))["shopper"] != first["shopper"]
    assert (await other.ask("GET", ME)).json()["addresses"] == []


async def test_two_shoppers_do_not_share_a_key(database: Database) -> None:
    """The same idempotency key of two shoppers at one merchant is two keys: neither sees the other's phone."""
    world = await make_world(database)
    one, two = Client(world), Client(world)
    await one.sign_in("one")
    await two.sign_in("two")
    told = {"channel": world.channel, "proof": one.proof("13700137000")}
    key = {"idempotency-key": "the-same"}
    first = await one.ask("POST", f"{ME}/phone", told, **key)
    again = await one.ask("POST", f"{ME}/phone", told, **key)
    assert (first.status, again.body) == (200, first.body), "the shopper's own retry gets the same answer"
    stolen = await two.ask("POST", f"{ME}/phone", told, **key)
    assert (stolen.status, stolen.code) == (422, "login_code_refused"), "another's is asked anew, and the code is used"
    assert b"13700137000" not in stolen.body


async def test_who_signed_in_pays_without_saying_who_they_are(database: Database) -> None:
    """The session beside the checkout's token brings the payer, and the method that succeeded is remembered."""
    world = await make_world(database)
    client = Client(world)
    told = await client.sign_in()
    order = await world.order()
    target = f"/v1/checkout/{order['checkout_url'].rpartition('/')[2]}"
    method = f"{world.channel}/miniprogram"
    guest = Client(world)
    assert (await guest.ask("POST", f"{target}/payments", {"method": method})).status == 422, "nobody says who pays"
    beside = {"shunfu-shopper": client.token}
    said = await guest.ask("POST", f"{target}/payments", {"method": method}, **beside)
    assert (said.status, said.json()["state"]) == (201, "PENDING"), said.body
    await world.shopper_pays(said.json()["id"])
    assert (await client.ask("GET", ME)).json()["last_method"] == method
    assert (await client.ask("GET", f"{ME}/export")).json()["last_paid"]["method"] == method
    await client.ask("PUT", f"{ME}/consents", {"personalisation": False})
    assert (await client.ask("GET", ME)).json()["last_method"] is None
    answer = (await guest.ask("GET", f"{target}", **beside)).json()
    assert answer["shopper"]["id"] == told["shopper"]
    await client.ask("DELETE", ME)
    gone = await guest.ask("GET", target, **beside)
    assert (gone.status, gone.json()["shopper"], gone.json()["order"]["state"]) == (200, None, "PAID")


@pytest.mark.parametrize("statement", ["UPDATE shopper_consents SET is_given = true", "DELETE FROM shopper_consents"])
async def test_what_was_consented_to_is_never_edited(database: Database, statement: str) -> None:
    world = await make_world(database)
    client = Client(world)
    await client.sign_in()
    await client.ask("PUT", f"{ME}/consents", {"telemetry": False})

    async def try_it(tx: Transaction) -> None:
        await tx.execute(sql(statement))

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.transact(try_it)
    assert (await client.ask("GET", ME)).json()["consents"]["telemetry"] is False

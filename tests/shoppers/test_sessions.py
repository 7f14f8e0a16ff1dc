"""Attacks on sessions: planted, guessed, replayed, another merchant's, the other side's, ended, out of place."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi import Request

from flows.world import World
from shoppers.support import ME, PROFILE, SESSIONS, Client, comes_again, dump
from shunfu.app.http.identifying import Identifier
from shunfu.kernel.errors import FieldError, InvalidField, Unauthenticated
from shunfu.kernel.ids import parse_public
from shunfu.shoppers import Shopper, recognise_shopper

CURRENT = f"{SESSIONS}/current"


@pytest.fixture
async def client(world: World) -> Client:
    """Somebody who has signed in."""
    found = Client(world)
    await found.sign_in()
    return found


def side(world: World, key: str) -> str:
    """The merchant of an API key as public text."""
    return f"mer_{key.split('_')[2]}"


async def test_signing_in_always_begins_a_new_session(world: World, client: Client) -> None:
    """Fixation: a session that is shown at the log-in is not taken over, and stays what it was."""
    planted = client.token
    victim = Client(world)
    victim.token = planted
    said = await victim.try_code("victim")
    assert said.status == 201
    assert said.json()["token"] != planted
    assert said.json()["token"][30:56] != planted[30:56], "not even the session's id"
    assert (await client.ask("GET", ME)).json()["shopper"] != said.json()["shopper"]


async def test_nothing_but_the_whole_token_opens_a_session(world: World, client: Client) -> None:
    """Guessing: every part of a token counts."""
    other = Client(world)
    await other.sign_in("other")
    good = client.token
    guesses = [
        good[:56] + other.token[56:],  # another session's secret
        good[:30] + other.token[30:56] + good[56:],  # another session
        good[:4] + side(world, world.other_key)[4:] + good[30:],  # another merchant
        good[:4] + side(world, world.live_key)[4:] + good[30:],  # the other side
        good[:4] + "0" * 26 + good[30:],  # the platform
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good.lower(),
        f"{good}{good}",
        "",
        "shs_",
        "shs_\x00",
        world.api_key.replace("sk_test_", "shs_"),
    ]
    for guess in guesses:
        client.token = guess
        said = await client.ask("GET", ME)
        assert (said.status, said.code) == (401, "unauthenticated"), guess
        assert said.headers["www-authenticate"] == "Bearer"
    client.token = good
    assert (await client.ask("GET", ME)).status == 200


async def test_a_code_works_once(world: World) -> None:
    """Replay: of the code, of the whole request with its key, and with another key."""
    client = Client(world)
    key = {"idempotency-key": "sign-in-1"}
    first = await client.try_code("mei", **key)
    assert first.status == 201
    assert first.headers["cache-control"] == "no-store"
    again = await client.try_code("mei", **key)
    assert again.body == first.body, "the client's own retry gets its own answer"
    stolen = await client.try_code("mei")
    assert (stolen.status, stolen.code) == (422, "login_code_refused")
    assert first.json()["token"] not in await dump(world), "the answer is kept, sealed"
    other = await client.try_code("lan", **key)
    assert other.status == 201, "a stranger's key is no hindrance"


async def test_an_ended_session_is_ended_everywhere(world: World, client: Client) -> None:
    order = await world.order()
    checkout = f"/v1/checkout/{order['checkout_url'].rpartition('/')[2]}"
    assert (await client.ask("DELETE", CURRENT)).status == 204
    for method, target in (("GET", ME), ("DELETE", CURRENT), ("GET", f"{ME}/export")):
        assert (await client.ask(method, target)).status == 401
    said = await client.ask("GET", checkout, **{"shunfu-shopper": client.token})
    assert said.status == 200, "at the checkout it is a guest, and no error"
    assert await recognised(world, checkout, client.token) is None


async def test_a_session_ends_by_itself(world: World, client: Client) -> None:
    life = timedelta(minutes=world.house.settings.whole("shopper_session_minutes"))
    world.clock.instant += life - timedelta(seconds=1)
    assert (await client.ask("GET", ME)).status == 200
    world.clock.instant += timedelta(seconds=1)
    assert (await client.ask("GET", ME)).status == 401
    comes_again(world)
    assert (await client.sign_in())["token"]
    assert (await client.ask("GET", ME)).status == 200


async def recognised(world: World, path: str, token: str | None) -> Shopper | None:
    """Whom the edge recognises at a checkout."""
    identifier = Identifier(world.house.database, world.house.source, world.house.ring.signer)
    headers = [] if token is None else [(b"shunfu-shopper", token.encode())]
    checkout_token = path.rpartition("/")[2]
    scope = {"type": "http", "method": "GET", "path": path, "headers": headers, "query_string": b""}
    request = Request({**scope, "path_params": {"checkout_token": checkout_token}})
    caller = await identifier.identify(request)
    assert caller.kind == "checkout"
    return request.state.shopper


async def test_who_the_shopper_is_at_the_checkout(world: World, client: Client) -> None:
    """Beside the token in the path a session says who pays; what is none, or another merchant's, says nothing."""
    mine = (await world.order())["checkout_url"].rpartition("/")[2]
    told = {"amount_minor": 8600, "currency": "CNY", "subject": "书"}
    said = await world.post("/v1/orders", told, authorization=f"Bearer {world.other_key}")
    theirs = said.json()["checkout_url"].rpartition("/")[2]
    here = await recognised(world, f"/v1/checkout/{mine}", client.token)
    assert here is not None
    assert here.public_id == (await client.ask("GET", ME)).json()["shopper"]
    assert await recognised(world, f"/v1/checkout/{theirs}", client.token) is None
    for wrong in (None, "", "shs_", client.token[:-1], f"Bearer {client.token}", world.api_key):
        assert await recognised(world, f"/v1/checkout/{mine}", wrong) is None
    with pytest.raises(Unauthenticated):
        await recognised(world, f"/v1/checkout/{mine[:-1]}x", client.token)
    async with world.house.database.reading() as reader:
        now = world.clock.now()
        assert await recognise_shopper(reader, f" {client.token} ", client.merchant_id, now) == here
        other = parse_public("mer", side(world, world.live_key))
        assert other is not None
        assert await recognise_shopper(reader, client.token, other, now) is None


async def test_a_session_opens_nothing_but_the_own_profile(world: World, client: Client) -> None:
    """And an API key, or nothing at all, opens no profile."""
    order = await world.order()
    told = {"amount_minor": 100, "currency": "CNY", "subject": "x"}
    for method, target, body in (
        ("GET", "/v1/orders", None),
        ("GET", f"/v1/orders/{order['id']}", None),
        ("POST", "/v1/orders", told),
        ("GET", "/v1/refunds", None),
        ("GET", "/v1/webhook_endpoints", None),
    ):
        said = await client.ask(method, target, body)
        assert (said.status, said.code) == (403, "forbidden"), target
    walked = [("GET", ME), ("GET", f"{ME}/export"), ("PUT", ME), ("PUT", f"{ME}/consents"), ("DELETE", CURRENT)]
    walked += [("DELETE", ME), ("POST", f"{ME}/phone")]
    for method, target in walked:
        body = {"channel": world.channel, "proof": "x"} if method == "POST" else {} if method == "PUT" else None
        client.token = world.api_key
        said = await client.ask(method, target, body)
        assert (said.status, said.code) == (403, "forbidden"), target
        client.token = ""
        assert (await client.ask(method, target, body)).status == 401


async def test_the_other_side_has_no_such_channel(world: World) -> None:
    """Nobody signs in at the live side with a sandbox's code, nor where no account is."""
    for key in (world.live_key, world.other_key):
        there = Client(world, merchant=side(world, key))
        said = await there.try_code()
        assert (said.status, said.code) == (404, "sign_in_unavailable")
    said = await Client(world).try_code(channel="nowhere")
    assert (said.status, said.code) == (404, "sign_in_unavailable")


@pytest.mark.parametrize(
    ("merchant", "code"),
    [
        (None, "required"),
        ("", "not_found"),
        (7, "not_found"),
        (["mer_"], "not_found"),
        (f"mer_{'0' * 26}", "not_found"),
        (f"ord_{'0' * 26}", "not_found"),
        ("mer_01HZY3V9Q8M5T2K7R4W6X0J1BC", "not_found"),
    ],
)
async def test_a_guest_names_a_merchant_of_ours(world: World, merchant: object, code: str) -> None:
    """And who names none writes nothing: no row is made for a merchant that is not there."""
    client = Client(world)
    told = {"channel": world.channel, "code": "x"} | ({} if merchant is None else {"merchant": merchant})
    before = await dump(world)
    said = await client.ask("POST", SESSIONS, told)
    assert (said.status, said.code) == (422, "invalid_field")
    assert said.json()["errors"] == [{"pointer": "/merchant", "code": code}]
    assert await dump(world) == before


async def test_a_guest_may_only_sign_in(world: World) -> None:
    client = Client(world)
    for body, status in ((b"", 400), (b"[]", 422), (b"{", 400), (b"null", 422)):
        headers = {"content-type": "application/json"}
        said = await client.ask("POST", SESSIONS, body, **headers)
        assert said.status == status, body
    assert (await client.ask("GET", SESSIONS)).status == 405
    identifier = Identifier(world.house.database, world.house.source, world.house.ring.signer)
    with pytest.raises(InvalidField) as refused:
        await identifier._guest({"merchant": "x"}, frozenset())  # pyright: ignore[reportPrivateUsage]
    assert refused.value.errors == (FieldError("/merchant", "not_found"),)


async def test_old_sessions_are_deleted_daily(world: World, client: Client) -> None:
    """The day after, what is over is gone; what goes on stays."""
    await client.ask("PUT", ME, PROFILE)
    world.clock.instant += timedelta(hours=23)
    comes_again(world)
    await client.sign_in()
    assert len(await world.sql("SELECT 1 FROM shopper_sessions")) == 2
    await world.pass_time(hours=1)
    ((kept,),) = await world.sql("SELECT encode(secret_sha256, 'hex') FROM shopper_sessions")
    assert kept
    assert (await client.ask("GET", ME)).json()["phone"] == PROFILE["phone"]

"""Asking the platform: its token is kept sealed and fetched once, and each of its answers has its word."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from db.support import sql
from flows.world import World, make_world
from shoppers.support import ME, Client, dump
from shunfu.db import Database
from shunfu.driver import Driver
from shunfu.gateway.flow import Reply
from shunfu.gateway.login import LoginRefused, PlatformToken
from shunfu.kernel.errors import LoginCodeRefused, PlatformUnavailable, SignInUnavailable
from shunfu.kernel.secret import Secret
from shunfu.shoppers import ShopperTools
from shunfu.shoppers.usecases.platform import ask_platform, find_site

TOKEN_CALL = "/backendToken"


@pytest.fixture
async def unionpay(database: Database) -> World:
    """A platform that wants a token for every call."""
    return await make_world(database, "unionpay")


def calls(world: World, part: str) -> int:
    return len([request for request in world.line.requests if part in request.url])


async def test_a_token_is_fetched_once_and_kept_sealed(unionpay: World) -> None:
    client = Client(unionpay)
    for who in ("one", "two", "three"):
        await client.sign_in(who)
    told = {"channel": unionpay.channel, "proof": client.proof()}
    assert (await client.ask("POST", f"{ME}/phone", told)).status == 200
    assert calls(unionpay, TOKEN_CALL) == 1
    tokens = {
        json.loads(request.body)["backendToken"]
        for request in unionpay.line.requests
        if b"backendToken" in request.body
    }
    assert len(tokens) == 1
    assert tokens.pop() not in await dump(unionpay)


async def test_a_token_is_fetched_anew_before_it_ends_and_when_it_is_refused(unionpay: World) -> None:
    client = Client(unionpay)
    await client.sign_in("one")
    unionpay.clock.instant += timedelta(seconds=7200 - 60)
    await client.sign_in("two")
    assert calls(unionpay, TOKEN_CALL) == 2, "a minute before its end"
    stage = unionpay.line.stage
    material = replace(stage.state.material, app_secret="f" * 32)
    unionpay.line.stage = replace(stage, state=replace(stage.state, material=material))
    said = await client.try_code("three")
    assert (said.status, said.code) == (404, "sign_in_unavailable"), "the secret is another: only the merchant can help"
    assert calls(unionpay, TOKEN_CALL) == 3, "the refused token was not asked about again and again"


async def test_a_lost_reply_is_no_session_and_another_code_is(world: World) -> None:
    client = Client(world)
    world.line.lose_replies = 1
    key = {"idempotency-key": "lost"}
    lost = await client.try_code("mei", **key)
    assert (lost.status, lost.code) == (503, "platform_unavailable")
    assert lost.headers["retry-after"] == "1"
    assert await world.sql("SELECT 1 FROM shoppers") == []
    again = await client.try_code("mei", **key)
    assert (again.status, again.code) == (422, "login_code_refused"), "the platform saw it: the code is used up"
    assert (await client.try_code("mei-fresh")).status == 201


async def test_the_platforms_words_have_ours(world: World) -> None:
    client = Client(world)
    for body, status, code in (
        ({"errcode": 40029, "errmsg": "invalid code"}, 422, "login_code_refused"),
        ({"errcode": 40226, "errmsg": "code blocked"}, 422, "login_code_refused"),
        ({"errcode": 45011, "errmsg": "too often"}, 503, "platform_unavailable"),
        ({"errcode": -1, "errmsg": "busy"}, 503, "platform_unavailable"),
        ({"errcode": 40125, "errmsg": "secret"}, 404, "sign_in_unavailable"),
        ({"errcode": 987654, "errmsg": "?"}, 503, "platform_unavailable"),
        ({"openid": 7}, 503, "platform_unavailable"),
    ):
        world.line.replace_reply = Reply(200, {"content-type": "application/json"}, json.dumps(body).encode())
        said = await client.try_code()
        assert (said.status, said.code) == (status, code), body
        assert b"errmsg" not in said.body
    assert await world.sql("SELECT 1 FROM shoppers") == []


@dataclass
class Office:
    """A driver's stand-in that gives tokens, each after a moment, and counts them."""

    tools: ShopperTools
    fetched: int = 0
    known: set[str] = field(default_factory=set[str])
    is_broken: bool = False

    async def run(self, _: object, flow: Generator[Any, Any, Any]) -> object:
        """Carry out what was asked: a flow of this test is an answer already."""
        try:
            next(flow)
        except StopIteration as stop:
            wish = stop.value
        else:
            flow.close()
            wish = None
        if isinstance(wish, PlatformToken | LoginRefused | str):
            return wish
        await asyncio.sleep(0.2)
        self.fetched += 1
        token = f"token-{self.fetched}"
        self.known = {token}
        if self.is_broken:
            return LoginRefused("too_frequent", "45009")
        return PlatformToken(Secret(token), self.tools.now() + timedelta(hours=2))


def conversation(office: Office) -> Callable[[PlatformToken | None], Generator[Any, Any, Any]]:
    """A call that is refused without the token in force."""

    def begin(token: PlatformToken | None) -> Generator[Any, Any, Any]:
        yield from ()
        is_known = token is not None and token.token.reveal() in office.known
        return "served" if is_known else LoginRefused("token", "40001")

    return begin


async def office_of(world: World) -> tuple[Office, ShopperTools]:
    office = Office(world.house.shoppers)
    tools = replace(world.house.shoppers, driver=cast("Driver", office))
    return office, tools


async def test_one_fetches_and_all_others_wait_for_it(unionpay: World) -> None:
    """Ten ask at once without a token; then ten with one that the platform has forgotten."""
    office, tools = await office_of(unionpay)
    merchant_id = Client(unionpay).merchant_id
    site = await find_site(tools, merchant_id, unionpay.channel)
    for round_ in (1, 2):
        asked = [ask_platform(tools, site, conversation(office)) for _ in range(10)]
        assert await asyncio.gather(*asked) == ["served"] * 10
        assert office.fetched == round_
        office.known = set()


async def test_a_token_that_cannot_be_had_frees_the_way(unionpay: World) -> None:
    office, tools = await office_of(unionpay)
    site = await find_site(tools, Client(unionpay).merchant_id, unionpay.channel)
    office.is_broken = True
    with pytest.raises(PlatformUnavailable):
        await ask_platform(tools, site, conversation(office))
    office.is_broken = False
    assert await ask_platform(tools, site, conversation(office)) == "served"
    assert office.fetched == 2


async def test_who_died_while_fetching_is_waited_for_no_longer_than_the_lease(unionpay: World) -> None:
    office, tools = await office_of(unionpay)
    merchant_id = Client(unionpay).merchant_id
    site = await find_site(tools, merchant_id, unionpay.channel)
    await ask_platform(tools, site, conversation(office))
    office.known = set()
    held = unionpay.clock.now() + timedelta(seconds=20)

    async def die(tx: Any) -> None:
        await tx.execute(
            sql("UPDATE shopper_platform_tokens SET lease_token = $1, lease_until = $2"), tools.source.new_id(), held
        )

    await tools.database.transact(die)
    waiting = asyncio.create_task(ask_platform(tools, site, conversation(office)))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    assert office.fetched == 1
    unionpay.clock.instant = held
    assert await waiting == "served"
    assert office.fetched == 2


async def test_no_such_channel(world: World) -> None:
    with pytest.raises(SignInUnavailable):
        await find_site(world.house.shoppers, Client(world).merchant_id, "nowhere")
    assert LoginCodeRefused().status == 422

"""Two first log-ins of one person at once are one shopper; two applications of one owner have one shopper."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.world import World
from shoppers.support import Client
from shunfu.driver import Driver
from shunfu.gateway.login import LoggedIn
from shunfu.gateway.port import Identity
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy
from shunfu.kernel.secret import Secret
from shunfu.merchants import Accounts, Vault
from shunfu.shoppers import (
    Profile,
    ShopperTools,
    SignedIn,
    SignIn,
    erase_shopper,
    last_method,
    payer_at,
    read_consents,
    read_profile,
    recognise_shopper,
    remember_method,
    sign_in,
)
from shunfu.shoppers.usecases import give_consents, replace_profile


@dataclass(frozen=True)
class Platform:
    """A driver's stand-in: whoever comes with a code `app-openid[-union]` is that one, as often as wanted."""

    told: LoggedIn

    async def run(self, *_: object) -> LoggedIn:
        """The platform's answer."""
        return self.told


@dataclass(frozen=True)
class Application:
    """The merchant's accounts as one application sees them: the same account under another name."""

    accounts: Accounts
    app: str

    async def usable(self, *args: Any) -> list[Any]:
        """As the real ones, with this application's name."""
        found = await self.accounts.usable(*args)
        return [replace(one, identity=Identity(one.identity.account, self.app)) for one in found]


@dataclass(frozen=True)
class Hall:
    """A merchant with two applications."""

    client: Client

    def tools(self, app: str, openid: str, union: str | None) -> ShopperTools:
        """A process of ours that is told so by the platform; its clock is the machine's, as two processes' are."""
        house = self.client.world.house
        told = LoggedIn(Secret(openid), union=Secret(union) if union else None)
        source = Source(SystemClock(), SystemEntropy())
        return replace(
            house.shoppers,
            source=source,
            vault=Vault(house.ring, source),
            driver=cast("Driver", Platform(told)),
            accounts=cast("Accounts", Application(house.accounts, app)),
        )

    async def sign_in(self, app: str, openid: str, union: str | None = None) -> SignedIn:
        """Somebody signs in through an application."""
        wish = SignIn(self.client.merchant_id, self.client.world.channel, Secret("code"))
        return await sign_in(self.tools(app, openid, union), wish)

    async def count(self, table: str) -> int:
        """How many rows a table has."""
        ((found,),) = await self.client.world.sql(f"SELECT count(*) FROM {table}")
        return cast("int", found)


@pytest.fixture
async def hall(world: World) -> Hall:
    return Hall(Client(world))


async def test_first_log_ins_at_once_give_one_shopper(hall: Hall) -> None:
    """Also the very first ones of the merchant, who make its keys at once."""
    signed = await asyncio.gather(*(hall.sign_in("app-1", "openid", "union") for _ in range(8)))
    assert len({one.shopper.shopper_id for one in signed}) == 1
    assert len({one.token.reveal() for one in signed}) == 8
    assert await hall.count("shoppers") == 1, "nobody is left over"
    assert await hall.count("shopper_identities") == 2
    assert await hall.count("shopper_lookup_keys") == 1
    async with hall.client.world.house.database.reading() as reader:
        for one in signed:
            told = (one.token.reveal(), hall.client.merchant_id, one.shopper.ends_at - timedelta(minutes=1))
            assert await recognise_shopper(reader, *told) == one.shopper


LOG_INS = st.lists(
    st.tuples(st.sampled_from(["app-1", "app-2"]), st.sampled_from("abc"), st.booleans()), min_size=1, max_size=7
)


@given(LOG_INS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_in_whatever_order_one_person_is_one_shopper(
    hall: Hall, log_ins: Sequence[tuple[str, str, bool]]
) -> None:
    """Some at once, some with the union's id: afterwards who showed the same id is the same, and nobody else is."""
    salt = str(hall.client.world.house.source.new_id())
    half = len(log_ins) // 2
    for batch in (log_ins[:half], log_ins[half:]):
        wishes = [
            hall.sign_in(app, f"{who}-{app}-{salt}", f"{who}-{salt}" if has_union else None)
            for app, who, has_union in batch
        ]
        await asyncio.gather(*wishes)
    final: dict[tuple[str, str], UUID] = {}
    for app, who, _ in log_ins:
        final[app, who] = (await hall.sign_in(app, f"{who}-{app}-{salt}")).shopper.shopper_id
    for (app, who), shopper_id in final.items():
        for (other_app, other), other_id in final.items():
            showed = {(one_app, has) for one_app, one, has in log_ins if one == who}
            is_linked = who == other and (app == other_app or {(app, True), (other_app, True)} <= showed)
            assert (shopper_id == other_id) == is_linked, (app, who, other_app, other, log_ins)


async def test_the_union_leads_to_the_shopper_of_the_other_application(hall: Hall) -> None:
    first = await hall.sign_in("app-1", "openid-1", "union")
    second = await hall.sign_in("app-2", "openid-2", "union")
    assert second.shopper.shopper_id == first.shopper.shopper_id
    other = await hall.sign_in("app-2", "openid-3", "another union")
    assert other.shopper.shopper_id != first.shopper.shopper_id
    merchant_id, shopper_id = first.shopper.merchant_id, first.shopper.shopper_id
    for app, openid in (("app-1", "openid-1"), ("app-2", "openid-2"), ("app-3", None)):
        tools = hall.tools(app, "", None)
        assert await payer_at(tools, merchant_id, shopper_id, hall.client.world.channel) == openid


async def test_two_who_turn_out_to_be_one(hall: Hall) -> None:
    """The owner joined the applications later: the older shopper stays, with what only the younger one had."""
    database = hall.client.world.house.database
    old = (await hall.sign_in("app-1", "openid-1")).shopper
    young_session = await hall.sign_in("app-2", "openid-2")
    young = young_session.shopper
    assert old.shopper_id != young.shopper_id
    tools = hall.tools("app-2", "", None)
    await replace_profile(tools, young, Profile(phone="13912345678"))
    await give_consents(tools, old, {"telemetry": True})
    await give_consents(tools, young, {"telemetry": False, "personalisation": True})
    paid_at = tools.now()
    merchant_id = old.merchant_id
    await database.transact(lambda tx: remember_method(tx, merchant_id, young.shopper_id, "pay/mini", paid_at))
    await hall.sign_in("app-1", "openid-1", "union")
    joined = (await hall.sign_in("app-2", "openid-2", "union")).shopper
    assert joined.shopper_id == old.shopper_id
    assert (await read_profile(tools, merchant_id, old.shopper_id)).phone == "13912345678"
    assert await read_profile(tools, merchant_id, young.shopper_id) == Profile(), "kept once"
    async with database.reading() as reader:
        consents = await read_consents(reader, merchant_id, old.shopper_id)
        assert (consents.telemetry, consents.personalisation) == (False, True)
        assert await last_method(reader, merchant_id, old.shopper_id) == "pay/mini"
        earlier = young.ends_at - timedelta(minutes=1)
        found = await recognise_shopper(reader, young_session.token.reveal(), merchant_id, earlier)
        assert found is not None
        assert found.shopper_id == old.shopper_id, "the younger one's session goes on as the older one's"
    later = paid_at + timedelta(minutes=1)
    await database.transact(lambda tx: remember_method(tx, merchant_id, young.shopper_id, "pay/code", later))
    async with database.reading() as reader:
        assert await last_method(reader, merchant_id, old.shopper_id) == "pay/code", "a payment begun before"
        assert await last_method(reader, merchant_id, young.shopper_id) is None


async def test_how_somebody_paid_is_remembered_in_any_order_and_only_if_wanted(hall: Hall) -> None:
    database = hall.client.world.house.database
    shopper = (await hall.sign_in("app-1", "openid")).shopper
    tools = hall.tools("app-1", "", None)
    now = tools.now()

    async def paid(method: str, seconds: float) -> str | None:
        at = now + timedelta(seconds=seconds)
        who = (shopper.merchant_id, shopper.shopper_id)
        await database.transact(lambda tx: remember_method(tx, *who, method, at))
        async with database.reading() as reader:
            return await last_method(reader, *who)

    assert await paid("a/x", 1) == "a/x"
    assert await paid("a/x", 1) == "a/x"
    assert await paid("b/y", 2) == "b/y"
    assert await paid("a/x", 1) == "b/y", "an older one that comes late changes nothing"
    await give_consents(tools, shopper, {"personalisation": False})
    assert await paid("c/z", 3) is None
    await give_consents(tools, shopper, {"personalisation": True})
    assert await paid("c/z", 3) == "c/z"
    await erase_shopper(tools, shopper)
    assert await paid("a/x", 4) is None
    assert await hall.count("shopper_methods") == 0


async def test_a_log_in_and_an_erasure_at_once(hall: Hall) -> None:
    """Whichever comes first: no session of somebody who is gone, and nothing half erased."""
    for _ in range(5):
        shopper = (await hall.sign_in("app-1", "openid", "union")).shopper
        tools = hall.tools("app-1", "", None)
        signed, _ = await asyncio.gather(hall.sign_in("app-1", "openid", "union"), erase_shopper(tools, shopper))
        gone = "SELECT count(*) FROM {} JOIN shoppers USING (merchant_id, shopper_id) WHERE erased_at IS NOT NULL"
        for table in ("shopper_sessions", "shopper_identities", "shopper_profiles"):
            assert await hall.client.world.sql(gone.format(table)) == [(0,)]
        again = (await hall.sign_in("app-1", "openid", "union")).shopper
        assert again.shopper_id != shopper.shopper_id
        assert signed.shopper.shopper_id in {shopper.shopper_id, again.shopper_id}

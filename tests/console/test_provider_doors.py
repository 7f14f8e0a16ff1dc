"""Log-in through the shop's identity provider, through the whole server and a provider on this machine."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from html import unescape
from urllib.parse import urlencode

import pytest

from app.asgi import Answer
from console.test_account import acts
from console.test_doors import HOST, PASSWORD, Browser, Office
from db.support import rows
from flows.world import make_world
from merchants.soft_provider import CLIENT, OTHER_RSA_KEY, SECRET, SoftProvider, soft_provider
from shunfu.app.http.server import create_app
from shunfu.app.settings import load
from shunfu.db import Database
from shunfu.kernel.errors import SetupFault
from shunfu.merchants.staff import disable_staff

ON = re.compile(r'http-equiv="refresh" content="0;url=([^"]+)"')
FLOW = "__Host-shunfu_provider"


@dataclass
class Company:
    """An office whose people have a company account, and the provider behind it."""

    office: Office
    soft: SoftProvider

    async def leaves(self, browser: Browser, path: str = "/console/provider", code: str = "code-1") -> dict[str, str]:
        """Off to the provider, where the person agrees; what the browser brings back."""
        said = await browser.get(path)
        assert said.status == 303, said.body.decode()
        return self.soft.begin(said.headers["location"], code)

    async def returns(self, browser: Browser, told: dict[str, str]) -> Answer:
        """Back from another site, when strict cookies stay at home; then on to our own page with all of them."""
        lax = {name: text for name, text in browser.cookies.items() if name == FLOW}
        page = await Browser(self.office.app, dict(lax)).get(f"/console/provider/back?{urlencode(told)}")
        assert page.status == 200
        on = ON.search(page.body.decode())
        assert on is not None
        return await browser.get(unescape(on[1]))

    async def linked_owner(self) -> tuple[Browser, str]:
        browser = self.office.browser()
        secret = await self.office.owner(browser)
        assert await acts(browser, "/console/account/identity") == (303, "/console/account/identity/go")
        said = await self.returns(browser, await self.leaves(browser, "/console/account/identity/go"))
        assert said.headers["location"] == "/console/account?done=identity_linked", said.body.decode()
        return browser, secret


@pytest.fixture
async def company(database: Database) -> AsyncGenerator[Company]:
    async for made in open_company(database):
        yield made


async def open_company(database: Database, **more: bool) -> AsyncGenerator[Company]:
    world = await make_world(database)
    async with soft_provider(world.clock.now) as soft:
        told = {"oidc_issuer": soft.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET, **more}
        settings = load({"public_url": f"https://{HOST}", **told}, {})
        yield Company(Office(world, create_app(replace(world.house, settings=settings))), soft)


async def test_a_linked_identity_is_the_first_factor_and_ours_the_second(company: Company) -> None:
    _, secret = await company.linked_owner()
    browser = company.office.browser()
    assert "/console/provider" in (await browser.get("/console/login")).body.decode()
    said = await company.returns(browser, await company.leaves(browser))
    assert (said.status, said.headers["location"]) == (303, "/console/code")
    assert FLOW not in browser.cookies, "used up"
    assert (await browser.get("/console")).status == 303, "not inside yet"
    company.office.world.clock.advance(30)
    assert (await browser.submit("/console/code", {"code": company.office.code(secret)})).status == 303
    assert (await browser.get("/console")).status == 200


async def test_an_identity_that_nobody_linked_opens_nothing_whatever_its_e_mail_says(company: Company) -> None:
    await company.linked_owner()
    company.soft.claims = {"sub": "person-2", "email": "mei", "preferred_username": "mei", "email_verified": True}
    browser = company.office.browser()
    said = await company.returns(browser, await company.leaves(browser))
    assert said.status == 403
    assert "__Host-shunfu_staff" not in browser.cookies


async def test_a_return_that_this_browser_did_not_begin_fits_nothing(company: Company) -> None:
    await company.linked_owner()
    mine, other = company.office.browser(), company.office.browser()
    told = await company.leaves(mine)
    assert (await company.returns(other, told)).status == 403, "no flow of its own"
    second = await company.leaves(other, code="code-2")
    assert (await company.returns(other, {**second, "state": told["state"]})).status == 403, "another's state"
    await company.leaves(other, code="code-3")
    assert (await company.returns(other, {**second, "code": "code-3"})).status == 403, "the state of an earlier flow"
    third = await company.leaves(other, code="code-4")
    assert (await company.returns(other, {**third, "iss": "https://evil.example"})).status == 403, "mixed up (RFC 9207)"
    assert (await company.returns(mine, told)).headers["location"] == "/console/code", "and its own does"


async def test_a_code_of_another_flow_has_another_nonce(company: Company) -> None:
    """An attacker's code in somebody's browser: the verifier is not its own, and the nonce neither."""
    await company.linked_owner()
    mine, attacker = company.office.browser(), company.office.browser()
    theirs = await company.leaves(attacker, code="attackers")
    told = await company.leaves(mine)
    assert (await company.returns(mine, {**told, "code": theirs["code"]})).status == 403
    company.soft.claims = {"nonce": "replayed"}
    told = await company.leaves(mine)
    assert (await company.returns(mine, told)).status == 403


async def test_a_return_is_good_once_and_for_ten_minutes(company: Company) -> None:
    await company.linked_owner()
    browser = company.office.browser()
    told = await company.leaves(browser)
    again = Browser(company.office.app, dict(browser.cookies))
    assert (await company.returns(browser, told)).status == 303
    company.soft.begin((await company.office.browser().get("/console/provider")).headers["location"], "unused")
    company.soft.codes["code-1"] = dict(company.soft.codes["unused"], nonce="x")
    assert (await company.returns(again, told)).status == 403, "the provider gives no token for a used code"
    browser = company.office.browser()
    told = await company.leaves(browser)
    company.office.world.clock.advance(600)
    assert (await company.returns(browser, told)).status == 403


async def test_a_token_opens_one_door_once_even_if_the_provider_repeats_it(company: Company) -> None:
    await company.linked_owner()
    browser = company.office.browser()
    said = await browser.get("/console/provider")
    told = company.soft.begin(said.headers["location"])
    again = Browser(company.office.app, dict(browser.cookies))
    begun = dict(company.soft.codes["code-1"])
    assert (await company.returns(browser, told)).status == 303
    company.soft.codes["code-1"] = begun  # a careless provider takes the code again: same flow, same nonce
    assert (await company.returns(again, told)).status == 403


async def test_a_forged_flow_is_none(company: Company) -> None:
    await company.linked_owner()
    browser = company.office.browser()
    told = await company.leaves(browser)
    genuine = browser.cookies[FLOW]
    for forged in ("", "x", genuine[:-1] + ("A" if genuine[-1] != "A" else "B"), genuine.replace("enter", "link")):
        browser.cookies[FLOW] = forged
        assert (await company.returns(browser, told)).status == 403, forged


async def test_a_token_that_is_not_the_issuers_opens_nothing(company: Company) -> None:
    await company.linked_owner()
    browser = company.office.browser()
    company.soft.key = OTHER_RSA_KEY
    assert (await company.returns(browser, await company.leaves(browser))).status == 403
    assert "__Host-shunfu_staff" not in browser.cookies


async def test_linking_needs_proof_and_one_identity_is_one_persons(company: Company) -> None:
    browser = company.office.browser()
    await company.office.owner(browser)
    company.office.world.clock.advance(10 * 60)
    back = (303, "/console/confirm?next=%2Fconsole%2Faccount")
    assert await acts(browser, "/console/account/identity") == back
    said = await browser.get("/console/account/identity/go")
    assert said.headers["location"] == back[1]
    assert (await company.office.browser().get("/console/account/identity/go")).status == 303
    assert await rows(company.office.world.house.database, "SELECT count(*) FROM staff_identities") == [(0,)]


async def test_a_link_is_made_in_the_session_that_began_it(company: Company) -> None:
    browser = company.office.browser()
    await company.office.owner(browser)
    told = await company.leaves(browser, "/console/account/identity/go")
    stolen = Browser(company.office.app, {FLOW: browser.cookies[FLOW]})
    assert (await company.returns(stolen, told)).headers["location"] == "/console/login"
    assert await rows(company.office.world.house.database, "SELECT count(*) FROM staff_identities") == [(0,)]


async def test_an_unlinked_identity_opens_nothing_and_a_disabled_person_neither(company: Company) -> None:
    browser, _ = await company.linked_owner()
    page = (await browser.get("/console/account")).body.decode()
    assert company.soft.issuer in page
    assert await acts(browser, "/console/account/identity/unlink") == (303, "/console/account?done=identity_unlinked")
    assert (await acts(browser, "/console/account/identity/unlink"))[0] == 404
    other = company.office.browser()
    assert (await company.returns(other, await company.leaves(other))).status == 403
    said = await company.returns(browser, await company.leaves(browser, "/console/account/identity/go"))
    assert said.headers["location"] == "/console/account?done=identity_linked", "linked anew"
    house = company.office.world.house
    await house.database.transact(lambda tx: disable_staff(tx, house.source, "mei"))
    assert (await company.returns(other, await company.leaves(other))).status == 403


@pytest.mark.parametrize("trusts", [False, True])
async def test_the_providers_second_factor_counts_only_if_the_settings_say_so(database: Database, trusts: bool) -> None:
    async for company in open_company(database, oidc_trusts_amr=trusts):
        await company.linked_owner()
        company.soft.claims = {"amr": ["pwd", "mfa"]}
        browser = company.office.browser()
        said = await company.returns(browser, await company.leaves(browser))
        assert said.headers["location"] == ("/console" if trusts else "/console/code")
        assert (await browser.get("/console")).status == (200 if trusts else 303)


async def test_a_provider_that_is_away_is_said_on_a_page_and_passwords_still_open(company: Company) -> None:
    await company.office.owner(company.office.browser())
    company.soft.document = {"issuer": "https://evil.example"}
    browser = company.office.browser()
    assert (await browser.get("/console/provider")).status == 503
    assert (await browser.submit("/console/login", {"login_name": "mei", "password": PASSWORD})).status == 303


def test_some_of_the_settings_are_none() -> None:
    with pytest.raises(SetupFault, match="together"):
        _ = load({"oidc_issuer": "https://login.example.com"}, {}).oidc
    assert load({}, {}).oidc is None


async def test_without_a_provider_there_is_no_such_door(database: Database) -> None:
    world = await make_world(database)
    browser = Browser(create_app(world.house))
    assert "/console/provider" not in (await browser.get("/console/login")).body.decode()
    assert (await browser.get("/console/provider")).status == 404

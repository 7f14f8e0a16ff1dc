"""Passkeys in real Chromium with a virtual authenticator: made, used at the door and as proof, at our host only."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
import uvicorn
from playwright.async_api import BrowserContext, CDPSession, Page, async_playwright

from console.test_doors import PASSWORD, Office
from flows.world import make_world
from pages.serving import free_listener
from pages.test_chromium import FLAGS
from shunfu.app.http.server import create_app
from shunfu.app.settings import load
from shunfu.db import Database

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@dataclass
class Stage:
    """A server on this machine, and a browser with an authenticator in it."""

    office: Office
    context: BrowserContext
    base: str
    found: list[str]

    async def page(self) -> tuple[Page, CDPSession]:
        """A tab; what its console complains about is kept."""
        page = await self.context.new_page()
        page.on("console", lambda said: self.found.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self.found.append(str(error)))
        devices = await self.context.new_cdp_session(page)
        await devices.send("WebAuthn.enable")
        return page, devices

    async def founds(self, page: Page) -> str:
        """Become the first owner by hand; the authenticator's secret."""
        await page.goto(f"{self.base}{await self.office.link()}")
        for name, text in (("shop_name", "山前书店"), ("name", "陈梅"), ("login_name", "mei")):
            await page.fill(f"#{name}", text)
        for name in ("password", "password_again"):
            await page.fill(f"#{name}", PASSWORD)
        await page.click("button.btn-p")
        secret = await page.locator(".secret").inner_text()
        await page.fill("#code", self.office.code(secret))
        await page.click("button.btn-p")
        await page.wait_for_url(f"{self.base}/console")
        return secret

    async def logs_in(self, page: Page, base: str) -> None:
        """Past the password, to the page that asks for the second factor."""
        await self.context.clear_cookies()
        await page.goto(f"{base}/console/login")
        await page.fill("#login_name", "mei")
        await page.fill("#password", PASSWORD)
        await page.click("form:not([data-passkey]) button")
        await page.wait_for_url(f"{base}/console/code**")


@pytest.fixture
async def stage(database: Database) -> AsyncGenerator[Stage]:
    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing: apt-get install chromium"
    world = await make_world(database)
    listener, local = free_listener()
    base = local.replace("127.0.0.1", "localhost")
    app = create_app(replace(world.house, settings=load({"public_url": base}, {})))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    async with opened(chromium) as context:
        yield Stage(Office(world, app), context, base, [])
    server.should_exit = True
    await task
    listener.close()


@asynccontextmanager
async def opened(chromium: str) -> AsyncGenerator[BrowserContext]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield await browser.new_context(locale="en-GB", viewport={"width": 800, "height": 900})
        await browser.close()


async def test_a_passkey_from_the_account_to_the_door_and_to_proof(stage: Stage) -> None:
    page, devices = await stage.page()
    await stage.founds(page)
    await devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    await page.goto(f"{stage.base}/console/account")
    await page.click("a[href='/console/account/passkey']")
    await page.locator("[data-without]").wait_for(state="hidden")  # the script, once it is there, hides it
    await page.fill("#name", "office laptop")
    await page.click("form[data-passkey] button")
    await page.wait_for_url("**/console/account?done=passkey_added")
    assert await page.get_by_text("office laptop").is_visible()
    await stage.logs_in(page, stage.base)
    await page.click("form[data-passkey] button")
    await page.wait_for_url(f"{stage.base}/console")
    stage.office.world.clock.advance(10 * 60)
    await page.goto(f"{stage.base}/console/account")
    await page.click("form[action='/console/account/codes'] button")
    await page.wait_for_url("**/console/confirm?**")
    await page.click("form[data-passkey] button")
    await page.wait_for_url("**/console/account")
    await page.click("form[action='/console/account/codes'] button")
    assert await page.locator("main li.mono").count() == 10
    assert stage.found == [], "our policy stops nothing of ours"


async def test_another_host_is_given_nothing_and_the_code_still_works(stage: Stage) -> None:
    """The same server by another name: the browser itself keeps the passkey back, and says so on the page."""
    page, devices = await stage.page()
    secret = await stage.founds(page)
    await devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    await page.goto(f"{stage.base}/console/account/passkey")
    await page.fill("#name", "office laptop")
    await page.click("form[data-passkey] button")
    await page.wait_for_url("**/console/account?done=passkey_added")
    other = stage.base.replace("localhost", "127.0.0.1")
    await stage.logs_in(page, other)
    assert not await page.locator("[data-failed]").is_visible()
    await page.click("form[data-passkey] button")
    await page.locator("[data-failed]").wait_for(state="visible")
    assert page.url.startswith(f"{other}/console/code")
    stage.office.world.clock.advance(30)
    await page.fill("#code", stage.office.code(secret))
    await page.click("form:not([data-passkey]) button")
    await page.wait_for_url(f"{other}/console")


async def test_an_authenticator_that_does_not_verify_its_user_is_none(stage: Stage) -> None:
    page, devices = await stage.page()
    await stage.founds(page)
    options = {**AUTHENTICATOR, "hasUserVerification": False, "isUserVerified": False}
    await devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    await page.goto(f"{stage.base}/console/account/passkey")
    await page.fill("#name", "a key without a pin")
    await page.click("form[data-passkey] button")
    await page.locator("[data-failed]").wait_for(state="visible")


async def test_without_the_script_the_code_is_the_way(stage: Stage) -> None:
    page, devices = await stage.page()
    secret = await stage.founds(page)
    await devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    await page.goto(f"{stage.base}/console/account/passkey")
    await page.fill("#name", "office laptop")
    await page.click("form[data-passkey] button")
    await page.wait_for_url("**/console/account?done=passkey_added")
    await page.route("**/passkey.js", lambda route: route.abort())
    await stage.logs_in(page, stage.base)
    assert await page.locator("form[data-passkey]").count() == 1
    assert not await page.locator("form[data-passkey]").is_visible()
    stage.office.world.clock.advance(30)
    await page.fill("#code", stage.office.code(secret))
    await page.click("form:not([data-passkey]) button")
    await page.wait_for_url(f"{stage.base}/console")

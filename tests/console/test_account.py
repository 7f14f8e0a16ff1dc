"""A person's own account and proof inside a session, through the whole server."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest

from console.test_doors import HOST, PASSWORD, TOKEN, Browser, Office, office
from db.support import rows
from merchants.soft_authenticator import SoftAuthenticator
from shunfu.kernel.ids import encode
from shunfu.merchants.staff import disable_staff, make_reset_link

__all__ = ["office"]
NEW = "seven lazy pigeons over Hangzhou"
ACTS = (
    "/console/account/password",
    "/console/account/codes",
    "/console/account/passkey",
    "/console/account/passkeys/psk_00000000000000000000000000/remove",
    "/console/account/identity/unlink",
)


async def acts(browser: Browser, path: str, **fields: str) -> tuple[int, str]:
    """Send a form with the session's token: the status, and where it leads."""
    found = TOKEN.search((await browser.get("/console/account")).body.decode())
    assert found is not None
    said = await browser.post(path, {"form_token": found[1], **fields})
    return said.status, said.headers.get("location", "")


async def proves(office: Office, browser: Browser, secret: str, query: str = "") -> tuple[int, str]:
    office.world.clock.advance(30)
    said = await browser.submit(f"/console/confirm{query}", {"password": PASSWORD, "code": office.code(secret)})
    return said.status, said.headers.get("location", "")


async def test_an_act_needs_proof_that_is_fresh_and_confirming_gives_it_under_a_new_token(office: Office) -> None:
    browser = office.browser()
    secret = await office.owner(browser)
    office.world.clock.advance(10 * 60)
    for path in ACTS:
        assert await acts(browser, path) == (303, f"/console/confirm?next={path_of(path)}"), path
    said = await browser.get("/console/account/passkey")
    assert said.headers["location"] == "/console/confirm?next=%2Fconsole%2Faccount%2Fpasskey"
    before = dict(browser.cookies)
    assert await proves(office, browser, secret, "?next=%2Fconsole%2Faccount%3Fdone%3Dx") == (303, "/console/account")
    assert browser.cookies["__Host-shunfu_staff"] != before["__Host-shunfu_staff"]
    assert browser.cookies["__Host-shunfu_device"] == before["__Host-shunfu_device"]
    old = Browser(office.app, before)
    assert (await old.get("/console")).status == 303, "the old token is good no longer"
    assert (await acts(browser, "/console/account/codes"))[0] == 200


def path_of(path: str) -> str:
    back = "/console/account/passkey" if path.endswith("/passkey") else "/console/account"
    return back.replace("/", "%2F")


async def test_wrong_proof_is_answered_on_the_page_and_locks(office: Office) -> None:
    browser = office.browser()
    secret = await office.owner(browser)
    office.world.clock.advance(30)
    code = office.code(secret)
    for _ in range(6):
        said = await browser.submit("/console/confirm", {"password": "a wrong password", "code": code})
        assert said.status == 422
    said = await browser.submit("/console/confirm", {"password": PASSWORD, "code": code})
    assert said.status == 422
    assert (await office.browser().get("/console/confirm")).headers["location"].startswith("/console/login")


@pytest.mark.parametrize("next_", ["//evil.example", "https://evil.example", "/c/x", "/console/../x"])
async def test_confirming_leads_nowhere_else(office: Office, next_: str) -> None:
    browser = office.browser()
    secret = await office.owner(browser)
    assert await proves(office, browser, secret, f"?next={next_}") == (303, "/console")


async def test_another_password(office: Office) -> None:
    browser, other = office.browser(), office.browser()
    secret = await office.owner(browser)
    office.world.clock.advance(30)
    await other.submit("/console/login", {"login_name": "mei", "password": PASSWORD})
    await other.submit("/console/code", {"code": office.code(secret)})
    path = "/console/account/password"
    told = {"password_old": PASSWORD, "password": NEW, "password_again": NEW}
    for changes in (
        {"password_old": "a wrong password"},
        {"password_again": "another"},
        {"password": "passwordpassword", "password_again": "passwordpassword"},
        {"password": "short", "password_again": "short"},
    ):
        assert (await acts(browser, path, **{**told, **changes}))[0] == 422, changes
    assert await acts(browser, path, **told) == (303, "/console/account?done=password_changed")
    assert (await browser.get("/console")).status == 200
    assert (await other.get("/console")).status == 303, "all others have ended"
    said = await office.browser().submit("/console/login", {"login_name": "mei", "password": PASSWORD})
    assert said.status == 422
    said = await office.browser().submit("/console/login", {"login_name": "mei", "password": NEW})
    assert said.status == 303


async def test_recovery_codes_are_shown_once_or_saved_and_open_the_door_once(office: Office) -> None:
    browser = office.browser()
    await office.owner(browser)
    found = TOKEN.search((await browser.get("/console/account")).body.decode())
    assert found is not None
    said = await browser.post("/console/account/codes", {"form_token": found[1], "as": "file"})
    assert said.headers["content-type"].startswith("text/plain")
    assert said.headers["cache-control"] == "no-store"
    codes = said.body.decode().split()
    assert len(codes) == 10
    for expected in (303, 422):
        other = office.browser()
        await other.submit("/console/login", {"login_name": "mei", "password": PASSWORD})
        assert (await other.submit("/console/code", {"code": f" {codes[0].lower()} "})).status == expected
    assert codes[1] not in (await browser.get("/console/account")).body.decode()


OPTIONS = re.compile(r'data-options="([^"]*)"')


async def options_of(browser: Browser, path: str) -> str:
    found = OPTIONS.search((await browser.get(path)).body.decode())
    assert found is not None, path
    return unescape(found[1])


async def sends(browser: Browser, path: str, key: SoftAuthenticator, **fields: str) -> tuple[int, str]:
    """Open a page, have the authenticator answer it, and send that."""
    page = (await browser.get(path)).body.decode()
    token, options = TOKEN.search(page), OPTIONS.search(page)
    assert token is not None
    assert options is not None
    told = unescape(options[1])
    answer = key.makes(told) if "rp" in json.loads(told) else key.answers(told)
    said = await browser.post(path, {"form_token": token[1], "answer": answer.text.reveal(), **fields})
    return said.status, said.headers.get("location", "")


async def test_a_passkey_is_added_opens_the_door_proves_and_is_removed(office: Office) -> None:
    browser, key = office.browser(), SoftAuthenticator(f"https://{HOST}", HOST)
    await office.owner(browser)
    added = await sends(browser, "/console/account/passkey", key, name="<b>笔记本")
    assert added == (303, "/console/account?done=passkey_added")
    other = office.browser()
    await other.submit("/console/login", {"login_name": "mei", "password": PASSWORD})
    assert await sends(other, "/console/code?next=%2Fconsole%2Forders", key) == (303, "/console/orders")
    office.world.clock.advance(11 * 60)
    assert (await acts(other, "/console/account/codes"))[1].startswith("/console/confirm")
    assert await sends(other, "/console/confirm", key) == (303, "/console")
    page = (await other.get("/console/account")).body.decode()
    assert "<b>笔记本" not in page
    remove = re.search(r'action="(/console/account/passkeys/psk_[0-9A-Z]{26}/remove)"', page)
    assert remove is not None
    assert await acts(other, remove[1]) == (303, "/console/account?done=passkey_removed")
    assert (await acts(other, remove[1]))[0] == 404
    assert "data-passkey" not in (await other.get("/console/confirm")).body.decode()


async def test_a_passkey_without_a_name_or_an_answer_is_none(office: Office) -> None:
    browser, key = office.browser(), SoftAuthenticator(f"https://{HOST}", HOST)
    await office.owner(browser)
    refused = (303, "/console/account?no=passkey_refused")
    assert await sends(browser, "/console/account/passkey", key, name=" ") == refused
    assert await acts(browser, "/console/account/passkey", name="x", answer="{}") == refused
    assert await acts(browser, "/console/account/passkey", name="x") == refused


async def test_a_lost_authenticator_is_replaced_at_the_door(office: Office) -> None:
    browser, house = office.browser(), office.world.house
    secret = await office.owner(browser)
    link = await house.database.transact(lambda tx: make_reset_link(tx, house.source, "mei"))
    assert link is not None
    assert (await browser.get("/console")).status == 303
    path, fresh = f"/console/reset/{link.reveal()}", office.browser()
    assert (await fresh.get(f"/console/first/{link.reveal()}")).status == 404, "it makes nobody new"
    assert (await fresh.submit(path, {"password": "a wrong password"})).status == 422
    said = await fresh.submit(path, {"password": PASSWORD})
    assert (said.status, said.headers["location"]) == (303, "/console/authenticator")
    shown = (await fresh.get("/console/authenticator")).body.decode()
    assert secret not in shown
    forged = f"/console/reset/{encode(house.source.new_id())}{'A' * 43}"
    assert (await fresh.get(path)).status == (await fresh.get(forged)).status == 404


async def test_a_session_that_ended_by_itself_is_told_and_the_way_back_has_no_query(office: Office) -> None:
    browser = office.browser()
    await office.owner(browser)
    ended = "登录已过期或被结束"
    assert ended not in (await office.browser().get("/console/login")).body.decode()
    office.world.clock.advance(31 * 60)
    said = await browser.get("/console/account?done=x&q=secret")
    assert said.headers["location"] == "/console/login?next=%2Fconsole%2Faccount"
    assert ended in (await browser.get(said.headers["location"])).body.decode()
    house = office.world.house
    await house.database.transact(lambda tx: disable_staff(tx, house.source, "mei"))
    assert ended in (await browser.get("/console/login")).body.decode()


async def test_the_logs_of_what_people_do_hold_no_secret(office: Office) -> None:
    browser = office.browser()
    await office.owner(browser)
    await acts(browser, "/console/account/codes")
    (kept,) = await rows(office.world.house.database, "SELECT string_agg(detail::text || object, ' ') FROM audit_log")
    assert PASSWORD not in kept[0]
    assert browser.cookies["__Host-shunfu_staff"][26:] not in kept[0]

"""The page of staff through the whole server: who sees it, who acts, and what another organisation gets."""

from __future__ import annotations

import re
from html import unescape

import pytest

from console.test_doors import PASSWORD, SECRET, TOKEN, Browser, Office, office
from db.support import rows
from shunfu.kernel.ids import public
from shunfu.merchants.staff import make_link

__all__ = ["office"]
LINK = re.compile(r"https://pay\.example\.com(/console/(?:first|reset)/[0-9A-Z]{26}[\w-]{43})")
NOBODY = "stf_00000000000000000000000000"


async def acts(browser: Browser, path: str, **fields: str) -> tuple[int, str, str]:
    """Send a form with the session's token: status, where it leads, and the page."""
    found = TOKEN.search((await browser.get("/console/account")).body.decode())
    assert found is not None
    said = await browser.post(path, {"form_token": found[1], **fields})
    return said.status, said.headers.get("location", ""), unescape(said.body.decode())


async def becomes(office: Office, link: str, login_name: str) -> tuple[Browser, str]:
    """Somebody new by a link, inside, and the authenticator's secret."""
    browser = office.browser()
    told = {"name": login_name, "login_name": login_name, "password": PASSWORD, "password_again": PASSWORD}
    said = await browser.submit(link, told)
    assert said.status == 303, said.body.decode()
    found = SECRET.search((await browser.get("/console/authenticator")).body.decode())
    assert found is not None
    office.world.clock.advance(30)
    assert (await browser.submit("/console/authenticator", {"code": office.code(found[0])})).status == 303
    return browser, found[0]


async def invited(office: Office, owner: Browser, role: str, login_name: str) -> tuple[Browser, str]:
    status, _, page = await acts(owner, "/console/staff/invite", role=role)
    link = LINK.search(page)
    assert (status, link is not None) == (201, True), page
    assert link is not None
    assert link[1] not in (await owner.get("/console/staff")).body.decode(), "shown once"
    return await becomes(office, link[1], login_name)


async def person(office: Office, login_name: str) -> str:
    found = await rows(office.world.house.database, "SELECT staff_id FROM staff WHERE login_name = $1", login_name)
    return public("stf", found[0][0])


async def test_an_owner_invites_changes_resets_and_disables(office: Office) -> None:
    owner = office.browser()
    await office.owner(owner)
    lin, secret = await invited(office, owner, "finance", "lin")
    who = await person(office, "lin")
    assert "lin" in (await owner.get("/console/staff")).body.decode()
    told = await acts(owner, f"/console/staff/{who}/role", role="viewer")
    assert told[:2] == (303, "/console/staff?done=role_changed")
    assert (await lin.get("/console")).status == 303, "at once"
    told = await acts(owner, f"/console/staff/{who}/reset")
    link = LINK.search(told[2])
    assert link is not None
    said = await office.browser().submit("/console/login", {"login_name": "lin", "password": PASSWORD})
    assert said.status == 422, "closed until the link is used"
    fresh = office.browser()
    assert (await fresh.submit(link[1], {"password": PASSWORD})).headers["location"] == "/console/authenticator"
    shown = SECRET.search((await fresh.get("/console/authenticator")).body.decode())
    assert shown is not None
    assert shown[0] != secret
    told = await acts(owner, f"/console/staff/{who}/unlock")
    assert told[:2] == (303, "/console/staff?done=unlocked")
    told = await acts(owner, f"/console/staff/{who}/disable")
    assert told[:2] == (303, "/console/staff?done=disabled")
    assert (await fresh.get("/console/authenticator")).headers["location"].startswith("/console/login")


async def test_an_owner_takes_a_person_out_on_the_page(office: Office) -> None:
    owner = office.browser()
    await office.owner(owner)
    lin, _ = await invited(office, owner, "finance", "lin")
    path = f"/console/staff/{await person(office, 'lin')}/remove"
    assert f'action="{path}"' in (await owner.get("/console/staff")).body.decode()
    assert (await owner.post(path, {})).status == 403, "without the session's token"
    assert (await acts(owner, path))[:2] == (303, "/console/staff?done=removed")
    assert path not in (await owner.get("/console/staff")).body.decode()
    assert (await lin.get("/console")).headers["location"].startswith("/console/login"), "at once"
    assert (await acts(owner, path))[0] == 404, "out already"


async def test_a_link_is_taken_back_on_the_page(office: Office) -> None:
    owner = office.browser()
    await office.owner(owner)
    _, _, page = await acts(owner, "/console/staff/invite", role="viewer")
    link = LINK.search(page)
    assert link is not None
    end = re.search(
        r'action="(/console/staff/links/lnk_[0-9A-Z]{26}/end)"', (await owner.get("/console/staff")).body.decode()
    )
    assert end is not None
    assert (await acts(owner, end[1]))[:2] == (303, "/console/staff?done=link_ended")
    assert (await office.browser().get(link[1])).status == 404
    assert (await acts(owner, end[1]))[0] == 404


async def test_what_cannot_be_done_is_said_on_the_page(office: Office) -> None:
    owner = office.browser()
    await office.owner(owner)
    me = await person(office, "mei")
    for path, fields, why in (
        (f"/console/staff/{me}/role", {"role": "viewer"}, "last_owner"),
        (f"/console/staff/{me}/role", {"role": "king"}, "invalid_field"),
        (f"/console/staff/{me}/disable", {}, "own_account"),
        (f"/console/staff/{me}/reset", {}, "own_account"),
        (f"/console/staff/{me}/remove", {}, "own_account"),
        ("/console/staff/invite", {}, "invalid_field"),
    ):
        assert (await acts(owner, path, **fields))[:2] == (303, f"/console/staff?no={why}"), path
    for path in (f"/console/staff/{NOBODY}/disable", "/console/staff/x/disable", f"/console/staff/links/{me}/end"):
        assert (await acts(owner, path))[0] == 404, path


async def test_another_organisations_people_are_not_there(office: Office) -> None:
    owner = office.browser()
    await office.owner(owner)
    organisation = (await office.world.sql("SELECT organisation_id FROM merchants ORDER BY merchant_id LIMIT 1"))[0][0]
    house = office.world.house
    link = await house.database.transact(lambda tx: make_link(tx, house.source, organisation, "owner"))
    stranger, _ = await becomes(office, f"/console/first/{link.reveal()}", "stranger")
    theirs = await person(office, "stranger")
    for act, fields in (("role", {"role": "viewer"}), ("unlock", {}), ("reset", {}), ("disable", {}), ("remove", {})):
        assert (await acts(owner, f"/console/staff/{theirs}/{act}", **fields))[0] == 404, act
    assert "stranger" not in (await owner.get("/console/staff")).body.decode()
    assert "陈梅" not in (await stranger.get("/console/staff")).body.decode()
    assert (await stranger.get("/console/staff")).status == 200


@pytest.mark.parametrize(("role", "sees"), [("finance", 200), ("operator", 200), ("support", 403), ("viewer", 403)])
async def test_who_may_not_act_gets_no_form_and_no_deed(office: Office, role: str, sees: int) -> None:
    owner = office.browser()
    await office.owner(owner)
    lin, _ = await invited(office, owner, role, "lin")
    said = await lin.get("/console/staff")
    assert said.status == sees
    assert "/console/staff/invite" not in said.body.decode()
    me = await person(office, "mei")
    for path in (
        "/console/staff/invite",
        f"/console/staff/{me}/role",
        f"/console/staff/{me}/disable",
        f"/console/staff/{me}/remove",
    ):
        assert (await acts(lin, path, role="owner"))[0] == 403, path
    assert (
        await rows(office.world.house.database, "SELECT role FROM staff_roles WHERE role = 'owner'") == [("owner",)] * 2
    )


async def test_an_act_asks_for_both_factors_again_when_they_are_long_ago(office: Office) -> None:
    owner = office.browser()
    await office.owner(owner)
    office.world.clock.advance(10 * 60)
    told = await acts(owner, "/console/staff/invite", role="viewer")
    assert told[:2] == (303, "/console/confirm?next=%2Fconsole%2Fstaff")
    assert await rows(office.world.house.database, "SELECT count(*) FROM staff_links WHERE used_at IS NULL") == [(0,)]

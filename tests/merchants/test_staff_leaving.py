"""Who leaves: no link outlives its maker's right, and an owner takes anybody out of the own organisation alone."""

from __future__ import annotations

import asyncio

import pytest

from db.support import rows, sql
from merchants.office import FIREFOX, PASSWORD, Office, actor, open_office
from shunfu.db import Database
from shunfu.kernel.ids import public
from shunfu.kernel.secret import Secret
from shunfu.merchants import read_audit, staff
from shunfu.merchants.staff import store

LEAVING = ("disabled", "demoted", "removed", "disabled by a command")


@pytest.fixture
async def office(database: Database) -> Office:
    return await open_office(database)


async def two_owners(office: Office) -> tuple[staff.Session, staff.Session]:
    first = await office.session((await office.enrolled())[0])
    return first, (await office.joins(first, "owner", "second"))[0]


async def invitation(office: Office, owner: staff.Session) -> str:
    link = await staff.invite(office.tools, actor(owner), "owner")
    assert isinstance(link, Secret)
    return link.reveal()


async def leaves(office: Office, first: staff.Session, second: staff.Session, how: str) -> None:
    tools, town = office.tools, office.town
    match how:
        case "disabled":
            assert await staff.disable(tools, actor(first), second.staff_id) is None
        case "demoted":
            assert await staff.change_role(tools, actor(first), second.staff_id, "viewer") is None
        case "removed":
            assert await staff.remove(tools, actor(first), second.staff_id) is None
        case _:
            assert await town.database.transact(lambda tx: staff.disable_staff(tx, town.source, "second"))


@pytest.mark.parametrize("how", LEAVING)
async def test_an_owners_links_end_with_the_owner(office: Office, how: str) -> None:
    first, second = await two_owners(office)
    lin, _ = await office.joins(first, "viewer", "lin")
    theirs, mine = await invitation(office, second), await invitation(office, first)
    reset = await staff.reset_factor(office.tools, actor(second), lin.staff_id)
    assert isinstance(reset, Secret)
    await leaves(office, first, second, how)
    assert await staff.read_link(office.tools, theirs) is None, "its page is gone too"
    assert await office.accept(theirs, login_name="sleeper") == "link_ended"
    assert await staff.accept_reset(office.tools, reset.reveal(), Secret(PASSWORD), FIREFOX) == "link_ended"
    assert [one.maker for one in (await staff.list_team(office.tools, actor(first).merchant_id)).links] == ["陈梅"]
    assert isinstance(await office.accept(mine, login_name="welcome"), staff.Opened), "another owner's link"


UNRIGHTED = {
    "disabled": "UPDATE staff SET disabled_at = created_at WHERE staff_id = $1 RETURNING staff_id",
    "demoted on one side": "UPDATE staff_roles SET role = 'viewer' WHERE staff_id = $1 AND merchant_id ="
    " (SELECT merchant_id FROM staff_roles WHERE staff_id = $1 LIMIT 1) RETURNING staff_id",
    "removed": "DELETE FROM staff_roles WHERE staff_id = $1 RETURNING staff_id",
}


@pytest.mark.parametrize("how", UNRIGHTED)
async def test_a_link_that_nobody_ended_is_judged_by_its_maker_when_it_is_used(office: Office, how: str) -> None:
    """What a race would leave behind: a link still open, its maker without the right."""
    first, second = await two_owners(office)
    lin, _ = await office.joins(first, "viewer", "lin")
    link = await invitation(office, second)
    reset = await staff.reset_factor(office.tools, actor(second), lin.staff_id)
    assert isinstance(reset, Secret)
    await office.town.database.transact(lambda tx: tx.fetch(sql(UNRIGHTED[how]), second.staff_id))
    assert await staff.read_link(office.tools, link) is not None
    assert await office.accept(link, login_name="sleeper") == "link_ended"
    assert await staff.accept_reset(office.tools, reset.reveal(), Secret(PASSWORD), FIREFOX) == "link_ended"
    assert await rows(office.town.database, "SELECT 1 FROM staff WHERE login_name = 'sleeper'") == []


@pytest.mark.parametrize("how", LEAVING)
async def test_a_link_used_while_its_maker_leaves_was_used_before_or_not_at_all(office: Office, how: str) -> None:
    first, second = await two_owners(office)
    link = await invitation(office, second)
    told, _ = await asyncio.gather(office.accept(link, login_name="racer"), leaves(office, first, second, how))
    assert isinstance(told, staff.Opened) or told == "link_ended"
    used = await rows(
        office.town.database,
        "SELECT used_at IS NOT NULL, ends_at > used_at FROM staff_links WHERE made_by = $1",
        second.staff_id,
    )
    assert used == [(True, True) if isinstance(told, staff.Opened) else (False, None)]


async def test_a_link_for_another_organisation_stays_good_with_its_makers_right_there(office: Office) -> None:
    """One organisation takes away nothing of what a person does in another."""
    first, second = await two_owners(office)
    tools, town = office.tools, office.town
    for merchant in town.sides.test, town.sides.live:
        await town.database.transact(
            lambda tx, side=merchant.merchant_id: store.add_role(
                tx, side, second.staff_id, "owner", now=town.source.now()
            )
        )
    there = staff.Actor(second.staff_id, second.session_id, town.sides.test.merchant_id, is_proved=True)
    link = await staff.invite(tools, there, "viewer")
    assert isinstance(link, Secret)
    assert await staff.remove(tools, actor(first), second.staff_id) is None
    assert isinstance(await office.accept(link.reveal(), login_name="welcome"), staff.Opened)


async def test_who_works_elsewhere_too_is_taken_out_here_alone(office: Office) -> None:
    owner = await office.session((await office.enrolled())[0])
    lin, secret = await office.joins(owner, "finance", "lin")
    elsewhere, now = office.town.sides.test.merchant_id, office.town.source.now()
    await office.town.database.transact(lambda tx: store.add_role(tx, elsewhere, lin.staff_id, "viewer", now=now))
    assert await staff.disable(office.tools, actor(owner), lin.staff_id) == "works_elsewhere"
    assert await staff.remove(office.tools, actor(owner), lin.staff_id) is None
    assert await rows(
        office.town.database, "SELECT ended_at IS NOT NULL FROM staff_sessions WHERE session_id = $1", lin.session_id
    ) == [(True,)]
    team = await staff.list_team(office.tools, actor(owner).merchant_id)
    assert [one.login_name for one in team.people] == ["mei"]
    again = await office.enters(secret, "lin")
    assert [side.merchant_id for side in await staff.list_sides(office.tools, again)] == [elsewhere]
    assert await staff.remove(office.tools, actor(owner), lin.staff_id) == "not_found", "out already"
    for side in await staff.list_sides(office.tools, owner):
        async with office.town.database.reading() as reader:
            newest = (await read_audit(reader, side.merchant_id, 1))[0].entry
        assert (newest.action, newest.object) == ("staff.removed", public("stf", lin.staff_id))
        assert newest.actor == public("stf", owner.staff_id)


async def test_a_disabled_person_is_taken_off_the_list(office: Office) -> None:
    first, second = await two_owners(office)
    await leaves(office, first, second, "disabled")
    assert await staff.remove(office.tools, actor(first), second.staff_id) is None
    team = await staff.list_team(office.tools, actor(first).merchant_id)
    assert [one.login_name for one in team.people] == ["mei"]


async def test_an_owner_who_can_log_in_always_remains_and_nobody_takes_out_themselves(office: Office) -> None:
    first, second = await two_owners(office)
    assert await staff.remove(office.tools, actor(first), first.staff_id) == "own_account"
    assert await staff.remove(office.tools, actor(first, is_proved=False), second.staff_id) == "not_allowed"
    told = await asyncio.gather(
        staff.remove(office.tools, actor(first), second.staff_id),
        staff.remove(office.tools, actor(second), first.staff_id),
    )
    assert sorted(map(str, told)) == ["None", "not_allowed"], "the second finds that its own right is gone"
    left = await rows(office.town.database, "SELECT count(DISTINCT staff_id) FROM staff_roles WHERE role = 'owner'")
    assert left == [(1,)]


async def test_the_last_owner_who_can_log_in_is_not_taken_out(office: Office) -> None:
    """By somebody inside who has no authenticator yet, as one whom the company account lets in."""
    first, second = await two_owners(office)
    forget = "UPDATE staff SET totp_step = NULL WHERE staff_id = $1 RETURNING staff_id"
    await office.town.database.transact(lambda tx: tx.fetch(sql(forget), second.staff_id))
    assert await staff.remove(office.tools, actor(second), first.staff_id) == "last_owner"

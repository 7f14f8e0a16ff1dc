"""What an owner does about people: at once, in the own organisation only, never to the last owner, and written down."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from db.support import rows
from merchants.office import FIREFOX, PASSWORD, Office, actor, open_office
from shunfu.db import Database, Transaction
from shunfu.kernel.ids import PLATFORM, public
from shunfu.kernel.secret import Secret
from shunfu.merchants import AuditEntry, fingerprint, read_audit, staff, verify_audit
from shunfu.merchants.staff import store


@pytest.fixture
async def office(database: Database) -> Office:
    return await open_office(database)


async def owner_of(office: Office) -> staff.Session:
    return await office.session((await office.enrolled())[0])


async def log_of(office: Office, session: staff.Session) -> list[AuditEntry]:
    assert session.side is not None
    async with office.town.database.reading() as reader:
        assert (await verify_audit(reader, session.side.merchant_id)).is_whole
        return [row.entry for row in await read_audit(reader, session.side.merchant_id, 20)]


async def recognised(office: Office, session: staff.Session) -> bool:
    """Whether the session is still good, by its id."""
    found = await rows(
        office.town.database, "SELECT ended_at IS NULL FROM staff_sessions WHERE session_id = $1", session.session_id
    )
    return found == [(True,)]


async def test_another_role_counts_on_both_sides_and_ends_the_sessions_at_once(office: Office) -> None:
    """A45: an old session does nothing with a right that was taken."""
    owner = await owner_of(office)
    lin, secret = await office.joins(owner, "finance", "lin")
    assert await staff.change_role(office.tools, actor(owner), lin.staff_id, "viewer") is None
    assert not await recognised(office, lin)
    again = await office.enters(secret, "lin")
    assert {side.role for side in await staff.list_sides(office.tools, again)} == {"viewer"}
    entry = next(one for one in await log_of(office, owner) if one.action == "staff.role_changed")
    assert (entry.actor, entry.object) == (public("stf", owner.staff_id), public("stf", lin.staff_id))
    assert (entry.before, entry.after) == (fingerprint({"role": "finance"}), fingerprint({"role": "viewer"}))


async def test_an_owner_who_can_log_in_always_remains(office: Office) -> None:
    owner = await owner_of(office)
    assert await staff.change_role(office.tools, actor(owner), owner.staff_id, "viewer") == "last_owner"
    second, _ = await office.joins(owner, "owner", "second")
    assert await staff.disable(office.tools, actor(owner), second.staff_id) is None
    assert await staff.change_role(office.tools, actor(owner), owner.staff_id, "viewer") == "last_owner", "one is out"
    third, _ = await office.joins(owner, "owner", "third")
    assert await staff.change_role(office.tools, actor(owner), owner.staff_id, "viewer") is None
    assert await staff.change_role(office.tools, actor(third), third.staff_id, "viewer") == "last_owner"


async def test_an_owner_who_never_came_with_a_second_factor_does_not_count(office: Office) -> None:
    owner = await owner_of(office)
    link = await staff.invite(office.tools, actor(owner), "owner")
    assert isinstance(link, Secret)
    assert isinstance(await office.accept(link.reveal(), login_name="half"), staff.Opened)
    assert await staff.change_role(office.tools, actor(owner), owner.staff_id, "viewer") == "last_owner"


async def test_two_owners_who_put_each_other_out_at_once_leave_one(office: Office) -> None:
    """Right and deed are one: the second finds that its own right is gone."""
    owner = await owner_of(office)
    second, _ = await office.joins(owner, "owner", "second")
    told = await asyncio.gather(
        staff.change_role(office.tools, actor(owner), second.staff_id, "viewer"),
        staff.change_role(office.tools, actor(second), owner.staff_id, "viewer"),
        staff.disable(office.tools, actor(owner), second.staff_id),
        staff.disable(office.tools, actor(second), owner.staff_id),
    )
    assert None in told
    left = await rows(
        office.town.database,
        "SELECT count(DISTINCT p.staff_id) FROM staff p JOIN staff_roles r ON r.staff_id = p.staff_id"
        " WHERE r.role = 'owner' AND p.disabled_at IS NULL",
    )
    assert left == [(1,)], told


async def test_somebody_of_another_organisation_is_as_if_they_were_not_there(office: Office) -> None:
    owner = await owner_of(office)
    tools, town = office.tools, office.town
    others = town.sides.test.organisation_id
    link = await town.database.transact(lambda tx: staff.make_link(tx, town.source, others, "owner"))
    stranger = await office.session(await office.accept(link.reveal(), login_name="stranger"))
    secret = await office.shown(stranger)
    stranger = await office.session(await office.passes(stranger, secret))
    mine, theirs = actor(owner), stranger.staff_id
    assert await staff.change_role(tools, mine, theirs, "viewer") == "not_found"
    assert await staff.disable(tools, mine, theirs) == "not_found"
    assert await staff.remove(tools, mine, theirs) == "not_found"
    assert await staff.unlock(tools, mine, theirs) == "not_found"
    assert await staff.reset_factor(tools, mine, theirs) == "not_found"
    invited = await staff.invite(tools, actor(stranger), "viewer")
    assert isinstance(invited, Secret)
    (open_link,) = (await staff.list_team(tools, actor(stranger).merchant_id)).links
    assert await staff.take_back(tools, mine, open_link.link_id) == "not_found"
    assert (await staff.list_team(tools, mine.merchant_id)).links == []
    assert [one.login_name for one in (await staff.list_team(tools, mine.merchant_id)).people] == ["mei"]
    posing = replace(mine, merchant_id=actor(stranger).merchant_id)
    assert await staff.disable(tools, posing, theirs) == "not_allowed", "at a merchant where one works not at all"


async def test_who_runs_the_server_is_no_tenants_staff_and_the_other_way_round(office: Office) -> None:
    """Platform and merchant staff are different: the installation has no page, no role and no side to look at."""
    owner = await owner_of(office)
    assert not await staff.choose_side(office.tools, owner, PLATFORM)
    assert await staff.invite(office.tools, replace(actor(owner), merchant_id=PLATFORM), "owner") == "not_allowed"
    made = await rows(office.town.database, "SELECT count(*) FROM staff_roles WHERE merchant_id = $1", PLATFORM)
    assert made == [(0,)]

    async def by_command(tx: Transaction) -> bool:
        return await staff.disable_staff(tx, office.town.source, "mei")

    assert await office.town.database.transact(by_command)
    async with office.town.database.reading() as reader:
        newest = (await read_audit(reader, PLATFORM, 1))[0].entry
    assert (newest.actor, newest.action) == ("cli", "staff.disabled")


@pytest.mark.parametrize("role", [role for role in staff.CAPABILITIES if role != "owner"])
async def test_nobody_but_an_owner_changes_anything(office: Office, role: staff.Role) -> None:
    owner = await owner_of(office)
    lin, _ = await office.joins(owner, role, "lin")
    wish, tools = actor(lin), office.tools
    link = await staff.invite(tools, actor(owner), "viewer")
    assert isinstance(link, Secret)
    (open_link,) = (await staff.list_team(tools, wish.merchant_id)).links
    told = [
        await staff.invite(tools, wish, "owner"),
        await staff.take_back(tools, wish, open_link.link_id),
        await staff.change_role(tools, wish, lin.staff_id, "owner"),
        await staff.unlock(tools, wish, owner.staff_id),
        await staff.disable(tools, wish, owner.staff_id),
        await staff.remove(tools, wish, owner.staff_id),
        await staff.reset_factor(tools, wish, owner.staff_id),
    ]
    assert told == ["not_allowed"] * 7


async def test_an_owner_without_proof_or_whose_session_has_ended_changes_nothing(office: Office) -> None:
    owner = await owner_of(office)
    lin, _ = await office.joins(owner, "viewer", "lin")
    assert await staff.disable(office.tools, actor(owner, is_proved=False), lin.staff_id) == "not_allowed"
    await staff.end_session(office.tools, owner, owner.session_id)
    assert await staff.disable(office.tools, actor(owner), lin.staff_id) == "not_allowed"


async def test_a_disabled_person_is_out_and_the_own_account_is_not_for_this(office: Office) -> None:
    owner = await owner_of(office)
    lin, _ = await office.joins(owner, "viewer", "lin")
    assert await staff.disable(office.tools, actor(owner), owner.staff_id) == "own_account"
    assert await staff.reset_factor(office.tools, actor(owner), owner.staff_id) == "own_account"
    assert await staff.disable(office.tools, actor(owner), lin.staff_id) is None
    assert not await recognised(office, lin)
    assert await office.log_in(login_name="lin") == "wrong"
    assert await staff.disable(office.tools, actor(owner), lin.staff_id) == "not_found", "out already"
    shown = (await staff.list_team(office.tools, actor(owner).merchant_id)).people
    assert [(one.login_name, one.disabled_at is not None) for one in shown] == [("mei", False), ("lin", True)]


async def test_who_works_for_another_organisation_too_is_not_one_owners_to_disable(office: Office) -> None:
    owner = await owner_of(office)
    lin, _ = await office.joins(owner, "viewer", "lin")
    elsewhere, now = office.town.sides.test.merchant_id, office.town.source.now()
    await office.town.database.transact(lambda tx: store.add_role(tx, elsewhere, lin.staff_id, "viewer", now=now))
    assert await staff.disable(office.tools, actor(owner), lin.staff_id) == "works_elsewhere"
    assert await staff.reset_factor(office.tools, actor(owner), lin.staff_id) == "works_elsewhere"
    assert await staff.change_role(office.tools, actor(owner), lin.staff_id, "support") is None
    roles = {side.merchant_id: side.role for side in await staff.list_sides(office.tools, lin)}
    assert roles[elsewhere] == "viewer"


async def test_a_locked_name_is_unlocked(office: Office) -> None:
    owner = await owner_of(office)
    lin, secret = await office.joins(owner, "viewer", "lin")
    for _ in range(6):
        assert await office.log_in("a wrong password", "lin") == "wrong"
    assert await office.log_in(login_name="lin") == "wrong"
    now = office.town.source.now()
    people = {one.login_name: one for one in (await staff.list_team(office.tools, actor(owner).merchant_id)).people}
    assert (people["lin"].is_locked(now), people["mei"].is_locked(now)) == (True, False)
    assert await staff.unlock(office.tools, actor(owner), lin.staff_id) is None
    assert (await office.enters(secret, "lin")).staff_id == lin.staff_id


async def test_a_link_is_listed_and_taken_back(office: Office) -> None:
    owner = await owner_of(office)
    link = await staff.invite(office.tools, actor(owner), "support")
    assert isinstance(link, Secret)
    (shown,) = (await staff.list_team(office.tools, actor(owner).merchant_id)).links
    assert (shown.role, shown.maker, shown.person) == ("support", "陈梅", None)
    assert await staff.take_back(office.tools, actor(owner), shown.link_id) is None
    assert await office.accept(link.reveal(), login_name="late") == "link_ended"
    assert await staff.take_back(office.tools, actor(owner), shown.link_id) == "not_found"
    assert (await staff.list_team(office.tools, actor(owner).merchant_id)).links == []


async def test_links_are_bounded(office: Office) -> None:
    owner = await owner_of(office)
    told = [await staff.invite(office.tools, actor(owner), "viewer") for _ in range(51)]
    assert [isinstance(one, Secret) for one in told] == [True] * 50 + [False]
    assert told[-1] == "too_many"


async def test_a_lost_authenticator_is_replaced_by_link_and_password(office: Office) -> None:
    """From the reset until the link is used nobody logs in by that name; the role stays."""
    owner = await owner_of(office)
    lin, secret = await office.joins(owner, "finance", "lin")
    codes = await staff.make_recovery_codes(office.tools, lin)
    assert codes is not None
    link = await staff.reset_factor(office.tools, actor(owner), lin.staff_id)
    assert isinstance(link, Secret)
    assert not await recognised(office, lin)
    assert await office.log_in(login_name="lin") == "wrong", "closed until the link is used"
    assert await office.accept(link.reveal(), login_name="posing") == "link_ended", "it makes nobody new"
    wrong = await staff.accept_reset(office.tools, link.reveal(), Secret("a wrong password"), FIREFOX)
    assert wrong == "wrong", "whoever made the link is not thereby the person"
    opened = await staff.accept_reset(office.tools, link.reveal(), Secret(PASSWORD), FIREFOX)
    fresh = await office.session(opened)
    assert fresh.stage == "enrol"
    assert await office.passes(fresh, secret) == "code_wrong", "the lost authenticator"
    new_secret = await office.shown(fresh)
    assert new_secret != secret
    inside = await office.session(await office.passes(fresh, new_secret))
    assert inside.side is not None
    assert inside.side.role == "finance"
    again = await staff.accept_reset(office.tools, link.reveal(), Secret(PASSWORD), FIREFOX)
    assert again == "link_ended"
    door = await office.session(await office.log_in(login_name="lin"))
    old = staff.Code(Secret(codes[0]))
    assert await staff.pass_factor(office.tools, door, old, FIREFOX) == "code_wrong", "an old recovery code"


async def test_a_reset_that_is_taken_back_leaves_the_old_authenticator_good(office: Office) -> None:
    owner = await owner_of(office)
    lin, secret = await office.joins(owner, "viewer", "lin")
    first = await staff.reset_factor(office.tools, actor(owner), lin.staff_id)
    second = await staff.reset_factor(office.tools, actor(owner), lin.staff_id)
    assert isinstance(first, Secret)
    assert isinstance(second, Secret)
    assert await staff.accept_reset(office.tools, first.reveal(), Secret(PASSWORD), FIREFOX) == "link_ended"
    (shown,) = (await staff.list_team(office.tools, actor(owner).merchant_id)).links
    assert (shown.role, shown.person) == (None, "lin")
    assert await staff.take_back(office.tools, actor(owner), shown.link_id) is None
    assert (await office.enters(secret, "lin")).staff_id == lin.staff_id


async def test_an_owner_alone_gets_a_new_authenticator_by_the_servers_shell(office: Office) -> None:
    opened, secret = await office.enrolled()
    town = office.town
    assert await town.database.transact(lambda tx: staff.make_reset_link(tx, town.source, "nobody")) is None
    link = await town.database.transact(lambda tx: staff.make_reset_link(tx, town.source, "mei"))
    assert link is not None
    assert await staff.recognise(office.tools, opened.token.reveal()) is None
    fresh = await office.session(await staff.accept_reset(office.tools, link.reveal(), Secret(PASSWORD), FIREFOX))
    new_secret = await office.shown(fresh)
    assert new_secret != secret
    inside = await office.session(await office.passes(fresh, new_secret))
    assert inside.side is not None
    assert inside.side.role == "owner"
    async with town.database.reading() as reader:
        assert (await verify_audit(reader, PLATFORM)).is_whole

"""Staff on a database: one link makes one owner, two factors open a session, and every end is at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from db.support import rows
from merchants.office import FIREFOX, PASSWORD, QUICK, Office, open_office, typed
from shunfu.db import Database
from shunfu.kernel.errors import TransientFault
from shunfu.kernel.ids import PLATFORM, public
from shunfu.merchants import read_audit, staff, verify_audit
from shunfu.merchants.staff.model import IDLE, SESSION_LASTS
from shunfu.merchants.staff.passwords import WAITING_MAX


@pytest.fixture
async def office(database: Database) -> Office:
    return await open_office(database)


async def test_the_first_owner_founds_a_shop_and_looks_at_its_test_side(office: Office) -> None:
    opened, _ = await office.enrolled()
    session = await office.session(opened)
    assert (session.name, session.stage) == ("陈梅", "open")
    assert session.side is not None
    assert (session.side.name, session.side.mode, session.side.role) == ("山前书店", "test", "owner")
    sides = await staff.list_sides(office.tools, session)
    async with office.town.database.reading() as reader:
        assert [(side.name, side.mode) for side in sides] == [("山前书店", "test"), ("山前书店", "live")]
        assert (await verify_audit(reader, PLATFORM)).is_whole
        assert (await verify_audit(reader, sides[0].merchant_id)).is_whole
    assert await office.town.database.transact(lambda tx: staff.make_founding_link(tx, office.town.source)) is None


async def test_a_link_is_used_once_though_twenty_come_at_once(office: Office) -> None:
    link = await office.founding_link()
    found = await asyncio.gather(*(office.accept(link, login_name=f"owner{number}") for number in range(20)))
    assert sum(isinstance(one, staff.Opened) for one in found) == 1
    assert found.count("link_ended") == 19
    assert len(await rows(office.town.database, "SELECT staff_id FROM staff")) == 1
    assert await staff.read_link(office.tools, link) is None


async def test_a_newer_founding_link_ends_the_older_and_a_day_ends_every_link(office: Office) -> None:
    first, second = await office.founding_link(), await office.founding_link()
    assert await office.accept(first) == "link_ended"
    office.town.clock.advance(24 * 3600)
    assert await office.accept(second) == "link_ended"


async def test_a_forged_link_is_none(office: Office) -> None:
    link = await office.founding_link()
    forged = link[:-1] + ("A" if link[-1] != "A" else "B")
    assert await office.accept(forged) == "link_ended"
    assert await office.accept("x") == "link_ended"


async def test_a_weak_password_and_a_taken_name_leave_the_link_good(office: Office) -> None:
    link = await office.founding_link()
    assert await office.accept(link, password="short") == "password_short"
    await office.enrolled(login_name="mei")
    sides = office.town.sides
    other = await office.town.database.transact(
        lambda tx: staff.make_link(tx, office.town.source, sides.test.organisation_id, "finance")
    )
    assert await office.accept(other.reveal()) == "name_taken"
    session = await office.session(await office.accept(other.reveal(), login_name="lin"))
    found = {(side.merchant_id, side.role) for side in await staff.list_sides(office.tools, session)}
    assert found == {(side.merchant_id, "finance") for side in (sides.test, sides.live)}


async def test_a_session_before_the_second_factor_is_good_for_nothing_else(office: Office) -> None:
    opened, secret = await office.enrolled()
    at_the_door = await office.log_in()
    session = await office.session(at_the_door)
    assert (session.stage, session.side) == ("code", None)
    office.town.clock.advance(30)
    inside = await staff.pass_factor(office.tools, session, typed(office.code(secret)), FIREFOX)
    assert (await office.session(inside)).stage == "open"
    assert isinstance(at_the_door, staff.Opened)
    assert await staff.recognise(office.tools, at_the_door.token.reveal()) is None, "a new session on log-in"
    agents = {one.agent for one in await staff.list_sessions(office.tools, await office.session(opened))}
    assert agents == {"Chromium", "Firefox"}


async def test_a_code_is_good_once_for_all_sessions(office: Office) -> None:
    _, secret = await office.enrolled()
    session = await office.session(await office.log_in())
    assert await staff.pass_factor(office.tools, session, typed(office.code(secret)), staff.Visit()) == "code_wrong"


async def test_wrong_and_unknown_are_answered_alike_and_guesses_close_the_door(office: Office) -> None:
    _, secret = await office.enrolled()
    assert await office.log_in(login_name="nobody") == "wrong"
    for _ in range(6):
        assert await office.log_in("a wrong password") == "wrong"
    assert await office.log_in() == "wrong", "locked, and not told"
    office.town.clock.advance(60)
    session = await office.session(await office.log_in())
    assert isinstance(
        await staff.pass_factor(office.tools, session, typed(office.code(secret)), staff.Visit()), staff.Opened
    )
    assert await rows(office.town.database, "SELECT failures, locked_until FROM staff_guesses ORDER BY 1") == [
        (0, None),
        (1, None),
    ]


async def test_guessed_codes_close_the_door_too(office: Office) -> None:
    _, secret = await office.enrolled()
    office.town.clock.advance(30)
    session = await office.session(await office.log_in())
    right = office.code(secret)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    told = [await staff.pass_factor(office.tools, session, typed(wrong), staff.Visit()) for _ in range(7)]
    assert told == ["code_wrong"] * 6 + ["locked"]
    assert await staff.pass_factor(office.tools, session, typed(right), staff.Visit()) == "locked"


async def test_each_log_in_before_the_first_code_has_a_secret_of_its_own(office: Office) -> None:
    """Whoever saw an earlier one has nothing, and what is set up is never shown again."""
    first = await office.session(await office.accept(await office.founding_link()))
    seen = await office.shown(first)
    again = await office.session(await office.log_in())
    assert again.stage == "enrol"
    secret = await office.shown(again)
    assert secret != seen
    assert await staff.pass_factor(office.tools, first, typed(office.code(seen)), staff.Visit()) == "code_wrong"
    inside = await office.session(
        await staff.pass_factor(office.tools, again, typed(office.code(secret)), staff.Visit())
    )
    assert await staff.enrolment(office.tools, again) is None
    assert await staff.enrolment(office.tools, inside) is None
    open_sessions = await rows(office.town.database, "SELECT session_id FROM staff_sessions WHERE ended_at IS NULL")
    assert open_sessions == [(inside.session_id,)], "every session from before the first code has ended"


async def test_a_shop_founded_by_a_link_is_its_owners_deed_and_has_no_key_that_nobody_saw(office: Office) -> None:
    session = await office.session((await office.enrolled())[0])
    assert session.side is not None
    merchant_id = session.side.merchant_id
    async with office.town.database.reading() as reader:
        entries = [row.entry for row in await read_audit(reader, merchant_id, 10)]
    assert {entry.actor for entry in entries} == {public("stf", session.staff_id)}
    assert await rows(office.town.database, "SELECT key_id FROM api_keys WHERE merchant_id = $1", merchant_id) == []


async def test_a_crowd_at_the_door_is_sent_away() -> None:
    """Sixteen stand in line; whoever comes then must come again, and afterwards there is room again."""
    passwords = staff.Passwords(QUICK)
    told = await asyncio.gather(*(passwords.is_right(None, PASSWORD) for _ in range(60)), return_exceptions=True)
    assert sum(isinstance(one, TransientFault) for one in told) == 60 - WAITING_MAX
    assert told.count(False) == WAITING_MAX
    assert not await passwords.is_right(None, PASSWORD)


async def test_a_disabled_person_is_out_at_once(office: Office) -> None:
    opened, _ = await office.enrolled()
    town = office.town
    assert await town.database.transact(lambda tx: staff.disable_staff(tx, town.source, "mei"))
    assert await staff.recognise(office.tools, opened.token.reveal()) is None
    assert await office.log_in() == "wrong"
    for login_name in ("mei", "nobody"):
        assert not await town.database.transact(lambda tx, name=login_name: staff.disable_staff(tx, town.source, name))


async def test_a_session_is_ended_by_its_person_only_and_at_once(office: Office) -> None:
    opened, _ = await office.enrolled()
    mine = await office.session(opened)
    link = await office.town.database.transact(
        lambda tx: staff.make_link(tx, office.town.source, office.town.sides.test.organisation_id, "viewer")
    )
    other = await office.session(await office.accept(link.reveal(), login_name="lin"))
    assert not await staff.end_session(office.tools, other, mine.session_id)
    assert await staff.end_session(office.tools, mine, mine.session_id)
    assert await staff.recognise(office.tools, opened.token.reveal()) is None
    assert not await staff.end_session(office.tools, mine, mine.session_id)


async def test_idle_and_old_sessions_end(office: Office) -> None:
    opened, _ = await office.enrolled()
    for _ in range(int(SESSION_LASTS / timedelta(minutes=20)) - 1):
        office.town.clock.advance(20 * 60)
        assert await staff.recognise(office.tools, opened.token.reveal()) is not None
    office.town.clock.advance(20 * 60)
    assert await staff.recognise(office.tools, opened.token.reveal()) is None


async def test_a_session_idle_for_half_an_hour_ends(office: Office) -> None:
    opened, _ = await office.enrolled()
    office.town.clock.advance(IDLE.total_seconds())
    assert await staff.recognise(office.tools, opened.token.reveal()) is None


async def test_only_a_side_of_ones_own_is_looked_at(office: Office) -> None:
    opened, _ = await office.enrolled()
    session = await office.session(opened)
    live = next(side for side in await staff.list_sides(office.tools, session) if side.mode == "live")
    assert not await staff.choose_side(office.tools, session, office.town.sides.live.merchant_id)
    assert await staff.choose_side(office.tools, session, live.merchant_id)
    side = (await office.session(opened)).side
    assert side is not None
    assert (side.merchant_id, side.mode) == (live.merchant_id, "live")


async def test_nothing_that_opens_a_door_is_kept_in_plain_text(office: Office) -> None:
    opened, secret = await office.enrolled()
    kept = str([
        await rows(office.town.database, f"SELECT * FROM {table}")  # names of our own
        for table in ("staff", "staff_sessions", "staff_links", "staff_roles")
    ])  # fmt: skip
    for text in (PASSWORD, secret, opened.token.reveal()[26:]):
        assert text not in kept

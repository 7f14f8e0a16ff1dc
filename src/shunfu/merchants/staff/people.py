"""What an owner does about the people of the organisation: invite, change a role, unlock, disable, a new second factor.

Right and deed are one: each story holds the organisation's owners first and reads there whether the actor still is one,
so that two acts never pass each other (ASVS 15.4.2). Somebody of another organisation is as if they were not there.
Must not know: the platform's own commands. They act by the server's shell and have no session, no role and no page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from shunfu.db import Transaction
from shunfu.kernel.clock import Source
from shunfu.kernel.ids import PLATFORM, public
from shunfu.kernel.secret import Secret
from shunfu.merchants import store as merchants_store
from shunfu.merchants.audit import COMMAND_LINE, AuditEntry, Detail, fingerprint
from shunfu.merchants.auditing import write_audit
from shunfu.merchants.staff import store
from shunfu.merchants.staff.links import LinkFor, close_until_link, keep_link
from shunfu.merchants.staff.model import Colleague, Denial, OpenLink, Role
from shunfu.merchants.staff.owners import hold_owners
from shunfu.merchants.staff.tools import StaffTools

LINKS_MAX = 50
"""So many links of one organisation are good at a time."""


@dataclass(frozen=True, slots=True)
class Team:
    """An organisation's people, as one of its merchants sees them, and its links that are still good."""

    people: Sequence[Colleague]
    links: Sequence[OpenLink]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: in which session, and at which of the organisation's merchants they sit."""

    staff_id: UUID
    session_id: UUID
    merchant_id: UUID
    is_proved: bool


@dataclass(frozen=True, slots=True)
class _Ground:
    """Where an act happens: the organisation, its sides, and each side's owners, all held."""

    organisation_id: UUID
    owners: dict[UUID, list[UUID]]


@dataclass(frozen=True, slots=True)
class _Deed:
    """What is written about an act: to whom or what, and the state before and after."""

    action: str
    object: str
    before: Detail | None = None
    after: Detail | None = None


async def list_team(tools: StaffTools, merchant_id: UUID) -> Team:
    """Who works for the organisation of a merchant, and its open links."""
    async with tools.database.glancing() as reader:
        merchant = await merchants_store.get_merchant(reader, merchant_id)
        assert merchant is not None, "a visitor looks at a merchant"
        links = await store.list_links(reader, merchant.organisation_id, tools.source.now())
        return Team(await store.list_people(reader, merchant_id), links)


async def invite(tools: StaffTools, actor: Actor, role: Role) -> Secret[str] | Denial:
    """A link by which one person becomes staff with a role; its text is shown once."""

    async def story(tx: Transaction) -> Secret[str] | Denial:
        ground = await _hold(tx, actor)
        if ground is None:
            return "not_allowed"
        if len(await store.list_links(tx, ground.organisation_id, tools.source.now())) >= LINKS_MAX:
            return "too_many"
        what = LinkFor(ground.organisation_id, role, made_by=actor.staff_id)
        link, text = await keep_link(tx, tools.source, what)
        await _write(
            tx, tools, actor, ground, _Deed("staff.invited", public("lnk", link.link_id), None, {"role": role})
        )
        return text

    return await tools.database.transact(story)


async def take_back(tools: StaffTools, actor: Actor, link_id: UUID) -> Denial | None:
    """End a link of the organisation. One that was to give a new second factor leaves the old one good again."""

    async def story(tx: Transaction) -> Denial | None:
        ground = await _hold(tx, actor)
        if ground is None:
            return "not_allowed"
        is_ended, staff_id = await store.end_link(tx, link_id, ground.organisation_id, tools.source.now())
        if not is_ended:
            return "not_found"
        if staff_id is not None:
            await store.set_reset(tx, staff_id, None)
        await _write(tx, tools, actor, ground, _Deed("staff.link_taken_back", public("lnk", link_id)))
        return None

    return await tools.database.transact(story)


async def change_role(tools: StaffTools, actor: Actor, staff_id: UUID, role: Role) -> Denial | None:
    """Another role on every side of the organisation. The person's sessions end at once, and with an owner's role the
    links that stand on it; an owner who can log in always remains.
    """

    async def story(tx: Transaction) -> Denial | None:
        ground = await _hold(tx, actor)
        if ground is None:
            return "not_allowed"
        before = await _role_of(tx, ground, staff_id)
        if before is None:
            return "not_found"
        if before == role:
            return None
        if role != "owner" and not await _has_other_owner(tx, ground, staff_id):
            return "last_owner"
        for merchant_id in ground.owners:
            await store.set_role(tx, merchant_id, staff_id, role)
        await store.end_sessions(tx, staff_id, tools.source.now())
        if role != "owner":
            await store.end_links_made(tx, staff_id, ground.organisation_id, tools.source.now())
        deed = _Deed("staff.role_changed", public("stf", staff_id), {"role": before}, {"role": role})
        await _write(tx, tools, actor, ground, deed)
        return None

    return await tools.database.transact(story)


async def unlock(tools: StaffTools, actor: Actor, staff_id: UUID) -> Denial | None:
    """Take guesses at a person's name again."""

    async def act(tx: Transaction, _: _Ground) -> _Deed:
        guesses = await store.hold_guesses(tx, staff_id)
        await store.count_guesses(tx, replace(guesses, failures=0, locked_until=None))
        return _Deed("staff.unlocked", public("stf", staff_id), {"failures": guesses.failures}, {"failures": 0})

    return await _about(tools, actor, staff_id, act)


async def disable(tools: StaffTools, actor: Actor, staff_id: UUID) -> Denial | None:
    """Put another person out at once; the links that they made end too."""

    async def act(tx: Transaction, _: _Ground) -> _Deed:
        await _put_out(tx, tools.source, staff_id)
        return _Deed("staff.disabled", public("stf", staff_id), {"disabled": False}, {"disabled": True})

    return await _about(tools, actor, staff_id, act)


async def remove(tools: StaffTools, actor: Actor, staff_id: UUID) -> Denial | None:
    """Take another person, disabled or not, out of the organisation, wherever else they work. Their sessions end at
    once, and so do the links that they made for it; the name can still log in, to no side of this organisation.
    """

    async def act(tx: Transaction, ground: _Ground) -> _Deed | Denial:
        is_owner = any(staff_id in people for people in ground.owners.values())
        if is_owner and not await _has_other_owner(tx, ground, staff_id):
            return "last_owner"
        before, now = await _role_of(tx, ground, staff_id), tools.source.now()
        for merchant_id in ground.owners:
            await store.remove_role(tx, merchant_id, staff_id)
        await store.end_sessions(tx, staff_id, now)
        await store.end_links_made(tx, staff_id, ground.organisation_id, now)
        return _Deed("staff.removed", public("stf", staff_id), {"role": before})

    return await _about(tools, actor, staff_id, act, is_whole=False)


async def reset_factor(tools: StaffTools, actor: Actor, staff_id: UUID) -> Secret[str] | Denial:
    """A link by which another person gets a new second factor. Their sessions end at once, and the role stays."""
    made: list[Secret[str]] = []

    async def act(tx: Transaction, ground: _Ground) -> _Deed:
        what = LinkFor(ground.organisation_id, staff_id=staff_id, made_by=actor.staff_id)
        made[:] = [await close_until_link(tx, tools.source, what)]
        return _Deed("staff.factor_reset", public("stf", staff_id))

    return await _about(tools, actor, staff_id, act) or made[0]


async def disable_staff(tx: Transaction, source: Source, login_name: str) -> bool:
    """By a command: put a person out at once, everywhere. False when nobody of that name can log in."""
    person = await store.find_staff(tx, login_name)
    if person is None or not await _put_out(tx, source, person.staff_id):
        return False
    who = public("stf", person.staff_id)
    await write_audit(tx, source, AuditEntry(PLATFORM, COMMAND_LINE, "staff.disabled", who))
    return True


async def _put_out(tx: Transaction, source: Source, staff_id: UUID) -> bool:
    is_out = await store.disable_staff(tx, staff_id, source.now())
    await store.end_sessions(tx, staff_id, source.now())
    await store.end_reset_links(tx, staff_id, source.now())
    await store.end_links_made(tx, staff_id, None, source.now())
    return is_out


Act = Callable[[Transaction, _Ground], Awaitable[_Deed | Denial]]


async def _about(tools: StaffTools, actor: Actor, staff_id: UUID, act: Act, *, is_whole: bool = True) -> Denial | None:
    """Do something to another person of the organisation; `is_whole`: to all of a person, so to none who works
    elsewhere too or is out already.
    """

    async def story(tx: Transaction) -> Denial | None:
        ground = await _hold(tx, actor)
        if ground is None:
            return "not_allowed"
        if await _role_of(tx, ground, staff_id) is None:
            return "not_found"
        if staff_id == actor.staff_id:
            return "own_account"
        works_for = {side.merchant_id for side in await store.list_sides(tx, staff_id)}
        if is_whole and not works_for <= set(ground.owners):
            return "works_elsewhere"
        person = await store.lock_staff(tx, staff_id)
        if person is None or (is_whole and person.disabled_at is not None):
            return "not_found"
        deed = await act(tx, ground)
        if not isinstance(deed, _Deed):
            return deed
        await _write(tx, tools, actor, ground, deed)
        return None

    return await tools.database.transact(story)


async def _hold(tx: Transaction, actor: Actor) -> _Ground | None:
    """Hold every side's owners; None unless the actor is one of each, in a proved session that has not ended."""
    merchant = await merchants_store.get_merchant(tx, actor.merchant_id)
    if merchant is None or not actor.is_proved:
        return None
    owners = await hold_owners(tx, merchant.organisation_id)
    is_owner = all(actor.staff_id in people for people in owners.values())
    if not is_owner or await store.hold_session(tx, actor.session_id) is None:
        return None
    return _Ground(merchant.organisation_id, owners)


async def _role_of(tx: Transaction, ground: _Ground, staff_id: UUID) -> Role | None:
    roles: list[Role | None] = [await store.lock_role(tx, merchant_id, staff_id) for merchant_id in ground.owners]
    return next((role for role in roles if role is not None), None)


async def _has_other_owner(tx: Transaction, ground: _Ground, staff_id: UUID) -> bool:
    others = [[one for one in people if one != staff_id] for people in ground.owners.values()]
    return all([await store.count_able(tx, people) > 0 for people in others])


async def _write(tx: Transaction, tools: StaffTools, actor: Actor, ground: _Ground, deed: _Deed) -> None:
    """One row in the log of each side, with hashes of the state before and after."""
    for merchant_id in ground.owners:
        entry = AuditEntry(
            merchant_id,
            public("stf", actor.staff_id),
            deed.action,
            deed.object,
            before=fingerprint(dict(deed.before)) if deed.before is not None else None,
            after=fingerprint(dict(deed.after)) if deed.after is not None else None,
            detail=deed.after or {},
        )
        await write_audit(tx, tools.source, entry)

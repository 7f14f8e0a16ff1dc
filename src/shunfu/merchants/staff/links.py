"""The stories of links, each used once: the first owner's, an invitation, and a new second factor for a lost one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from shunfu.db import Transaction
from shunfu.kernel.clock import Source
from shunfu.kernel.ids import PLATFORM, public
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import to_text
from shunfu.merchants.audit import COMMAND_LINE, AuditEntry
from shunfu.merchants.auditing import write_audit
from shunfu.merchants.model import Merchant, hash_secret
from shunfu.merchants.staff import factor_store, store
from shunfu.merchants.staff.authenticator import new_totp
from shunfu.merchants.staff.guesses import counter_of, fail, forgive
from shunfu.merchants.staff.model import LINK_LASTS, PASSWORD_MAX, Denial, Role, Staff, StaffLink, Token, read_token
from shunfu.merchants.staff.owners import has_good_maker
from shunfu.merchants.staff.tools import TOKEN_BYTES, Opened, StaffTools, Visit, note, open_session


@dataclass(frozen=True, slots=True)
class NewOwner:
    """Who comes by a link: a person, a password not hashed yet, and the shop's name where the link founds one."""

    name: str
    login_name: str
    password: Secret[str]
    shop_name: str = ""


@dataclass(frozen=True, slots=True)
class LinkFor:
    """What a link does: a new member of an organisation (None: one that is founded) with a role, or a new second
    factor for a person. `made_by`: a person; None: a command on the server.
    """

    organisation_id: UUID | None
    role: Role | None = None
    staff_id: UUID | None = None
    made_by: UUID | None = None


async def make_founding_link(
    tx: Transaction, source: Source, organisation_id: UUID | None = None
) -> Secret[str] | None:
    """A link whose holder owns an organisation, or founds one; None when somebody can log in already.

    The links made before for the same purpose end.
    """
    if await store.any_staff(tx):
        return None
    await store.end_founding_links(tx, source.now())
    return await make_link(tx, source, organisation_id, "owner")


async def make_link(tx: Transaction, source: Source, organisation_id: UUID | None, role: Role) -> Secret[str]:
    """A link for one new member of staff with a role on both sides of an organisation; it lasts a day."""
    link, text = await keep_link(tx, source, LinkFor(organisation_id, role))
    entry = AuditEntry(PLATFORM, COMMAND_LINE, "staff.invited", public("lnk", link.link_id), detail={"role": role})
    await write_audit(tx, source, entry)
    return text


async def make_reset_link(tx: Transaction, source: Source, login_name: str) -> Secret[str] | None:
    """By a command: a link by which a person gets a new second factor; None when nobody of that name can log in.

    Every session ends at once, and until the link is used nobody logs in by that name.
    """
    person = await store.find_staff(tx, login_name)
    if person is None or person.disabled_at is not None:
        return None
    text = await close_until_link(tx, source, LinkFor(None, staff_id=person.staff_id))
    who = public("stf", person.staff_id)
    await write_audit(tx, source, AuditEntry(PLATFORM, COMMAND_LINE, "staff.factor_reset", who))
    return text


async def close_until_link(tx: Transaction, source: Source, what: LinkFor) -> Secret[str]:
    """End a person's sessions and close the log-in until the link is used; links made before for the same end."""
    assert what.staff_id is not None
    now = source.now()
    await store.end_sessions(tx, what.staff_id, now)
    await store.end_reset_links(tx, what.staff_id, now)
    await store.set_reset(tx, what.staff_id, now)
    return (await keep_link(tx, source, what))[1]


async def keep_link(tx: Transaction, source: Source, what: LinkFor) -> tuple[StaffLink, Secret[str]]:
    """Keep a new link; its text is shown once."""
    token = Token(source.new_id(), to_text(source.entropy.take(TOKEN_BYTES)))
    now = source.now()
    link = StaffLink(token.token_id, what.organisation_id, what.role, what.staff_id, what.made_by)
    await store.add_link(tx, store.NewLink(link, hash_secret(token.secret), now, now + LINK_LASTS))
    return link, Secret(token.text())


async def read_link(tools: StaffTools, text: str) -> StaffLink | None:
    """The link behind a text, or None when it was used, has ended, or never was."""
    token = read_token(text)
    if token is None:
        return None
    async with tools.database.glancing() as reader:
        return await store.get_link(reader, token, tools.source.now())


async def accept_link(tools: StaffTools, text: str, owner: NewOwner, visit: Visit) -> Opened | Denial:
    """Make the person of a link: an organisation where none is named, and roles on both its sides."""
    link = await read_link(tools, text)
    if link is None or link.role is None:
        return "link_ended"
    names = (owner.login_name, owner.name, owner.shop_name)
    problem = await tools.passwords.judge(owner.password.reveal(), names=names)
    if problem is not None:
        return problem
    password_hash, role = await tools.passwords.hash(owner.password.reveal()), link.role

    async def story(tx: Transaction) -> Opened | Denial:
        if not await has_good_maker(tx, link):
            return "link_ended"
        now = tools.source.now()
        person = await _new_person(tools, owner, password_hash)
        if not await store.add_staff(tx, person, now):
            return "name_taken"
        if not await store.use_link(tx, link.link_id, now):
            raise _Undone
        for side in await _sides_of(tx, tools, link, (owner.shop_name, public("stf", person.staff_id))):
            await store.add_role(tx, side.merchant_id, person.staff_id, role, now=now)
            await note(tx, tools, side.merchant_id, person.staff_id, "staff.added", role=role)
        return await open_session(tx, tools, person.staff_id, "enrol", visit)

    try:
        return await tools.database.transact(story)
    except _Undone:
        return "link_ended"


async def accept_reset(tools: StaffTools, text: str, password: Secret[str], visit: Visit) -> Opened | Denial:
    """Give a person a new second factor: the link and the password together, so that whoever made the link cannot
    become that person. Everything that stood in for the old authenticator is good no longer.
    """
    link = await read_link(tools, text)
    if link is None or link.staff_id is None:
        return "link_ended"
    whose = link.staff_id
    async with tools.database.glancing() as reader:
        found = await store.get_staff(reader, whose)
    guess = password.reveal()[: PASSWORD_MAX + 1]
    is_right = await tools.passwords.is_right(found.password_hash if found else None, guess)

    async def story(tx: Transaction) -> Opened | Denial:
        if not await has_good_maker(tx, link):
            return "link_ended"
        now = tools.source.now()
        guesses = await store.hold_guesses(tx, counter_of(tools, whose, "", visit))
        if guesses.is_locked(now):
            return "wrong"
        if not is_right or found is None:
            return await fail(tx, tools, guesses, whose, "wrong")
        person = await store.lock_staff(tx, whose)
        if person is None or person.disabled_at or not await store.use_link(tx, link.link_id, now):
            return "link_ended"
        await forgive(tx, guesses)
        await factor_store.remove_factors(tx, whose, now)
        await store.forget_totp(tx, whose, await new_totp(tools, whose))
        await store.end_sessions(tx, whose, now)
        await note(tx, tools, PLATFORM, whose, "staff.factor_renewed")
        return await open_session(tx, tools, whose, "enrol", visit)

    return await tools.database.transact(story)


class _Undone(Exception):
    """Takes back what the transaction has done so far."""


async def _new_person(tools: StaffTools, owner: NewOwner, password_hash: str) -> Staff:
    staff_id = tools.source.new_id()
    totp = await new_totp(tools, staff_id)
    return Staff(staff_id, owner.login_name, owner.name, password_hash, totp, None, None, None)


async def _sides_of(
    tx: Transaction, tools: StaffTools, link: StaffLink, founding: tuple[str, str]
) -> Sequence[Merchant]:
    if link.organisation_id is not None:
        return await store.list_organisation(tx, link.organisation_id)
    return await tools.found(tx, *founding)

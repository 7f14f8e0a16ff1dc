"""The stories of staff: a link for the first owner, logging in with two factors, sessions and their end.

A door answers with a session's token or with why it stays closed; it never raises for a wrong guess.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from shunfu.db import Database, Transaction
from shunfu.kernel.clock import Source
from shunfu.kernel.ids import PLATFORM, public
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import to_text
from shunfu.merchants.audit import COMMAND_LINE, AuditEntry
from shunfu.merchants.auditing import write_audit
from shunfu.merchants.envelope import NONCE_BYTES, Place, seal, unseal
from shunfu.merchants.keyfile import KeyRing
from shunfu.merchants.model import Merchant, hash_secret
from shunfu.merchants.staff import store
from shunfu.merchants.staff.codes import SECRET_BYTES, matching_step, provisioning_uri, secret_text
from shunfu.merchants.staff.model import (
    DOOR_LASTS,
    IDLE,
    LINK_LASTS,
    PASSWORD_MAX,
    SEEN_EVERY,
    SESSION_LASTS,
    Denial,
    Role,
    SeenSession,
    Session,
    Side,
    Staff,
    StaffLink,
    Stage,
    Token,
    judge_password,
    locked_until,
    read_token,
)
from shunfu.merchants.staff.passwords import Passwords

Found: TypeAlias = Callable[[Transaction, str, str], Awaitable[tuple[Merchant, Merchant]]]
TOKEN_BYTES = 32
AGENT_MAX = 200


@dataclass(frozen=True, slots=True)
class StaffTools:
    """What the stories need. `found(tx, name, actor)` founds an organisation's two sides."""

    database: Database
    source: Source
    ring: KeyRing
    passwords: Passwords
    found: Found


@dataclass(frozen=True, slots=True)
class NewOwner:
    """Who comes by a link: a person, a password not hashed yet, and the shop's name where the link founds one."""

    name: str
    login_name: str
    password: Secret[str]
    shop_name: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A door that opened: the text for the cookie, and what the session may be used for."""

    token: Secret[str]
    stage: Stage


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs: an `otpauth://` address for a QR code, and the secret for typing."""

    uri: Secret[str]
    secret: Secret[str]


# --- links


async def make_founding_link(tx: Transaction, source: Source) -> Secret[str] | None:
    """A link whose holder founds an organisation and owns it; None when somebody can log in already.

    The links made before for the same purpose end.
    """
    if await store.any_staff(tx):
        return None
    await store.end_founding_links(tx, source.now())
    return await make_link(tx, source, None, "owner")


async def make_link(tx: Transaction, source: Source, organisation_id: UUID | None, role: Role) -> Secret[str]:
    """A link for one new member of staff with a role on both sides of an organisation; it lasts a day."""
    token = Token(source.new_id(), to_text(source.entropy.take(TOKEN_BYTES)))
    now = source.now()
    link = StaffLink(token.token_id, organisation_id, role)
    await store.add_link(tx, link, hash_secret(token.secret), created_at=now, ends_at=now + LINK_LASTS)
    entry = AuditEntry(PLATFORM, COMMAND_LINE, "staff.invited", public("lnk", link.link_id), detail={"role": role})
    await write_audit(tx, source, entry)
    return Secret(token.text())


async def read_link(tools: StaffTools, text: str) -> StaffLink | None:
    """The link behind a text, or None when it was used, has ended, or never was."""
    token = read_token(text)
    if token is None:
        return None
    async with tools.database.glancing() as reader:
        return await store.get_link(reader, token, tools.source.now())


async def accept_link(tools: StaffTools, text: str, owner: NewOwner, agent: str) -> Opened | Denial:
    """Make the person of a link: an organisation where none is named, and roles on both its sides."""
    problem = judge_password(owner.password.reveal(), names=(owner.login_name, owner.name, owner.shop_name))
    if problem is not None:
        return problem
    link = await read_link(tools, text)
    if link is None:
        return "link_ended"
    password_hash = await tools.passwords.hash(owner.password.reveal())

    async def story(tx: Transaction) -> Opened | Denial:
        now = tools.source.now()
        person = _new_person(tools, owner, password_hash)
        if not await store.add_staff(tx, person, now):
            return "name_taken"
        if not await store.use_link(tx, link.link_id, now):
            raise _Undone
        for side in await _sides_of(tx, tools, link, (owner.shop_name, public("stf", person.staff_id))):
            await store.add_role(tx, side.merchant_id, person.staff_id, link.role, now=now)
            await _note(tx, tools, side.merchant_id, person.staff_id, "staff.added", role=link.role)
        return await _open(tx, tools, person.staff_id, "enrol", agent)

    try:
        return await tools.database.transact(story)
    except _Undone:
        return "link_ended"


class _Undone(Exception):
    """Takes back what the transaction has done so far."""


def _new_person(tools: StaffTools, owner: NewOwner, password_hash: str) -> Staff:
    staff_id = tools.source.new_id()
    totp = _new_totp(tools, staff_id)
    return Staff(staff_id, owner.login_name, owner.name, password_hash, totp, None, 0, None, None)


def _new_totp(tools: StaffTools, staff_id: UUID) -> dict[str, str | int]:
    take = tools.source.entropy.take
    return seal(tools.ring.keys[tools.ring.active], _place(staff_id), take(SECRET_BYTES), take(NONCE_BYTES))


async def _sides_of(
    tx: Transaction, tools: StaffTools, link: StaffLink, founding: tuple[str, str]
) -> Sequence[Merchant]:
    if link.organisation_id is not None:
        return await store.list_organisation(tx, link.organisation_id)
    return await tools.found(tx, *founding)


async def disable_staff(tx: Transaction, source: Source, login_name: str) -> bool:
    """Put a person out at once, everywhere. False when there is nobody of that name, or that was done before."""
    person = await store.find_staff(tx, login_name)
    if person is None or not await store.disable_staff(tx, person.staff_id, source.now()):
        return False
    await store.end_sessions(tx, person.staff_id, source.now())
    who = public("stf", person.staff_id)
    await write_audit(tx, source, AuditEntry(PLATFORM, COMMAND_LINE, "staff.disabled", who))
    return True


# --- the two factors


async def log_in(tools: StaffTools, login_name: str, password: Secret[str], agent: str) -> Opened | Denial:
    """The first factor. A session that is good for the second one only.

    A name that is unknown, disabled or locked costs the same hash and is answered like a wrong password. As long as no
    authenticator is set up, each log-in is shown a secret of its own, and those that were shown before open nothing.
    """
    async with tools.database.glancing() as reader:
        found = await store.find_staff(reader, login_name)
    guess = password.reveal()[: PASSWORD_MAX + 1]
    is_right = await tools.passwords.is_right(found.password_hash if found else None, guess)
    if found is None:
        return "wrong"

    async def story(tx: Transaction) -> Opened | Denial:
        person = await store.lock_staff(tx, found.staff_id)
        if person is None or person.disabled_at is not None or person.is_locked(tools.source.now()):
            return "wrong"
        if not is_right or person.password_hash != found.password_hash:
            return await _failed(tx, tools, person, "wrong")
        if person.totp_step is not None:
            return await _open(tx, tools, person.staff_id, "code", agent)
        await store.seal_totp(tx, person.staff_id, _new_totp(tools, person.staff_id))
        return await _open(tx, tools, person.staff_id, "enrol", agent)

    return await tools.database.transact(story)


async def enrolment(tools: StaffTools, session: Session) -> Enrolment | None:
    """What to show to a person who sets up an authenticator; None once a code was right: it is never shown again."""

    async def story(tx: Transaction) -> Enrolment | None:
        person = await store.lock_staff(tx, session.staff_id)
        if session.stage != "enrol" or person is None or person.totp_step is not None:
            return None
        secret = _totp_secret(tools, person)
        return Enrolment(Secret(provisioning_uri(secret, person.login_name)), Secret(secret_text(secret)))

    return await tools.database.transact(story)


async def pass_code(tools: StaffTools, session: Session, code: str, agent: str) -> Opened | Denial:
    """The second factor. The session before ends and a new one opens (ASVS 7.2.4); the first time, all others end."""

    async def story(tx: Transaction) -> Opened | Denial:
        now = tools.source.now()
        person = await store.lock_staff(tx, session.staff_id)
        if person is None or person.is_locked(now):
            return "locked"
        step = matching_step(_totp_secret(tools, person), code, now, person.totp_step)
        if step is None:
            return await _failed(tx, tools, person, "code_wrong")
        is_used = await store.take_code(tx, person.staff_id, step)
        assert is_used, "nobody moves a row that we hold"
        if person.totp_step is None:
            await store.end_sessions(tx, person.staff_id, now)
        else:
            await store.end_session(tx, session.session_id, person.staff_id, now)
        opened = await _open(tx, tools, person.staff_id, "open", agent)
        await _note(tx, tools, PLATFORM, person.staff_id, "staff.logged_in")
        return opened

    return await tools.database.transact(story)


async def _failed(tx: Transaction, tools: StaffTools, person: Staff, why: Denial) -> Denial:
    failures = person.failures + 1
    until = locked_until(failures, tools.source.now())
    await store.count_failure(tx, person.staff_id, failures, until)
    if until is not None:
        await _note(tx, tools, PLATFORM, person.staff_id, "staff.locked", failures=failures)
    return why


# --- sessions


async def recognise(tools: StaffTools, text: str | None) -> Session | None:
    """The session behind a cookie's text, or None. Now and then it notes that the session was used."""
    token, now = read_token(text or ""), tools.source.now()
    if token is None:
        return None
    async with tools.database.glancing() as reader:
        session = await store.get_session(reader, token, now)
    if session is not None and now - session.seen_at >= SEEN_EVERY:
        await tools.database.transact(lambda tx: store.see_session(tx, session.session_id, now))
    return session


async def list_sides(tools: StaffTools, session: Session) -> list[Side]:
    """The merchants that the person works for."""
    async with tools.database.glancing() as reader:
        return await store.list_sides(reader, session.staff_id)


async def choose_side(tools: StaffTools, session: Session, merchant_id: UUID) -> bool:
    """Look at another merchant; False when the person does not work for it."""

    async def story(tx: Transaction) -> bool:
        sides = await store.list_sides(tx, session.staff_id)
        if merchant_id not in {side.merchant_id for side in sides}:
            return False
        await store.set_side(tx, session.session_id, merchant_id)
        return True

    return await tools.database.transact(story)


async def list_sessions(tools: StaffTools, session: Session) -> list[SeenSession]:
    """The person's open sessions, newest first."""
    now = tools.source.now()
    async with tools.database.glancing() as reader:
        return await store.list_sessions(reader, session.staff_id, now, now - IDLE)


async def end_session(tools: StaffTools, session: Session, session_id: UUID) -> bool:
    """End one of the person's own sessions at once, this one too; False when it is none of theirs."""

    async def story(tx: Transaction) -> bool:
        is_ended = await store.end_session(tx, session_id, session.staff_id, tools.source.now())
        if is_ended:
            await _note(tx, tools, PLATFORM, session.staff_id, "staff.session_ended", session=public("ses", session_id))
        return is_ended

    return await tools.database.transact(story)


async def _open(tx: Transaction, tools: StaffTools, staff_id: UUID, stage: Stage, agent: str) -> Opened:
    token = Token(tools.source.new_id(), to_text(tools.source.entropy.take(TOKEN_BYTES)))
    now = tools.source.now()
    sides = await store.list_sides(tx, staff_id) if stage == "open" else []
    await store.add_session(
        tx,
        store.NewSession(
            session_id=token.token_id,
            staff_id=staff_id,
            secret_sha256=hash_secret(token.secret),
            stage=stage,
            side=sides[0].merchant_id if sides else None,
            agent=agent[:AGENT_MAX],
            created_at=now,
            ends_at=now + (SESSION_LASTS if stage == "open" else DOOR_LASTS),
        ),
    )
    return Opened(Secret(token.text()), stage)


def _place(staff_id: UUID) -> Place:
    return Place(PLATFORM, "staff", "totp", staff_id)


def _totp_secret(tools: StaffTools, person: Staff) -> bytes:
    key = tools.ring.keys[UUID(str(person.totp["k"]))]
    return unseal(key, _place(person.staff_id), person.totp)


async def _note(
    tx: Transaction, tools: StaffTools, merchant_id: UUID, staff_id: UUID, action: str, **detail: str | int
) -> None:
    who = public("stf", staff_id)
    await write_audit(tx, tools.source, AuditEntry(merchant_id, who, action, who, detail=detail))

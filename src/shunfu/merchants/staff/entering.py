"""The stories of getting in: the two factors at log-in, setting up an authenticator, and proving oneself again inside.

A door answers with a session's token or with why it stays closed; it never raises for a wrong guess.
"""

from __future__ import annotations

from dataclasses import dataclass

from shunfu.db import Transaction
from shunfu.kernel.ids import PLATFORM
from shunfu.kernel.secret import Secret
from shunfu.merchants.staff import store
from shunfu.merchants.staff.authenticator import new_totp, open_totp
from shunfu.merchants.staff.codes import provisioning_uri, secret_text
from shunfu.merchants.staff.factors import Code, Factor, PasskeyAnswer, check
from shunfu.merchants.staff.guesses import counter_of, fail, forgive, known_device
from shunfu.merchants.staff.model import PASSWORD_MAX, Denial, Session, Staff
from shunfu.merchants.staff.tools import Opened, Renewed, StaffTools, Visit, note, open_session


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs: an `otpauth://` address for a QR code, and the secret for typing."""

    uri: Secret[str]
    secret: Secret[str]


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody who is inside shows again: a passkey's answer alone, or a code together with the password."""

    factor: Factor
    password: Secret[str] | None = None


async def log_in(tools: StaffTools, login_name: str, password: Secret[str], visit: Visit) -> Opened | Denial:
    """The first factor. A session that is good for the second one only.

    A name that is unknown, disabled or locked costs the same hash, the same reads and the same writes as a wrong
    password, and is answered alike. As long as no authenticator is set up, each log-in is shown a secret of its own,
    and those that were shown before open nothing.
    """
    async with tools.database.glancing() as reader:
        found = await store.find_staff(reader, login_name)
    is_right = await tools.passwords.is_right(found.password_hash if found else None, _guess(password))
    whose = found.staff_id if found else None
    counter_id = counter_of(tools, whose, login_name, visit)

    async def story(tx: Transaction) -> Opened | Denial:
        guesses = await store.hold_guesses(tx, counter_id)
        if guesses.is_locked(tools.source.now()):
            return "wrong"
        if found is None or not is_right:
            return await fail(tx, tools, guesses, whose, "wrong")
        person = await store.lock_staff(tx, found.staff_id)
        if person is None or not person.may_log_in or person.password_hash != found.password_hash:
            return await fail(tx, tools, guesses, whose, "wrong")
        return await open_second_door(tx, tools, person, visit)

    return await tools.database.transact(story)


async def open_second_door(tx: Transaction, tools: StaffTools, person: Staff, visit: Visit) -> Opened:
    """A session that asks for the second factor, or has it set up."""
    if person.totp_step is not None:
        return await open_session(tx, tools, person.staff_id, "code", visit)
    await store.seal_totp(tx, person.staff_id, await new_totp(tools, person.staff_id))
    return await open_session(tx, tools, person.staff_id, "enrol", visit)


async def enrolment(tools: StaffTools, session: Session) -> Enrolment | None:
    """What to show to a person who sets up an authenticator; None once a code was right: it is never shown again."""

    async def story(tx: Transaction) -> Enrolment | None:
        person = await store.lock_staff(tx, session.staff_id)
        if session.stage != "enrol" or person is None or person.totp_step is not None:
            return None
        secret = await open_totp(tools, person)
        return Enrolment(Secret(provisioning_uri(secret, person.login_name)), Secret(secret_text(secret)))

    return await tools.database.transact(story)


async def pass_factor(tools: StaffTools, session: Session, factor: Factor, visit: Visit) -> Opened | Denial:
    """The second factor. The session before ends and a new one opens (ASVS 7.2.4); the first time, all others end."""
    whose = session.staff_id

    async def story(tx: Transaction) -> Opened | Denial:
        now = tools.source.now()
        guesses = await store.hold_guesses(tx, counter_of(tools, whose, "", visit))
        if guesses.is_locked(now):
            return "locked"
        person = await _held(tx, session)
        is_first = person.totp_step is None
        if is_first != (session.stage == "enrol") or (is_first and not isinstance(factor, Code)):
            return await fail(tx, tools, guesses, whose, "code_wrong")
        kind = await check(tx, tools, session, person, factor)
        if kind is None:
            return await fail(tx, tools, guesses, whose, _denial(factor))
        if not await store.end_session(tx, session.session_id, person.staff_id, now):
            return "code_wrong"  # it was used a moment ago
        if is_first:
            await store.end_sessions(tx, person.staff_id, now)
        await forgive(tx, guesses)
        return await _open_inside(tx, tools, person, visit, factor=kind)

    return await tools.database.transact(story)


async def _open_inside(tx: Transaction, tools: StaffTools, person: Staff, visit: Visit, *, factor: str) -> Opened:
    opened = await open_session(tx, tools, person.staff_id, "open", visit)
    await store.note_login(tx, person.staff_id, tools.source.now())
    await note(tx, tools, PLATFORM, person.staff_id, "staff.logged_in", factor=factor)
    return Opened(opened.token, opened.stage, known_device(tools, person.staff_id, visit))


async def enter_without_second(tx: Transaction, tools: StaffTools, person: Staff, visit: Visit) -> Opened:
    """Open a session for somebody whose second factor was given elsewhere, to whom the settings trust it."""
    return await _open_inside(tx, tools, person, visit, factor="provider")


async def confirm(tools: StaffTools, session: Session, proof: Proof, visit: Visit) -> Opened | Denial:
    """Both factors again, inside an open session: it is renewed, and for a while it may move money and change rights.

    A wrong guess counts in the same counter as at the log-in (ASVS 6.3.1, 7.5.3).
    """
    whose = session.staff_id
    async with tools.database.glancing() as reader:
        found = await store.get_staff(reader, whose)
    is_alone = isinstance(proof.factor, PasskeyAnswer)
    guess = _guess(proof.password or Secret(""))
    is_right = is_alone or await tools.passwords.is_right(found.password_hash if found else None, guess)

    async def story(tx: Transaction) -> Opened | Denial:
        guesses = await store.hold_guesses(tx, counter_of(tools, whose, "", visit))
        if guesses.is_locked(tools.source.now()):
            return "locked"
        person = await _held(tx, session)
        if not is_right or found is None or person.password_hash != found.password_hash:
            return await fail(tx, tools, guesses, whose, "wrong")
        kind = await check(tx, tools, session, person, proof.factor)
        if kind is None:
            return await fail(tx, tools, guesses, whose, _denial(proof.factor))
        await forgive(tx, guesses)
        await note(tx, tools, PLATFORM, person.staff_id, "staff.proved", factor=kind)
        return await renew(tx, tools, session, visit)

    return await tools.database.transact(story)


async def renew(
    tx: Transaction, tools: StaffTools, session: Session, visit: Visit, *, ends_others: bool = False
) -> Opened | Denial:
    """A new token for an open session, proved from now on; the old token is good no longer."""
    held, now = await store.hold_session(tx, session.session_id), tools.source.now()
    if held is None:
        return "wrong"  # it has ended meanwhile
    if ends_others:
        await store.end_sessions(tx, session.staff_id, now)
    else:
        await store.end_session(tx, session.session_id, session.staff_id, now)
    return await open_session(tx, tools, session.staff_id, "open", visit, Renewed(*held))


async def _held(tx: Transaction, session: Session) -> Staff:
    person = await store.lock_staff(tx, session.staff_id)
    assert person is not None, "a session has a person, and people are never deleted"
    return person


def _guess(password: Secret[str]) -> str:
    return password.reveal()[: PASSWORD_MAX + 1]


def _denial(factor: Factor) -> Denial:
    return "passkey_refused" if isinstance(factor, PasskeyAnswer) else "code_wrong"

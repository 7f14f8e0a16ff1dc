"""What people do about their own account: another password, passkeys, recovery codes, an identity at a provider.

Each asks for a session in which the second factor was given a short while ago.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shunfu.db import Transaction
from shunfu.kernel.ids import PLATFORM, public
from shunfu.kernel.secret import Secret
from shunfu.merchants.staff import factor_store, store
from shunfu.merchants.staff.ceremony import ANSWER_MAX, Registrant, read_registration, registration_options
from shunfu.merchants.staff.entering import renew
from shunfu.merchants.staff.factors import PasskeyAnswer, new_challenge, party_of
from shunfu.merchants.staff.guesses import counter_of, fail, forgive
from shunfu.merchants.staff.model import PASSWORD_MAX, Denial, Passkey, Session
from shunfu.merchants.staff.recovery import CODE_BYTES, CODES, hash_code, read_code, write_code
from shunfu.merchants.staff.tools import Opened, StaffTools, Visit, note

PASSKEYS_MAX = 10
NAME_MAX = 60


@dataclass(frozen=True, slots=True)
class Account:
    """What a person's own page shows. `may_have_passkeys`: whether browsers make any for our address."""

    login_name: str
    passkeys: Sequence[Passkey]
    recovery_codes: int
    identities: Sequence[tuple[str, str, datetime]]
    may_have_passkeys: bool


@dataclass(frozen=True, slots=True)
class NewPassword:
    """The password until now and the one from now on."""

    old: Secret[str]
    new: Secret[str]


async def read_account(tools: StaffTools, session: Session) -> Account:
    """The person's second factors."""
    async with tools.database.glancing() as reader:
        person = await store.get_staff(reader, session.staff_id)
        assert person is not None, "a session has a person, and people are never deleted"
        return Account(
            login_name=person.login_name,
            passkeys=await factor_store.list_passkeys(reader, session.staff_id),
            recovery_codes=await factor_store.count_recovery_codes(reader, session.staff_id),
            identities=await factor_store.list_identities(reader, session.staff_id),
            may_have_passkeys=party_of(tools) is not None,
        )


async def change_password(tools: StaffTools, session: Session, chosen: NewPassword, visit: Visit) -> Opened | Denial:
    """Another password: this session goes on under a new token, and all others end."""
    whose = session.staff_id
    async with tools.database.glancing() as reader:
        found = await store.get_staff(reader, whose)
    assert found is not None, "a session has a person, and people are never deleted"
    is_right = await tools.passwords.is_right(found.password_hash, chosen.old.reveal()[: PASSWORD_MAX + 1])
    shop = session.side.name if session.side else ""
    problem = await tools.passwords.judge(chosen.new.reveal(), names=(found.login_name, found.name, shop))
    password_hash = await tools.passwords.hash(chosen.new.reveal()) if is_right and not problem else ""

    async def story(tx: Transaction) -> Opened | Denial:
        guesses = await store.hold_guesses(tx, counter_of(tools, whose, "", visit))
        if guesses.is_locked(tools.source.now()):
            return "locked"
        person = await store.lock_staff(tx, whose)
        if not session.is_proved(tools.source.now()) or person is None:
            return "not_allowed"
        if not is_right or person.password_hash != found.password_hash:
            return await fail(tx, tools, guesses, whose, "wrong")
        if problem is not None:
            return problem
        await forgive(tx, guesses)
        opened = await renew(tx, tools, session, visit, ends_others=True)
        if isinstance(opened, Opened):
            await store.set_password(tx, whose, password_hash)
            await note(tx, tools, PLATFORM, whose, "staff.password_changed")
        return opened

    return await tools.database.transact(story)


async def ask_new_passkey(tools: StaffTools, session: Session) -> str | None:
    """What the browser is asked to make a passkey, JSON; None where there are no passkeys, or proof is missing."""
    party = party_of(tools)

    async def story(tx: Transaction) -> str | None:
        person = await store.get_staff(tx, session.staff_id)
        if party is None or person is None or not session.is_proved(tools.source.now()):
            return None
        known = await factor_store.list_passkeys(tx, session.staff_id)
        challenge = await new_challenge(tx, tools, session)
        return registration_options(
            party, Registrant(person.staff_id, person.login_name, person.name), known, challenge
        )

    return await tools.database.transact(story)


async def add_passkey(tools: StaffTools, session: Session, name: str, answer: PasskeyAnswer) -> Denial | None:
    """Keep the passkey that an authenticator has made for the session's challenge."""
    party, text = party_of(tools), answer.text.reveal()

    async def story(tx: Transaction) -> Denial | None:
        now = tools.source.now()
        await store.lock_staff(tx, session.staff_id)
        challenge = await factor_store.take_challenge(tx, session.session_id, now)
        if not session.is_proved(now):
            return "not_allowed"
        if len(await factor_store.list_passkeys(tx, session.staff_id)) >= PASSKEYS_MAX:
            return "too_many"
        if challenge is None or party is None or len(text) > ANSWER_MAX:
            return "passkey_refused"
        made = read_registration(party, text, challenge)
        if made is None:
            return "passkey_refused"
        passkey_id = tools.source.new_id()
        kept = Passkey(passkey_id, made.credential, made.public_key, made.sign_count, name[:NAME_MAX], now, None)
        if not await factor_store.add_passkey(tx, session.staff_id, kept):
            return "passkey_refused"
        await note(tx, tools, PLATFORM, session.staff_id, "staff.passkey_added", passkey=public("psk", passkey_id))
        return None

    return await tools.database.transact(story)


async def remove_passkey(tools: StaffTools, session: Session, passkey_id: UUID) -> Denial | None:
    """Remove one of the person's passkeys. The authenticator stays, so that nobody removes their last second factor."""

    async def story(tx: Transaction) -> Denial | None:
        now = tools.source.now()
        if not session.is_proved(now):
            return "not_allowed"
        if not await factor_store.remove_passkey(tx, session.staff_id, passkey_id, now):
            return "not_found"
        await note(tx, tools, PLATFORM, session.staff_id, "staff.passkey_removed", passkey=public("psk", passkey_id))
        return None

    return await tools.database.transact(story)


async def make_recovery_codes(tools: StaffTools, session: Session) -> Sequence[str] | None:
    """Ten new recovery codes, shown once; those before end. None when proof is missing."""
    codes = [write_code(tools.source.entropy.take(CODE_BYTES)) for _ in range(CODES)]
    hashes = [hash_code(plain) for code in codes if (plain := read_code(code))]

    async def story(tx: Transaction) -> Sequence[str] | None:
        if not session.is_proved(tools.source.now()):
            return None
        await store.lock_staff(tx, session.staff_id)
        await factor_store.replace_recovery_codes(tx, session.staff_id, hashes, tools.source.now())
        await note(tx, tools, PLATFORM, session.staff_id, "staff.recovery_codes_made")
        return codes

    return await tools.database.transact(story)

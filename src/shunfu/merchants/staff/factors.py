"""The second factor: a code of the authenticator, a recovery code, or a passkey's answer to the session's challenge."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from shunfu.db import Transaction
from shunfu.kernel.secret import Secret
from shunfu.merchants.staff import factor_store, store
from shunfu.merchants.staff.authenticator import open_totp
from shunfu.merchants.staff.ceremony import ANSWER_MAX, CHALLENGE_BYTES, Party, assertion_options, read_assertion
from shunfu.merchants.staff.codes import matching_step
from shunfu.merchants.staff.model import CHALLENGE_LASTS, Session, Staff
from shunfu.merchants.staff.recovery import hash_code, read_code
from shunfu.merchants.staff.tools import StaffTools

FactorKind = Literal["totp", "recovery", "passkey"]


@dataclass(frozen=True, slots=True)
class Code:
    """What a person typed: six digits, or a recovery code."""

    text: Secret[str]


@dataclass(frozen=True, slots=True)
class PasskeyAnswer:
    """What the browser answered for an authenticator, JSON."""

    text: Secret[str]


Factor: TypeAlias = Code | PasskeyAnswer


def party_of(tools: StaffTools) -> Party | None:
    """To whom passkeys are bound; None where browsers make none: at an address in figures, or without TLS.

    `localhost` is as good as TLS (W3C Secure Contexts, 3.1).
    """
    parts = urlsplit(tools.public_url)
    host = parts.hostname or ""
    if not host or _is_figures(host) or (parts.scheme != "https" and host != "localhost"):
        return None
    default = {"https": 443, "http": 80}[parts.scheme]
    port = "" if parts.port in {None, default} else f":{parts.port}"
    return Party(host, f"{parts.scheme}://{host}{port}")


def _is_figures(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def new_challenge(tx: Transaction, tools: StaffTools, session: Session) -> bytes:
    """A challenge for the session, good for five minutes and for one answer."""
    challenge = tools.source.entropy.take(CHALLENGE_BYTES)
    await factor_store.put_challenge(tx, session.session_id, challenge, tools.source.now() + CHALLENGE_LASTS)
    return challenge


async def ask_passkey(tools: StaffTools, session: Session) -> str | None:
    """What the browser is asked for one of the person's passkeys, JSON; None when there is none to ask for."""
    party = party_of(tools)

    async def story(tx: Transaction) -> str | None:
        known = await factor_store.list_passkeys(tx, session.staff_id)
        if party is None or not known:
            return None
        return assertion_options(party, known, await new_challenge(tx, tools, session))

    return await tools.database.transact(story)


async def check(
    tx: Transaction, tools: StaffTools, session: Session, person: Staff, factor: Factor
) -> FactorKind | None:
    """Which factor was given, used up from here on; None when it is wrong. The caller holds the person's row."""
    match factor:
        case PasskeyAnswer(text):
            return await _check_passkey(tx, tools, session, text.reveal())
        case Code(text):
            return await _check_code(tx, tools, person, text.reveal())


async def _check_code(tx: Transaction, tools: StaffTools, person: Staff, typed: str) -> FactorKind | None:
    now, plain = tools.source.now(), read_code(typed)
    if plain is not None and person.totp_step is not None:
        is_used = await factor_store.use_recovery_code(tx, person.staff_id, hash_code(plain), now)
        return "recovery" if is_used else None
    step = matching_step(await open_totp(tools, person), typed, now, person.totp_step)
    if step is None:
        return None
    is_taken = await store.take_code(tx, person.staff_id, step)
    assert is_taken, "nobody moves a row that we hold"
    return "totp"


async def _check_passkey(tx: Transaction, tools: StaffTools, session: Session, answer: str) -> FactorKind | None:
    now, party = tools.source.now(), party_of(tools)
    challenge = await factor_store.take_challenge(tx, session.session_id, now)
    if challenge is None or party is None or len(answer) > ANSWER_MAX:
        return None
    known = await factor_store.list_passkeys(tx, session.staff_id)
    found = read_assertion(party, answer, challenge, (session.staff_id, known))
    if found is None:
        return None
    passkey, count = found
    is_noted = await factor_store.use_passkey(tx, session.staff_id, passkey.passkey_id, count, now=now)
    return "passkey" if is_noted else None

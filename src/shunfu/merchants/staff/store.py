"""Rows of staff to values and back. People, sessions and links belong to the installation: the nil merchant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from shunfu.db import Reader, Record, Transaction, named_queries
from shunfu.kernel.ids import PLATFORM
from shunfu.merchants.model import Merchant
from shunfu.merchants.staff.model import (
    Colleague,
    Guesses,
    OpenLink,
    Role,
    SeenSession,
    Session,
    Side,
    Staff,
    StaffLink,
    Stage,
    Token,
    is_running,
)

SQL = named_queries("shunfu.merchants")


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to be kept. `agent`: what the browser says that it is."""

    session_id: UUID
    staff_id: UUID
    secret_sha256: bytes
    stage: Stage
    side: UUID | None
    agent: str
    created_at: datetime
    ends_at: datetime
    proved_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link to be kept, its secret as a hash."""

    link: StaffLink
    secret_sha256: bytes
    created_at: datetime
    ends_at: datetime


# --- people


def as_staff(row: Record) -> Staff:
    """A person's row."""
    return Staff(**dict(row))


async def add_staff(tx: Transaction, person: Staff, now: datetime) -> bool:
    """Keep a new person; False when the login name is taken."""
    columns = (person.staff_id, person.login_name, person.name, person.password_hash, person.totp)
    return await tx.execute(SQL["add_staff"], PLATFORM, *columns, now) == 1


async def find_staff(reader: Reader, login_name: str) -> Staff | None:
    """A person by login name, disabled ones too."""
    row = await reader.fetch_row(SQL["find_staff"], PLATFORM, login_name)
    return as_staff(row) if row else None


async def lock_staff(tx: Transaction, staff_id: UUID) -> Staff | None:
    """A person, held until the transaction ends."""
    row = await tx.fetch_row(SQL["lock_staff"], PLATFORM, staff_id)
    return as_staff(row) if row else None


async def get_staff(reader: Reader, staff_id: UUID) -> Staff | None:
    """A person by id, disabled ones too."""
    row = await reader.fetch_row(SQL["get_staff"], PLATFORM, staff_id)
    return as_staff(row) if row else None


async def any_staff(reader: Reader) -> bool:
    """Whether anybody can log in yet."""
    return await reader.fetch_row(SQL["any_staff"], PLATFORM) is not None


async def hold_guesses(tx: Transaction, counter_id: UUID) -> Guesses:
    """A counter of wrong guesses, held until the transaction ends."""
    row = await tx.fetch_row(SQL["hold_guesses"], PLATFORM, counter_id)
    assert row is not None, "the counter was made if there was none"
    return Guesses(counter_id, row["failures"], row["locked_until"])


async def count_guesses(tx: Transaction, guesses: Guesses) -> None:
    """Keep how many guesses in a row were wrong, and until when none is taken."""
    await tx.execute(SQL["count_guesses"], PLATFORM, guesses.counter_id, guesses.failures, guesses.locked_until)


async def take_code(tx: Transaction, staff_id: UUID, step: int) -> bool:
    """Use up a code's step of time; False when it or a later one was used."""
    return await tx.execute(SQL["take_code"], PLATFORM, staff_id, step) == 1


async def note_login(tx: Transaction, staff_id: UUID, now: datetime) -> None:
    """The person logged in."""
    await tx.execute(SQL["note_login"], PLATFORM, staff_id, now)


async def seal_totp(tx: Transaction, staff_id: UUID, totp: Mapping[str, object]) -> None:
    """Keep another secret for an authenticator that is not set up yet."""
    await tx.execute(SQL["seal_totp"], PLATFORM, staff_id, totp)


async def forget_totp(tx: Transaction, staff_id: UUID, totp: Mapping[str, object]) -> None:
    """Put a fresh secret in place of a lost authenticator's, and open the log-in again."""
    await tx.execute(SQL["forget_totp"], PLATFORM, staff_id, totp)


async def list_totps_wrapped_otherwise(
    reader: Reader, name: str, after: UUID
) -> list[tuple[UUID, Mapping[str, object]]]:
    """Up to 200 authenticators that another key than this one sealed, by person, after one."""
    rows = await reader.fetch(SQL["list_totps_wrapped_otherwise"], PLATFORM, name, after)
    return [(row["staff_id"], row["totp"]) for row in rows]


async def reseal_totp(
    tx: Transaction, staff_id: UUID, before: Mapping[str, object], after: Mapping[str, object]
) -> bool:
    """Put another envelope around the same secret; False when it was changed meanwhile."""
    return await tx.execute(SQL["reseal_totp"], PLATFORM, staff_id, after, before) == 1


async def set_reset(tx: Transaction, staff_id: UUID, since: datetime | None) -> None:
    """Close a person's log-in until a link is used, or open it again."""
    await tx.execute(SQL["set_staff_reset"], PLATFORM, staff_id, since)


async def set_password(tx: Transaction, staff_id: UUID, password_hash: str) -> None:
    """Keep another password, as a hash."""
    await tx.execute(SQL["set_staff_password"], PLATFORM, staff_id, password_hash)


async def disable_staff(tx: Transaction, staff_id: UUID, now: datetime) -> bool:
    """Disable a person; False when that was done before."""
    return await tx.execute(SQL["disable_staff"], PLATFORM, staff_id, now) == 1


# --- roles


async def add_role(tx: Transaction, merchant_id: UUID, staff_id: UUID, role: Role, *, now: datetime) -> None:
    """Let a person work for a merchant."""
    await tx.execute(SQL["add_staff_role"], merchant_id, staff_id, role, now)


async def set_role(tx: Transaction, merchant_id: UUID, staff_id: UUID, role: Role) -> None:
    """Give a person another role at a merchant."""
    await tx.execute(SQL["set_staff_role"], merchant_id, staff_id, role)


async def remove_role(tx: Transaction, merchant_id: UUID, staff_id: UUID) -> None:
    """Let a person work for a merchant no longer."""
    await tx.execute(SQL["remove_staff_role"], merchant_id, staff_id)


async def lock_role(tx: Transaction, merchant_id: UUID, staff_id: UUID) -> Role | None:
    """What a person may do at a merchant, held until the transaction ends."""
    return cast("Role | None", await tx.fetch_value(SQL["lock_staff_role"], merchant_id, staff_id))


async def lock_owners(tx: Transaction, merchant_id: UUID) -> list[UUID]:
    """A merchant's owners, held until the transaction ends, disabled ones too."""
    return [row["staff_id"] for row in await tx.fetch(SQL["lock_owners"], merchant_id)]


async def count_able(reader: Reader, people: Sequence[UUID]) -> int:
    """How many of these people can log in."""
    return cast("int", await reader.fetch_value(SQL["count_able_staff"], PLATFORM, list(people)))


async def list_people(reader: Reader, merchant_id: UUID) -> list[Colleague]:
    """Who works for a merchant, by name, disabled people last."""
    return [Colleague(**dict(row)) for row in await reader.fetch(SQL["list_staff_of_merchant"], merchant_id, PLATFORM)]


async def list_sides(reader: Reader, staff_id: UUID) -> list[Side]:
    """The merchants that a person works for, by name, the test side first."""
    rows = await reader.fetch(SQL["list_staff_sides"], staff_id)
    return [Side(row["merchant_id"], row["role"], row["name"], row["mode"]) for row in rows]


async def list_organisation(reader: Reader, organisation_id: UUID) -> list[Merchant]:
    """The sides of an organisation."""
    rows = await reader.fetch(SQL["list_organisation"], organisation_id)
    return [
        Merchant(row["merchant_id"], organisation_id, row["name"], row["mode"], tuple(row["return_origins"]))
        for row in rows
    ]


# --- sessions


async def add_session(tx: Transaction, session: NewSession) -> None:
    """Keep a session; its secret only as a hash."""
    columns = (session.session_id, session.staff_id, session.secret_sha256, session.stage, session.side, session.agent)
    times = (session.created_at, session.ends_at, session.proved_at)
    await tx.execute(SQL["add_staff_session"], PLATFORM, *columns, *times)


async def get_session(reader: Reader, token: Token, now: datetime) -> Session | None:
    """The session that a token opens, or None when it ended, is idle, or its person was disabled."""
    row = await reader.fetch_row(SQL["get_staff_session"], PLATFORM, token.token_id)
    if row is None or not token.matches(row["secret_sha256"]) or row["ended_at"] or row["disabled_at"]:
        return None
    if not is_running(row["seen_at"], row["ends_at"], now):
        return None
    side = Side(row["side"], cast("Role", row["role"]), row["merchant_name"], row["mode"]) if row["role"] else None
    told = (row["session_id"], row["staff_id"], row["name"], cast("Stage", row["stage"]))
    return Session(*told, side, row["created_at"], row["seen_at"], row["proved_at"])


async def hold_session(tx: Transaction, session_id: UUID) -> tuple[datetime, UUID | None] | None:
    """When an open session ends and which side it looks at, held until the transaction ends; None: it has ended."""
    row = await tx.fetch_row(SQL["hold_staff_session"], PLATFORM, session_id)
    return (row["ends_at"], row["side"]) if row else None


async def see_session(tx: Transaction, session_id: UUID, now: datetime) -> None:
    """The session was used."""
    await tx.execute(SQL["see_staff_session"], PLATFORM, session_id, now)


async def set_side(tx: Transaction, session_id: UUID, merchant_id: UUID) -> None:
    """Look at another merchant."""
    await tx.execute(SQL["set_session_side"], PLATFORM, session_id, merchant_id)


async def end_session(tx: Transaction, session_id: UUID, staff_id: UUID, now: datetime) -> bool:
    """End one of a person's sessions at once; False when it is none of theirs, or ended."""
    return await tx.execute(SQL["end_staff_session"], PLATFORM, session_id, staff_id, now) == 1


async def end_sessions(tx: Transaction, staff_id: UUID, now: datetime) -> None:
    """End every session of a person at once."""
    await tx.execute(SQL["end_staff_sessions"], PLATFORM, staff_id, now)


async def list_sessions(reader: Reader, staff_id: UUID, now: datetime, seen_after: datetime) -> list[SeenSession]:
    """A person's open sessions, newest first."""
    rows = await reader.fetch(SQL["list_staff_sessions"], PLATFORM, staff_id, now, seen_after)
    return [SeenSession(row["session_id"], row["created_at"], row["seen_at"], row["agent"]) for row in rows]


# --- links


async def add_link(tx: Transaction, new: NewLink) -> None:
    """Keep a link."""
    link = new.link
    columns = (link.link_id, link.organisation_id, link.role, link.staff_id, new.secret_sha256)
    await tx.execute(SQL["add_staff_link"], PLATFORM, *columns, new.created_at, new.ends_at, link.made_by)


async def end_founding_links(tx: Transaction, now: datetime) -> None:
    """End every link that would found an organisation."""
    await tx.execute(SQL["end_founding_links"], PLATFORM, now)


async def end_reset_links(tx: Transaction, staff_id: UUID, now: datetime) -> None:
    """End every link that would give a person a new second factor."""
    await tx.execute(SQL["end_reset_links"], PLATFORM, staff_id, now)


async def end_links_made(tx: Transaction, made_by: UUID, organisation_id: UUID | None, now: datetime) -> None:
    """End every unused link that a person made for an organisation; None: for any."""
    await tx.execute(SQL["end_links_made"], PLATFORM, made_by, organisation_id, now)


async def get_link(reader: Reader, token: Token, now: datetime) -> StaffLink | None:
    """The link that a token is, or None when it was used or has ended."""
    row = await reader.fetch_row(SQL["get_staff_link"], PLATFORM, token.token_id)
    if row is None or not token.matches(row["secret_sha256"]) or row["used_at"] or now >= row["ends_at"]:
        return None
    role = cast("Role | None", row["role"])
    return StaffLink(row["link_id"], row["organisation_id"], role, row["staff_id"], row["made_by"])


async def list_links(reader: Reader, organisation_id: UUID, now: datetime) -> list[OpenLink]:
    """An organisation's links that are still good, oldest first."""
    rows = await reader.fetch(SQL["list_staff_links"], PLATFORM, organisation_id, now)
    return [
        OpenLink(row["link_id"], row["role"], row["person"], row["maker"], row["created_at"], row["ends_at"])
        for row in rows
    ]


async def end_link(tx: Transaction, link_id: UUID, organisation_id: UUID, now: datetime) -> tuple[bool, UUID | None]:
    """End one of an organisation's links: whether one ended by this, and whom it was for."""
    row = await tx.fetch_row(SQL["end_staff_link"], PLATFORM, link_id, organisation_id, now)
    return row is not None, row["staff_id"] if row else None


async def use_link(tx: Transaction, link_id: UUID, now: datetime) -> bool:
    """Use a link up; False when somebody was faster."""
    return await tx.execute(SQL["use_staff_link"], PLATFORM, link_id, now) == 1

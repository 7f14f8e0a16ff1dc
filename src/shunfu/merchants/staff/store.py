"""Rows of staff to values and back. People, sessions and links belong to the installation: the nil merchant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from shunfu.db import Reader, Record, Transaction, named_queries
from shunfu.kernel.ids import PLATFORM
from shunfu.merchants.model import Merchant
from shunfu.merchants.staff.model import (
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


def _staff(row: Record) -> Staff:
    return Staff(**dict(row))


async def add_staff(tx: Transaction, person: Staff, now: datetime) -> bool:
    """Keep a new person; False when the login name is taken."""
    columns = (person.staff_id, person.login_name, person.name, person.password_hash, person.totp)
    return await tx.execute(SQL["add_staff"], PLATFORM, *columns, now) == 1


async def find_staff(reader: Reader, login_name: str) -> Staff | None:
    """A person by login name, disabled ones too."""
    row = await reader.fetch_row(SQL["find_staff"], PLATFORM, login_name)
    return _staff(row) if row else None


async def lock_staff(tx: Transaction, staff_id: UUID) -> Staff | None:
    """A person, held until the transaction ends."""
    row = await tx.fetch_row(SQL["lock_staff"], PLATFORM, staff_id)
    return _staff(row) if row else None


async def any_staff(reader: Reader) -> bool:
    """Whether anybody can log in yet."""
    return await reader.fetch_row(SQL["any_staff"], PLATFORM) is not None


async def count_failure(tx: Transaction, staff_id: UUID, failures: int, until: datetime | None) -> None:
    """Keep how many guesses in a row were wrong, and until when none is taken."""
    await tx.execute(SQL["count_failure"], PLATFORM, staff_id, failures, until)


async def take_code(tx: Transaction, staff_id: UUID, step: int) -> bool:
    """Use up a code's step of time; False when it or a later one was used."""
    return await tx.execute(SQL["take_code"], PLATFORM, staff_id, step) == 1


async def seal_totp(tx: Transaction, staff_id: UUID, totp: Mapping[str, object]) -> None:
    """Keep another secret for an authenticator that is not set up yet."""
    await tx.execute(SQL["seal_totp"], PLATFORM, staff_id, totp)


async def disable_staff(tx: Transaction, staff_id: UUID, now: datetime) -> bool:
    """Disable a person; False when that was done before."""
    return await tx.execute(SQL["disable_staff"], PLATFORM, staff_id, now) == 1


async def add_role(tx: Transaction, merchant_id: UUID, staff_id: UUID, role: Role, *, now: datetime) -> None:
    """Let a person work for a merchant."""
    await tx.execute(SQL["add_staff_role"], merchant_id, staff_id, role, now)


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


async def add_session(tx: Transaction, session: NewSession) -> None:
    """Keep a session; its secret only as a hash."""
    columns = (session.session_id, session.staff_id, session.secret_sha256, session.stage, session.side, session.agent)
    await tx.execute(SQL["add_staff_session"], PLATFORM, *columns, session.created_at, session.ends_at)


async def get_session(reader: Reader, token: Token, now: datetime) -> Session | None:
    """The session that a token opens, or None when it ended, is idle, or its person was disabled."""
    row = await reader.fetch_row(SQL["get_staff_session"], PLATFORM, token.token_id)
    if row is None or not token.matches(row["secret_sha256"]) or row["ended_at"] or row["disabled_at"]:
        return None
    if not is_running(row["seen_at"], row["ends_at"], now):
        return None
    side = Side(row["side"], cast("Role", row["role"]), row["merchant_name"], row["mode"]) if row["role"] else None
    told = (row["session_id"], row["staff_id"], row["name"], cast("Stage", row["stage"]))
    return Session(*told, side, row["created_at"], row["seen_at"])


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


async def add_link(
    tx: Transaction, link: StaffLink, secret_sha256: bytes, *, created_at: datetime, ends_at: datetime
) -> None:
    """Keep a link; its secret only as a hash."""
    columns = (link.link_id, link.organisation_id, link.role, secret_sha256, created_at, ends_at)
    await tx.execute(SQL["add_staff_link"], PLATFORM, *columns)


async def end_founding_links(tx: Transaction, now: datetime) -> None:
    """End every link that would found an organisation."""
    await tx.execute(SQL["end_founding_links"], PLATFORM, now)


async def get_link(reader: Reader, token: Token, now: datetime) -> StaffLink | None:
    """The link that a token is, or None when it was used or has ended."""
    row = await reader.fetch_row(SQL["get_staff_link"], PLATFORM, token.token_id)
    if row is None or not token.matches(row["secret_sha256"]) or row["used_at"] or now >= row["ends_at"]:
        return None
    return StaffLink(row["link_id"], row["organisation_id"], cast("Role", row["role"]))


async def use_link(tx: Transaction, link_id: UUID, now: datetime) -> bool:
    """Use a link up; False when somebody was faster."""
    return await tx.execute(SQL["use_staff_link"], PLATFORM, link_id, now) == 1

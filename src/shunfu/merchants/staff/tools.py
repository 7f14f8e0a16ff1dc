"""What every story of staff stands on: the tools, a browser as it comes, a door that opened, and the audit log.

Must not know: which door it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from shunfu.db import Database, Transaction
from shunfu.kernel.clock import Source
from shunfu.kernel.ids import public
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import to_text
from shunfu.merchants.audit import AuditEntry
from shunfu.merchants.auditing import write_audit
from shunfu.merchants.keyfile import KeyRing
from shunfu.merchants.model import Merchant, hash_secret
from shunfu.merchants.staff import store
from shunfu.merchants.staff.model import DOOR_LASTS, SESSION_LASTS, Stage, Token
from shunfu.merchants.staff.passwords import Passwords

Found: TypeAlias = Callable[[Transaction, str, str], Awaitable[tuple[Merchant, Merchant]]]
TOKEN_BYTES = 32
AGENT_MAX = 200


@dataclass(frozen=True, slots=True)
class StaffTools:
    """What the stories need. `found(tx, name, actor)` founds an organisation's two sides.

    `public_url`: where browsers reach us; passkeys are bound to it.
    """

    database: Database
    source: Source
    ring: KeyRing
    passwords: Passwords
    found: Found
    public_url: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser as it comes: what it says that it is, and the text of its device cookie."""

    agent: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A door that opened: the text for the cookie, what the session may be used for, and the device cookie to keep."""

    token: Secret[str]
    stage: Stage
    device: Secret[str] | None = None


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a session keeps of the one that it goes on from: when it ends, and what it looks at."""

    ends_at: datetime
    side: UUID | None


def new_token(tools: StaffTools) -> Token:
    """An id and a secret of 256 bits."""
    return Token(tools.source.new_id(), to_text(tools.source.entropy.take(TOKEN_BYTES)))


async def open_session(
    tx: Transaction, tools: StaffTools, staff_id: UUID, stage: Stage, visit: Visit, before: Renewed | None = None
) -> Opened:
    """A new session; with `before` it goes on from a session that ended, and lasts no longer than that one."""
    token, now = new_token(tools), tools.source.now()
    if before is None:
        sides = await store.list_sides(tx, staff_id) if stage == "open" else []
        lasts = SESSION_LASTS if stage == "open" else DOOR_LASTS
        before = Renewed(now + lasts, sides[0].merchant_id if sides else None)
    await store.add_session(
        tx,
        store.NewSession(
            session_id=token.token_id,
            staff_id=staff_id,
            secret_sha256=hash_secret(token.secret),
            stage=stage,
            side=before.side,
            agent=visit.agent[:AGENT_MAX],
            created_at=now,
            ends_at=before.ends_at,
            proved_at=now if stage == "open" else None,
        ),
    )
    return Opened(Secret(token.text()), stage)


async def note(
    tx: Transaction, tools: StaffTools, merchant_id: UUID, staff_id: UUID, action: str, **detail: str | int
) -> None:
    """Write in a merchant's audit log (the nil uuid: the installation's) what a person did to their own account."""
    who = public("stf", staff_id)
    await write_audit(tx, tools.source, AuditEntry(merchant_id, who, action, who, detail=detail))

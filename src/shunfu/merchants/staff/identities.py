"""People's identities at the shop's own identity provider: linked from inside, and a first factor from then on.

An identity is an issuer and a subject. An e-mail address says nothing: providers let people change it, and give it to
others afterwards (OpenID Connect Core, 5.7).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from shunfu.db import Transaction
from shunfu.kernel.ids import PLATFORM
from shunfu.merchants.staff import factor_store, store
from shunfu.merchants.staff.entering import enter_without_second, open_second_door
from shunfu.merchants.staff.model import Denial, Session
from shunfu.merchants.staff.tools import Opened, StaffTools, Visit, note

NONCE_KEPT = timedelta(days=1)
"""Longer than any token with the nonce is young enough."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a person is at a provider, from a token that was checked. `is_strong`: it vouches for a second factor."""

    issuer: str
    subject: str
    nonce: str
    is_strong: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by."""
        return self.issuer, self.subject


async def enter_by_identity(tools: StaffTools, identity: Identity, visit: Visit) -> Opened | Denial:
    """The first factor by a provider; ours, the second, is still asked for unless the provider's counts.

    A token opens one door once.
    """

    async def story(tx: Transaction) -> Opened | Denial:
        if not await _use_nonce(tx, tools, identity):
            return "wrong"
        found = await factor_store.find_identity(tx, identity.key)
        person = await store.lock_staff(tx, found.staff_id) if found else None
        if person is None or not person.may_log_in or person.totp_step is None:
            return "wrong"
        if identity.is_strong:
            return await enter_without_second(tx, tools, person, visit)
        return await open_second_door(tx, tools, person, visit)

    return await tools.database.transact(story)


async def link_identity(tools: StaffTools, session: Session, identity: Identity) -> Denial | None:
    """From now on the identity is this person's. One that is somebody's already stays theirs."""

    async def story(tx: Transaction) -> Denial | None:
        now = tools.source.now()
        if not await _use_nonce(tx, tools, identity) or not session.is_proved(now):
            return "not_allowed"
        if not await factor_store.add_identity(tx, identity.key, session.staff_id, now):
            return "name_taken"
        await note(tx, tools, PLATFORM, session.staff_id, "staff.identity_linked")
        return None

    return await tools.database.transact(story)


async def unlink_identities(tools: StaffTools, session: Session) -> Denial | None:
    """None of the person's identities opens a door any longer."""

    async def story(tx: Transaction) -> Denial | None:
        now = tools.source.now()
        if not session.is_proved(now):
            return "not_allowed"
        if not await factor_store.remove_identities(tx, session.staff_id, now):
            return "not_found"
        await note(tx, tools, PLATFORM, session.staff_id, "staff.identity_unlinked")
        return None

    return await tools.database.transact(story)


async def _use_nonce(tx: Transaction, tools: StaffTools, identity: Identity) -> bool:
    now = tools.source.now()
    digest = hashlib.sha256(identity.nonce.encode()).digest()
    return await factor_store.use_nonce(tx, digest, now, now + NONCE_KEPT)

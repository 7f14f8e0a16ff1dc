"""Seals people's authenticators under the key encryption key that is in use now, after it was changed.

They are sealed by the key ring itself, because data keys are merchants'. Must not know: passwords, sessions.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from shunfu.db import Database, Transaction
from shunfu.kernel.clock import Source
from shunfu.kernel.ids import PLATFORM
from shunfu.merchants.envelope import NONCE_BYTES, Place
from shunfu.merchants.keyfile import KeyRing
from shunfu.merchants.staff import store


def totp_place(staff_id: UUID) -> Place:
    """Where an authenticator's secret is stored."""
    return Place(PLATFORM, "staff", "totp", staff_id)


async def reseal_totps(parts: tuple[Database, Source, KeyRing], name: str) -> int:
    """Seal every authenticator that another key than the named one sealed; how many. Run again it goes on."""
    database, source, ring = parts
    count, after = 0, PLATFORM
    while page := await _page(database, name, after):
        for staff_id, sealed in page:
            secret = await ring.unwrap(totp_place(staff_id), sealed)
            fresh = await ring.wrap(totp_place(staff_id), secret, source.entropy.take(NONCE_BYTES))

            async def story(
                tx: Transaction,
                who: UUID = staff_id,
                envelopes: tuple[Mapping[str, object], Mapping[str, object]] = (sealed, fresh),
            ) -> bool:
                return await store.reseal_totp(tx, who, *envelopes)

            count += await database.transact(story)
        after = page[-1][0]
    return count


async def _page(database: Database, name: str, after: UUID) -> list[tuple[UUID, Mapping[str, object]]]:
    async with database.glancing() as reader:
        return await store.list_totps_wrapped_otherwise(reader, name, after)

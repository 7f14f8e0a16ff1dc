"""The shopper's rights: a copy of everything that is kept, and its end. And the end of old sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shunfu.db import Transaction
from shunfu.kernel.errors import Unauthenticated
from shunfu.shoppers import store
from shunfu.shoppers.model import ConsentFact, PaidMethod, Profile, Shopper
from shunfu.shoppers.store import KeptShopper, KnownAt, ListedSession
from shunfu.shoppers.usecases.profiles import hold_shopper
from shunfu.shoppers.usecases.sealing import load_profile
from shunfu.shoppers.usecases.tools import ShopperTools

BATCHES_MAX = 100


@dataclass(frozen=True, slots=True)
class Export:
    """Everything that this room keeps of a shopper, but for what the platforms call the shopper."""

    kept: KeptShopper
    profile: Profile
    known_at: tuple[KnownAt, ...]
    consents: tuple[ConsentFact, ...]
    sessions: tuple[ListedSession, ...]
    last_paid: PaidMethod | None


async def export_shopper(tools: ShopperTools, shopper: Shopper) -> Export:
    """A copy of what is kept, at one moment. Raises Unauthenticated when the shopper was just erased."""
    who = (shopper.merchant_id, shopper.shopper_id)
    async with tools.database.reading() as reader:
        kept = await store.get_shopper(reader, who)
        if kept is None or kept.erased_at is not None:
            raise Unauthenticated("This session is not valid, or it has ended. Sign in again.")
        return Export(
            kept=kept,
            profile=await load_profile(tools, reader, who) or Profile(),
            known_at=tuple(await store.list_identities(reader, who)),
            consents=tuple(await store.list_consents(reader, who)),
            sessions=tuple(await store.list_sessions(reader, who)),
            last_paid=await store.get_method(reader, who),
        )


async def erase_shopper(tools: ShopperTools, shopper: Shopper) -> None:
    """Delete identities, profile, sessions and habits. What stays says nothing of a person: that there was one, what
    was consented to and when, and orders, payments and ledger, which the law wants kept (PIPL article 47).

    Raises Unauthenticated when it was done before.
    """
    who = (shopper.merchant_id, shopper.shopper_id)

    async def story(tx: Transaction) -> None:
        await hold_shopper(tx, who)
        await store.erase_shopper(tx, who, tools.now())

    await tools.database.transact(story)


async def delete_ended_sessions(tools: ShopperTools, merchant_id: UUID, before: datetime) -> int:
    """Delete the sessions whose time was over before an instant, a bounded number a visit; how many."""
    total = 0
    for _ in range(BATCHES_MAX):
        deleted = await tools.database.transact(lambda tx: store.delete_old_sessions(tx, merchant_id, before))
        total += deleted
        if deleted < store.BATCH:
            break
    return total

"""Consents: each answer a fact with its time; the last one counts. And how the shopper last paid, unless unwanted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from shunfu.db import Reader, Transaction
from shunfu.shoppers import store
from shunfu.shoppers.model import ConsentFact, ConsentKind, Consents, PaidMethod, Shopper, changed, latest
from shunfu.shoppers.usecases.profiles import hold_shopper
from shunfu.shoppers.usecases.tools import ShopperTools


async def read_consents(reader: Reader, merchant_id: UUID, shopper_id: UUID) -> Consents:
    """What a shopper last said to each question."""
    return latest(await store.latest_consents(reader, (merchant_id, shopper_id)))


async def give_consents(tools: ShopperTools, shopper: Shopper, wish: Mapping[ConsentKind, bool]) -> Consents:
    """Keep the answers that are new. Who does not want to be personalised is forgotten as to how they paid.

    Raises Unauthenticated when the shopper was just erased.
    """
    who = (shopper.merchant_id, shopper.shopper_id)

    async def story(tx: Transaction) -> Consents:
        await hold_shopper(tx, who)
        now = tools.now()
        for kind, is_given in changed(latest(await store.latest_consents(tx, who)), wish):
            await store.add_consent(tx, who, tools.source.new_id(), ConsentFact(kind, is_given, now), now)
        after = latest(await store.latest_consents(tx, who))
        if after.personalisation is False:
            await store.delete_method(tx, who)
        return after

    return await tools.database.transact(story)


async def remember_method(
    tx: Transaction, merchant_id: UUID, shopper_id: UUID, method: str, happened_at: datetime
) -> None:
    """Keep how a payment succeeded; twice or out of order changes nothing, and of who does not want it nothing is kept.

    A shopper who turned out to be another one is that one.
    """
    kept = await store.lock_shopper(tx, (merchant_id, shopper_id))
    if kept is not None and kept.merged_into is not None:
        kept = await store.lock_shopper(tx, (merchant_id, kept.merged_into))
    if kept is None or kept.erased_at is not None:
        return
    who = (merchant_id, kept.shopper_id)
    if latest(await store.latest_consents(tx, who)).personalisation is not False:
        await store.put_method(tx, who, PaidMethod(method, happened_at))


async def last_method(reader: Reader, merchant_id: UUID, shopper_id: UUID) -> str | None:
    """The method of the shopper's last payment that succeeded (`channel/scene`), or None."""
    paid = await store.get_method(reader, (merchant_id, shopper_id))
    return paid.method if paid else None

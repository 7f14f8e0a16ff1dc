"""Rows of offers and redemptions to values and back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

import asyncpg

from shunfu.db import Reader, Transaction, named_queries
from shunfu.kernel.errors import TransientFault
from shunfu.offers.model import ACTIVE_MAX, Offer, OfferState, Redemption, RedemptionState, Terms

SQL = named_queries("shunfu.offers")
READ_MAX = 2 * ACTIVE_MAX
"""More than may be active: makers who race may pass the limit by a few."""


def _offer(row: asyncpg.Record) -> Offer:
    terms = Terms(
        kind=row["kind"],
        currency=row["currency"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        amount_minor=row["amount_minor"],
        percent_bp=row["percent_bp"],
        minimum_minor=row["minimum_minor"],
        cap_minor=row["cap_minor"],
        stock=row["stock"],
        per_shopper_max=row["per_shopper_max"],
    )
    return Offer(
        merchant_id=row["merchant_id"],
        offer_id=row["offer_id"],
        name=row["name"],
        terms=terms,
        state=OfferState(row["state"]),
        created_at=row["created_at"],
        ended_at=row["ended_at"],
        held=row["held"],
        used=row["used"],
    )


async def add_offer(tx: Transaction, offer: Offer) -> bool:
    """Save an offer; False when its id is there already."""
    terms = offer.terms
    added = await tx.execute(
        SQL["add_offer"],
        offer.merchant_id,
        offer.offer_id,
        offer.name,
        terms.kind,
        terms.amount_minor,
        terms.percent_bp,
        terms.minimum_minor,
        terms.cap_minor,
        terms.currency,
        terms.starts_at,
        terms.ends_at,
        terms.stock,
        terms.per_shopper_max,
        offer.created_at,
    )
    return added == 1


async def get_offer(reader: Reader, merchant_id: UUID, offer_id: UUID) -> Offer | None:
    """One offer, or None."""
    row = await reader.fetch_row(SQL["get_offer"], merchant_id, offer_id)
    return _offer(row) if row else None


async def list_offers(reader: Reader, merchant_id: UUID, before: UUID, state: str | None, limit: int) -> list[Offer]:
    """Offers with an id below `before`, newest first."""
    return [_offer(row) for row in await reader.fetch(SQL["list_offers"], merchant_id, before, state, limit)]


async def count_active(reader: Reader, merchant_id: UUID, now: datetime) -> int:
    """How many offers run or wait."""
    return cast("int", await reader.fetch_value(SQL["count_active"], merchant_id, now))


async def end_offer(tx: Transaction, merchant_id: UUID, offer_id: UUID, now: datetime) -> bool:
    """End an offer; False when it has ended before or is not there."""
    return await tx.execute(SQL["end_offer"], merchant_id, offer_id, now) == 1


async def running_offers(reader: Reader, merchant_id: UUID, now: datetime) -> list[Offer]:
    """The offers that run and are not used up."""
    return [_offer(row) for row in await reader.fetch(SQL["running_offers"], merchant_id, now, READ_MAX)]


async def take_one(tx: Transaction, merchant_id: UUID, offer_id: UUID) -> Offer | None:
    """Count one more as held; None when the offer is not there, has ended or is used up."""
    row = await tx.fetch_row(SQL["take_one"], merchant_id, offer_id)
    return _offer(row) if row else None


async def count_taken(reader: Reader, merchant_id: UUID, shopper_id: UUID, offer_id: UUID) -> int:
    """How often a shopper holds or has used one offer."""
    return cast("int", await reader.fetch_value(SQL["count_taken"], merchant_id, shopper_id, offer_id))


async def list_taken(reader: Reader, merchant_id: UUID, shopper_id: UUID, offer_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How often a shopper holds or has used each of some offers; those never taken are left out."""
    rows = await reader.fetch(SQL["list_taken"], merchant_id, shopper_id, list(offer_ids))
    return {row["offer_id"]: row["taken"] for row in rows}


async def add_redemption(tx: Transaction, redemption: Redemption, now: datetime) -> None:
    """Save that an offer is held for a payment."""
    await tx.execute(
        SQL["add_redemption"],
        redemption.merchant_id,
        redemption.payment_id,
        redemption.offer_id,
        redemption.shopper_id,
        redemption.saving_minor,
        now,
    )


async def get_redemption(reader: Reader, merchant_id: UUID, payment_id: UUID) -> Redemption | None:
    """What one payment holds or has used, or None."""
    row = await reader.fetch_row(SQL["get_redemption"], merchant_id, payment_id)
    if row is None:
        return None
    return Redemption(
        merchant_id=row["merchant_id"],
        payment_id=row["payment_id"],
        offer_id=row["offer_id"],
        shopper_id=row["shopper_id"],
        saving_minor=row["saving_minor"],
        state=RedemptionState(row["state"]),
    )


async def move_redemption(tx: Transaction, before: Redemption, after: RedemptionState, now: datetime) -> None:
    """Compare and set a redemption and the offer's counts. Raises TransientFault when somebody else moved it."""
    key = (before.merchant_id, before.payment_id)
    if await tx.execute(SQL["move_redemption"], *key, before.state.value, after.value, now) != 1:
        raise TransientFault("The redemption was moved by somebody else; try again.")
    used = 1 if after is RedemptionState.USED else 0
    await tx.execute(SQL["count_settled"], before.merchant_id, before.offer_id, used)

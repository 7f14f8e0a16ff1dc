"""Make, end and show offers; hold one for a payment, and settle it when the payment is final."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from shunfu.db import Database, Reader, Transaction
from shunfu.kernel.clock import Source
from shunfu.kernel.errors import NotFoundHere, OfferGone, StateConflict
from shunfu.kernel.ids import public
from shunfu.kernel.money import Money
from shunfu.merchants import AuditEntry, write_audit
from shunfu.offers import store
from shunfu.offers.model import (
    ACTIVE_MAX,
    Basket,
    Fate,
    Gone,
    Offer,
    OfferState,
    OfferView,
    Redemption,
    RedemptionState,
    Terms,
    best,
    check_terms,
    is_left,
    judge,
    settled,
)


@dataclass(frozen=True, slots=True)
class OfferTools:
    """What the stories of offers need."""

    database: Database
    source: Source


@dataclass(frozen=True, slots=True)
class NewOffer:
    """What a merchant offers. `offer_id` is the id it gets; a retry brings the same one. `actor` made it."""

    merchant_id: UUID
    offer_id: UUID
    name: str
    terms: Terms
    actor: str


@dataclass(frozen=True, slots=True)
class Hold:
    """A wish to pay with an offer: which one, for which payment, on what basket."""

    merchant_id: UUID
    payment_id: UUID
    offer_id: UUID
    basket: Basket


async def create_offer(tools: OfferTools, wish: NewOffer) -> Offer:
    """Save an offer. Raises InvalidField when its terms contradict each other, StateConflict when too many run."""
    check_terms(wish.terms)
    now = tools.source.now()
    offer = Offer(wish.merchant_id, wish.offer_id, wish.name, wish.terms, OfferState.ACTIVE, now)

    async def story(tx: Transaction) -> Offer:
        known = await store.get_offer(tx, wish.merchant_id, wish.offer_id)
        if known is not None:
            return known
        if await store.count_active(tx, wish.merchant_id, now) >= ACTIVE_MAX:
            raise StateConflict(f"At most {ACTIVE_MAX} offers may run or wait at once; end one first.")
        if await store.add_offer(tx, offer):
            await _note(tools, tx, offer, (wish.actor, "offer.created"))
        return offer

    return await tools.database.transact(story)


async def end_offer(tools: OfferTools, merchant_id: UUID, offer_id: UUID, actor: str) -> Offer:
    """End an offer for good; payments that hold it keep their discount. Ended before: nothing. Raises NotFoundHere."""

    async def story(tx: Transaction) -> Offer:
        has_ended = await store.end_offer(tx, merchant_id, offer_id, tools.source.now())
        offer = await store.get_offer(tx, merchant_id, offer_id)
        if offer is None:
            raise NotFoundHere
        if has_ended:
            await _note(tools, tx, offer, (actor, "offer.ended"))
        return offer

    return await tools.database.transact(story)


async def _note(tools: OfferTools, tx: Transaction, offer: Offer, deed: tuple[str, str]) -> None:
    """Who did what to an offer, for the audit log. `deed` is (actor, action)."""
    entry = AuditEntry(
        offer.merchant_id, *deed, public("off", offer.offer_id), detail={"name": offer.name, "state": offer.state.value}
    )
    await write_audit(tx, tools.source, entry)


async def read_offer(tools: OfferTools, merchant_id: UUID, offer_id: UUID) -> Offer:
    """One offer. Raises NotFoundHere."""
    async with tools.database.glancing() as reader:
        offer = await store.get_offer(reader, merchant_id, offer_id)
    if offer is None:
        raise NotFoundHere
    return offer


async def list_offers(
    tools: OfferTools, merchant_id: UUID, before: UUID, *, state: str | None, limit: int
) -> list[Offer]:
    """Offers with an id below `before`, newest first."""
    async with tools.database.glancing() as reader:
        return await store.list_offers(reader, merchant_id, before, state, limit)


async def find_offer(reader: Reader, merchant_id: UUID, offer_id: UUID) -> Offer | None:
    """One offer, or None, ended ones too: what a payment names it keeps."""
    return await store.get_offer(reader, merchant_id, offer_id)


async def best_offers(
    reader: Reader, merchant_id: UUID, amount: Money, shopper_id: UUID | None, now: datetime
) -> list[OfferView]:
    """What can be had for an order's amount, the largest saving first, at most five; it leaves something to pay."""
    running = await store.running_offers(reader, merchant_id, now)
    limited = [offer.offer_id for offer in running if offer.terms.per_shopper_max is not None]
    taken: dict[UUID, int] = {}
    if shopper_id is not None and limited:
        taken = await store.list_taken(reader, merchant_id, shopper_id, limited)
    return best(running, Basket(amount, shopper_id, now), taken)


async def hold_offer(tx: Transaction, wish: Hold) -> int:
    """Judge an offer again and hold one for a payment: what it takes off, in minor units. Raises OfferGone.

    The offer's row is held until the transaction ends, so that two payments never take the last one, nor one shopper
    more than a shopper may have.
    """
    basket = wish.basket
    offer = await store.take_one(tx, wish.merchant_id, wish.offer_id)
    if offer is None:
        raise _gone(wish, await _why_not_taken(tx, wish))
    verdict = judge(offer, basket, await _taken(tx, offer, basket))
    if not isinstance(verdict, int):
        raise _gone(wish, verdict)
    held = Redemption(
        wish.merchant_id, wish.payment_id, wish.offer_id, basket.shopper_id, verdict, RedemptionState.HELD
    )
    await store.add_redemption(tx, held, basket.now)
    return verdict


async def check_offer(reader: Reader, wish: Hold) -> int:
    """What an offer would take off if `wish.payment_id` ended and another payment began. Raises OfferGone.

    What that payment holds of the offer counts as free. Nothing is held: somebody else may be quicker.
    """
    offer = await store.get_offer(reader, wish.merchant_id, wish.offer_id)
    if offer is None:
        raise _gone(wish, "not_found")
    taken = await _taken(reader, offer, wish.basket)
    own = await store.get_redemption(reader, wish.merchant_id, wish.payment_id)
    if own is not None and own.offer_id == offer.offer_id and own.state is RedemptionState.HELD:
        offer = replace(offer, held=offer.held - 1)
        taken -= own.shopper_id is not None and own.shopper_id == wish.basket.shopper_id
    verdict = judge(offer, wish.basket, taken)
    if not isinstance(verdict, int):
        raise _gone(wish, verdict)
    if not is_left(offer):
        raise _gone(wish, "out_of_stock")
    return verdict


async def _taken(reader: Reader, offer: Offer, basket: Basket) -> int:
    """How often the shopper has an offer that is counted by shopper; 0 where nobody counts."""
    if offer.terms.per_shopper_max is None or basket.shopper_id is None:
        return 0
    return await store.count_taken(reader, offer.merchant_id, basket.shopper_id, offer.offer_id)


async def _why_not_taken(tx: Transaction, wish: Hold) -> Gone:
    offer = await store.get_offer(tx, wish.merchant_id, wish.offer_id)
    if offer is None:
        return "not_found"
    return "ended" if offer.state is OfferState.ENDED else "out_of_stock"


def _gone(wish: Hold, reason: Gone) -> OfferGone:
    return OfferGone(members={"offer": public("off", wish.offer_id), "reason": reason})


async def settle_redemption(tx: Transaction, payment: tuple[UUID, UUID], fate: Fate, now: datetime) -> None:
    """Use up or give back what (merchant, payment) holds, in the transaction that ends the payment.

    The same fate again, and a payment that holds nothing, change nothing. Never refuses: money that came is a fact.
    """
    held = await store.get_redemption(tx, *payment)
    after = settled(held.state, fate) if held else None
    if held is not None and after is not None and after is not held.state:
        await store.move_redemption(tx, held, after, now)

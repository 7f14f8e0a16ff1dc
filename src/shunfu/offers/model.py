"""Offers and their redemptions: what an offer saves, who may have it, and how a redemption ends. Pure.

A saving always leaves at least one minor unit to pay. An offer is held for one payment when that begins, and used or
given back when the payment is final. Source: docs/states.md, section Redemption.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from shunfu.kernel.errors import FieldError, InvalidField
from shunfu.kernel.money import Money

Kind = Literal["amount_off", "percent_off"]
Gone = Literal[
    "not_found",
    "ended",
    "not_begun",
    "over",
    "other_currency",
    "below_minimum",
    "no_shopper",
    "had_it",
    "out_of_stock",
    "saves_nothing",
]
"""Why an offer cannot be had."""

WHOLE_BP = 10_000
"""Basis points of the whole: 1000 take ten per cent off."""
SHOWN_MAX = 5
"""So many offers are shown at a checkout, the best ones."""
ACTIVE_MAX = 100
"""So many offers of a merchant may run or wait at once: each checkout judges all of them."""


class OfferState(StrEnum):
    """Whether an offer may be had in its time. ENDED is final."""

    ACTIVE = "ACTIVE"
    ENDED = "ENDED"


class RedemptionState(StrEnum):
    """What became of an offer that a payment holds."""

    HELD = "HELD"
    USED = "USED"
    RETURNED = "RETURNED"


class Fate(StrEnum):
    """How the payment ended: it pays its order; it was captured and refunds itself; no money came."""

    PAID = "paid"
    SURPLUS = "surplus"
    UNPAID = "unpaid"


TABLE: Mapping[RedemptionState, Mapping[Fate, RedemptionState]] = {
    RedemptionState.HELD: {
        Fate.PAID: RedemptionState.USED,
        Fate.SURPLUS: RedemptionState.RETURNED,
        Fate.UNPAID: RedemptionState.RETURNED,
    },
    RedemptionState.USED: dict.fromkeys(Fate, RedemptionState.USED),
    RedemptionState.RETURNED: dict.fromkeys(Fate, RedemptionState.RETURNED),
}
"""Every state and every fate. What was given back stays so: money that comes late for it is surplus, and goes back."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What an offer takes off, from which order amount on, when, and how often.

    `percent_bp` are basis points; `cap_minor` is the most that a percentage takes off. `stock` and `per_shopper_max`
    None: without end. Both windows' ends: from `starts_at` on, before `ends_at`.
    """

    kind: Kind
    currency: str
    starts_at: datetime
    ends_at: datetime
    amount_minor: int | None = None
    percent_bp: int | None = None
    minimum_minor: int = 0
    cap_minor: int | None = None
    stock: int | None = None
    per_shopper_max: int | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A merchant's offer, and how many redemptions are held and used."""

    merchant_id: UUID
    offer_id: UUID
    name: str
    terms: Terms
    state: OfferState
    created_at: datetime
    ended_at: datetime | None = None
    held: int = 0
    used: int = 0


@dataclass(frozen=True, slots=True)
class Redemption:
    """An offer as one payment has it; `saving_minor` is what it takes off that payment."""

    merchant_id: UUID
    payment_id: UUID
    offer_id: UUID
    shopper_id: UUID | None
    saving_minor: int
    state: RedemptionState


@dataclass(frozen=True, slots=True)
class Basket:
    """What an offer is judged for: the order's amount, the shopper if known, and when."""

    amount: Money
    shopper_id: UUID | None
    now: datetime


@dataclass(frozen=True, slots=True)
class OfferView:
    """An offer at the checkout: its name as the merchant wrote it, and what it takes off this order."""

    offer_id: UUID
    name: str
    saving_minor: int


def check_terms(terms: Terms) -> None:
    """Raises InvalidField when the terms contradict each other."""
    is_percent = terms.kind == "percent_off"
    errors = [
        *_expected("/amount_minor", terms.amount_minor, is_expected=not is_percent),
        *_expected("/percent_bp", terms.percent_bp, is_expected=is_percent),
    ]
    if terms.cap_minor is not None and not is_percent:
        errors.append(FieldError("/cap_minor", "not_allowed"))
    if terms.ends_at <= terms.starts_at:
        errors.append(FieldError("/ends_at", "too_small"))
    if errors:
        raise InvalidField(errors=tuple(errors))


def _expected(pointer: str, value: int | None, *, is_expected: bool) -> list[FieldError]:
    if is_expected == (value is not None):
        return []
    return [FieldError(pointer, "required" if is_expected else "not_allowed")]


def saving(terms: Terms, amount: Money) -> int:
    """What an offer takes off an amount, in minor units; a percentage rounds down. At least one minor unit is left."""
    if terms.kind == "amount_off":
        assert terms.amount_minor is not None, "an amount off has its amount"
        wanted = terms.amount_minor
    else:
        assert terms.percent_bp is not None, "a percentage off has its percentage"
        wanted = amount.minor * terms.percent_bp // WHOLE_BP
    if terms.cap_minor is not None:
        wanted = min(wanted, terms.cap_minor)
    return max(0, min(wanted, amount.minor - 1))


def judge(offer: Offer, basket: Basket, taken: int) -> int | Gone:
    """What an offer saves on a basket, in minor units, or why it cannot be had; `taken`: how often this shopper has it.

    The stock is not judged here but where it is taken, by compare and set.
    """
    terms = offer.terms
    found = _why_not_now(offer, basket.now) or _why_not_for(terms, basket, taken)
    if found is not None:
        return found
    return saving(terms, basket.amount) or "saves_nothing"


def _why_not_now(offer: Offer, now: datetime) -> Gone | None:
    if offer.state is OfferState.ENDED:
        return "ended"
    if now < offer.terms.starts_at:
        return "not_begun"
    return "over" if now >= offer.terms.ends_at else None


def _why_not_for(terms: Terms, basket: Basket, taken: int) -> Gone | None:
    if basket.amount.currency != terms.currency:
        return "other_currency"
    if basket.amount.minor < terms.minimum_minor:
        return "below_minimum"
    if terms.per_shopper_max is None:
        return None
    if basket.shopper_id is None:
        return "no_shopper"
    return "had_it" if taken >= terms.per_shopper_max else None


def is_left(offer: Offer) -> bool:
    """Whether one more could be had of the stock."""
    return offer.terms.stock is None or offer.held + offer.used < offer.terms.stock


def best(offers: Sequence[Offer], basket: Basket, taken: Mapping[UUID, int]) -> list[OfferView]:
    """The offers that can be had, at most five: the largest saving first, of equal ones the one that ends first."""
    judged = [(judge(offer, basket, taken.get(offer.offer_id, 0)), offer) for offer in offers if is_left(offer)]
    had = [(minor, offer) for minor, offer in judged if isinstance(minor, int)]
    had.sort(key=lambda one: (-one[0], one[1].terms.ends_at, one[1].offer_id))
    return [OfferView(offer.offer_id, offer.name, minor) for minor, offer in had[:SHOWN_MAX]]


def settled(state: RedemptionState, fate: Fate) -> RedemptionState:
    """What becomes of a redemption when its payment has ended so. The same fate again changes nothing."""
    return TABLE[state][fate]

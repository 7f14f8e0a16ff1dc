"""Offers: what a merchant takes off an order, held for a payment when it begins, used or given back when it ends."""

from shunfu.offers.model import Basket, Fate, Offer, OfferState, OfferView, Terms
from shunfu.offers.usecases import (
    Hold,
    NewOffer,
    OfferTools,
    best_offers,
    check_offer,
    create_offer,
    end_offer,
    find_offer,
    hold_offer,
    list_offers,
    read_offer,
    settle_redemption,
)

__all__ = [
    "Basket",
    "Fate",
    "Hold",
    "NewOffer",
    "Offer",
    "OfferState",
    "OfferTools",
    "OfferView",
    "Terms",
    "best_offers",
    "check_offer",
    "create_offer",
    "end_offer",
    "find_offer",
    "hold_offer",
    "list_offers",
    "read_offer",
    "settle_redemption",
]

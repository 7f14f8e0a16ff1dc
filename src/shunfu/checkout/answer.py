"""The one answer as a value: what the page shows, and what only the shopper's own client is told besides."""

from __future__ import annotations

from dataclasses import dataclass

from shunfu.checkout.model import CheckoutView
from shunfu.payments import Contact
from shunfu.shoppers import Profile


@dataclass(frozen=True, slots=True)
class ShopperView:
    """Who signed in, with what is filled in for them and how they paid last."""

    public_id: str
    profile: Profile
    last_method: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is shown, what this visitor gave with the order, and the shopper of the session, if there is one.

    `telemetry_rate` is the share of visits that clients tell us about, 0 to 1.
    """

    view: CheckoutView
    contact: Contact | None
    shopper: ShopperView | None
    telemetry_rate: float

"""The shop's own order book: one request body a cart page, so that a second tap asks for the very same order.

A real shop keeps this in its database; here the newest thousand are kept in memory. Must not know: HTTP.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shunfu.app.shop.catalogue import CURRENCY, Cart
from shunfu.checkout.kit import Say
from shunfu.kernel.clock import rfc3339

KEPT = 1000
PAY_WITHIN = timedelta(minutes=30)


@dataclass(slots=True)
class OrderBook:
    """Request bodies by the key of the cart page that sent them."""

    return_url: str
    _bodies: OrderedDict[str, Mapping[str, object]] = field(default_factory=OrderedDict[str, Mapping[str, object]])

    def body(self, key: str, cart: Cart, say: Say, now: datetime) -> Mapping[str, object]:
        """The body to send for this key: the one sent before, else a new one for the cart, payable for 30 minutes."""
        if key not in self._bodies:
            self._bodies[key] = _body(key, cart, say, now, self.return_url)
            if len(self._bodies) > KEPT:
                self._bodies.popitem(last=False)
        return self._bodies[key]


def _body(key: str, cart: Cart, say: Say, now: datetime, return_url: str) -> dict[str, object]:
    first = say(f"good.{cart.lines[0].good.key}")
    return {
        "amount_minor": cart.total.minor,
        "currency": CURRENCY,
        "subject": first if cart.count == 1 else say("shop.subject", name=first, count=cart.count),
        "items": [
            {
                "name": say(f"good.{line.good.key}"),
                "quantity": line.quantity,
                "amount_minor": line.amount.minor,
            }
            for line in cart.lines
        ],
        "merchant_order_no": f"SHOP-{key[:20].upper()}",
        "expires_at": rfc3339(now + PAY_WITHIN),
        "return_url": return_url,
    }

"""What the checkout's stories stand on, and who visits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shunfu.checkout.methods import Place
from shunfu.checkout.model import Notice, SheetResult
from shunfu.checkout.store import Popular
from shunfu.kernel.signing import Signer
from shunfu.merchants import Accounts
from shunfu.payments import OrderWithPayments, Payment, PaymentTools
from shunfu.shoppers import Shopper, ShopperTools


@dataclass(frozen=True, slots=True)
class CheckoutTools:
    """`telemetry_rate` is the share of visits that clients tell us about, 0 to 1."""

    payments: PaymentTools
    shoppers: ShopperTools
    signer: Signer
    popular: Popular
    telemetry_rate: float

    def now(self) -> datetime:
        """The present instant in UTC."""
        return self.payments.now()


@dataclass(frozen=True, slots=True)
class Visit:
    """Who looks at which order, from where. `client`: `web` for the hosted page, `app` for a merchant's own client.

    `client_ip` is the address that the visit came from, `return_url` where a channel's page leads back to, `opens` the
    kinds of invoke data that the client can open (None: all).
    """

    merchant_id: UUID
    order_id: UUID
    token: str
    client: str = "app"
    sheet_result: SheetResult | None = None
    client_ip: str | None = None
    return_url: str | None = None
    user_agent: str = ""
    opens: frozenset[str] | None = None
    shopper: Shopper | None = None
    notice: Notice | None = None

    @property
    def shopper_id(self) -> UUID | None:
        """The shopper who signed in, or None."""
        return self.shopper.shopper_id if self.shopper else None


def place_of(accounts: Accounts, visit: Visit) -> Place:
    """The browser that a visit comes from."""
    known = [(name, accounts.channel(name)) for name in accounts.channel_names]
    return Place(visit.user_agent, [(name, one.own_browser) for name, one in known if one and one.own_browser])


def live_payment(found: OrderWithPayments) -> Payment | None:
    """The payment that the channel may still take money for: the newest."""
    return next((payment for payment in reversed(found.payments) if payment.is_live), None)

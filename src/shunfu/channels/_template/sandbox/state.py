"""The sandbox's state: plain frozen values. Times are Unix milliseconds. Must not know: HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shunfu.gateway.sandbox.till import Till
from shunfu.gateway.sandbox.values import PlacedOrder, PlacedRefund


@dataclass(frozen=True, slots=True)
class State:
    """One merchant with its orders, refunds and money. `codes` are the login codes that were used."""

    merchant_no: str
    secret_key: str = field(repr=False)
    orders: Mapping[str, PlacedOrder] = field(default_factory=dict[str, PlacedOrder])
    refunds: Mapping[str, PlacedRefund] = field(default_factory=dict[str, PlacedRefund])
    refund_urls: Mapping[str, str] = field(default_factory=dict[str, str])
    refund_ends: Mapping[str, str] = field(default_factory=dict[str, str])
    till: Till = field(default_factory=Till)
    codes: tuple[str, ...] = ()

    def with_order(self, order: PlacedOrder) -> State:
        """This state with one order put in place."""
        return replace(self, orders={**self.orders, order.number: order})

    def with_refund(self, refund: PlacedRefund) -> State:
        """This state with one refund put in place."""
        return replace(self, refunds={**self.refunds, refund.number: refund})

    def refunded_minor(self, order_number: str) -> int:
        """What of an order is refunded or on its way."""
        dead = {"CLOSED", "ABNORMAL"}
        found = (one for one in self.refunds.values() if one.order_number == order_number and one.state not in dead)
        return sum(one.amount_minor for one in found)

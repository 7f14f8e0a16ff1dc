"""The sandbox's state: one frozen value of texts, numbers and collections. Times are Unix ms. Must not know: HTTP.

The stage writes it as JSON and reads it back by its types, so keys are kept as texts and parsed by `keys.parse_keys`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shunfu.channels.wechatpay.sandbox.beyond.state import Beyond
from shunfu.channels.wechatpay.sandbox.keys import Keys, Material, parse_keys
from shunfu.gateway.sandbox.till import Till

NOTIFY_KEYS = ("order", "public_key", "cert", "alternate", "rotated")
"""Which WeChat key signs notifications: the one that the order's request named, the public key, the platform
certificate, either of the two at random as in the days of a migration, or the certificate that follows the first."""


@dataclass(frozen=True, slots=True)
class Order:
    """One order as WeChat keeps it. `token` is its prepay_id, code_url or h5 ticket, issued at `token_ms`.

    A combined order is a whole that names its `parts` by number; a part names its `whole`. Neither is seen by the
    addresses of single orders. With `is_shared` the money stays frozen until it is shared or unfrozen. `appid` is the
    application that placed it, empty for the mini-program of older states.
    """

    number: str
    trade_type: str
    description: str
    notify_url: str
    total: int
    currency: str
    openid: str
    attach: str
    expires_ms: int
    fingerprint: str
    named_key: str
    token: str
    token_ms: int
    created_ms: int
    state: str = "NOTPAY"
    transaction_id: str = ""
    paid_ms: int = 0
    is_shared: bool = False
    whole: str = ""
    parts: tuple[str, ...] = ()
    appid: str = ""


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """One refund as WeChat keeps it. `fate` is how it will end by itself: SUCCESS, ABNORMAL or CLOSED."""

    number: str
    refund_id: str
    order_number: str
    transaction_id: str
    amount: int
    total: int
    reason: str
    notify_url: str
    fingerprint: str
    named_key: str
    created_ms: int
    fate: str
    state: str = "PROCESSING"
    channel: str = "ORIGINAL"
    account: str = "支付用户零钱"
    finished_ms: int = 0


@dataclass(frozen=True, slots=True)
class IssuedBill:
    """A bill that waits to be downloaded under its token, made when the token was."""

    token: str
    text: str = field(repr=False)
    is_packed: bool
    expires_ms: int


@dataclass(frozen=True, slots=True)
class State:
    """Everything the sandbox knows. `tokens` finds an order's number; `beyond` is all that is no single payment.

    `named_key` is the WeChat key that the merchant's last request named: what it tells of itself goes by that.
    """

    material: Material
    notify_key: str = "order"
    named_key: str = ""
    till: Till = field(default_factory=Till)
    orders: Mapping[str, Order] = field(default_factory=dict[str, Order])
    tokens: Mapping[str, str] = field(default_factory=dict[str, str])
    refunds: Mapping[str, RefundOrder] = field(default_factory=dict[str, RefundOrder])
    bills: Mapping[str, IssuedBill] = field(default_factory=dict[str, IssuedBill])
    beyond: Beyond = field(default_factory=Beyond)

    @property
    def keys(self) -> Keys:
        """The keys, parsed once for each material."""
        return parse_keys(self.material)

    def with_order(self, order: Order) -> State:
        """This state with one order put in place, and found by its token when it has one."""
        tokens = {**self.tokens, order.token: order.number} if order.token else self.tokens
        return replace(self, orders={**self.orders, order.number: order}, tokens=tokens)

    def with_refund(self, refund: RefundOrder) -> State:
        """This state with one refund put in place."""
        return replace(self, refunds={**self.refunds, refund.number: refund})

    def with_till(self, till: Till) -> State:
        """This state with another till."""
        return replace(self, till=till)

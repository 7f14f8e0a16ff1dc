"""The sandbox's state: one frozen value of texts, numbers and collections. Times are Unix ms. Must not know: HTTP.

The stage writes it as JSON and reads it back by its types, so keys are kept as texts and parsed by `keys.parse_keys`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shunfu.channels.unionpay.sandbox.keys import Keys, Material, parse_keys
from shunfu.gateway.sandbox.till import Till

PENDING, SUCCESS, FAILED, LATE, DEFECTIVE = "05", "00", "01", "69", "A6"
SESSIONS_KEPT = 1000
CODES_KEPT = 5000


@dataclass(frozen=True, slots=True)
class Order:
    """One payment as UnionPay keeps it. `door` is app, front or qr; `token` its tn or the address of its QR code.

    `origin` is where the order's browser found the sandbox; `code` is the outcome so far.
    """

    number: str
    txn_time: str
    door: str
    txn_sub: str
    biz_type: str
    amount: int
    description: str
    back_url: str
    front_url: str
    origin: str
    reserved: str
    sign_method: str
    encoding: str
    fingerprint: str
    token: str
    created_ms: int
    expires_ms: int
    code: str = PENDING
    query_id: str = ""
    trace_no: str = ""
    paid_ms: int = 0

    @property
    def key(self) -> str:
        """What tells transactions of one merchant apart."""
        return key_of(self.number, self.txn_time)

    @property
    def is_paid(self) -> bool:
        """Whether money moved."""
        return bool(self.query_id)


@dataclass(frozen=True, slots=True)
class Return:
    """One refund (04) or undo (31) as UnionPay keeps it. `fate` is the code with which it will end by itself."""

    number: str
    txn_time: str
    kind: str
    biz_type: str
    order_key: str
    order_number: str
    original_id: str
    amount: int
    back_url: str
    reserved: str
    sign_method: str
    encoding: str
    query_id: str
    trace_no: str
    created_ms: int
    fate: str = SUCCESS
    code: str = PENDING
    finished_ms: int = 0

    @property
    def key(self) -> str:
        """What tells transactions of one merchant apart."""
        return key_of(self.number, self.txn_time)


@dataclass(frozen=True, slots=True)
class Session:
    """What an accessToken of the open platform stands for; `phone` is empty without the shopper's consent to it."""

    open_id: str
    phone: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class State:
    """Everything that the sandbox knows. Orders and returns are by `number@txnTime`, sessions by accessToken."""

    material: Material
    orders: Mapping[str, Order] = field(default_factory=dict[str, Order])
    returns: Mapping[str, Return] = field(default_factory=dict[str, Return])
    till: Till = field(default_factory=Till)
    sessions: Mapping[str, Session] = field(default_factory=dict[str, Session])
    used_codes: tuple[str, ...] = ()

    @property
    def keys(self) -> Keys:
        """The material with its keys parsed."""
        return parse_keys(self.material)

    def with_order(self, order: Order) -> State:
        """The state with this order in it."""
        return replace(self, orders={**self.orders, order.key: order})

    def with_return(self, one: Return) -> State:
        """The state with this refund or undo in it."""
        return replace(self, returns={**self.returns, one.key: one})

    def with_session(self, token: str, session: Session, code: str) -> State:
        """The state after a code was exchanged for a token; it works no more."""
        sessions = dict([*self.sessions.items(), (token, session)][-SESSIONS_KEPT:])
        return replace(self, sessions=sessions, used_codes=(*self.used_codes, code)[-CODES_KEPT:])

    def order_numbered(self, number: str) -> Order | None:
        """The newest order of this number."""
        return next((one for one in reversed(list(self.orders.values())) if one.number == number), None)

    def order_with_token(self, token: str) -> Order | None:
        """The order whose tn or QR address this is."""
        return (
            next((one for one in reversed(list(self.orders.values())) if one.token == token), None) if token else None
        )

    def returns_of(self, order: Order) -> tuple[Return, ...]:
        """The refunds and undoes of an order that did not fail."""
        found = (one for one in self.returns.values() if one.order_key == order.key)
        return tuple(one for one in found if one.code in {PENDING, SUCCESS})


def key_of(number: str, txn_time: str) -> str:
    """The key of a transaction of the one merchant: orderId and txnTime."""
    return f"{number}@{txn_time}"

"""Money of a payment that is frozen for profit sharing: how much, and what a refund may take. Must not know: the wire.

Source: pay.weixin.qq.com, "分账": the base is what was paid less the fee; frozen for 30 days at most; at most 30
percent may be shared; money shared out must be taken back before it can be refunded.
"""

from __future__ import annotations

from shunfu.channels.wechatpay.sandbox.state import Order, State
from shunfu.gateway.sandbox.till import fee_of

FROZEN_MS = 30 * 86_400_000
MOST_PERCENT = 30


def is_frozen(state: State, order: Order, now_ms: int) -> bool:
    """Whether the order's money waits to be shared."""
    is_waiting = order.is_shared and bool(order.transaction_id) and order.number not in state.beyond.unfrozen
    return is_waiting and now_ms - order.paid_ms < FROZEN_MS


def shared(state: State, order: Order) -> int:
    """What was shared out of it or is about to be, less what came back."""
    orders = [row for row in state.beyond.sharings.values() if row.order_number == order.number]
    numbers = {row.number for row in orders}
    out = sum(share.amount for row in orders for share in row.shares if share.result != "CLOSED")
    returns = state.beyond.returns.values()
    return out - sum(row.amount for row in returns if row.sharing_number in numbers and row.result == "SUCCESS")


def frozen_rest(state: State, order: Order, now_ms: int, refunding: int = 0) -> int:
    """What of it is still frozen, after a further refund of so much; below zero where that asks for too much."""
    if not is_frozen(state, order, now_ms):
        return 0
    refunds = [one for one in state.refunds.values() if one.order_number == order.number and one.state != "CLOSED"]
    kept = order.total - sum(one.amount for one in refunds) - refunding
    return kept - fee_of(kept) - shared(state, order)


def can_refund(state: State, order: Order, amount: int, now_ms: int) -> bool:
    """Whether a refund of so much finds its money still frozen, or nothing is frozen and the balance decides."""
    return frozen_rest(state, order, now_ms, amount) >= 0


def unsplit(state: State, order: Order, now_ms: int) -> int:
    """What of it can still be shared."""
    base = order.total - fee_of(order.total)
    most = base * MOST_PERCENT // 100 - shared(state, order)
    return max(0, min(most, frozen_rest(state, order, now_ms)))


def frozen_total(state: State, now_ms: int) -> int:
    """All that is frozen of the merchant's balance."""
    return sum(max(0, frozen_rest(state, order, now_ms)) for order in state.orders.values() if order.is_shared)

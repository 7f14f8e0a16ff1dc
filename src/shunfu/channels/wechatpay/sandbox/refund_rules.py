"""What a refund must be like to be taken: shapes and business rules. Must not know: how refunds end.

Within one year of the payment, at most 50 for one order, one minute apart, together not more than was paid, and not
more than the merchant has. Source: pay.weixin.qq.com "申请退款", its notes and its table of errors.
"""

from __future__ import annotations

from collections.abc import Mapping

from shunfu.channels.wechatpay.sandbox.beyond.freezing import can_refund, frozen_total, is_frozen
from shunfu.channels.wechatpay.sandbox.orders import PAID_STATES, find_paid
from shunfu.channels.wechatpay.sandbox.routing import SignedCall
from shunfu.channels.wechatpay.sandbox.schema import NUMBER, Rule, is_fen, is_integer, is_list, matches, text
from shunfu.channels.wechatpay.sandbox.state import Order, RefundOrder, State
from shunfu.channels.wechatpay.sandbox.wire import Said, open_field, problem
from shunfu.gateway.reading import JsonObject
from shunfu.gateway.sandbox.till import fee_back

YEAR_MS = 365 * 86_400_000
GAP_MS = 60_000
REFUNDS_MAX = 50

_REFUND_NUMBER = Rule(matches(r"[0-9A-Za-z_\-|*@]{1,64}"), is_required=True)
_FROM: Mapping[str, Rule] = {
    "account": Rule(matches("AVAILABLE|UNAVAILABLE"), is_required=True),
    "amount": Rule(is_fen, is_required=True),
}
_AMOUNT: Mapping[str, Rule] = {
    "refund": Rule(is_fen, is_required=True),
    "total": Rule(is_integer, is_required=True),
    "currency": Rule(matches("CNY"), is_required=True),
    "from": Rule(item=_FROM),
}
REFUND: Mapping[str, Rule] = {
    "transaction_id": Rule(text(32)),
    "out_trade_no": Rule(matches(NUMBER)),
    "out_refund_no": _REFUND_NUMBER,
    "reason": Rule(text(80)),
    "notify_url": Rule(matches(r"https?://[^\s?#]{1,247}")),
    "funds_account": Rule(matches("AVAILABLE|UNSETTLED")),
    "amount": Rule(shape=_AMOUNT, is_required=True),
    "goods_detail": Rule(is_list),
}
ABNORMAL: Mapping[str, Rule] = {
    "out_refund_no": _REFUND_NUMBER,
    "type": Rule(matches("USER_BANK_CARD|MERCHANT_BANK_CARD"), is_required=True),
    "bank_type": Rule(text(16)),
    "bank_account": Rule(text(1024)),
    "real_name": Rule(text(1024)),
}


def find_order(state: State, body: JsonObject) -> Order | Said:
    """The paid order that a refund is of, by either number or both, or what is wrong."""
    transaction_id, number = body.get("transaction_id"), body.get("out_trade_no")
    if transaction_id is None and number is None:
        return _param_error("/out_trade_no", "缺少必填参数: transaction_id或out_trade_no")
    order = find_paid(state, str(transaction_id)) if transaction_id else state.orders.get(str(number))
    if order is None or order.parts or (number is not None and order.number != number):
        return problem(404, "RESOURCE_NOT_EXISTS", "订单号不存在", 268512771)
    if order.state not in PAID_STATES:
        return _invalid("订单状态错误，订单未支付")
    return order


def why_not_now(state: State, order: Order, amount: JsonObject, now_ms: int) -> Said | None:
    """Why this refund is not taken now, or None; `amount` is the body's, past its schema."""
    others = refunds_of(state, order.number)
    wanted = int(str(amount["refund"]))
    kept = sum(one.amount for one in others if one.state != "CLOSED")
    if amount["total"] != order.total:
        return _invalid("订单金额与原订单不一致")
    if now_ms - order.paid_ms > YEAR_MS:
        return _invalid("订单已超过可退款的最大期限，交易时间超过一年的订单无法提交退款")
    if kept + wanted > order.total:
        return _invalid("退款金额大于订单可退金额")
    if len(others) >= REFUNDS_MAX:
        return _invalid("部分退款次数超过上限：一个订单最多支持50次部分退款")
    if others and now_ms - max(one.created_ms for one in others) < GAP_MS:
        return problem(429, "FREQUENCY_LIMITED", "同一订单的多次退款需间隔1分钟", 268447840)
    return None if _has_funds(state, order, wanted, now_ms) else not_enough()


def _has_funds(state: State, order: Order, wanted: int, now_ms: int) -> bool:
    """Frozen money is refunded out of what is frozen, other money out of what is free."""
    if is_frozen(state, order, now_ms):
        return can_refund(state, order, wanted, now_ms)
    kept = sum(one.amount for one in refunds_of(state, order.number) if one.state != "CLOSED")
    free = state.till.balance_minor - set_aside(state) - frozen_total(state, now_ms)
    return wanted - fee_back(order.total, kept, wanted) <= free


def why_not_abnormal(state: State, known: RefundOrder, body: JsonObject, call: SignedCall) -> Said | None:
    """Why an abnormal refund cannot go another way, or None: card and name are sealed for the key that is named."""
    if known.state != "ABNORMAL":
        return _invalid("退款单状态不是退款异常，不能发起异常退款")
    if body["type"] == "MERCHANT_BANK_CARD":
        return None
    for name in ("bank_type", "bank_account", "real_name"):
        if name not in body:
            return _param_error(f"/{name}", f"缺少必填参数: {name}")
    if not call.named_key:
        return _param_error("Wechatpay-Serial", "缺少Wechatpay-Serial")
    for name in ("bank_account", "real_name"):
        if open_field(state.keys, call.named_key, str(body[name])) is None:
            return _param_error(f"/{name}", "敏感信息解密失败，请检查加密所用的微信支付公钥")
    return None


def refunds_of(state: State, order_number: str) -> tuple[RefundOrder, ...]:
    """Every refund of an order, oldest first."""
    return tuple(one for one in state.refunds.values() if one.order_number == order_number)


def set_aside(state: State) -> int:
    """The money that refunds wait for, less the fees that will come back with them."""
    going = [one for one in state.refunds.values() if one.state in {"PROCESSING", "ABNORMAL"}]
    return sum(_cost(state, number) for number in {one.order_number for one in going})


def not_enough() -> Said:
    """403: the merchant has not enough money, and nothing was taken."""
    return problem(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起", 268435461)


def _cost(state: State, order_number: str) -> int:
    """What the waiting refunds of one order will cost, whichever of them ends first."""
    known = refunds_of(state, order_number)
    done = sum(one.amount for one in known if one.state == "SUCCESS")
    waiting = sum(one.amount for one in known if one.state in {"PROCESSING", "ABNORMAL"})
    return waiting - fee_back(known[0].total, done, waiting)


def _invalid(words: str) -> Said:
    return problem(400, "INVALID_REQUEST", words, 268435461)


def _param_error(field: str, words: str) -> Said:
    return problem(400, "PARAM_ERROR", words, 268435461, field=field, issue=words, location="body")

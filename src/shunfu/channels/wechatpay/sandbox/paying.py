"""An order is paid: the till books it, and the merchant is told. Must not know: who pays how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from shunfu.channels.wechatpay.sandbox.beyond.contents import combined_content
from shunfu.channels.wechatpay.sandbox.letters import Event, tell
from shunfu.channels.wechatpay.sandbox.state import Order, State
from shunfu.gateway.sandbox.till import Movement, fee_of
from shunfu.gateway.sandbox.values import At, Letter, Step, beijing

STATE_WORDS = {"NOTPAY": "订单未支付", "SUCCESS": "支付成功", "CLOSED": "订单已关闭", "REFUND": "转入退款"}
NOBODY = "oSandboxShopper0000000000000"


def pay(state: State, order: Order, at: At) -> Step[State]:
    """The order paid, or each part of a combined one; one letter tells of it."""
    for number in order.parts:
        state = _booked(state, _paid(state.orders[number], at), at)
    paid = _paid(order, at)
    state = state.with_order(replace(paid, transaction_id="")) if order.parts else _booked(state, paid, at)
    return Step(state, _told(state, state.orders[order.number], at))


def transaction(state: State, order: Order) -> dict[str, object]:
    """The order as the query replies it and the notification encrypts it; paid facts only when paid."""
    shown: dict[str, object] = {
        "appid": order.appid or state.material.appid,
        "mchid": state.material.mchid,
        "out_trade_no": order.number,
        "trade_state": order.state,
        "trade_state_desc": STATE_WORDS[order.state],
        "promotion_detail": [],
    }
    if not order.transaction_id:
        amount: Mapping[str, object] = {"total": order.total, "currency": order.currency, "payer_currency": "CNY"}
        return {**shown, "amount": amount, "payer": {}}
    money = {"total": order.total, "payer_total": order.total, "currency": "CNY", "payer_currency": "CNY"}
    return {
        **shown,
        "transaction_id": order.transaction_id,
        "trade_type": order.trade_type,
        "bank_type": "OTHERS",
        "attach": order.attach,
        "success_time": beijing(order.paid_ms).isoformat(timespec="seconds"),
        "payer": {"openid": order.openid or NOBODY},
        "amount": money,
    }


def _paid(order: Order, at: At) -> Order:
    """Paid, with a transaction number of 28 digits that begins with 4200."""
    head, tail = at.digits(6, "transaction", order.number), at.digits(10, "transaction tail", order.number)
    number = f"4200{head}{at.beijing:%Y%m%d}{tail}"
    return replace(order, state="SUCCESS", transaction_id=number, paid_ms=at.business_ms)


def _booked(state: State, paid: Order, at: At) -> State:
    movement = Movement(
        at.business_ms, "payment", paid.number, paid.transaction_id, paid.total, fee_of(paid.total)
    )  # fmt: skip
    return state.with_order(paid).with_till(state.till.book(movement))


def _told(state: State, paid: Order, at: At) -> tuple[Letter, ...]:
    content = combined_content(state, paid) if paid.parts else transaction(state, paid)
    event = Event(
        "TRANSACTION.SUCCESS", paid.number, paid.notify_url, "transaction", "支付成功", content,
        amount_minor=paid.total, key=paid.named_key,
    )  # fmt: skip
    return tell(event, at)

"""Money at the sandbox: a trade paid, a refund carried out, what a query and a notification say of both.

Must not know: signatures, bytes. Source: opendocs "异步通知说明", alipay.trade.query, alipay.trade.refund.
"""

from __future__ import annotations

import json
from dataclasses import replace

from shunfu.channels.alipay.sandbox.asked import clock, yuan
from shunfu.channels.alipay.sandbox.state import State, Trade, TradeRefund
from shunfu.gateway.sandbox.till import Movement, fee_back, fee_of
from shunfu.gateway.sandbox.values import At, Letter, Step, Timer
from shunfu.gateway.scenario import payment_twist

SHOPPER = "074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5"
"""The open_id of the shopper whom the sandbox knows, in the shape of Alipay's."""
LOGON_ID = "san***@sandbox.example"
YEAR_SECONDS = 365 * 86400


def paid(state: State, trade: Trade, at: At) -> Step[State]:
    """The trade paid now: the money less the fee is the seller's, and the seller is told."""
    done = replace(trade, status="TRADE_SUCCESS", paid_ms=at.business_ms, buyer=trade.buyer or SHOPPER)
    movement = Movement(at.business_ms, "payment", trade.number, trade.trade_no, trade.total, fee_of(trade.total))
    state = state.with_trade(done).booked(movement)
    return Step(state, _letters(state, done, at), (Timer(f"finish/{trade.number}", YEAR_SECONDS),))


def has_no_money(trade: Trade) -> bool:
    """Whether the book of amounts says that the shopper cannot pay this."""
    return payment_twist(trade.total) == "no_balance"


def refund_movement(trade: Trade, amount: int, names: tuple[str, str], at_ms: int) -> Movement:
    """A refund's movement with the fee that comes back; `names` are our number of it and the channel's."""
    fee = fee_back(trade.total, trade.refunded, amount)
    return Movement(at_ms, "refund", trade.number, trade.trade_no, -amount, -fee, names[0], names[1])


def refunded(state: State, refund: TradeRefund, at: At) -> Step[State]:
    """The refund done now: the money has left, and the trade is closed once nothing of it remains."""
    trade = state.trades[refund.number]
    movement = refund_movement(trade, refund.amount, (refund.request_no, refund.request_no), at.business_ms)
    done = replace(refund, status="SUCCESS", finished_ms=at.business_ms)
    trade = replace(trade, refunded=trade.refunded + refund.amount)
    if trade.refunded == trade.total:
        trade = replace(trade, status="TRADE_CLOSED", closed_ms=at.business_ms)
    state = state.with_trade(trade).with_refund(done).booked(movement)
    return Step(state, _letters(state, trade, at, done))


def trade_fields(trade: Trade) -> dict[str, object]:
    """A trade as alipay.trade.query tells it."""
    shown: dict[str, object] = {
        "buyer_logon_id": LOGON_ID,
        **_buyer(trade, "buyer_user_id"),
        "out_trade_no": trade.number,
        "trade_no": trade.trade_no,
        "trade_status": trade.status,
        "total_amount": yuan(trade.total),
        "subject": trade.subject,
    }
    amount = yuan(trade.total if trade.paid_ms else 0)
    shown |= {"receipt_amount": amount, "buyer_pay_amount": amount, "invoice_amount": amount, "point_amount": "0.00"}
    if trade.paid_ms:
        shown["send_pay_date"] = clock(trade.paid_ms)
        shown["fund_bill_list"] = [{"fund_channel": "ALIPAYACCOUNT", "amount": amount}]
    return shown


def _buyer(trade: Trade, name: str) -> dict[str, object]:
    buyer = trade.buyer or SHOPPER
    return {name: buyer} if buyer.startswith("2088") else {"buyer_open_id": buyer}


def _letters(state: State, trade: Trade, at: At, refund: TradeRefund | None = None) -> tuple[Letter, ...]:
    """What the seller is told, when an address was given for it: payments and refunds, nothing else by default."""
    if not trade.notify_url:
        return ()
    amount = yuan(trade.total)
    bills = [{"amount": amount, "fundChannel": "ALIPAYACCOUNT"}]
    label = refund.request_no if refund else "payment"
    notify_id = (
        f"{at.beijing:%Y%m%d}00222{at.digits(15, 'notify', trade.number, label)}{at.draw('id', label).hex()[:8]}"
    )
    content: dict[str, object] = {
        "notify_type": "trade_status_sync",
        "notify_id": notify_id,
        "charset": trade.charset,
        "version": "1.0",
        "sign_type": trade.sign_type,
        "app_id": trade.app_id,
        "auth_app_id": trade.app_id,
        "trade_no": trade.trade_no,
        "out_trade_no": trade.number,
        **_buyer(trade, "buyer_id"),
        "buyer_logon_id": LOGON_ID,
        "seller_id": state.material.seller_id,
        "trade_status": trade.status,
        "total_amount": amount,
        "receipt_amount": amount,
        "invoice_amount": amount,
        "buyer_pay_amount": amount,
        "point_amount": "0.00",
        "subject": trade.subject,
        "body": trade.body,
        "gmt_create": clock(trade.created_ms),
        "gmt_payment": clock(trade.paid_ms),
        "fund_bill_list": json.dumps(bills, separators=(",", ":")),
        "passback_params": trade.passback_params,
        **(_refund_fields(trade, refund) if refund else {}),
    }
    text = json.dumps({name: value for name, value in content.items() if value}, ensure_ascii=False)
    kind = trade.status if refund is None else f"{trade.status} refund"
    return (Letter(notify_id, trade.number, kind, trade.notify_url, text, trade.total if refund is None else 0),)


def _refund_fields(trade: Trade, refund: TradeRefund) -> dict[str, object]:
    """`refund_fee` is the sum of the trade's refunds, not this one's own."""
    closed = {"gmt_close": clock(trade.closed_ms)} if trade.closed_ms else {}
    moment = f"{clock(refund.finished_ms)}.{refund.finished_ms % 1000:03d}"
    return {"out_biz_no": refund.request_no, "refund_fee": yuan(trade.refunded), "gmt_refund": moment, **closed}

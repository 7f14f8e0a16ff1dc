"""Refunds at the sandbox. Must not know: signatures, bytes.

Source: opendocs alipay.trade.refund and alipay.trade.fastpay.refund.query. What Alipay answers to a refund within three
seconds of the last is not written anywhere; the sandbox holds it off as a call that comes too often.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

from shunfu.channels.alipay.sandbox.asked import Asked, Done, Said, clock, failed, invalid, parse_yuan, yuan
from shunfu.channels.alipay.sandbox.paying import LOGON_ID, refund_movement, refunded
from shunfu.channels.alipay.sandbox.state import State, Trade, TradeRefund, refund_key
from shunfu.channels.alipay.sandbox.trades import find
from shunfu.gateway.faults import Faults
from shunfu.gateway.sandbox.values import At, Step, Timer
from shunfu.gateway.scenario import SLOW_REFUND_SECONDS, refund_twist

GAP_MS = 3000

_REQUEST_NO = re.compile(r"[0-9A-Za-z_.-]{1,64}", re.ASCII)


def refund(state: State, asked: Asked) -> Done:
    """alipay.trade.refund: one refund a number; the same number and amount again is told as it stands, N."""
    trade, amount = find(state, asked), parse_yuan(asked.text("refund_amount"))
    if isinstance(trade, Said):
        return Done(state, trade)
    if not amount:
        return Done(state, invalid("refund_amount"))
    request_no = asked.text("out_request_no") or (trade.number if amount == trade.total else "")
    if _REQUEST_NO.fullmatch(request_no) is None:
        return Done(state, invalid("部分退款时out_request_no必填"))
    old = state.refunds.get(refund_key(trade.number, request_no))
    if old:
        is_same = old.amount == amount
        words = failed("ACQ.DISCORDANT_REPEAT_REQUEST", "请求信息不一致")
        return Done(state, _told(trade, old, "N") if is_same else words)
    why = _why_not(state, trade, amount, asked.at)
    if why:
        return Done(state, why)
    made = TradeRefund(
        request_no, trade.number, amount, asked.text("refund_reason"), "PROCESSING", asked.at.business_ms
    )
    return _carried_out(state.with_trade(replace(trade, refund_asked_ms=asked.at.business_ms)), made, asked)


def _why_not(state: State, trade: Trade, amount: int, at: At) -> Said | None:
    match trade.status:
        case "WAIT_BUYER_PAY":
            return failed("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
        case "TRADE_CLOSED":
            return failed("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")
        case "TRADE_FINISHED":
            return failed("ACQ.TRADE_HAS_FINISHED", "交易已完结")
        case _:
            pass
    pending = sum(
        one.amount for one in state.refunds.values() if one.number == trade.number and one.status == "PROCESSING"
    )
    if amount > trade.total - trade.refunded - pending:
        return failed("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限")
    if at.business_ms - trade.refund_asked_ms < GAP_MS:
        return Said(code="40005", sub_code="isv.method-call-limited", sub_msg="同一笔交易多次退款需间隔3秒以上")
    move = refund_movement(trade, amount, ("", ""), at.business_ms)
    is_poor = state.till.balance_minor + move.amount_minor - move.fee_minor < 0
    if is_poor or refund_twist(amount) == "no_balance":
        return failed("ACQ.SELLER_BALANCE_NOT_ENOUGH", "卖家余额不足")
    return None


def _carried_out(state: State, made: TradeRefund, asked: Asked) -> Done:
    """At once, unless the book of amounts or a fault of the tester's says otherwise."""
    twist, faults = _twist(made, asked.faults)
    if twist in {"abnormal", "closed"}:
        state = state.with_refund(replace(made, status="FAILED", finished_ms=asked.at.business_ms))
        return Done(state, _told(state.trades[made.number], made, "N"), faults=faults)
    if twist == "slow":
        timers = (Timer(f"refund/{made.number}/{made.request_no}", SLOW_REFUND_SECONDS),)
        state = state.with_refund(made)
        return Done(state, _told(state.trades[made.number], made, "N"), timers=timers, faults=faults)
    step = refunded(state, made, asked.at)
    done = step.state.refunds[refund_key(made.number, made.request_no)]
    said = _told(step.state.trades[made.number], done, "Y")
    if twist == "system_error":
        said = failed("ACQ.SYSTEM_ERROR", "系统错误")
    return Done(step.state, said, step.letters, faults=faults)


def _twist(made: TradeRefund, faults: Faults) -> tuple[str, Faults | None]:
    if faults.refund_abnormal:
        return "abnormal", replace(faults, refund_abnormal=max(faults.refund_abnormal - 1, -1))
    if faults.refund_closed:
        return "closed", replace(faults, refund_closed=max(faults.refund_closed - 1, -1))
    return refund_twist(made.amount), None


def _told(trade: Trade, refund: TradeRefund, fund_change: str) -> Said:
    """`refund_fee` is what the trade has given back in all."""
    fields: dict[str, object] = {
        "out_trade_no": trade.number,
        "trade_no": trade.trade_no,
        "buyer_logon_id": LOGON_ID,
        "fund_change": fund_change,
        "refund_fee": yuan(trade.refunded),
        "send_back_fee": yuan(refund.amount if refund.status == "SUCCESS" else 0),
    }
    if fund_change == "Y":
        fields["gmt_refund_pay"] = clock(refund.finished_ms)
    return Said(fields)


def query(state: State, asked: Asked) -> Done:
    """alipay.trade.fastpay.refund.query: one that is not done has no status, an unknown one no fields."""
    trade, request_no = find(state, asked), asked.text("out_request_no")
    if isinstance(trade, Said):
        return Done(state, trade)
    if not request_no:
        return Done(state, invalid("out_request_no"))
    found = state.refunds.get(refund_key(trade.number, request_no))
    if found is None:
        return Done(state, Said())
    fields: dict[str, object] = {
        "out_trade_no": trade.number,
        "trade_no": trade.trade_no,
        "out_request_no": request_no,
        "refund_amount": yuan(found.amount),
        "total_amount": yuan(trade.total),
        "refund_reason": found.reason,
    }
    if found.status == "SUCCESS":
        fields["refund_status"] = "REFUND_SUCCESS"
        if "gmt_refund_pay" in json.dumps(asked.biz.get("query_options", "")):
            fields["gmt_refund_pay"] = clock(found.finished_ms)
    return Done(state, Said({name: value for name, value in fields.items() if value}))


def finish(state: State, key: str, at: At) -> Step[State] | None:
    """The refund of this key done now, or None when it is not going on."""
    found = state.refunds.get(key)
    return refunded(state, found, at) if found and found.status == "PROCESSING" else None

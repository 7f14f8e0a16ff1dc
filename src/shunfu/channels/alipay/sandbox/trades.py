"""Trades at the sandbox: placed, asked for, closed, cancelled. Must not know: signatures, bytes, pages.

Source: opendocs alipay.trade.create, .precreate, .page.pay, .wap.pay, .app.pay, .query, .close, .cancel.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace

from shunfu.channels.alipay.sandbox.asked import Asked, Done, Said, failed, invalid, parse_clock, parse_yuan
from shunfu.channels.alipay.sandbox.paying import paid, refund_movement, trade_fields
from shunfu.channels.alipay.sandbox.state import State, Trade
from shunfu.gateway.sandbox.values import Timer
from shunfu.gateway.scenario import payment_twist

CREATE, PRECREATE = "alipay.trade.create", "alipay.trade.precreate"
PAGES: Mapping[str, str] = {
    "alipay.trade.page.pay": "FAST_INSTANT_TRADE_PAY",
    "alipay.trade.wap.pay": "QUICK_WAP_WAY QUICK_WAP_PAY",
    "alipay.trade.app.pay": "QUICK_MSECURITY_PAY",
}
LIFE_MS = 15 * 86_400_000
CLOSES_ITSELF_SECONDS = 60

_NUMBER = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)
_TIMEOUT = re.compile(r"([1-9][0-9]{0,4})([mhdc])", re.ASCII)
_UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "c": 86_400_000}
_USER_ID = re.compile(r"2088[0-9]{12}", re.ASCII)


def place(state: State, asked: Asked) -> Done:
    """alipay.trade.create, .precreate, and what opens a page: a new trade, or the same one for the same parameters."""
    why = _why_malformed(asked)
    if why:
        return Done(state, why)
    trade = _new_trade(asked)
    twist = payment_twist(trade.total)
    if twist == "too_many":
        return Done(state, Said(code="40005", sub_code="isv.method-call-limited", sub_msg="接口调用频率超限"))
    old = state.trades.get(trade.number)
    if old:
        old = old.at(asked.at.business_ms)
        why = _why_not_again(old, trade)
        return Done(state, why or _placed(old))
    if twist == "refused":
        return Done(state, failed("ACQ.BEYOND_PAY_RESTRICTION", "商户收款额度超限"))
    if twist == "system_error":
        return Done(state, failed("ACQ.SYSTEM_ERROR", "系统错误"))
    if trade.expires_ms <= asked.at.business_ms:
        return Done(state, failed("ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR", "当前时间已超过最晚付款时间"))
    return _taken(state, trade, asked, twist)


def _taken(state: State, trade: Trade, asked: Asked, twist: str) -> Done:
    timers = (Timer(f"expire/{trade.number}", (trade.expires_ms - asked.at.business_ms) / 1000),)
    state, said = state.with_trade(trade), _placed(trade)
    if twist == "closes_itself":
        timers = (Timer(f"close/{trade.number}", CLOSES_ITSELF_SECONDS),)
    if twist == "pays_itself":
        step = paid(state, trade, asked.at)
        return Done(step.state, said, step.letters, (*timers, *step.timers))
    return Done(state, said, timers=timers, is_lost=twist == "reply_lost")


def query(state: State, asked: Asked) -> Done:
    """alipay.trade.query: 10000 only means that the asking worked."""
    trade = find(state, asked)
    return Done(state, trade if isinstance(trade, Said) else Said(trade_fields(trade)))


def close(state: State, asked: Asked) -> Done:
    """alipay.trade.close: only what waits for its buyer."""
    trade = find(state, asked)
    if isinstance(trade, Said):
        return Done(state, trade)
    if trade.status != "WAIT_BUYER_PAY":
        return Done(state, failed("ACQ.TRADE_STATUS_ERROR", "交易状态不合法"))
    closed = replace(trade, status="TRADE_CLOSED", closed_ms=asked.at.business_ms)
    return Done(state.with_trade(closed), Said({"out_trade_no": trade.number, "trade_no": trade.trade_no}))


def cancel(state: State, asked: Asked) -> Done:
    """alipay.trade.cancel: closes what is not paid, gives back what is; what does not exist is no error."""
    trade = find(state, asked)
    if isinstance(trade, Said):
        if trade.sub_code != "ACQ.TRADE_NOT_EXIST":
            return Done(state, trade)
        return Done(state, Said({"out_trade_no": asked.text("out_trade_no"), "retry_flag": "N"}))
    names = {"out_trade_no": trade.number, "trade_no": trade.trade_no, "retry_flag": "N"}
    closed = replace(trade, status="TRADE_CLOSED", closed_ms=asked.at.business_ms)
    match trade.status:
        case "WAIT_BUYER_PAY" | "TRADE_CLOSED":
            state = state.with_trade(closed) if trade.status == "WAIT_BUYER_PAY" else state
            return Done(state, Said({**names, "action": "refund" if trade.paid_ms else "close"}))
        case "TRADE_SUCCESS" if not trade.refunded and asked.at.business_ms - trade.paid_ms <= 86_400_000:
            back = refund_movement(trade, trade.total, ("", f"cancel{trade.trade_no}"), asked.at.business_ms)
            if state.till.balance_minor + back.amount_minor - back.fee_minor < 0:
                return Done(state, failed("ACQ.SELLER_BALANCE_NOT_ENOUGH", "商户的支付宝账户中无足够的资金进行撤销"))
            state = state.booked(back).with_trade(replace(closed, refunded=trade.total))
            return Done(state, Said({**names, "action": "refund"}))
        case "TRADE_SUCCESS":
            return Done(state, failed("ACQ.CANCEL_NOT_ALLOWED", "不允许撤销"))
        case _:
            return Done(state, failed("ACQ.TRADE_HAS_FINISHED", "交易已经结束"))


def find(state: State, asked: Asked) -> Trade | Said:
    """The trade that a call is about as it is now; `trade_no` wins over `out_trade_no`."""
    trade_no, number = asked.text("trade_no"), asked.text("out_trade_no")
    if not (trade_no or number):
        return invalid("out_trade_no和trade_no不能同时为空")
    trade = state.trades.get(state.numbers.get(trade_no, "") if trade_no else number)
    return trade.at(asked.at.business_ms) if trade else failed("ACQ.TRADE_NOT_EXIST", "交易不存在")


def _why_malformed(asked: Asked) -> Said | None:
    number, subject = asked.text("out_trade_no"), asked.text("subject")
    if _NUMBER.fullmatch(number) is None:
        return invalid("out_trade_no")
    if not parse_yuan(asked.text("total_amount")):
        return invalid("total_amount")
    if not 0 < len(subject) <= 256 or set(subject) & set("/=&"):
        return invalid("subject")
    if len(asked.text("body")) > 128 or (asked.text("enable_pay_channels") and asked.text("disable_pay_channels")):
        return invalid("body, enable_pay_channels")
    parts = [parse_yuan(asked.text(name)) for name in ("discountable_amount", "undiscountable_amount")]
    if all(parts) and sum(parts) != parse_yuan(asked.text("total_amount")):
        return invalid("discountable_amount")
    if not _expires_ms(asked):
        return invalid("time_expire, timeout_express")
    return _why_wrong_product(asked)


def _why_wrong_product(asked: Asked) -> Said | None:
    product, buyer_id = asked.text("product_code"), asked.text("buyer_id")
    if asked.method in PAGES:
        return None if product in PAGES[asked.method].split() else invalid("product_code")
    if asked.method == PRECREATE:
        return None
    if product == "JSAPI_PAY" and not asked.text("op_app_id"):
        return invalid("op_app_id")
    if not (buyer_id or asked.text("buyer_open_id")):
        return invalid("buyer_id和buyer_open_id不能同时为空")
    return invalid("buyer_id") if buyer_id and _USER_ID.fullmatch(buyer_id) is None else None


def _expires_ms(asked: Asked) -> int:
    """`time_expire` wins over `timeout_express`; without either fifteen days; 0 when malformed."""
    time_expire, timeout = asked.text("time_expire"), asked.text("timeout_express")
    if time_expire:
        return min(parse_clock(time_expire), asked.at.business_ms + LIFE_MS)
    if not timeout:
        return asked.at.business_ms + LIFE_MS
    found = _TIMEOUT.fullmatch(timeout)
    wait_ms = int(found.group(1)) * _UNITS_MS[found.group(2)] if found else 0
    return asked.at.business_ms + wait_ms if 60_000 <= wait_ms <= LIFE_MS else 0


def _new_trade(asked: Asked) -> Trade:
    at, text = asked.at, json.dumps(asked.biz, sort_keys=True, ensure_ascii=False)
    fingerprint = hashlib.sha256(f"{asked.method} {text}".encode("utf-8", "replace")).hexdigest()
    token = at.draw("qr").hex()[:24]
    return Trade(
        number=asked.text("out_trade_no"),
        trade_no=f"{at.beijing:%Y%m%d}22001{at.digits(15, 'trade')}",
        scene=asked.method,
        app_id=asked.app_id,
        total=parse_yuan(asked.text("total_amount")),
        subject=asked.text("subject"),
        body=asked.text("body"),
        buyer=asked.text("buyer_open_id") or asked.text("buyer_id"),
        notify_url=asked.params.get("notify_url") or asked.text("notify_url"),
        return_url=asked.params.get("return_url") or asked.text("return_url"),
        charset=asked.charset,
        sign_type=asked.sign_type,
        passback_params=asked.text("passback_params"),
        fingerprint=fingerprint,
        qr_code=f"https://qr.alipay.com/bax{token}" if asked.method == PRECREATE else "",
        created_ms=at.business_ms,
        expires_ms=_expires_ms(asked),
    )


def _why_not_again(old: Trade, again: Trade) -> Said | None:
    if old.status in {"TRADE_SUCCESS", "TRADE_FINISHED"}:
        return failed("ACQ.TRADE_HAS_SUCCESS", "交易已被支付")
    if old.status == "TRADE_CLOSED":
        return failed("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")
    if old.fingerprint != again.fingerprint:
        return failed("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改")
    return None


def _placed(trade: Trade) -> Said:
    if trade.scene == PRECREATE:
        return Said({"out_trade_no": trade.number, "qr_code": trade.qr_code})
    return Said({"out_trade_no": trade.number, "trade_no": trade.trade_no})

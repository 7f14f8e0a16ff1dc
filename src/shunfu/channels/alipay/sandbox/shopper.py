"""What the shopper does at the payment sheet, and how a browser gets there. Must not know: HTML, sockets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

from shunfu.channels.alipay.sandbox.asked import Said
from shunfu.channels.alipay.sandbox.letters import back_url
from shunfu.channels.alipay.sandbox.paying import has_no_money, paid
from shunfu.channels.alipay.sandbox.state import State, Trade
from shunfu.channels.alipay.sandbox.wire import OURS, Parsed, biz_of, parse_texts, why_not
from shunfu.gateway.flow import Reply
from shunfu.gateway.sandbox.values import Act, At, PlacedOrder, Sheet, Step

PROBLEMS = {
    "trade_unknown": {"zh-CN": "没有这笔交易。", "en": "There is no such trade."},
    "form_unsigned": {"zh-CN": "订单签名不正确。", "en": "The order's signature does not verify."},
    "form_not_opened": {
        "zh-CN": "订单尚未送达支付宝：请先用浏览器打开 gateway.do。",
        "en": "Alipay has not seen this order yet: open gateway.do with it first.",
    },
    "no_balance": {"zh-CN": "余额不足，没有扣款。", "en": "Not enough money. You were not charged."},
}


def lead_to_sheet(trade: Trade, query: str) -> Reply:
    """Send a browser on to the payment sheet, with what the stand-in's pages added to the address."""
    added = {name: value for name, value in parse_qsl(query, max_num_fields=500) if name in OURS}
    fields = {"channel": "alipay", "tradeNO": trade.trade_no, **added}
    return Reply(302, {"location": f"/sandbox/sheet?{urlencode(fields)}", "content-type": "text/html;charset=GBK"}, b"")


def open_sheet(state: State, fields: Mapping[str, str], at: At) -> Sheet:
    """Read what `my.tradePay`, the QR code, the app or a page's form was given."""
    token = next((fields[name] for name in ("tradeNO", "code_url", "qr_code") if fields.get(name)), "")
    if not token and (fields.get("orderStr") or fields.get("biz_content")):
        return _open_signed(state, fields, at)
    trade = state.trades.get(state.numbers.get(token, ""))
    return look(state, trade, at) if trade else Sheet(None, "invalid", "trade_unknown")


def _open_signed(state: State, fields: Mapping[str, str], at: At) -> Sheet:
    """An order string or a form by itself: the trade must be there already, for looking at a sheet makes none."""
    loose = {name: value for name, value in fields.items() if name not in {*OURS, "channel"}}
    parsed = parse_texts(fields["orderStr"]) if fields.get("orderStr") else Parsed(loose)
    if why_not(state.material, parsed):
        return Sheet(None, "invalid", "form_unsigned")
    biz = biz_of(state.material, parsed.params)
    trade = None if isinstance(biz, Said) else state.trades.get(str(biz.get("out_trade_no")))
    return look(state, trade, at) if trade else Sheet(None, "invalid", "form_not_opened")


def look(state: State, trade: Trade, at: At) -> Sheet:
    """Whether a trade can be paid now."""
    now = trade.at(at.business_ms)
    shown = placed(now)
    if now.paid_ms:
        return Sheet(shown, "paid", "already_paid", back_url(state.material, now, at))
    if now.status == "TRADE_CLOSED":
        is_late = trade.status == "WAIT_BUYER_PAY"
        condition, why = ("expired", "order_expired") if is_late else ("closed", "order_closed")
        return Sheet(shown, condition, why, trade.return_url)
    return Sheet(shown, "payable", None, trade.return_url)


def act(state: State, act: Act, at: At) -> tuple[Step[State], Sheet]:
    """Do it: only `pay` on a payable trade changes anything; the sheet tells the trade as it is afterwards."""
    trade = state.trades.get(act.number)
    if trade is None:
        return Step(state), Sheet(None, "invalid", "order_unknown")
    seen = look(state, trade, at)
    if seen.condition != "payable":
        return Step(state), seen
    if act.deed != "pay" or has_no_money(trade):
        return Step(state), replace(seen, problem="no_balance" if act.deed == "pay" else act.deed)
    step = paid(state, trade, at)
    done = step.state.trades[trade.number]
    return step, Sheet(placed(done), "paid", back_url=back_url(state.material, done, at))


def placed(trade: Trade) -> PlacedOrder:
    """The trade as the host and its testers see it."""
    return PlacedOrder(
        number=trade.number,
        trade_type=trade.scene,
        state=trade.status,
        amount_minor=trade.total,
        currency="CNY",
        description=trade.subject,
        notify_url=trade.notify_url,
        created_ms=trade.created_ms,
        expires_ms=trade.expires_ms,
        paid_ms=trade.paid_ms,
        transaction_no=trade.trade_no if trade.paid_ms else "",
    )

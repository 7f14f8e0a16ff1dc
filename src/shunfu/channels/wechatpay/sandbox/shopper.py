"""What the shopper does at the payment sheet: pay, cancel, wrong password, leave. Must not know: HTML, HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from shunfu.channels.wechatpay.sandbox.notify import announce
from shunfu.channels.wechatpay.sandbox.orders import placed, shanghai
from shunfu.channels.wechatpay.sandbox.state import Order, State, draw
from shunfu.channels.wechatpay.sandbox.wire import is_signed_by_merchant
from shunfu.gateway.sandbox import Act, Sheet

TOKEN_MS = 2 * 3600 * 1000


def open_sheet(state: State, fields: Mapping[str, str], now: datetime) -> Sheet:
    """Read what `wx.requestPayment` or the QR code gave: the paySign must be the merchant's, the token a live one."""
    token = fields.get("code_url") or _signed_token(state, fields)
    if token is None:
        return Sheet(None, "invalid", "pay_sign_wrong")
    order = state.orders.get(state.tokens.get(token, ""))
    if order is None:
        return Sheet(None, "invalid", "prepay_unknown")
    if order.token != token:
        return Sheet(placed(order), "expired", "code_replaced")
    return look(state, order, now)


def look(state: State, order: Order, now: datetime) -> Sheet:
    """Whether an order can be paid now: NOTPAY, before its time_expire, its token not older than two hours."""
    now_ms, shown = state.business_ms(now), placed(order)
    if order.state == "SUCCESS":
        return Sheet(shown, "paid", "already_paid")
    if order.state == "CLOSED":
        return Sheet(shown, "closed", "order_closed")
    if now_ms >= order.expires_ms:
        return Sheet(shown, "expired", "order_expired")
    if now_ms - order.token_ms >= TOKEN_MS:
        return Sheet(shown, "expired", "prepay_expired")
    return Sheet(shown, "payable")


def act(state: State, deed: Act, now: datetime, entropy: bytes) -> tuple[State, Sheet]:
    """Do it: only `pay` on a payable order changes anything; the sheet tells the order as it is afterwards."""
    order = state.orders.get(deed.number)
    if order is None:
        return state, Sheet(None, "invalid", "order_unknown")
    seen = look(state, order, now)
    if seen.condition != "payable":
        return state, seen
    if deed.deed != "pay":
        return state, replace(seen, problem=deed.deed)
    paid = _paid(order, state.business_ms(now), entropy)
    return announce(state.with_order(paid), paid, deed.faults, now), Sheet(placed(paid), "paid")


def _paid(order: Order, now_ms: int, entropy: bytes) -> Order:
    """Paid, with a transaction number of 28 digits that begins with 4200."""
    digits = f"{int.from_bytes(draw(entropy, 'transaction')[:8], 'big'):020d}"
    number = f"4200{digits[-6:]}{shanghai(now_ms):%Y%m%d}{digits[-16:-6]}"
    return replace(order, state="SUCCESS", transaction_id=number, paid_ms=now_ms)


def _signed_token(state: State, params: Mapping[str, str]) -> str | None:
    names = ("appId", "timeStamp", "nonceStr", "package")
    lines = [params.get(name, "") for name in names]
    package = lines[3]
    is_ours = params.get("appId") == state.keys.material.appid and params.get("signType") == "RSA"
    message = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
    if not is_ours or not package.startswith("prepay_id="):
        return None
    is_signed = is_signed_by_merchant(state.keys, message, params.get("paySign", ""))
    return package.removeprefix("prepay_id=") if is_signed else None

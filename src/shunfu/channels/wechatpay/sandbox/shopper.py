"""What the shopper does at the payment sheet: pay, cancel, wrong password, leave. Must not know: HTML, HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from shunfu.channels.wechatpay.sandbox.beyond import transfer_ends
from shunfu.channels.wechatpay.sandbox.orders import placed
from shunfu.channels.wechatpay.sandbox.paying import pay
from shunfu.channels.wechatpay.sandbox.state import Order, State
from shunfu.channels.wechatpay.sandbox.wire import is_signed_by_merchant
from shunfu.gateway.sandbox.values import Act, At, Sheet, Step
from shunfu.gateway.scenario import payment_twist

TOKEN_MS = 2 * 3600 * 1000
H5_MS = 5 * 60 * 1000


def open_sheet(state: State, fields: Mapping[str, str], at: At) -> Sheet:
    """Read what the client's invoke data gave: signatures must be the merchant's, the token a live one."""
    transfer = transfer_ends.find_sheet(state, fields)
    if transfer:
        return transfer
    token, back_url = _token(state, fields), ""
    if fields.get("url") or fields.get("h5"):
        token, back_url = _opened(fields)
    if token is None:
        return Sheet(None, "invalid", "pay_sign_wrong")
    order = state.orders.get(state.tokens.get(token, ""))
    if order is None:
        return Sheet(None, "invalid", "prepay_unknown")
    if order.token != token:
        return Sheet(placed(order), "expired", "code_replaced")
    return replace(look(order, at), back_url=back_url)


def look(order: Order, at: At) -> Sheet:
    """Whether an order can be paid now: NOTPAY, before its time_expire, its token not too old."""
    shown = placed(order)
    if order.state in {"SUCCESS", "REFUND"}:
        return Sheet(shown, "paid", "already_paid")
    if order.state == "CLOSED":
        return Sheet(shown, "closed", "order_closed")
    if at.business_ms >= order.expires_ms:
        return Sheet(shown, "expired", "order_expired")
    if at.business_ms - order.token_ms >= (H5_MS if order.trade_type == "MWEB" else TOKEN_MS):
        return Sheet(shown, "expired", "prepay_expired")
    return Sheet(shown, "payable")


def act(state: State, act: Act, at: At) -> tuple[Step[State], Sheet]:
    """Do it: only `pay` on a payable order changes anything; the sheet tells the order as it is afterwards."""
    done = transfer_ends.act(state, act, at)
    if done:
        return done
    order = state.orders.get(act.number)
    if order is None or order.whole:
        return Step(state), Sheet(None, "invalid", "order_unknown")
    seen = look(order, at)
    if seen.condition != "payable":
        return Step(state), seen
    if act.deed != "pay":
        return Step(state), replace(seen, problem=act.deed)
    if payment_twist(order.total) == "no_balance":
        return Step(state), replace(seen, problem="no_balance")
    step = pay(state, order, at)
    return step, Sheet(placed(step.state.orders[order.number]), "paid")


def _token(state: State, fields: Mapping[str, str]) -> str | None:
    """The token in what a QR code, `wx.requestPayment` or the app's SDK was given."""
    if fields.get("code_url"):
        return fields["code_url"]
    if fields.get("prepayid"):
        return _app_token(state, fields)
    package = fields.get("package", "")
    lines = [fields.get(name, "") for name in ("appId", "timeStamp", "nonceStr")]
    is_ours = fields.get("appId") == _appid_of(state, package) and fields.get("signType") == "RSA"
    if not is_ours or not package.startswith("prepay_id="):
        return None
    is_signed = _is_signed(state, (*lines, package), fields.get("paySign", ""))
    return package.removeprefix("prepay_id=") if is_signed else None


def _appid_of(state: State, package: str) -> str:
    """The application that placed the order in a package; a prepay_id opens in no other."""
    order = state.orders.get(state.tokens.get(package.removeprefix("prepay_id="), ""))
    return (order.appid if order else "") or state.material.appid


def _app_token(state: State, fields: Mapping[str, str]) -> str | None:
    """The app's fourth line is the bare prepay_id; partnerid and package are not signed but must be right."""
    is_ours = (fields.get("appid"), fields.get("partnerid")) == (state.material.appid, state.material.mchid)
    lines = [fields.get(name, "") for name in ("appid", "timestamp", "noncestr", "prepayid")]
    is_signed = _is_signed(state, tuple(lines), fields.get("sign", ""))
    return fields["prepayid"] if is_ours and is_signed and fields.get("package") == "Sign=WXPay" else None


def _opened(fields: Mapping[str, str]) -> tuple[str | None, str]:
    """The ticket of an h5_url, opened as it is or inside `url`, and where its redirect_url sends the browser."""
    opened = dict(fields)
    if "url" in fields:
        try:
            query = parse_qs(urlsplit(fields["url"]).query)
        except ValueError:
            return None, ""
        opened = {name: values[0] for name, values in query.items()}
    back_url = opened.get("redirect_url", "")
    return opened.get("h5"), back_url if back_url.startswith(("https://", "http://")) else ""


def _is_signed(state: State, lines: tuple[str, ...], signature: str) -> bool:
    message = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
    return is_signed_by_merchant(state.keys, message, signature)

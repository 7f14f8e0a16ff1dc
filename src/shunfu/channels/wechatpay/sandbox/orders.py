"""Orders at the sandbox: place, ask, close, by WeChat's business rules. Must not know: signatures, HTTP headers.

Source: pay.weixin.qq.com, "JSAPI/小程序下单", "Native下单", "H5下单", "APP下单", "商户订单号查询订单", "关闭订单" and
their error tables. Some amounts choose what happens: gateway/scenario.
"""

from __future__ import annotations

import json
import re
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from urllib.parse import unquote, urlencode

from shunfu.channels.wechatpay.sandbox.paying import pay, transaction
from shunfu.channels.wechatpay.sandbox.routing import Outcome, Route, SignedCall
from shunfu.channels.wechatpay.sandbox.schema import (
    APP,
    CLOSE,
    H5,
    JSAPI,
    NATIVE,
    Rule,
    fault_in,
    not_an_object,
)
from shunfu.channels.wechatpay.sandbox.state import Order, State
from shunfu.channels.wechatpay.sandbox.wire import Said, problem
from shunfu.gateway.reading import JsonObject, object_at, parse_object, parse_time
from shunfu.gateway.sandbox.values import At, PlacedOrder, Step, Timer, beijing
from shunfu.gateway.scenario import payment_twist

TRADE_TYPES = {"jsapi": "JSAPI", "native": "NATIVE", "h5": "MWEB", "app": "APP"}
SHAPES: Mapping[str, Mapping[str, Rule]] = {"JSAPI": JSAPI, "NATIVE": NATIVE, "MWEB": H5, "APP": APP}
CLOSES_ITSELF_SECONDS = 60.0
PAID_STATES = frozenset({"SUCCESS", "REFUND"})


def place(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """A new order or the same one again, in WeChat's order of checks: schema, permission, business."""
    trade_type, body = TRADE_TYPES[found.group(1)], parse_object(call.body)
    if body is None:
        return Outcome(state, not_an_object())
    wrong = fault_in(SHAPES[trade_type], body) or _not_permitted(state, body)
    if wrong:
        return Outcome(state, wrong)
    order = _new_order(trade_type, body, call)
    old = state.orders.get(order.number)
    if old is None:
        return _place_new(state, order, call)
    refused = _why_not_again(old, order)
    return Outcome(state, refused) if refused else _accept(state, _renewed(old, order), call)


def ask(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """The order as `transaction`, or 404 ORDER_NOT_EXIST."""
    order = state.orders.get(unquote(found.group(1)))
    is_single = order is not None and not order.whole and not order.parts
    return Outcome(state, _wrong_query(state, call) or _shown(state, order if is_single else None))


def ask_by_transaction(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """The paid order with WeChat's own number; unpaid ones have none."""
    order = find_paid(state, unquote(found.group(1)))
    is_single = order is not None and not order.whole
    return Outcome(state, _wrong_query(state, call) or _shown(state, order if is_single else None))


def close(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """204, again and again; 400 ORDERPAID when paid; 404 when there is no such order."""
    body = parse_object(call.body)
    if body is None:
        return Outcome(state, not_an_object())
    wrong = fault_in(CLOSE, body) or wrong_mchid(state, body["mchid"], "body")
    order = state.orders.get(unquote(found.group(1)))
    if wrong or order is None or order.whole or order.parts:
        return Outcome(state, wrong or no_order())
    if order.state in PAID_STATES:
        return Outcome(state, problem(400, "ORDERPAID", "该订单已支付", 268498689))
    return Outcome(state.with_order(replace(order, state="CLOSED")), Said(204))


def close_by_itself(state: State, number: str) -> Step[State]:
    """An order that is still unpaid is closed by WeChat itself, without a word."""
    order = state.orders.get(number)
    is_open = order is not None and order.state == "NOTPAY"
    return Step(state.with_order(replace(order, state="CLOSED")) if order and is_open else state)


def find_paid(state: State, transaction_id: str) -> Order | None:
    """The paid order, single or a part, with WeChat's own number."""
    return next((one for one in state.orders.values() if transaction_id and one.transaction_id == transaction_id), None)


def placed(order: Order) -> PlacedOrder:
    """The order as the host and its testers see it."""
    return PlacedOrder(
        number=order.number,
        trade_type=order.trade_type,
        state=order.state,
        amount_minor=order.total,
        currency=order.currency,
        description=order.description,
        notify_url=order.notify_url,
        created_ms=order.created_ms,
        expires_ms=order.expires_ms,
        paid_ms=order.paid_ms,
        transaction_no=order.transaction_id,
    )


def make_token(trade_type: str, at: At) -> str:
    """A prepay_id (`wx`, 14 digits of time, 20 characters) or a code_url; opaque to clients."""
    fresh = at.draw("token")
    if trade_type == "NATIVE":
        return f"weixin://wxpay/bizpayurl?pr={b32encode(fresh)[:9].decode()}"
    return f"wx{at.beijing:%Y%m%d%H%M%S}{fresh.hex()[:20]}"


def invoke_content(order: Order, base_url: str) -> dict[str, object]:
    """What the reply to an order gives for the client: prepay_id, code_url, or an h5_url that opens at the sandbox."""
    match order.trade_type:
        case "NATIVE":
            return {"code_url": order.token}
        case "MWEB":
            query = urlencode({"channel": "wechatpay", "h5": order.token})
            return {"h5_url": f"{base_url}/sandbox/sheet?{query}"}
        case _:
            return {"prepay_id": order.token}


def wrong_mchid(state: State, mchid: object, location: str) -> Said | None:
    """400 unless this is the merchant who signed."""
    if mchid == state.material.mchid:
        return None
    words = "Http头Authorization中的mchid与请求参数中的mchid不一致"
    return problem(400, "PARAM_ERROR", words, 268447843, field="mchid", value=mchid, issue=words, location=location)


def wrong_appid(state: State, appid: object) -> Said | None:
    """400 unless the appid is bound to the merchant."""
    if appid in state.material.appids:
        return None
    return problem(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配", 268445527)


def no_order() -> Said:
    """404 for a number that WeChat does not know."""
    return problem(404, "ORDER_NOT_EXIST", "订单不存在", 268512771)


def refused_by_amount(amount: int) -> Said | None:
    """What the book of amounts has WeChat say instead of taking an order, or None."""
    match payment_twist(amount):
        case "refused":
            return problem(403, "RULE_LIMIT", "当前交易存在风险，暂不支持", 268435461)
        case "system_error":
            return problem(500, "SYSTEM_ERROR", "系统异常，请稍后重试", 268435457)
        case "too_many":
            return problem(429, "FREQUENCY_LIMITED", "频率限制", 268447840)
        case _:
            return None


def settled_by_amount(accepted: Outcome, order: Order, call: SignedCall) -> Outcome:
    """A new order's further fate by the book of amounts: it pays itself, closes itself, or its reply gets lost."""
    match payment_twist(order.total):
        case "pays_itself":
            step = pay(accepted.state, order, call.at)
            return replace(accepted, state=step.state, letters=step.letters)
        case "closes_itself":
            return replace(accepted, timers=(Timer(f"close/{order.number}", CLOSES_ITSELF_SECONDS),))
        case "reply_lost":
            return replace(accepted, is_lost=True)
        case _:
            return accepted


def _place_new(state: State, order: Order, call: SignedCall) -> Outcome:
    refused = _late(order) if order.expires_ms <= call.now_ms else refused_by_amount(order.total)
    if refused:
        return Outcome(state, refused)
    return settled_by_amount(_accept(state, order, call), order, call)


def _new_order(trade_type: str, body: JsonObject, call: SignedCall) -> Order:
    amount, expires = object_at(body, "amount"), parse_time(body.get("time_expire"))
    text = json.dumps(body, sort_keys=True, ensure_ascii=False)
    return Order(
        number=str(body["out_trade_no"]),
        trade_type=trade_type,
        description=str(body["description"]),
        notify_url=str(body["notify_url"]),
        total=int(str(amount["total"])),
        currency="CNY",
        openid=str(object_at(body, "payer").get("openid", "")),
        appid=str(body["appid"]),
        attach=str(body.get("attach", "")),
        expires_ms=int(expires.timestamp() * 1000) if expires else call.now_ms + 7 * 86_400_000,
        fingerprint=sha256(text.encode()).hexdigest(),
        named_key=call.named_key,
        token=make_token(trade_type, call.at),
        token_ms=call.now_ms,
        created_ms=call.now_ms,
        is_shared=object_at(body, "settle_info").get("profit_sharing") is True,
    )


def _accept(state: State, order: Order, call: SignedCall) -> Outcome:
    return Outcome(state.with_order(order), Said(200, invoke_content(order, call.base_url)))


def _renewed(old: Order, again: Order) -> Order:
    """A code_url or h5_url is replaced by a new one; a prepay_id lives two more hours."""
    token = again.token if old.trade_type in {"NATIVE", "MWEB"} else old.token
    return replace(old, token=token, token_ms=again.token_ms, named_key=again.named_key)


def _why_not_again(old: Order, again: Order) -> Said | None:
    if old.trade_type != again.trade_type or old.whole or old.parts:
        return problem(403, "OUT_TRADE_NO_USED", "商户订单号重复", 268498688)
    if old.state in PAID_STATES:
        return problem(400, "ORDERPAID", "该订单已支付", 268449538)
    if old.state == "CLOSED":
        return problem(400, "ORDER_CLOSED", "该订单已关闭", 268447914)
    if old.fingerprint != again.fingerprint:
        return problem(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致", 268498688)
    return None


def _late(order: Order) -> Said:
    value = beijing(order.expires_ms).isoformat(timespec="seconds")
    words = "time_expire应晚于当前时间"
    return problem(
        400, "PARAM_ERROR", words, 268435461, field="/time_expire", value=value, issue=words, location="body"
    )


def _not_permitted(state: State, body: JsonObject) -> Said | None:
    return wrong_mchid(state, body["mchid"], "body") or wrong_appid(state, body["appid"])


def _wrong_query(state: State, call: SignedCall) -> Said | None:
    given = call.query.get("mchid", [])
    if len(given) == 1:
        return wrong_mchid(state, given[0], "query")
    words = "缺少必填参数: mchid"
    return problem(400, "PARAM_ERROR", words, 268435461, field="mchid", issue=words, location="query")


def _shown(state: State, order: Order | None) -> Said:
    return Said(200, transaction(state, order)) if order else no_order()


_OUT_TRADE_NO = "/v3/pay/transactions/out-trade-no/([^/]+)"
ROUTES = (
    Route("POST", "/v3/pay/transactions/(jsapi|native|h5|app)", place),
    Route("GET", _OUT_TRADE_NO, ask),
    Route("GET", "/v3/pay/transactions/id/([^/]+)", ask_by_transaction),
    Route("POST", f"{_OUT_TRADE_NO}/close", close),
)

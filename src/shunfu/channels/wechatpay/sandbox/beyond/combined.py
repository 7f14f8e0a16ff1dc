"""Combined orders at the sandbox: place, ask, close. Must not know: signatures, HTTP headers, who pays.

Source: pay.weixin.qq.com, "合单下单", "合单查询订单", "合单关闭订单": 2 to 10 parts of one merchant, all or none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import cast
from urllib.parse import unquote

from shunfu.channels.wechatpay.sandbox.beyond.contents import combined_content
from shunfu.channels.wechatpay.sandbox.orders import (
    PAID_STATES,
    TRADE_TYPES,
    invoke_content,
    make_token,
    no_order,
    refused_by_amount,
    settled_by_amount,
    wrong_appid,
    wrong_mchid,
)
from shunfu.channels.wechatpay.sandbox.routing import Outcome, Route, SignedCall
from shunfu.channels.wechatpay.sandbox.schema import (
    H5_INFO,
    NUMBER,
    Rule,
    fault_in,
    is_fen,
    is_flag,
    is_list,
    is_time,
    matches,
    not_an_object,
    text,
)
from shunfu.channels.wechatpay.sandbox.state import Order, State
from shunfu.channels.wechatpay.sandbox.wire import Said, problem
from shunfu.gateway.reading import JsonObject, object_at, parse_object, parse_time

WEEK_MS = 7 * 86_400_000
_SUB_ORDER: Mapping[str, Rule] = {
    "mchid": Rule(text(32), is_required=True),
    "attach": Rule(text(128), is_required=True),
    "amount": Rule(
        shape={"total_amount": Rule(is_fen, is_required=True), "currency": Rule(matches("CNY"), is_required=True)},
        is_required=True,
    ),
    "out_trade_no": Rule(matches(NUMBER), is_required=True),
    "description": Rule(text(127), is_required=True),
    "detail": Rule(text(6000)),
    "goods_tag": Rule(text(32)),
    "settle_info": Rule(shape={"profit_sharing": Rule(is_flag)}),
}
_OPENID = {"openid": Rule(matches(r"[0-9A-Za-z_\-]{1,128}"), is_required=True)}
_SCENE: Mapping[str, Rule] = {"payer_client_ip": Rule(text(45), is_required=True), "device_id": Rule(text(16))}
_ORDER: Mapping[str, Rule] = {
    "combine_appid": Rule(text(32), is_required=True),
    "combine_mchid": Rule(text(32), is_required=True),
    "combine_out_trade_no": Rule(matches(NUMBER), is_required=True),
    "scene_info": Rule(shape=_SCENE),
    "sub_orders": Rule(item=_SUB_ORDER, shortest=2, longest=10, is_required=True),
    "combine_payer_info": Rule(shape=_OPENID),
    "time_start": Rule(is_time),
    "time_expire": Rule(is_time),
    "notify_url": Rule(matches(r"https?://[^\s?#]{1,247}"), is_required=True),
    "limit_pay": Rule(is_list),
}
_SHAPES: Mapping[str, Mapping[str, Rule]] = {
    "JSAPI": {**_ORDER, "combine_payer_info": Rule(shape=_OPENID, is_required=True)},
    "NATIVE": _ORDER,
    "APP": _ORDER,
    "MWEB": {
        **_ORDER,
        "scene_info": Rule(shape={**_SCENE, "h5_info": Rule(shape=H5_INFO, is_required=True)}, is_required=True),
    },
}
_CLOSE_PART: Mapping[str, Rule] = {
    "mchid": Rule(text(32), is_required=True),
    "out_trade_no": Rule(matches(NUMBER), is_required=True),
}
_CLOSE: Mapping[str, Rule] = {
    "combine_appid": Rule(text(32), is_required=True),
    "sub_orders": Rule(item=_CLOSE_PART, shortest=1, longest=10, is_required=True),
}


def place(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """A new combined order or the same one again, in WeChat's order of checks."""
    trade_type, body = TRADE_TYPES[found.group(1)], parse_object(call.body)
    if body is None:
        return Outcome(state, not_an_object())
    wrong = fault_in(_SHAPES[trade_type], body) or _not_permitted(state, body)
    if wrong:
        return Outcome(state, wrong)
    whole, parts = _orders(trade_type, body, call)
    old = state.orders.get(whole.number)
    if old:
        refused = _why_not_again(old, whole)
        return Outcome(state, refused) if refused else _accept(state, _renewed(old, whole), call)
    refused = _why_not(state, whole, parts, call)
    if refused:
        return Outcome(state, refused)
    for part in parts:
        state = state.with_order(part)
    return settled_by_amount(_accept(state, whole, call), whole, call)


def ask(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """The combined order with its parts, or 404 ORDER_NOT_EXIST."""
    del call
    whole = _whole(state, found)
    return Outcome(state, Said(200, combined_content(state, whole)) if whole else no_order())


def close(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """204, again and again, when exactly its parts are named; 400 ORDERPAID when paid."""
    body = parse_object(call.body)
    if body is None:
        return Outcome(state, not_an_object())
    wrong = fault_in(_CLOSE, body) or wrong_appid(state, body["combine_appid"])
    whole = _whole(state, found)
    if wrong or whole is None:
        return Outcome(state, wrong or no_order())
    named = [(str(part["mchid"]), str(part["out_trade_no"])) for part in _subs(body)]
    if sorted(named) != sorted((state.material.mchid, number) for number in whole.parts):
        return Outcome(state, problem(400, "INVALID_REQUEST", "子单信息与合单下单时不一致", 268435461))
    if whole.state in PAID_STATES:
        return Outcome(state, problem(400, "ORDERPAID", "该订单已支付", 268498689))
    for number in whole.parts:
        state = state.with_order(replace(state.orders[number], state="CLOSED"))
    return Outcome(state.with_order(replace(whole, state="CLOSED")), Said(204))


def _whole(state: State, found: re.Match[str]) -> Order | None:
    order = state.orders.get(unquote(found.group(1)))
    return order if order and order.parts else None


def _subs(body: JsonObject) -> list[JsonObject]:
    return cast("list[JsonObject]", body["sub_orders"])


def _not_permitted(state: State, body: JsonObject) -> Said | None:
    wrong = wrong_mchid(state, body["combine_mchid"], "body") or wrong_appid(state, body["combine_appid"])
    if wrong or all(part["mchid"] == state.material.mchid for part in _subs(body)):
        return wrong
    return problem(400, "APPID_MCHID_NOT_MATCH", "子单商户号与合单appid未绑定", 268445527)


def _orders(trade_type: str, body: JsonObject, call: SignedCall) -> tuple[Order, list[Order]]:
    """The whole and its parts. A part has no token: it is never paid alone."""
    expires, subs = parse_time(body.get("time_expire")), _subs(body)
    amounts = [int(str(object_at(part, "amount")["total_amount"])) for part in subs]
    whole = Order(
        number=str(body["combine_out_trade_no"]),
        trade_type=trade_type,
        description=str(subs[0]["description"]),
        notify_url=str(body["notify_url"]),
        total=sum(amounts),
        currency="CNY",
        openid=str(object_at(body, "combine_payer_info").get("openid", "")),
        appid=str(body["combine_appid"]),
        attach="",
        expires_ms=int(expires.timestamp() * 1000) if expires else call.now_ms + WEEK_MS,
        fingerprint=sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest(),
        named_key=call.named_key,
        token=make_token(trade_type, call.at),
        token_ms=call.now_ms,
        created_ms=call.now_ms,
        parts=tuple(str(part["out_trade_no"]) for part in subs),
    )
    return whole, [_part(whole, part, amount) for part, amount in zip(subs, amounts, strict=True)]


def _part(whole: Order, sub: JsonObject, amount: int) -> Order:
    return replace(
        whole,
        number=str(sub["out_trade_no"]),
        description=str(sub["description"]),
        attach=str(sub["attach"]),
        total=amount,
        token="",
        is_shared=object_at(sub, "settle_info").get("profit_sharing") is True,
        whole=whole.number,
        parts=(),
    )


def _why_not(state: State, whole: Order, parts: list[Order], call: SignedCall) -> Said | None:
    numbers = [part.number for part in parts]
    if len({whole.number, *numbers}) != len(parts) + 1:
        return problem(400, "PARAM_ERROR", "子单商户订单号重复", 268435461, field="/sub_orders", location="body")
    if any(number in state.orders for number in numbers):
        return problem(403, "OUT_TRADE_NO_USED", "商户订单号重复", 268498688)
    if whole.expires_ms <= call.now_ms:
        return problem(
            400, "PARAM_ERROR", "time_expire应晚于当前时间", 268435461, field="/time_expire", location="body"
        )
    return refused_by_amount(whole.total)


def _why_not_again(old: Order, again: Order) -> Said | None:
    if not old.parts or old.trade_type != again.trade_type:
        return problem(403, "OUT_TRADE_NO_USED", "商户订单号重复", 268498688)
    if old.state in PAID_STATES:
        return problem(400, "ORDERPAID", "该订单已支付", 268449538)
    if old.state == "CLOSED":
        return problem(400, "ORDER_CLOSED", "该订单已关闭", 268447914)
    if old.fingerprint != again.fingerprint:
        return problem(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致", 268498688)
    return None


def _renewed(old: Order, again: Order) -> Order:
    token = again.token if old.trade_type in {"NATIVE", "MWEB"} else old.token
    return replace(old, token=token, token_ms=again.token_ms, named_key=again.named_key)


def _accept(state: State, whole: Order, call: SignedCall) -> Outcome:
    return Outcome(state.with_order(whole), Said(200, invoke_content(whole, call.base_url)))


_ORDERS = "/v3/combine-transactions"
ROUTES = (
    Route("POST", f"{_ORDERS}/(jsapi|native|h5|app)", place),
    Route("GET", f"{_ORDERS}/out-trade-no/([^/]+)", ask),
    Route("POST", f"{_ORDERS}/out-trade-no/([^/]+)/close", close),
)

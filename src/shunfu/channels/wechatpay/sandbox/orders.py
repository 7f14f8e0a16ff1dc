"""Orders at the sandbox: place, ask, close, by WeChat's business rules. Must not know: signatures, HTTP headers.

Source: pay.weixin.qq.com, "JSAPI/小程序下单", "Native下单", "商户订单号查询订单", "关闭订单" and their error tables.
"""

from __future__ import annotations

import json
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from typing import TypeAlias
from urllib.parse import parse_qs

from shunfu.channels.wechatpay.reading import JsonObject, object_at, parse_object, parse_time
from shunfu.channels.wechatpay.sandbox.schema import CLOSE, JSAPI, NATIVE, fault_in
from shunfu.channels.wechatpay.sandbox.state import Order, State, draw
from shunfu.channels.wechatpay.sandbox.wire import Said, problem
from shunfu.gateway.sandbox import PlacedOrder

SHANGHAI = timezone(timedelta(hours=8))
STATE_WORDS = {"NOTPAY": "订单未支付", "SUCCESS": "支付成功", "CLOSED": "订单已关闭", "REFUND": "转入退款"}

Outcome: TypeAlias = tuple[State, Said]


@dataclass(frozen=True, slots=True)
class Call:
    """One signed request, past its signature: raw query, body, and the key that it names for the reply."""

    query: str
    body: bytes
    named_key: str
    now_ms: int
    entropy: bytes


def place(state: State, trade_type: str, call: Call) -> Outcome:
    """A new order or the same one again, in WeChat's order of checks: schema, permission, business."""
    body = parse_object(call.body)
    if body is None:
        return state, problem(400, "PARAM_ERROR", "请求体不是合法的JSON对象", 268435461)
    wrong = fault_in(JSAPI if trade_type == "JSAPI" else NATIVE, body) or _not_permitted(state, body)
    if wrong:
        return state, wrong
    order = _new_order(trade_type, body, call)
    old = state.orders.get(order.number)
    if old is None:
        return _accept(state, order) if not _is_late(order, call) else (state, _late(order))
    refused = _why_not_again(old, order)
    return (state, refused) if refused else _accept(state, _renewed(old, order))


def ask(state: State, number: str, call: Call) -> Outcome:
    """The order as `transaction`, or 404 ORDER_NOT_EXIST."""
    return state, _wrong_query(state, call) or _shown(state, state.orders.get(number))


def ask_by_transaction(state: State, transaction_id: str, call: Call) -> Outcome:
    """The paid order with WeChat's own number; unpaid ones have none."""
    found = next((one for one in state.orders.values() if one.transaction_id == transaction_id), None)
    return state, _wrong_query(state, call) or _shown(state, found)


def close(state: State, number: str, call: Call) -> Outcome:
    """204, again and again; 400 ORDERPAID when paid; 404 when there is no such order."""
    body = parse_object(call.body)
    if body is None:
        return state, problem(400, "PARAM_ERROR", "请求体不是合法的JSON对象", 268435461)
    wrong = fault_in(CLOSE, body) or _wrong_mchid(state, body["mchid"], "body")
    order = state.orders.get(number)
    if wrong or order is None:
        return state, wrong or _no_order()
    if order.state == "SUCCESS":
        return state, problem(400, "ORDERPAID", "该订单已支付", 268498689)
    return state.with_order(replace(order, state="CLOSED")), Said(204)


def transaction(state: State, order: Order) -> dict[str, object]:
    """The order as the query replies it and the notification encrypts it; paid facts only when paid."""
    material = state.keys.material
    shown: dict[str, object] = {
        "appid": material.appid,
        "mchid": material.mchid,
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
        "success_time": shanghai(order.paid_ms).isoformat(timespec="seconds"),
        "payer": {"openid": order.openid or "oSandboxShopper0000000000000"},
        "amount": money,
    }


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


def shanghai(moment_ms: int) -> datetime:
    """Unix milliseconds as a time at +08:00, the way WeChat writes times."""
    return datetime.fromtimestamp(moment_ms / 1000, SHANGHAI)


def _new_order(trade_type: str, body: JsonObject, call: Call) -> Order:
    amount, expires = object_at(body, "amount"), parse_time(body.get("time_expire"))
    text = json.dumps(body, sort_keys=True, ensure_ascii=False)
    number = str(body["out_trade_no"])
    return Order(
        number=number,
        trade_type=trade_type,
        description=str(body["description"]),
        notify_url=str(body["notify_url"]),
        total=int(str(amount["total"])),
        currency="CNY",
        openid=str(object_at(body, "payer").get("openid", "")),
        attach=str(body.get("attach", "")),
        expires_ms=int(expires.timestamp() * 1000) if expires else call.now_ms + 7 * 86_400_000,
        fingerprint=sha256(text.encode()).hexdigest(),
        named_key=call.named_key,
        token=_token(trade_type, call),
        token_ms=call.now_ms,
        created_ms=call.now_ms,
    )


def _token(trade_type: str, call: Call) -> str:
    """A prepay_id (`wx`, 14 digits of time, 20 characters) or a code_url; opaque to clients."""
    fresh = draw(call.entropy, "token")
    if trade_type == "NATIVE":
        return f"weixin://wxpay/bizpayurl?pr={b32encode(fresh)[:9].decode()}"
    return f"wx{shanghai(call.now_ms):%Y%m%d%H%M%S}{fresh.hex()[:20]}"


def _accept(state: State, order: Order) -> Outcome:
    name = "code_url" if order.trade_type == "NATIVE" else "prepay_id"
    return state.with_order(order), Said(200, {name: order.token})


def _renewed(old: Order, again: Order) -> Order:
    """A code_url is replaced by a new one; a prepay_id lives two more hours."""
    token = again.token if old.trade_type == "NATIVE" else old.token
    return replace(old, token=token, token_ms=again.token_ms, named_key=again.named_key)


def _why_not_again(old: Order, again: Order) -> Said | None:
    if old.trade_type != again.trade_type:
        return problem(403, "OUT_TRADE_NO_USED", "商户订单号重复", 268498688)
    if old.state == "SUCCESS":
        return problem(400, "ORDERPAID", "该订单已支付", 268449538)
    if old.state == "CLOSED":
        return problem(400, "ORDER_CLOSED", "该订单已关闭", 268447914)
    if old.fingerprint != again.fingerprint:
        return problem(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致", 268498688)
    return None


def _is_late(order: Order, call: Call) -> bool:
    return order.expires_ms <= call.now_ms


def _late(order: Order) -> Said:
    value = shanghai(order.expires_ms).isoformat(timespec="seconds")
    words = "time_expire应晚于当前时间"
    return problem(
        400, "PARAM_ERROR", words, 268435461, field="/time_expire", value=value, issue=words, location="body"
    )


def _not_permitted(state: State, body: JsonObject) -> Said | None:
    wrong = _wrong_mchid(state, body["mchid"], "body")
    if wrong or body["appid"] == state.keys.material.appid:
        return wrong
    return problem(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配", 268445527)


def _wrong_mchid(state: State, mchid: object, location: str) -> Said | None:
    if mchid == state.keys.material.mchid:
        return None
    words = "Http头Authorization中的mchid与请求参数中的mchid不一致"
    return problem(400, "PARAM_ERROR", words, 268447843, field="mchid", value=mchid, issue=words, location=location)


def _wrong_query(state: State, call: Call) -> Said | None:
    given = parse_qs(call.query, keep_blank_values=True).get("mchid", [])
    if len(given) == 1:
        return _wrong_mchid(state, given[0], "query")
    words = "缺少必填参数: mchid"
    return problem(400, "PARAM_ERROR", words, 268435461, field="mchid", issue=words, location="query")


def _shown(state: State, order: Order | None) -> Said:
    return Said(200, transaction(state, order)) if order else _no_order()


def _no_order() -> Said:
    return problem(404, "ORDER_NOT_EXIST", "订单不存在", 268512771)

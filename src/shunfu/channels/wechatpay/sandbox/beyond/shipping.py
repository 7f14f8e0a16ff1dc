"""The platform's addresses for shipping information: upload, ask, list, remind. Must not know: tokens, signatures.

Source: developers.weixin.qq.com, "小程序发货信息管理服务". What was shipped completely can be told anew once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

from shunfu.channels.wechatpay.sandbox.beyond.bodies import fingerprint
from shunfu.channels.wechatpay.sandbox.beyond.shipped import (
    EXPRESS,
    RECEIVED,
    REFUNDED,
    SHIPPED,
    confirm_seconds,
    order_state,
    shown,
)
from shunfu.channels.wechatpay.sandbox.beyond.shipping_rules import No, find_order, read_parcels, read_time
from shunfu.channels.wechatpay.sandbox.beyond.state import ParcelRow, ShippingRow
from shunfu.channels.wechatpay.sandbox.orders import find_paid
from shunfu.channels.wechatpay.sandbox.state import Order, State
from shunfu.gateway.reading import JsonObject, integer_at, object_at
from shunfu.gateway.sandbox.values import Step, Timer

PAGE_MAX = 100
FARTHEST_SECONDS = (1 << 32) - 1
OK: Mapping[str, object] = {"errcode": 0, "errmsg": "ok"}


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a platform's call: the next step, and what to say."""

    step: Step[State]
    said: Mapping[str, object]


Serve: TypeAlias = Callable[[State, JsonObject, int], Done]


def refused(state: State, no: No) -> Done:
    """An errcode, and nothing done."""
    return Done(Step(state), {"errcode": no.errcode, "errmsg": no.words})


def upload(state: State, body: JsonObject, now_ms: int) -> Done:
    """How one payment's goods go out."""
    order = find_order(state, object_at(body, "order_key"), now_ms)
    uploaded_ms = read_time(body)
    if isinstance(order, No) or isinstance(uploaded_ms, No):
        return refused(state, order if isinstance(order, No) else cast("No", uploaded_ms))
    wrong = _wrong_payer(order, body)
    step = wrong or _ship(state, order, body, uploaded_ms)
    return refused(state, step) if isinstance(step, No) else Done(step, OK)


def upload_combined(state: State, body: JsonObject, now_ms: int) -> Done:
    """How a combined order's goods go out, all that are named or none."""
    whole = find_order(state, object_at(body, "order_key"), now_ms, is_whole=True)
    uploaded_ms, subs = read_time(body), _objects(body, "sub_orders")
    if isinstance(whole, No) or isinstance(uploaded_ms, No) or not subs:
        first = next((one for one in (whole, uploaded_ms) if isinstance(one, No)), No(47001, "data format error"))
        return refused(state, first)
    wrong, step, seen = _wrong_payer(whole, body), Step(state), set[str]()
    for sub in subs:
        found = wrong or _wrong_kind(body, sub) or _part(step.state, whole, sub, now_ms)
        if isinstance(found, No) or found.number in seen:
            return refused(state, found if isinstance(found, No) else No(10060013, "子单单号重复"))
        seen.add(found.number)
        told = _ship(step.state, found, sub, uploaded_ms)
        if isinstance(told, No):
            return refused(state, told)
        step = Step(told.state, timers=(*step.timers, *told.timers))
    return Done(step, OK)


def ask(state: State, body: JsonObject, now_ms: int) -> Done:
    """What is known of one payment."""
    order = _named(state, body, now_ms)
    return refused(state, order) if isinstance(order, No) else Done(Step(state), {**OK, "order": shown(state, order)})


def list_orders(state: State, body: JsonObject, now_ms: int) -> Done:
    """Many payments, oldest first; `last_index` says how many were told before."""
    del now_ms
    span, size = object_at(body, "pay_time_range"), body.get("page_size", PAGE_MAX)
    begin, end = span.get("begin_time", 0), span.get("end_time", FARTHEST_SECONDS)
    after = str(body.get("last_index") or "0")
    if type(size) is not int or type(begin) is not int or type(end) is not int or not _is_index(after):
        return refused(state, No(47001, "data format error"))
    paid = [order for order in state.orders.values() if order.transaction_id and begin <= order.paid_ms // 1000 <= end]
    wanted = [order for order in paid if _is_wanted(state, order, body)]
    first, last = int(after), int(after) + max(1, min(size, PAGE_MAX))
    rows = [shown(state, order) for order in wanted[first:last]]
    has_more = last < len(wanted)
    said = {**OK, "order_list": rows, "has_more": has_more, "last_index": str(last) if has_more else ""}
    return Done(Step(state), said)


def remind(state: State, body: JsonObject, now_ms: int) -> Done:
    """The shopper is reminded to confirm; express only, once a payment."""
    order = _named(state, body, now_ms)
    if isinstance(order, No):
        return refused(state, order)
    row = state.beyond.shipments.get(order.number)
    if type(body.get("received_time")) is not int:
        return refused(state, No(10060014, "参数错误: received_time"))
    if row is None or row.state != SHIPPED or row.logistics != EXPRESS or row.is_reminded:
        return refused(state, No(10060004, "支付单处于不可提醒收货的状态"))
    beyond = state.beyond.with_shipment(replace(row, is_reminded=True))
    return Done(Step(replace(state, beyond=beyond)), OK)


def is_managed(state: State, body: JsonObject, now_ms: int) -> Done:
    """This mini-program always is."""
    del now_ms
    is_ours = body.get("appid") == state.material.appid
    return (
        Done(Step(state), {**OK, "is_trade_managed": True}) if is_ours else refused(state, No(40013, "invalid appid"))
    )


def is_confirmed(state: State, body: JsonObject, now_ms: int) -> Done:
    """And has confirmed its management."""
    del now_ms
    is_ours = body.get("appid") == state.material.appid
    return Done(Step(state), {**OK, "completed": True}) if is_ours else refused(state, No(40013, "invalid appid"))


def set_path(state: State, body: JsonObject, now_ms: int) -> Done:
    """Where the platform's messages lead; taken and forgotten."""
    del now_ms
    is_sound = isinstance(body.get("path"), str)
    return Done(Step(state), OK) if is_sound else refused(state, No(47001, "data format error"))


def _ship(state: State, order: Order, body: JsonObject, uploaded_ms: int) -> Step[State] | No:
    parcels = read_parcels(body, uploaded_ms)
    if isinstance(parcels, No):
        return parcels
    old = state.beyond.shipments.get(order.number)
    row = _row(order, body, parcels, uploaded_ms)
    wrong = _why_not(state, order, old, row)
    if wrong:
        return wrong
    if row.is_finished:
        row = replace(row, finished_count=(old.finished_count if old else 0) + 1)
    timer = Timer(f"beyond/ship-confirm/{order.number}", confirm_seconds(row.logistics))
    state = replace(state, beyond=state.beyond.with_shipment(row))
    return Step(state, timers=(timer,) if row.is_finished else ())


def _why_not(state: State, order: Order, old: ShippingRow | None, row: ShippingRow) -> No | None:
    if order_state(state, order) == REFUNDED:
        return No(10060004, "支付单处于不可发货的状态")
    if old is None:
        return None
    if old.state >= RECEIVED:
        return No(10060002, "支付单已完成发货，无法继续发货")
    if old.fingerprint == row.fingerprint:
        return No(10060023, "发货信息未更新")
    if row.uploaded_ms <= old.uploaded_ms:
        return No(10060014, "参数错误: upload_time 必须比之前的请求更新")
    return No(10060003, "支付单已使用重新发货机会") if old.finished_count >= 2 else None


def _row(order: Order, body: JsonObject, parcels: tuple[ParcelRow, ...], uploaded_ms: int) -> ShippingRow:
    mode = integer_at(body, "delivery_mode") or 1
    told = {
        name: body[name]
        for name in ("logistics_type", "delivery_mode", "is_all_delivered", "shipping_list")
        if name in body
    }
    return ShippingRow(
        order_number=order.number,
        logistics=integer_at(body, "logistics_type") or EXPRESS,
        mode=mode,
        parcels=parcels,
        fingerprint=fingerprint(told),
        uploaded_ms=uploaded_ms,
        is_finished=mode == 1 or body.get("is_all_delivered") is True,
        finished_count=0,
    )


def _wrong_payer(order: Order, body: JsonObject) -> No | None:
    given = object_at(body, "payer").get("openid")
    if not isinstance(given, str):
        return No(47001, "data format error")
    return None if not order.openid or given == order.openid else No(10060031, "该笔支付单不属于 openid 所指定的用户")


def _wrong_kind(body: JsonObject, sub: JsonObject) -> No | None:
    whole, part = (object_at(one, "order_key").get("order_number_type") for one in (body, sub))
    return None if whole == part else No(268485253, "主单的订单单号类型与子单的单号类型不一致")


def _part(state: State, whole: Order, sub: JsonObject, now_ms: int) -> Order | No:
    order = find_order(state, object_at(sub, "order_key"), now_ms)
    return order if isinstance(order, No) or order.whole == whole.number else No(10060001, "支付单不存在")


def _named(state: State, body: JsonObject, now_ms: int) -> Order | No:
    if body.get("transaction_id"):
        order = find_paid(state, str(body["transaction_id"]))
        return order or No(10060001, "支付单不存在")
    if not body.get("merchant_id") or not body.get("merchant_trade_no"):
        return No(10060014, "请求参数非法")
    key = {"order_number_type": 1, "mchid": body["merchant_id"], "out_trade_no": body["merchant_trade_no"]}
    return find_order(state, key, now_ms)


def _is_wanted(state: State, order: Order, body: JsonObject) -> bool:
    wanted, openid = body.get("order_state"), body.get("openid")
    return (wanted is None or wanted == order_state(state, order)) and (not openid or openid == order.openid)


def _is_index(text: str) -> bool:
    return re.fullmatch("[0-9]{1,9}", text, re.ASCII) is not None


def _objects(body: JsonObject, name: str) -> list[JsonObject]:
    value = body.get(name)
    items = cast("list[object]", value) if isinstance(value, list) else []
    return cast("list[JsonObject]", items) if all(isinstance(item, dict) for item in items) else []


ADDRESSES: Mapping[str, Serve] = {
    "/wxa/sec/order/upload_shipping_info": upload,
    "/wxa/sec/order/upload_combined_shipping_info": upload_combined,
    "/wxa/sec/order/get_order": ask,
    "/wxa/sec/order/get_order_list": list_orders,
    "/wxa/sec/order/notify_confirm_receive": remind,
    "/wxa/sec/order/is_trade_managed": is_managed,
    "/wxa/sec/order/is_trade_management_confirmation_completed": is_confirmed,
    "/wxa/sec/order/set_msg_jump_path": set_path,
}

"""What shipping information must be like, error by error. Must not know: tokens, where it is kept.

Source: developers.weixin.qq.com, "发货信息录入接口" and its table of errcodes. Kinds are numbers: texts are 47001.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from shunfu.channels.wechatpay.sandbox.beyond.shipped import EXPRESS
from shunfu.channels.wechatpay.sandbox.beyond.state import ParcelRow
from shunfu.channels.wechatpay.sandbox.orders import find_paid
from shunfu.channels.wechatpay.sandbox.state import Order, State
from shunfu.gateway.reading import JsonObject, object_at, parse_time

PARCELS_MAX = 15
KNOWN_AFTER_MS = 2000
"""How long after its payment the platform does not know an order yet."""
GOODS_MAX, TRACKING_MAX, CARRIER_MAX = 120, 128, 128


@dataclass(frozen=True, slots=True)
class No:
    """An errcode and its words."""

    errcode: int
    words: str


def find_order(state: State, key: JsonObject, now_ms: int, *, is_whole: bool = False) -> Order | No:
    """The paid order that an order_key names, or 10060001."""
    kind = key.get("order_number_type")
    if type(kind) is not int:
        return No(47001, "data format error")
    if kind not in {1, 2}:
        return No(268485194, "订单单号类型非法")
    for name, errcode in (
        (("mchid", 268485196), ("out_trade_no", 268485197)) if kind == 1 else (("transaction_id", 268485195),)
    ):
        if not isinstance(key.get(name), str) or not key.get(name):
            return No(errcode, f"{name} 字段不能为空")
    order = _by_number(state, key) if kind == 1 else find_paid(state, str(key["transaction_id"]))
    is_known = order is not None and order.paid_ms > 0 and now_ms - order.paid_ms >= KNOWN_AFTER_MS
    if order is None or not is_known or bool(order.parts) != is_whole:
        return No(10060001, "支付单不存在")
    return order


def read_time(body: JsonObject) -> int | No:
    """upload_time in Unix ms."""
    given = body.get("upload_time")
    if not isinstance(given, str) or "T" not in given:
        return No(47001, "data format error")
    found = parse_time(given)
    return int(found.timestamp() * 1000) if found else No(268485216, "上传时间非法，请按照 RFC 3339 格式填写")


def read_parcels(body: JsonObject, uploaded_ms: int) -> tuple[ParcelRow, ...] | No:
    """The parcels of one order, or the first thing wrong with how it goes out."""
    logistics, mode, given = body.get("logistics_type"), body.get("delivery_mode"), body.get("shipping_list")
    if type(logistics) is not int or type(mode) is not int or not isinstance(given, list):
        return No(47001, "data format error")
    rows = cast("list[object]", given)
    wrong = _wrong_kind(logistics, mode, body) or _wrong_count(mode, len(rows))
    if wrong:
        return wrong
    parcels: list[ParcelRow] = []
    for row in rows:
        parcel = _parcel(cast("JsonObject", row), logistics, uploaded_ms) if isinstance(row, dict) else None
        if parcel is None or isinstance(parcel, No):
            return parcel or No(47001, "data format error")
        parcels.append(parcel)
    return tuple(parcels)


def _by_number(state: State, key: JsonObject) -> Order | None:
    is_ours = key["mchid"] == state.material.mchid
    return state.orders.get(str(key["out_trade_no"])) if is_ours else None


def _wrong_kind(logistics: int, mode: int, body: JsonObject) -> No | None:
    if logistics not in {1, 2, 3, 4}:
        return No(10060005, "物流类型有误")
    if mode not in {1, 2}:
        return No(268485224, "发货模式非法")
    if mode == 2 and logistics != EXPRESS:
        return No(10060006, "非快递发货时不允许分拆发货")
    if mode == 2 and not isinstance(body.get("is_all_delivered"), bool):
        return No(10060007, "分拆发货模式下必须填写 is_all_delivered 字段")
    return None


def _wrong_count(mode: int, count: int) -> No | None:
    if mode == 1 and count != 1:
        return No(268485228, "统一发货模式下，物流信息列表长度必须为 1")
    if count == 0:
        return No(10060014, "参数错误: shipping_list")
    return No(10060024, "物流信息列表太长") if count > PARCELS_MAX else None


def _parcel(row: JsonObject, logistics: int, uploaded_ms: int) -> ParcelRow | No:
    goods, tracking, carrier = (row.get(name, "") for name in ("item_desc", "tracking_no", "express_company"))
    if not isinstance(goods, str) or not isinstance(tracking, str) or not isinstance(carrier, str):
        return No(47001, "data format error")
    wrong = _wrong_texts(goods, tracking, carrier)
    if wrong is None and logistics == EXPRESS:
        wrong = _wrong_express(tracking, carrier, object_at(row, "contact"))
    return wrong or ParcelRow(goods, tracking, carrier, uploaded_ms)


def _wrong_texts(goods: str, tracking: str, carrier: str) -> No | None:
    if not goods:
        return No(10060008, "商品描述 item_desc 字段不能为空")
    if len(goods) > GOODS_MAX:
        return No(10060009, "商品描述 item_desc 字段太长")
    if len(carrier) > CARRIER_MAX:
        return No(10060025, "物流公司编码太长")
    return No(10060026, "物流单号太长") if len(tracking) > TRACKING_MAX else None


def _wrong_express(tracking: str, carrier: str, contact: JsonObject) -> No | None:
    if not tracking:
        return No(268485226, "物流单号不能为空")
    if not carrier:
        return No(268485227, "物流公司编码不能为空")
    needs = carrier == "SF" and not (contact.get("consignor_contact") or contact.get("receiver_contact"))
    return No(10060014, "参数错误: 顺丰必须填写联系方式") if needs else None

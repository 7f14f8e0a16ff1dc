"""What the platform knows of a payment's goods, how it tells it, and how time confirms them. Must not know: requests.

Source: developers.weixin.qq.com, "发货信息管理": express confirms itself after 10 days, all else after 2; the
payment is complete a day later.
"""

from __future__ import annotations

from dataclasses import replace

from shunfu.channels.wechatpay.sandbox.beyond.state import ShippingRow
from shunfu.channels.wechatpay.sandbox.paying import NOBODY
from shunfu.channels.wechatpay.sandbox.state import Order, State
from shunfu.gateway.sandbox.values import At, Step, Timer

EXPRESS = 1
COMPLETE_SECONDS = 86_400.0
TO_SHIP, SHIPPED, RECEIVED, COMPLETED, REFUNDED = 1, 2, 3, 4, 5


def confirm_seconds(logistics: int) -> float:
    """After how long goods count as received."""
    return (10 if logistics == EXPRESS else 2) * 86_400.0


def order_state(state: State, order: Order) -> int:
    """The platform's number for how far a payment's goods are."""
    refunds = [one for one in state.refunds.values() if one.order_number == order.number]
    if sum(one.amount for one in refunds if one.state == "SUCCESS") == order.total:
        return REFUNDED
    row = state.beyond.shipments.get(order.number)
    return row.state if row and row.is_finished else TO_SHIP


def shown(state: State, order: Order) -> dict[str, object]:
    """A payment as get_order and get_order_list tell it."""
    complaints = state.beyond.complaints.values()
    content: dict[str, object] = {
        "transaction_id": order.transaction_id,
        "merchant_trade_no": order.number,
        "merchant_id": state.material.mchid,
        "sub_merchant_id": "",
        "description": order.description,
        "paid_amount": order.total,
        "openid": order.openid or NOBODY,
        "trade_create_time": order.created_ms // 1000,
        "pay_time": order.paid_ms // 1000,
        "order_state": order_state(state, order),
        "in_complaint": any(one.order_number == order.number and one.state != "PROCESSED" for one in complaints),
    }
    row = state.beyond.shipments.get(order.number)
    return {**content, "shipping": _shipping(row)} if row else {**content, "shipping": {}}


def confirm_by_itself(state: State, number: str, at: At) -> Step[State]:
    """Nobody confirmed for long enough: the goods count as received."""
    row = state.beyond.shipments.get(number)
    if row is None or row.state != SHIPPED or not row.is_finished:
        return Step(state)
    row = replace(row, state=RECEIVED)
    del at
    timer = Timer(f"beyond/ship-complete/{number}", COMPLETE_SECONDS)
    return Step(replace(state, beyond=state.beyond.with_shipment(row)), timers=(timer,))


def complete_by_itself(state: State, number: str, at: At) -> Step[State]:
    """Received for a day: complete."""
    row = state.beyond.shipments.get(number)
    del at
    if row is None or row.state != RECEIVED:
        return Step(state)
    return Step(replace(state, beyond=state.beyond.with_shipment(replace(row, state=COMPLETED))))


def _shipping(row: ShippingRow) -> dict[str, object]:
    return {
        "delivery_mode": row.mode,
        "logistics_type": row.logistics,
        "finish_shipping": row.is_finished,
        "finish_shipping_count": row.finished_count,
        "goods_desc": ";".join(parcel.goods for parcel in row.parcels)[:120],
        "shipping_list": [
            {
                "tracking_no": parcel.tracking_no,
                "express_company": parcel.carrier,
                "goods_desc": parcel.goods,
                "upload_time": parcel.uploaded_ms // 1000,
            }
            for parcel in row.parcels
        ],
    }

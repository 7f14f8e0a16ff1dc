"""Shipping information 发货信息 at WeChat's open platform. Must not know: sockets, carriers, our states.

Source: developers.weixin.qq.com, "小程序发货信息管理服务" and its error table. Kinds are numbers on the wire; times are
RFC 3339 when we tell and Unix seconds when the platform does.
"""

from __future__ import annotations

from datetime import UTC, datetime

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.beyond.platform import Told, ask_platform, with_token
from shunfu.channels.wechatpay.beyond.reading import ID, money_at, objects_at
from shunfu.channels.wechatpay.settings import Settings
from shunfu.gateway.evidence import NotFound, Refused, RefusedReason, Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.login import PlatformToken
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import JsonObject, integer_at, object_at, text_at
from shunfu.gateway.shipping import (
    CombinedShipment,
    Logistics,
    Managed,
    ManagedAnswer,
    Parcel,
    Receipt,
    Shipment,
    ShippingAnswer,
    ShippingAsked,
    ShippingListAnswer,
    ShippingNotYet,
    ShippingPage,
    ShippingReport,
    ShippingState,
    ShippingTaken,
    UploadAnswer,
)

NOT_YET = 10060001
_ROOT = "/wxa/sec/order"
_SECONDS_MAX = 1 << 32
_LOGISTICS: dict[Logistics, int] = {"express": 1, "city": 2, "virtual": 3, "pickup": 4}
_STATES: dict[int, ShippingState] = {
    1: "to_ship",
    2: "shipped",
    3: "received",
    4: "completed",
    5: "refunded",
    6: "unsettled",
}
_REFUSED: dict[int, RefusedReason] = {
    47001: "invalid_request",
    10060002: "not_permitted",
    10060003: "not_permitted",
    10060004: "not_permitted",
    **dict.fromkeys((*range(10060005, 10060010), 10060013, 10060014, 10060020), "invalid_request"),
    **dict.fromkeys((10060024, 10060025, 10060026), "invalid_request"),
    10060031: "payer",
    **dict.fromkeys((268485194, 268485195, 268485196, 268485197, 268485216, 268485224), "invalid_request"),
    **dict.fromkeys((268485226, 268485227, 268485228, 268485253), "invalid_request"),
}


class WeChatShipping:
    """Shipping information of the account's mini-program; payments are named by our number."""

    def upload(
        self, settings: Settings, shipment: Shipment, token: PlatformToken, moment: Moment
    ) -> Flow[UploadAnswer]:
        """Tell how a payment's goods go out; told the same again, WeChat says so and a query must tell what it has."""
        del moment
        body = {**_shipment(settings, shipment), **_told_by(shipment.payer, shipment.uploaded_at)}
        told = yield from ask_platform(settings, with_token(f"{_ROOT}/upload_shipping_info", token), body)
        return told if isinstance(told, Unknown) else _uploaded(told)

    def upload_combined(
        self, settings: Settings, shipment: CombinedShipment, token: PlatformToken, moment: Moment
    ) -> Flow[UploadAnswer]:
        """Tell how a combined order's goods go out, part by part."""
        del moment
        body = {
            "order_key": _order_key(settings, shipment.number),
            "sub_orders": [_shipment(settings, part) for part in shipment.parts],
            **_told_by(shipment.payer, shipment.uploaded_at),
        }
        told = yield from ask_platform(settings, with_token(f"{_ROOT}/upload_combined_shipping_info", token), body)
        return told if isinstance(told, Unknown) else _uploaded(told)

    def query_shipping(
        self, settings: Settings, payment_number: str, token: PlatformToken, moment: Moment
    ) -> Flow[ShippingAnswer]:
        """Ask what the platform knows of a payment."""
        del moment
        body = {"merchant_id": settings.mchid, "merchant_trade_no": payment_number}
        told = yield from ask_platform(settings, with_token(f"{_ROOT}/get_order", token), body)
        if isinstance(told, Unknown):
            return told
        if told.errcode == NOT_YET:
            return NotFound(str(NOT_YET))
        if told.errcode != 0:
            return told.refused
        report = _report(settings, object_at(told.content, "order"))
        is_ours = report is not None and report.payment_number == payment_number
        return report if report and is_ours else Unknown("reply is about another payment")

    def list_shipping(
        self, settings: Settings, asked: ShippingAsked, token: PlatformToken, moment: Moment
    ) -> Flow[ShippingListAnswer]:
        """Ask for many payments, page by page."""
        del moment
        told = yield from ask_platform(settings, with_token(f"{_ROOT}/get_order_list", token), _asked(asked))
        if isinstance(told, Unknown):
            return told
        if told.errcode != 0:
            return told.refused
        rows = objects_at(told.content, "order_list")
        reports = [_report(settings, row) for row in rows or ()]
        sound = tuple(report for report in reports if report is not None)
        if rows is None or len(sound) != len(reports):
            return Unknown("list of payments is malformed")
        following = text_at(told.content, "last_index", ID) if told.content.get("has_more") is True else ""
        return Unknown("list of payments has no next page") if following is None else ShippingPage(sound, following)

    def remind_receipt(
        self, settings: Settings, receipt: Receipt, token: PlatformToken, moment: Moment
    ) -> Flow[UploadAnswer]:
        """Let WeChat remind the shopper to confirm that express goods came."""
        del moment
        body = {
            "merchant_id": settings.mchid,
            "merchant_trade_no": receipt.payment_number,
            "received_time": int(receipt.received_at.timestamp()),
        }
        told = yield from ask_platform(settings, with_token(f"{_ROOT}/notify_confirm_receive", token), body)
        return told if isinstance(told, Unknown) else _uploaded(told)

    def is_managed(self, settings: Settings, token: PlatformToken, moment: Moment) -> Flow[ManagedAnswer]:
        """Ask whether the mini-program must upload shipping information at all."""
        del moment
        told = yield from ask_platform(
            settings, with_token(f"{_ROOT}/is_trade_managed", token), {"appid": settings.appid}
        )
        if isinstance(told, Unknown):
            return told
        if told.errcode != 0:
            return told.refused
        flag = told.content.get("is_trade_managed")
        return Managed(flag) if isinstance(flag, bool) else Unknown("reply about management is malformed")


def _uploaded(told: Told) -> UploadAnswer:
    match told.errcode:
        case 0:
            return ShippingTaken()
        case code if code == NOT_YET:
            return ShippingNotYet(str(NOT_YET))
        case int() as code if code in _REFUSED:
            return Refused(_REFUSED[code], str(code))
        case _:
            return told.refused


def _order_key(settings: Settings, number: str) -> dict[str, object]:
    return {"order_number_type": 1, "mchid": settings.mchid, "out_trade_no": number}


def _told_by(payer: str, uploaded_at: datetime) -> dict[str, object]:
    told_at = uploaded_at.astimezone(codec.SHANGHAI).isoformat(timespec="milliseconds")
    return {"upload_time": told_at, "payer": {"openid": payer}}


def _shipment(settings: Settings, shipment: Shipment) -> dict[str, object]:
    body: dict[str, object] = {
        "order_key": _order_key(settings, shipment.payment_number),
        "logistics_type": _LOGISTICS[shipment.logistics],
        "delivery_mode": 2 if shipment.is_split else 1,
        "shipping_list": [_parcel(parcel) for parcel in shipment.parcels],
    }
    return {**body, "is_all_delivered": shipment.is_complete} if shipment.is_split else body


def _parcel(parcel: Parcel) -> dict[str, object]:
    body: dict[str, object] = {"item_desc": parcel.goods[:120]}
    if parcel.tracking_no:
        body |= {"tracking_no": parcel.tracking_no, "express_company": parcel.carrier}
    named = {"consignor_contact": parcel.consignor_contact, "receiver_contact": parcel.receiver_contact}
    contact = {name: value for name, value in named.items() if value}
    return {**body, "contact": contact} if contact else body


def _asked(asked: ShippingAsked) -> dict[str, object]:
    body: dict[str, object] = {"page_size": asked.limit}
    times = {"begin_time": asked.paid_from, "end_time": asked.paid_until}
    span = {name: int(value.timestamp()) for name, value in times.items() if value is not None}
    if span:
        body["pay_time_range"] = span
    if asked.state:
        body["order_state"] = next(number for number, state in _STATES.items() if state == asked.state)
    return {**body, "last_index": asked.after} if asked.after else body


def _report(settings: Settings, order: JsonObject) -> ShippingReport | None:
    number, channel_no = text_at(order, "merchant_trade_no", ID), text_at(order, "transaction_id", ID)
    amount, state = money_at(order, "paid_amount"), _STATES.get(integer_at(order, "order_state") or 0)
    seconds, shipping = integer_at(order, "pay_time"), object_at(order, "shipping")
    parcels = objects_at(shipping, "shipping_list")
    if order.get("merchant_id") != settings.mchid or number is None or channel_no is None or parcels is None:
        return None
    if amount is None or state is None or seconds is None or not 0 < seconds < _SECONDS_MAX:
        return None
    return ShippingReport(
        payment_number=number,
        channel_transaction_no=channel_no,
        amount=amount,
        state=state,
        is_in_complaint=order.get("in_complaint") is True,
        is_complete=shipping.get("finish_shipping") is True,
        tracking_nos=tuple(text_at(parcel, "tracking_no", ID) or "" for parcel in parcels),
        paid_at=datetime.fromtimestamp(seconds, UTC),
    )

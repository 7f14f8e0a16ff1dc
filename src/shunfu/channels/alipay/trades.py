"""Orders as Alipay takes them, and trades as it tells of them, in our words. Must not know: HTTP, signatures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from shunfu.channels.alipay.settings import Settings
from shunfu.channels.alipay.values import china_time, parse_china_time, parse_money, parse_yuan
from shunfu.gateway.evidence import Closed, Evidence, NotPaid, Paid, Unknown
from shunfu.gateway.port import Prepay
from shunfu.gateway.reading import JsonObject, text_at

TRADE_NO = re.compile(r"[0-9A-Za-z]{1,64}", re.ASCII)
QR_CODE = re.compile(r"[\x21-\x7e]{1,1024}", re.ASCII)

_USER_ID = re.compile(r"2088[0-9]{12}", re.ASCII)
_FORBIDDEN = str.maketrans(dict.fromkeys("/=&", " "))
_PRODUCTS = {
    "miniprogram": "JSAPI_PAY",
    "native": "QR_CODE_OFFLINE",
    "page": "FAST_INSTANT_TRADE_PAY",
    "h5": "QUICK_WAP_WAY",
    "app": "QUICK_MSECURITY_PAY",
}


def order_of(settings: Settings, prepay: Prepay) -> dict[str, object]:
    """biz_content of an order: yuan with two decimals, `subject` without `/ = &`, the expiry at +08:00."""
    subject = "".join(c if c.isprintable() else " " for c in prepay.subject).translate(_FORBIDDEN)
    body: dict[str, object] = {
        "out_trade_no": prepay.number,
        "total_amount": prepay.amount.major(),
        "subject": subject[:256],
        "product_code": _PRODUCTS[prepay.scene],
        "time_expire": china_time(prepay.expires_at),
    }
    if prepay.scene == "miniprogram":
        payer = prepay.payer or ""
        body |= {"op_app_id": settings.op_app_id, "buyer_id" if _USER_ID.fullmatch(payer) else "buyer_open_id": payer}
    if prepay.scene == "h5" and prepay.return_url:
        body["quit_url"] = prepay.return_url
    return body


def read_queried(settings: Settings, node: JsonObject, number: str, now: datetime) -> Evidence:
    """Evidence in a query's node. It names neither payee nor application: they are those whose key signed it."""
    if node.get("out_trade_no") != number:
        return Unknown("reply is about another number")
    identity = (settings.seller_id, settings.app_id)
    return _read(node, identity, node.get("send_pay_date"), now)


def read_notified(settings: Settings, params: Mapping[str, str], now: datetime) -> Evidence:
    """Evidence in a notification's parameters, payee and application as it names them, for the guard on Paid to see.

    Of another's trade nothing else is believed. TRADE_CLOSED after a payment or with a refund is a trade that was paid:
    money moved.
    """
    has_refund = "gmt_refund" in params or (parse_yuan(params.get("refund_fee")) or 0) > 0
    moment = params.get("gmt_payment") or (params.get("gmt_create") if has_refund else None)
    evidence = _read(params, (params.get("seller_id", ""), params.get("app_id", "")), moment, now)
    return evidence if isinstance(evidence, Paid) or _is_ours(settings, params) else Unknown("another's trade")


def _is_ours(settings: Settings, params: Mapping[str, str]) -> bool:
    apps = (params.get("app_id"), params.get("auth_app_id"))
    return settings.app_id in apps and params.get("seller_id") in {None, "", settings.seller_id}


def _read(node: JsonObject, identity: tuple[str, str], paid_at: object, now: datetime) -> Evidence:
    match node.get("trade_status"):
        case "WAIT_BUYER_PAY":
            return NotPaid("WAIT_BUYER_PAY")
        case "TRADE_CLOSED" if not paid_at:
            return Closed("TRADE_CLOSED")
        case "TRADE_SUCCESS" | "TRADE_FINISHED" | "TRADE_CLOSED":
            return _paid(node, identity, paid_at, now)
        case _:
            return Unknown("trade_status is not one that we know")


def _paid(node: JsonObject, identity: tuple[str, str], paid_at: object, now: datetime) -> Evidence:
    amount, trade_no = parse_money(node.get("total_amount")), text_at(node, "trade_no", TRADE_NO)
    moment = parse_china_time(paid_at) if paid_at else now
    if node.get("trans_currency", "CNY") != "CNY":
        return Unknown("a paid trade is in another currency")
    if amount is None or trade_no is None or moment is None or not all(identity):
        return Unknown("paid trade is incomplete")
    return Paid(amount, *identity, trade_no, moment)

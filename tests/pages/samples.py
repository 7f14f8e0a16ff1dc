"""Sample views of every phase: the coffee shop of the design's pictures, at 14:03 in Shanghai."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from shunfu.checkout.model import CheckoutView, Item, MethodChoice, Need, Notice, OfferChoice, PaymentView
from shunfu.gateway.evidence import Invoke
from shunfu.kernel.money import Money

NOW = datetime(2026, 11, 22, 6, 3, tzinfo=UTC)
EXPIRES = NOW + timedelta(minutes=29)
AMOUNT = Money(9600, "CNY")
SHEET_URL = "http://127.0.0.1:9/sandbox/pay?no=01KAMN3X8Q6V5T2R7W9Y1Z4B6C"

WECHAT = {"zh-CN": "微信支付", "en": "WeChat Pay"}
METHODS = (
    MethodChoice(
        "wechatpay/miniprogram", "miniprogram", WECHAT, "wallet", is_default=True, is_enabled=True, reason="last_used"
    ),
    MethodChoice(
        "wechatpay/native", "native", WECHAT, "scan", is_default=False, is_enabled=True, reason="scan_with_phone"
    ),
    MethodChoice(
        "unionpay/page",
        "page",
        {"zh-CN": "云闪付", "en": "UnionPay Quick Pass"},
        "card",
        is_default=False,
        is_enabled=False,
        reason="not_configured",
    ),
)
OPEN_SHEET = Invoke("wechat_request_payment", {"package": "prepay_id=wx1"}, EXPIRES, SHEET_URL)
QR = Invoke("qr", {"code_url": "weixin://wxpay/bizpayurl?pr=p4lpSuKzz"}, EXPIRES, SHEET_URL)


OFFERS = (
    OfferChoice("off_01KAMN3X8Q6V5T2R7W9Y1Z4B6C", "新客立减 10 元", 1000, is_applied=True, reason="best"),
    OfferChoice("off_01KAMN3X8Q6V5T2R7W9Y1Z4B6D", "满减 5 元", 500, is_applied=False),
)
HELD = replace(OFFERS[0], reason="kept")
NEEDS = get_args(Need)
FORM = Invoke("form", {"action": "http://127.0.0.1:9/front", "txnAmt": "9600", "note": '"><b>'}, EXPIRES, SHEET_URL)
BRIDGE = Invoke("wechat_jsapi", {"appId": "wx1", "package": 'prepay_id="wx1"', "paySign": "x=="}, EXPIRES, SHEET_URL)


def payment(state: str, **changes: Any) -> PaymentView:
    made = PaymentView(
        public_id="pay_01KAMN3X8Q6V5T2R7W9Y1Z4B6C",
        state=state,
        method="wechatpay/miniprogram",
        invoke=OPEN_SHEET,
        refused_reason=None,
        amount=AMOUNT,
    )
    return replace(made, **changes)


def checkout(**changes: Any) -> CheckoutView:
    made = CheckoutView(
        token="mer.ord.1",
        order_id="ord_01KAMN3X8Q6V5T2R7W9Y1Z4B6C",
        order_state="OPEN",
        amount=AMOUNT,
        subject="云南日晒咖啡豆 等 2 件",
        items=(Item("云南日晒咖啡豆 250g", 1, 6800), Item("挂耳咖啡 10 片", 1, 2800)),
        created_at=NOW - timedelta(minutes=1),
        expires_at=EXPIRES,
        merchant_name="山前咖啡",
        methods=METHODS,
        payment=None,
        is_sandbox=True,
        return_url="http://127.0.0.1:9/orders/last",
        sheet_result=None,
        now=NOW,
        page_url="http://127.0.0.1:9/c/mer.ord.1",
        sandbox_origin="http://127.0.0.1:9",
    )
    return replace(made, **changes)


VIEWS: dict[str, CheckoutView] = {
    "ready": checkout(),
    "qr": checkout(payment=payment("PENDING", method="wechatpay/native", invoke=QR)),
    "processing": checkout(payment=payment("PENDING"), sheet_result="ok"),
    "unknown": checkout(payment=payment("UNKNOWN", invoke=None)),
    "success": checkout(order_state="PAID", payment=payment("CAPTURED", paid_at=NOW - timedelta(minutes=1))),
    "failed": checkout(payment=payment("REFUSED", invoke=None, refused_reason="risk")),
    "cancelled": checkout(payment=payment("PENDING"), sheet_result="cancel"),
    "expired": checkout(order_state="CLOSED", now=EXPIRES + timedelta(minutes=1)),
    "closed": checkout(order_state="CLOSED", payment=payment("CLOSED")),
}
"""One view a phase, by the phase's name."""

MORE_VIEWS: dict[str, CheckoutView] = {
    "closing": checkout(order_state="CLOSING", payment=payment("PENDING"), now=EXPIRES + timedelta(seconds=5)),
    "late": checkout(order_state="CLOSED", payment=payment("CAPTURED"), now=EXPIRES + timedelta(hours=1)),
    "not-completed": checkout(payment=payment("PENDING"), sheet_result="fail"),
    "one-method": checkout(methods=METHODS[:1], return_url=None, is_sandbox=False, items=()),
    "no-method": checkout(methods=(replace(METHODS[0], is_enabled=False, reason="not_configured"),)),
    "large": checkout(
        amount=Money(99_999_999_999, "CNY"),
        merchant_name="A merchant whose name is very long indeed and has averyverylongunbreakablewordinsideofit",
        expires_at=NOW + timedelta(hours=30),
    ),
    "saving": checkout(saving_minor=1000, offers=OFFERS),
    "saving-held": checkout(saving_minor=1000, offers=(HELD,), payment=payment("PENDING"), sheet_result="cancel"),
    "saving-paid": checkout(
        saving_minor=1000, offers=(HELD,), order_state="PAID", payment=payment("CAPTURED", paid_at=NOW)
    ),
    "needs": checkout(needs=NEEDS, missing=NEEDS, notice="contact"),
    "elsewhere": checkout(methods=(), is_elsewhere=True),
    **{f"said-{notice}": checkout(notice=notice) for notice in get_args(Notice)},
    "large-paid": checkout(
        amount=Money(99_999_999_999, "CNY"), order_state="PAID", payment=payment("CAPTURED", paid_at=NOW)
    ),
}
"""Views at the edges, each in one of the phases above."""

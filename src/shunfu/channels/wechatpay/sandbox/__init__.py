"""A stand-in for WeChat Pay's servers, pure: state, request, now and entropy in; state, reply and notifications out.

It verifies with its own short reading of the rules (`wire`), never with the channel's codec. As a module it has every
verb of `gateway.sandbox.SandboxVerbs`.
"""

from __future__ import annotations

from shunfu.channels.wechatpay.sandbox.controls import (
    create_state,
    describe,
    get_faults,
    get_pace,
    list_orders,
    list_sendings,
    list_waiting,
    merchant_no,
    set_clock,
    set_faults,
    set_notify_key,
)
from shunfu.channels.wechatpay.sandbox.keys import Material, create_material, parse_keys
from shunfu.channels.wechatpay.sandbox.notify import next_due_seconds, redeliver, send_due, settle
from shunfu.channels.wechatpay.sandbox.server import answer
from shunfu.channels.wechatpay.sandbox.shopper import act, open_sheet
from shunfu.channels.wechatpay.sandbox.state import NOTIFY_KEYS, NotifyKey, State, read_state, write_state
from shunfu.gateway.sandbox import Act, Deed, Delivery, Faults

PATHS = ("/v3/",)
PROBLEMS = {
    "pay_sign_wrong": {"zh-CN": "支付验证签名失败。", "en": "The payment signature (paySign) does not verify."},
    "prepay_unknown": {"zh-CN": "没有这个预支付交易。", "en": "There is no such prepay_id or code_url."},
    "code_replaced": {"zh-CN": "二维码已被新的替换。", "en": "A newer QR code has replaced this one."},
    "prepay_expired": {
        "zh-CN": "预支付交易已超过两小时。",
        "en": "The prepay_id or code_url is older than two hours.",
    },
}

__all__ = [
    "NOTIFY_KEYS",
    "PATHS",
    "PROBLEMS",
    "Act",
    "Deed",
    "Delivery",
    "Faults",
    "Material",
    "NotifyKey",
    "State",
    "act",
    "answer",
    "create_material",
    "create_state",
    "describe",
    "get_faults",
    "get_pace",
    "list_orders",
    "list_sendings",
    "list_waiting",
    "merchant_no",
    "next_due_seconds",
    "open_sheet",
    "parse_keys",
    "read_state",
    "redeliver",
    "send_due",
    "set_clock",
    "set_faults",
    "set_notify_key",
    "settle",
    "write_state",
]

"""A stand-in for WeChat Pay's servers, pure: a state and a call in; a state, a reply and letters out.

It verifies with its own short reading of the rules (`wire`), never with the channel's codec. As a module it has every
verb of `gateway.sandbox.SandboxVerbs`. `routing` has the inner shape: how an address finds its handler.
"""

from __future__ import annotations

from shunfu.channels.wechatpay.sandbox.beyond.complaint_rows import file_complaint
from shunfu.channels.wechatpay.sandbox.controls import (
    create_state,
    describe,
    list_orders,
    merchant_no,
    switch_key,
)
from shunfu.channels.wechatpay.sandbox.letters import TIMEOUT_SECONDS, WAITS_SECONDS, is_heard, write_letter
from shunfu.channels.wechatpay.sandbox.platform import LOGIN_CODE, SHOPPER, phone_proof
from shunfu.channels.wechatpay.sandbox.refunds import balance_minor, end_refund, list_refunds
from shunfu.channels.wechatpay.sandbox.server import PATHS, answer, ring
from shunfu.channels.wechatpay.sandbox.shopper import act, open_sheet
from shunfu.channels.wechatpay.sandbox.state import NOTIFY_KEYS, State

PROBLEMS = {
    "pay_sign_wrong": {"zh-CN": "支付验证签名失败。", "en": "The payment signature does not verify."},
    "prepay_unknown": {
        "zh-CN": "没有这个预支付交易。",
        "en": "There is no such prepay_id, code_url or h5_url.",
    },
    "code_replaced": {"zh-CN": "二维码或链接已被新的替换。", "en": "A newer QR code or link has replaced this one."},
    "prepay_expired": {
        "zh-CN": "预支付交易已过期（两小时，H5链接五分钟）。",
        "en": "The prepay_id or code_url is older than two hours, or the h5_url older than five minutes.",
    },
    "no_balance": {"zh-CN": "余额不足，付款未成功。", "en": "There is not enough money; nothing was paid."},
}

__all__ = [
    "LOGIN_CODE",
    "NOTIFY_KEYS",
    "PATHS",
    "PROBLEMS",
    "SHOPPER",
    "TIMEOUT_SECONDS",
    "WAITS_SECONDS",
    "State",
    "act",
    "answer",
    "balance_minor",
    "create_state",
    "describe",
    "end_refund",
    "file_complaint",
    "is_heard",
    "list_orders",
    "list_refunds",
    "merchant_no",
    "open_sheet",
    "phone_proof",
    "ring",
    "switch_key",
    "write_letter",
]

"""A stand-in for UnionPay's gateway, file server and open platform, pure: state and request in, state and reply out.

It verifies with its own short reading of the rules (`wire`), never with the channel's codec. As a module it has every
verb of `gateway.sandbox.verbs.SandboxVerbs`.
"""

from __future__ import annotations

from shunfu.channels.unionpay.sandbox.controls import (
    balance_minor,
    create_state,
    describe,
    end_refund,
    list_orders,
    list_refunds,
    merchant_no,
    phone_proof,
    ring,
    switch_key,
)
from shunfu.channels.unionpay.sandbox.letters import TIMEOUT_SECONDS, WAITS_SECONDS, is_heard, write_letter
from shunfu.channels.unionpay.sandbox.platform import LOGIN_CODE, SHOPPER
from shunfu.channels.unionpay.sandbox.server import answer
from shunfu.channels.unionpay.sandbox.shopper import act, open_sheet
from shunfu.channels.unionpay.sandbox.state import State

PATHS = ("/gateway/api/*", "/filedownload/*", "/", "/open/access/1.0/*")
PROBLEMS = {
    "tn_unknown": {"zh-CN": "没有这个受理订单号（tn）或二维码。", "en": "There is no such tn or QR code."},
}

__all__ = [
    "LOGIN_CODE",
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

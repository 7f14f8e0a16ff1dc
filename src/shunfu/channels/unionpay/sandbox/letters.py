"""The sandbox's notifications: signed afresh each time, or forged on purpose. Must not know: sockets, schedules.

Source: 全渠道平台接入接口规范 5.1.0 (后台通知): a form to backUrl, ten seconds, HTTP 200 ends it, or five repeats.
"""

from __future__ import annotations

import json
from typing import cast

from shunfu.channels.unionpay.sandbox.state import State
from shunfu.channels.unionpay.sandbox.wire import Pen, form, signed
from shunfu.gateway.flow import Request
from shunfu.gateway.sandbox.values import At, Letter, Outcome

WAITS_SECONDS = (60.0, 120.0, 240.0, 300.0, 300.0)
TIMEOUT_SECONDS = 10.0


def write_letter(state: State, letter: Letter, twist: str, at: At) -> Request:
    """The form that UnionPay posts; UnionPay has no probe, so that `signtest` is a bad signature like another."""
    del at
    facts = cast("dict[str, str]", json.loads(letter.content))
    pen = Pen(facts["signMethod"], facts["encoding"], twist)
    if twist == "wrong_amount":
        facts |= {name: str(int(facts["txnAmt"]) + 1) for name in ("txnAmt", "settleAmt")}
    if twist == "wrong_merchant":
        facts["merId"] = _another(facts["merId"])
    headers = (
        ("Content-Type", f"application/x-www-form-urlencoded;charset={pen.encoding}"),
        ("User-Agent", "UnionPay"),
    )
    return Request("POST", letter.url.removeprefix("ZX|"), headers, form(signed(state, facts, pen)))


def is_heard(outcome: Outcome) -> bool:
    """HTTP 200; the body is not read."""
    return outcome.status == 200


def _another(mer_id: str) -> str:
    return f"{mer_id[:-1]}{(int(mer_id[-1]) + 1) % 10}"

"""Notifications of the sandbox, and the signed fields of a browser's way back. Must not know: sockets, schedules.

Source: opendocs "异步通知说明", "同步返回". Signed by the rule V1: without `sign` and `sign_type`, over decoded values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import cast
from urllib.parse import urlencode, urlsplit

from shunfu.channels.alipay.sandbox.asked import parse_yuan, yuan
from shunfu.channels.alipay.sandbox.keys import parse_keys
from shunfu.channels.alipay.sandbox.state import Material, State, Trade
from shunfu.channels.alipay.sandbox.wire import CHARSETS, signature_of, spoil
from shunfu.gateway.flow import Request
from shunfu.gateway.sandbox.values import BEIJING, At, Letter, Outcome

STALE = timedelta(days=30)
STRANGER = {"seller_id": "2088000000000000", "app_id": "2021000000000000", "auth_app_id": "2021000000000000"}


def write_letter(state: State, letter: Letter, twist: str, at: At) -> Request:
    """The letter as a signed form. Alipay sends no probes of its own: `signtest` is a wrong signature here."""
    content = cast("dict[str, str]", json.loads(letter.content))
    sent_at = at.now - STALE if twist == "stale_timestamp" else at.now
    content["notify_time"] = f"{sent_at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"
    if twist == "wrong_amount":
        content["total_amount"] = yuan(parse_yuan(content["total_amount"]) + 1)
    if twist == "wrong_merchant":
        content |= STRANGER
    keys = parse_keys(state.material)
    key = keys.app_by_cert if twist == "wrong_serial" else keys.alipay
    signature = signature_of(key, _message(content), content["sign_type"])
    if twist in {"signtest", "bad_signature"}:
        signature = spoil(signature)
    charset = CHARSETS[content["charset"]]
    body = urlencode({**content, "sign": signature}, encoding=charset, errors="replace")
    headers = (
        ("Content-Type", f"application/x-www-form-urlencoded; text/html; charset={content['charset']}"),
        ("User-Agent", "Mozilla/4.0"),
    )
    return Request("POST", letter.url, headers, body.encode())


def is_heard(outcome: Outcome) -> bool:
    """Only the seven bytes `success` with HTTP 200."""
    return outcome.status == 200 and outcome.body == b"success"


def back_url(material: Material, trade: Trade, at: At) -> str:
    """Where the browser goes after paying, with the trade's signed fields; empty when no address was given."""
    if not trade.return_url:
        return ""
    fields = {
        "app_id": trade.app_id,
        "auth_app_id": trade.app_id,
        "charset": trade.charset,
        "method": f"{trade.scene}.return",
        "out_trade_no": trade.number,
        "seller_id": material.seller_id,
        "sign_type": trade.sign_type,
        "timestamp": f"{at.now.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}",
        "total_amount": yuan(trade.total),
        "trade_no": trade.trade_no,
        "version": "1.0",
    }
    signature = signature_of(parse_keys(material).alipay, _message(fields), trade.sign_type)
    mark = "&" if urlsplit(trade.return_url).query else "?"
    return f"{trade.return_url}{mark}{urlencode({**fields, 'sign': signature}, encoding=CHARSETS[trade.charset])}"


def _message(fields: Mapping[str, str]) -> bytes:
    left = {name: value for name, value in fields.items() if name not in {"sign", "sign_type"} and value}
    text = "&".join(f"{name}={left[name]}" for name in sorted(left))
    return text.encode(CHARSETS[fields["charset"]], "replace")

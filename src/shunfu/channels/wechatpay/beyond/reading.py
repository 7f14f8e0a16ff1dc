"""What the replies and notifications beyond single payments have in common to read. Must not know: conversations.

Source: pay.weixin.qq.com, "合单支付通知", "商家转账回调通知", "投诉通知回调".
"""

from __future__ import annotations

import re
from collections import Counter
from typing import cast

from shunfu.channels.wechatpay import codec
from shunfu.gateway.evidence import Evidence, Paid, Unknown
from shunfu.gateway.reading import JsonObject, integer_at, object_at, text_at
from shunfu.kernel.money import MAX_MINOR, Money

PARTS_MAX = 50
ID = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}", re.ASCII)
"""WeChat's own numbers, and ours where they may be longer or shorter than an order's."""
TEXT = re.compile(r"[^\x00]{0,2000}", re.DOTALL)
OPENID = re.compile(r"[0-9A-Za-z_-]{1,128}", re.ASCII)
_ABOUT = {"MCHTRANSFER.": "transfer_bill_no", "COMPLAINT.": "complaint_id", "PROFITSHARING.": "order_id"}


def objects_at(source: JsonObject, name: str) -> tuple[JsonObject, ...] | None:
    """The objects in the list under this name, none when it is absent; None when it is no list of objects."""
    value = source.get(name, [])
    if not isinstance(value, list):
        return None
    items = cast("list[object]", value)
    is_sound = all(isinstance(item, dict) for item in items)
    return tuple(cast("list[JsonObject]", items)) if is_sound else None


def money_at(source: JsonObject, name: str) -> Money | None:
    """The positive amount of fen under this name, or None."""
    fen = integer_at(source, name)
    return Money(fen, "CNY") if fen is not None and 0 < fen <= MAX_MINOR else None


def words_at(source: JsonObject, name: str) -> str:
    """What people wrote under this name, at most 2000 characters; empty when there is no such text."""
    return text_at(source, name, TEXT) or ""


def read_parts(content: JsonObject) -> tuple[tuple[str, Evidence], ...]:
    """Every part of a combined order with its own evidence; a number that comes twice proves nothing."""
    parts = objects_at(content, "sub_orders") or ()
    app = codec.name_at(content, "combine_appid")
    found = [(text_at(part, "out_trade_no", codec.NUMBER), part) for part in parts[:PARTS_MAX]]
    counts = Counter(number for number, _ in found)
    return tuple(
        (number, _part(part, app) if counts[number] == 1 else Unknown("a part's number comes twice"))
        for number, part in found
        if number
    )


def read_combined(content: JsonObject) -> tuple[tuple[str, Evidence], ...]:
    """The parts as a notification tells them: it proves a payment only with SUCCESS inside, else ask by query."""
    return tuple(
        (number, one if isinstance(one, Paid | Unknown) else Unknown("notified trade_state is not SUCCESS"))
        for number, one in read_parts(content)
    )


def read_about(event_type: str, content: JsonObject) -> str | None:
    """WeChat's number of the transfer, complaint or sharing order that an event tells of, or None."""
    name = next((name for start, name in _ABOUT.items() if event_type.startswith(start)), None)
    return text_at(content, name, ID) if name else None


def _part(part: JsonObject, app: str | None) -> Evidence:
    """A part written like a single transaction, which names its amounts and its app elsewhere."""
    amount = object_at(part, "amount")
    alike = {"total": amount.get("total_amount"), "currency": amount.get("currency", "CNY")}
    return codec.read_transaction({**part, "appid": app, "amount": alike})

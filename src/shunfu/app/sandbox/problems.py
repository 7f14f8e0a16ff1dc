"""Sentences for a person at the sandbox's pages, by the problem's word and language; a channel adds its own."""

from __future__ import annotations

from collections.abc import Mapping

from shunfu.checkout.kit import Language
from shunfu.driver.registry import AnySandbox

_SHEET: Mapping[str, Mapping[str, str]] = {
    "no_balance": {"zh-CN": "余额不足，没有扣款。", "en": "Not enough money. You were not charged."},
    "order_expired": {"zh-CN": "已过订单的支付截止时间。", "en": "The order's last moment to pay has passed."},
    "wrong_password": {"zh-CN": "支付密码错误，没有扣款。", "en": "Wrong password. You were not charged."},
}
_DESK: Mapping[str, Mapping[str, str]] = {
    "already_paid": {"zh-CN": "这笔已经付过。", "en": "This one is paid already."},
    "clock_malformed": {"zh-CN": "时钟的数值不对。", "en": "The clock cannot be set to that."},
    "faults_malformed": {"zh-CN": "有一项故障的数值不对。", "en": "One of the faults is no number within its bounds."},
    "nothing_to_redeliver": {"zh-CN": "这笔还没有通知。", "en": "There is no notification of this one yet."},
    "notify_key_unknown": {"zh-CN": "没有这把密钥。", "en": "There is no such key."},
    "order_closed": {"zh-CN": "订单已关闭。", "en": "The order is closed."},
    "order_unknown": {"zh-CN": "没有这笔订单。", "en": "There is no such order."},
    "refund_cannot_end_so": {
        "zh-CN": "这笔退款不在处理中，或此渠道没有这种结局。",
        "en": "This refund is not going on, or this channel has no such end.",
    },
}
_OTHER: Mapping[Language, str] = {"zh-CN": "没有做成。", "en": "It was not done."}


def sheet_problem(sandbox: AnySandbox, word: str | None, language: Language) -> str | None:
    """What the payment sheet says beside the order's state; None where the state says it all."""
    found = {**_SHEET, **sandbox.problems}.get(word or "")
    return found[language] if found else None


def desk_problem(sandbox: AnySandbox, word: str, language: Language) -> str:
    """Why the control page could not do what was asked."""
    found = {**_SHEET, **_DESK, **sandbox.problems}.get(word)
    return found[language] if found else _OTHER[language]

"""The phrases that a payment's sentence and its timeline are made of, in Chinese and English. Pure.

Places: `{c}` the channel, `{t}` when we learned it, `{a}` an amount. English phrases begin small: a sentence sets its
first letter.
"""

from __future__ import annotations

from collections.abc import Mapping

from shunfu.kernel.plain import Words
from shunfu.payments.evidence import Door, Kind

SAID: Mapping[Door, Words] = {
    "reply": Words("{c}在 {t} 答复下单时说", "when we placed it at {t}, {c} said"),
    "notification": Words("{c}在 {t} 通知我们", "{c} told us at {t}"),
    "query": Words("我们在 {t} 查询，{c}回答", "when we asked at {t}, {c} said"),
    "close": Words("我们在 {t} 请求关单，{c}回答", "when we asked to close it at {t}, {c} said"),
    "statement": Words("{c}的对账单（{t} 核对）写明", "{c}'s statement, checked at {t}, says"),
}
"""Who says it, through which door."""

KINDS: Mapping[Kind, Words] = {
    "accepted": Words("已收下这一单", "that it has taken the order"),
    "refused": Words("不收这一单（{reason}）", "that it does not take the order ({reason})"),
    "unknown": Words("的话不能采信", "something that cannot be trusted"),
    "not_paid": Words("还没有付款", "that nothing has been paid"),
    "paid": Words("已收到 {a}", "that {a} was paid"),
    "closed": Words("这一单已关闭", "that the order is closed"),
    "not_found": Words("没有这一单", "that it does not know this order"),
}
"""What is said, after `SAID`."""

ASKED: Mapping[Door, Words] = {
    "reply": Words("下单请求", "our order"),
    "notification": Words("通知", "its notification"),
    "query": Words("查询", "our question"),
    "close": Words("关单请求", "our request to close it"),
    "statement": Words("对账单", "its statement"),
}
"""What we sent, or what was sent to us, as a noun."""

STATES: Mapping[str, Words] = {
    "SENDING": Words("下单中", "being placed"),
    "UNKNOWN": Words("结果未明", "result unknown"),
    "PENDING": Words("等待付款", "waiting for the shopper"),
    "REFUSED": Words("被渠道拒绝", "refused by the channel"),
    "CLOSED": Words("已关闭", "closed"),
    "CAPTURED": Words("已收款", "captured"),
}

ALARMS: Mapping[str, Words] = {
    "surplus": Words("多付的一笔", "surplus money"),
    "mismatch": Words("付款与本单不符", "a payment that does not match"),
    "unexpected_evidence": Words("与先前的说法矛盾", "contradicts what was said before"),
    "second_transaction_no": Words("另一个渠道单号也收到付款", "paid under a second number of the channel"),
    "unknown_too_long": Words("结果未明太久", "unknown for too long"),
}

NOTIFICATION_REASONS: Mapping[str, Words] = {
    "verified": Words("验签通过", "its signature is genuine"),
    "seen_before": Words("以前收到过", "it came before"),
    "nonce_reused": Words("随机串用过两次", "its nonce was used for another message"),
    "unknown_number": Words("没有这个单号", "it names a number that is not ours"),
    "unreadable_payment": Words("付款内容读不懂", "what it says of the payment cannot be read"),
    "unreadable_refund": Words("退款内容读不懂", "what it says of the refund cannot be read"),
    "other_account": Words("收款商户不是我们的", "it was paid to another account"),
    "other_app": Words("应用不是我们的", "it was paid through another app"),
    "other_currency": Words("币种不符", "the currency is another"),
    "other_amount": Words("金额不符", "the amount is another"),
}


def alarm_words(alarm: str) -> Words:
    """An alarm in words; the code itself where nobody wrote any."""
    return ALARMS.get(alarm, Words(alarm, alarm))


def notification_words(reason: str) -> Words:
    """The reason of a verdict on a notification in words; the code itself where nobody wrote any."""
    return NOTIFICATION_REASONS.get(reason, Words(reason, reason))

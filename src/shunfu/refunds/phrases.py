"""The phrases that a refund's sentence and its timeline are made of, in Chinese and English. Pure.

Places: `{c}` the channel, `{t}` when we learned it, `{a}` an amount. English phrases begin small: a sentence sets its
first letter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from shunfu.gateway.wording import reason_words
from shunfu.kernel.money import Money
from shunfu.kernel.plain import Words, amount_text
from shunfu.refunds.evidence import Door, KeptRefundEvidence, Kind

SAID: Mapping[Door, Words] = {
    "reply": Words("{c}在 {t} 答复退款请求时说", "when we asked for it at {t}, {c} said"),
    "notification": Words("{c}在 {t} 通知我们", "{c} told us at {t}"),
    "query": Words("我们在 {t} 查询，{c}回答", "when we asked at {t} what became of it, {c} said"),
    "redirect": Words("我们在 {t} 请求改退别处，{c}回答", "when we asked at {t} to send it another way, {c} said"),
    "statement": Words("{c}的对账单（{t} 核对）写明", "{c}'s statement, checked at {t}, says"),
    "person": Words("有人在 {t} 说", "a person said at {t}"),
}
"""Who says it, through which door."""

KINDS: Mapping[Kind, Words] = {
    "accepted": Words("已受理", "that it has taken the refund"),
    "not_yet": Words("现在还不能退（{code}）", "that it cannot give it back yet ({code})"),
    "refused": Words("不收这笔退款（{reason}）", "that it does not take the refund ({reason})"),
    "unknown": Words("的话不能采信", "something that cannot be trusted"),
    "not_found": Words("没有这笔退款", "that it does not know this refund"),
    "processing": Words("正在退款", "that it is giving the money back"),
    "abnormal": Words("退款异常，钱退不回原处", "that the money cannot go back the way it came"),
    "succeeded": Words("已退回 {a}", "that {a} has gone back"),
    "closed": Words("这笔退款已关闭", "that the refund is closed"),
    "approved": Words("可以退", "that it may go"),
    "rejected": Words("不退", "that it may not go"),
}
"""What is said, after `SAID`."""

ASKED: Mapping[Door, Words] = {
    "reply": Words("退款请求", "our request for it"),
    "notification": Words("通知", "its notification"),
    "query": Words("退款查询", "our question"),
    "redirect": Words("改退请求", "our request to send it another way"),
    "statement": Words("对账单", "its statement"),
    "person": Words("人的决定", "a person's word"),
}
"""What we sent, or what was sent to us, as a noun."""

_REQUEST = Words("给{c}的请求", "Request to {c}")
PURPOSES: Mapping[Door, Words] = {
    "reply": Words("给{c}的退款请求", "Our request to {c} for the refund"),
    "notification": _REQUEST,
    "query": Words("给{c}的退款查询", "Our question to {c} about the refund"),
    "redirect": Words("给{c}的改退请求", "Our request to {c} to send the refund another way"),
    "statement": _REQUEST,
    "person": _REQUEST,
}
"""What we asked a channel for, by the door that its answer came through."""

STATES: Mapping[str, Words] = {
    "REQUESTED": Words("等待批准", "waiting for approval"),
    "SENDING": Words("发送中", "being sent"),
    "UNKNOWN": Words("结果未明", "result unknown"),
    "PROCESSING": Words("退款中", "on its way"),
    "ABNORMAL": Words("退款异常", "stuck"),
    "CLOSED": Words("已关闭", "closed"),
    "REFUSED": Words("被渠道拒绝", "refused by the channel"),
    "REJECTED": Words("未获批准", "not approved"),
    "SUCCEEDED": Words("已退回", "gone back"),
}

ALARMS: Mapping[str, Words] = {
    "refund_abnormal": Words("钱退不回原处", "the money cannot go back the way it came"),
    "refund_mismatch": Words("退款金额不符", "the amount is another"),
    "unexpected_evidence": Words("与先前的说法矛盾", "contradicts what was said before"),
    "second_refund_no": Words("另一个渠道退款单号", "a second number of the channel"),
    "late_refund": Words("结束后又退成", "gone back after its end"),
    "over_refunded": Words("退得超过余额", "more than was left"),
    "refund_unknown_too_long": Words("结果未明太久", "unknown for too long"),
    "refund_too_long": Words("退得太久", "takes too long"),
}


def alarm_words(alarm: str) -> Words:
    """An alarm in words; the code itself where nobody wrote any."""
    return ALARMS.get(alarm, Words(alarm, alarm))


def kind_words(line: KeptRefundEvidence) -> Words:
    """What a piece of evidence says, after `SAID`."""
    code, reason = str(line.body.get("channel_code", "")), str(line.body.get("reason", ""))
    return KINDS[line.kind].filled(a=amount_of(line), code=code or "—", reason=reason_words(reason))


def amount_of(line: KeptRefundEvidence) -> str:
    """The amount that went back, as text; empty where the evidence names none."""
    if line.kind != "succeeded":
        return ""
    return amount_text(Money(cast("int", line.body["amount_minor"]), cast("str", line.body["currency"])))

"""What a line of the timeline says, in Chinese and English. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from shunfu.gateway.wording import reason_words
from shunfu.kernel.money import Money
from shunfu.kernel.plain import NOTHING, Words, amount_text
from shunfu.payments.evidence import Door, KeptEvidence
from shunfu.payments.phrases import KINDS, STATES, alarm_words, notification_words

CLOSE_ASKED_BY_EXPIRY = Words(
    "付款时间已过：只去问渠道，由渠道的话定结果", "The time to pay is over: we ask the channel, and its word decides"
)
CLOSE_ASKED_BY_MERCHANT = Words("商户请求关单", "The merchant asked to close the order")
UNRECORDED = Words(
    "首次下单请求的结果没有记录，靠查询{c}确定",
    "The outcome of the first request was not recorded; asking {c} settles it",
)

_REQUEST = Words("给{c}的请求", "Request to {c}")
PURPOSES: Mapping[Door, Words] = {
    "reply": Words("给{c}的下单请求", "Our order to {c}"),
    "query": Words("给{c}的查询", "Our question to {c}"),
    "close": Words("给{c}的关单请求", "Our request to {c} to close it"),
    "notification": _REQUEST,
    "statement": _REQUEST,
}
"""What we asked a channel for, by the door that its answer came through."""

_LEARNED: Mapping[Door, Words] = {
    "reply": Words("下单的答复", "the answer to our order"),
    "notification": Words("通知", "a notification"),
    "query": Words("主动查询", "asking"),
    "close": Words("关单时的答复", "the answer to our request to close"),
    "statement": Words("对账单", "the statement"),
}
_VERDICTS: Mapping[str, Words] = {
    "accepted": Words("{c}的通知，{why}，已采信并回执", "Notification of {c}, taken and acknowledged: {why}"),
    "duplicate": Words(
        "{c}重复的通知，{why}，只记不用，已回执", "Notification of {c}, kept, not applied and acknowledged: {why}"
    ),
    "refused": Words("{c}的通知被拒，没有回执成功：{why}", "Notification of {c}, refused and not acknowledged: {why}"),
    "probe": Words("{c}的验签探测，已拒", "Probe of {c}, refused as it must be"),
}


def order_created(amount: Money) -> Words:
    """The merchant made the order."""
    return Words("创建订单 {a}", "Order created: {a}").filled(a=amount_text(amount))


def payment_started(label: Words, scene: str, discount: Money) -> Words:
    """The merchant started this payment, with or without something taken off."""
    told = Words("发起付款：{c}（{scene}）", "Payment started with {c} ({scene})").filled(c=label, scene=scene)
    off = Words("，优惠 {a}", ", {a} taken off").filled(a=amount_text(discount))
    return told.plus(off) if discount.minor else told


def asked(label: Words, purpose: Words | None, *, is_sent: bool) -> Words:
    """We sent the channel a request, or could not."""
    lost = NOTHING if is_sent else Words("，没能送到", "; it could not be delivered")
    return (purpose or _REQUEST).filled(c=label).plus(lost)


def replied(label: Words, status: int | None, says: Words | None) -> Words:
    """The channel answered, or no answer came; `says` None: the answer only led to the next request."""
    if status is None:
        return Words("{c}没有答复，请求可能已收到", "No answer of {c} came; it may have got the request").filled(
            c=label
        )
    told = Words("{c}答复 HTTP {status}", "{c} answered HTTP {status}").filled(c=label, status=str(status))
    return told if says is None else told.plus(Words("：", ": "), says)


def notified(label: Words, verdict: str, reason: str) -> Words:
    """The channel sent a message by itself."""
    return _VERDICTS[verdict].filled(c=label, why=notification_words(reason))


def decided(line: KeptEvidence) -> Words:
    """What we made of a piece of evidence."""
    after = STATES.get(line.state_after, Words(line.state_after, line.state_after))
    moved = Words("判为“{s}”：", "Now “{s}”: ") if line.has_moved else Words("仍为“{s}”：", "Still “{s}”: ")
    tail = Words("；告警：{alarm}", "; alarm: {alarm}").filled(alarm=alarm_words(line.alarm)) if line.alarm else NOTHING
    return moved.filled(s=after).plus(kind_words(line), tail)


def kind_words(line: KeptEvidence) -> Words:
    """What a piece of evidence says, standing alone."""
    if line.kind == "unknown":
        return Words("没有可采信的答复", "no answer that can be trusted")
    amount = ""
    if line.kind == "paid":
        amount = amount_text(Money(cast("int", line.body["amount_minor"]), cast("str", line.body["currency"])))
    told = KINDS[line.kind].filled(a=amount, reason=reason_words(str(line.body.get("reason", ""))))
    return Words(told.zh, told.en.removeprefix("that "))


def told(event_type: str, status: int | None, *, is_taken: bool) -> Words:
    """We told the merchant's server something."""
    how = Words("，已收下", ", taken") if is_taken else Words("，没有成功", ", which failed")
    answer = f"HTTP {status}" if status is not None else None
    said = Words(f"，对方答复 {answer}", f", answered {answer}") if answer else Words("，没有答复", ", no answer")
    return Words("告知商户 {e}", "Merchant told {e}").filled(e=event_type).plus(said, how)


def never_notified(label: Words, door: Door) -> Words:
    """The channel should have told us that money moved, and has not."""
    told = Words(
        "{c}的付款通知至今没有到，是靠{how}得知的", "No notification of the payment has come from {c}; {how} told us"
    )
    return told.filled(c=label, how=_LEARNED[door])

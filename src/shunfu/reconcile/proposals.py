"""What a person can do about a break: the deed that repairs it, if there is one, in words. Pure.

A deed never sets a state: it hands the statement's line to the room that decides, or lets it ask the channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shunfu.kernel.plain import Words
from shunfu.reconcile.model import ENDED, FINAL, BreakKind, Ours, Subject, Theirs

Deed = Literal["apply_payment", "apply_refund", "ask_payment", "ask_refund", "close_refund", "none"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A deed and what it does, in words."""

    deed: Deed
    words: Words


_APPLY_PAYMENT = Proposal(
    "apply_payment",
    Words(
        "按对账单把这笔支付记为已收款；若订单已关闭或已由其他支付付清，则记为重复支付并自动退款。",
        "Record the payment as paid, on the statement's word; if its order is closed or paid already, it is surplus "
        "and refunds itself.",
    ),
)
_APPLY_REFUND = Proposal(
    "apply_refund",
    Words("按对账单把这笔退款记为已退款。", "Record the refund as paid back, on the statement's word."),
)
_ASK_PAYMENT = Proposal(
    "ask_payment",
    Words(
        "向渠道再查询这笔支付，按渠道的答复处理；本地状态不会仅因对账单缺行而改变。",
        "Ask the channel about the payment again and record what it says; a missing line alone changes nothing.",
    ),
)
_ASK_REFUND = Proposal(
    "ask_refund",
    Words(
        "向渠道再查询这笔退款，按渠道的答复处理。", "Ask the channel about the refund again and record what it says."
    ),
)
_CLOSE_REFUND = Proposal(
    "close_refund",
    Words(
        "渠道一直查无此退款，两天的对账单里也没有：把它记为已关闭，释放占用的金额，可以重新退款。",
        "The channel does not know the refund and neither day's statement has it: close it and release its amount, so "
        "that it can be asked for again.",
    ),
)
_MOVEMENT = Words(
    "这些资金变动不是本系统的支付或退款：在渠道商户后台核对用途，确认后写明原因接受。",
    "This money moved without a payment or refund of ours: look it up in the channel's back office, then accept it "
    "with a note.",
)
_ADVICE: dict[BreakKind, Words] = {
    BreakKind.MISSING_HERE: Words(
        "渠道有这笔钱，而本系统不认识这个单号：到渠道商户后台查它的来历（其他系统、其他商户号或手工收款）；"
        "不应收的请在渠道后台退款，然后写明原因接受。",
        "The channel has this money and the number is none of ours: find out in its back office where it comes from "
        "(another system, account, or a manual charge); refund there what is not yours, then accept with a note.",
    ),
    BreakKind.AMOUNT: Words(
        "双方金额不一致：在渠道商户后台核对实际收退金额（代金券、部分撤销、改价），请渠道更正或写明原因接受。",
        "The amounts differ: look up in the channel's back office what was really paid (coupon, partial reversal, "
        "other price); have the channel correct it, or accept it with a note.",
    ),
    BreakKind.FEE: Words(
        "手续费与约定不符：把这几行发给渠道客服要求更正，或写明原因接受。",
        "The fee is not the agreed one: send the line to the channel's support to have it corrected, or accept it.",
    ),
    BreakKind.DUPLICATE: Words(
        "同一单号在渠道出现多次：顾客可能被收了两次钱。请在渠道商户后台核对各笔渠道单号，多收的从渠道后台退给顾客，"
        "然后写明原因接受。",
        "The channel has one number more than once, so the shopper may have paid twice: look up each of the channel's "
        "numbers in its back office, refund there what is too much, then accept with a note.",
    ),
    BreakKind.CROSSING_MIDNIGHT: Words(
        "同一笔钱双方记在相邻的两天：无需处理。", "Both sides have it, on neighbouring days: nothing to do."
    ),
    BreakKind.MISSING_THERE: Words(
        "本系统有，渠道对账单没有：向渠道查询后再定。", "We have it and the statement has not: ask the channel first."
    ),
    BreakKind.STATUS: Words(
        "双方状态不一致，金额也对不上：在渠道商户后台核对后写明原因接受。",
        "States and amounts differ: look it up in the channel's back office, then accept it with a note.",
    ),
}


def propose(
    kind: BreakKind, subject: Subject, sides: tuple[Ours | None, Theirs | None], *, is_unknown_there: bool
) -> Proposal:
    """The repair of a break from its two sides; `is_unknown_there`: the channel says that it has no such refund."""
    ours, theirs = sides
    if kind in {BreakKind.MISSING_HERE, BreakKind.STATUS} and ours and theirs and ours.is_this_account:
        return _on_the_lines_word(ours, theirs)
    if kind is BreakKind.MISSING_THERE and ours:
        if ours.side == "payment":
            return _ASK_PAYMENT
        return _CLOSE_REFUND if is_unknown_there and ours.state not in FINAL | ENDED else _ASK_REFUND
    return Proposal("none", _MOVEMENT if subject.kind == "movement" else _ADVICE[kind])


def _on_the_lines_word(ours: Ours, theirs: Theirs) -> Proposal:
    """A settled line of the same amount is evidence; one that is not settled is a reason to ask."""
    is_payment = ours.side == "payment"
    if not theirs.is_settled:
        return _ASK_PAYMENT if is_payment else _ASK_REFUND
    if (theirs.amount_minor, theirs.currency) != (ours.moved_minor, ours.currency):
        return Proposal("none", _ADVICE[BreakKind.AMOUNT])
    return _APPLY_PAYMENT if is_payment else _APPLY_REFUND

"""Refunds at Alipay as generators. Must not know: our refund states.

Sources: opendocs alipay.trade.refund and alipay.trade.fastpay.refund.query. `fund_change` Y means that the money moved
with this very call; N, or no status, proves nothing. Alipay has no abnormal refunds and no word for "never".
"""

from __future__ import annotations

from datetime import datetime

from shunfu.channels.alipay.codec import Ask, Said
from shunfu.channels.alipay.codes import canonical, is_too_frequent, why_refund_refused
from shunfu.channels.alipay.exchange import exchange, unlisted
from shunfu.channels.alipay.settings import Settings
from shunfu.channels.alipay.values import parse_china_time, parse_money
from shunfu.gateway.evidence import NotFound, Refused, Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.moment import Moment
from shunfu.gateway.refund import (
    AbnormalRefund,
    Refund,
    RefundEvidence,
    RefundNotYet,
    RefundProcessing,
    RefundSucceeded,
)

_NOT_YET = frozenset({"SELLER_BALANCE_NOT_ENOUGH"})


class AlipayRefunds:
    """alipay.trade.refund and its query, for all scenes."""

    def refund(self, settings: Settings, refund: Refund, moment: Moment) -> Flow[RefundEvidence]:
        """Ask for the refund; the same number and amount again move nothing more."""
        biz: dict[str, object] = {
            "out_trade_no": refund.payment_number,
            "refund_amount": refund.amount.major(),
            "out_request_no": refund.number,
            "refund_reason": refund.reason[:256],
        }
        said = yield from exchange(settings, Ask("alipay.trade.refund", biz), moment)
        if isinstance(said, Unknown):
            return said
        if not said.is_success:
            return _refusal(said)
        if said.node.get("out_trade_no") != refund.payment_number:
            return Unknown("reply is about another number")
        if said.node.get("fund_change") != "Y":
            return RefundProcessing(refund.number)
        return RefundSucceeded(refund.amount, refund.number, _when(said, moment))

    def query_refund(self, settings: Settings, refund: Refund, moment: Moment) -> Flow[RefundEvidence]:
        """Ask what became of it. An answer without a status proves nothing, not even that the refund does not exist."""
        biz: dict[str, object] = {
            "out_trade_no": refund.payment_number,
            "out_request_no": refund.number,
            "query_options": ["gmt_refund_pay"],
        }
        said = yield from exchange(settings, Ask("alipay.trade.fastpay.refund.query", biz), moment)
        if isinstance(said, Unknown):
            return said
        if not said.is_success:
            is_missing = canonical(said.sub_code) == "TRADE_NOT_EXIST" and said.code != "20000"
            return NotFound(said.sub_code) if is_missing else unlisted(said)
        return _queried(said, refund, moment)

    def apply_abnormal(self, settings: Settings, abnormal: AbnormalRefund, moment: Moment) -> Flow[RefundEvidence]:
        """Alipay has no such thing."""
        yield from ()
        return Refused("not_permitted", "")


def _queried(said: Said, refund: Refund, moment: Moment) -> RefundEvidence:
    status = said.node.get("refund_status")
    if status != "REFUND_SUCCESS":
        return RefundProcessing(refund.number) if status is None else Unknown("refund_status is not one that we know")
    named = {"out_trade_no": refund.payment_number, "out_request_no": refund.number}
    amount = parse_money(said.node.get("refund_amount"))
    if amount is None or any(said.node.get(name) != value for name, value in named.items()):
        return Unknown("reply is about another refund")
    return RefundSucceeded(amount, refund.number, _when(said, moment))


def _refusal(said: Said) -> RefundEvidence:
    if is_too_frequent(said) or canonical(said.sub_code) in _NOT_YET:
        return RefundNotYet(said.named)
    reason = why_refund_refused(said)
    return Refused(reason, said.named) if reason else unlisted(said)


def _when(said: Said, moment: Moment) -> datetime:
    return parse_china_time(said.node.get("gmt_refund_pay")) or moment.now

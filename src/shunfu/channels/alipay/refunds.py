"""Refunds at Alipay as generators. Must not know: our refund states.

Sources: opendocs alipay.trade.refund and alipay.trade.fastpay.refund.query. `fund_change` Y means that the money moved
with this very call; N, or no status, proves nothing. Alipay has no abnormal refunds and no word for "never".
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from shunfu.channels.alipay.codec import Ask, Hearsay, Said
from shunfu.channels.alipay.codes import canonical, is_too_frequent, why_refund_refused
from shunfu.channels.alipay.exchange import exchange, exchange_once, unlisted
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

_FIELDS = frozenset({"out_trade_no", "trade_no", "out_request_no", "refund_amount", "refund_status", "total_amount"})
"""What the answer about a refund that there is has in it."""
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
        said = yield from exchange_once(settings, Ask("alipay.trade.refund", biz), moment)
        if isinstance(said, Unknown):
            return said
        if isinstance(said, Hearsay):
            return (yield from _ask_after(settings, refund, moment, _refusal(said.said)))
        if not said.is_success:
            return _refusal(said)
        if said.node.get("out_trade_no") != refund.payment_number:
            return Unknown("reply is about another number")
        if said.node.get("fund_change") != "Y":
            return RefundProcessing(refund.number)
        return RefundSucceeded(refund.amount, refund.number, _when(said, moment))

    def query_refund(self, settings: Settings, refund: Refund, moment: Moment) -> Flow[RefundEvidence]:
        """Ask what became of it. An answer that names the refund without a status proves nothing.

        One that names none is NotFound: the refund is asked for again under its number, which moves nothing twice.
        """
        said = yield from exchange(settings, _question(refund), moment)
        return said if isinstance(said, Unknown) else _told(said, refund, moment)

    def apply_abnormal(self, settings: Settings, abnormal: AbnormalRefund, moment: Moment) -> Flow[RefundEvidence]:
        """Alipay has no such thing."""
        yield from ()
        return Refused("not_permitted", "")


def _ask_after(settings: Settings, refund: Refund, moment: Moment, heard: RefundEvidence) -> Flow[RefundEvidence]:
    """An unsigned refusal counts once the signed gateway shows no such refund; it is never asked for again."""
    if isinstance(heard, Unknown):
        return heard
    said = yield from exchange(replace(settings, protocol="v2"), _question(refund), moment)
    if isinstance(said, Unknown):
        return said
    told = _told(said, refund, moment)
    return heard if isinstance(told, NotFound) else told


def _question(refund: Refund) -> Ask:
    biz: dict[str, object] = {
        "out_trade_no": refund.payment_number,
        "out_request_no": refund.number,
        "query_options": ["gmt_refund_pay"],
    }
    return Ask("alipay.trade.fastpay.refund.query", biz)


def _told(said: Said, refund: Refund, moment: Moment) -> RefundEvidence:
    if not said.is_success:
        is_missing = canonical(said.sub_code) == "TRADE_NOT_EXIST" and said.code != "20000"
        return NotFound(said.sub_code) if is_missing else unlisted(said)
    status, asked = said.node.get("refund_status"), (refund.payment_number, refund.number, refund.amount)
    if status not in {None, "REFUND_SUCCESS"}:
        return Unknown("refund_status is not one that we know")
    # Without a status a field may be missing, but none may be another refund's.
    if any(told != ours and (status or told is not None) for told, ours in zip(_named(said), asked, strict=True)):
        return Unknown("reply is about another refund")
    if status is None:
        is_known = said.node.keys() & _FIELDS
        return RefundProcessing(refund.number) if is_known else NotFound("no refund is named")
    return RefundSucceeded(refund.amount, refund.number, _when(said, moment))


def _named(said: Said) -> tuple[object, object, object]:
    """The payment, the refund and the amount that the reply is about."""
    amount = said.node.get("refund_amount")
    return said.node.get("out_trade_no"), said.node.get("out_request_no"), parse_money(amount) or amount


def _refusal(said: Said) -> RefundEvidence:
    if is_too_frequent(said) or canonical(said.sub_code) in _NOT_YET:
        return RefundNotYet(said.named)
    reason = why_refund_refused(said)
    return Refused(reason, said.named) if reason else unlisted(said)


def _when(said: Said, moment: Moment) -> datetime:
    return parse_china_time(said.node.get("gmt_refund_pay")) or moment.now

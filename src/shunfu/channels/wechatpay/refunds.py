"""Refunds at WeChat Pay: the conversations, and reading what a reply or a notification says. Must not know: sockets.

HTTP 200 says that the refund was taken, not that it was made. Source: pay.weixin.qq.com "申请退款", "查询单笔退款",
"发起异常退款", "退款结果通知"; the refund table of docs/states.md.
"""

from __future__ import annotations

import re

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.asking import trusted, unlisted
from shunfu.channels.wechatpay.beyond.sensitive import encrypt_sensitive
from shunfu.channels.wechatpay.codes import canonical, is_not_yet, refund_refused_reason
from shunfu.channels.wechatpay.settings import Settings
from shunfu.gateway.evidence import NotFound, Refused, Unknown
from shunfu.gateway.flow import Flow, Reply
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import JsonObject, integer_at, object_at, parse_object, parse_time, text_at
from shunfu.gateway.refund import (
    AbnormalRefund,
    Refund,
    RefundAbnormal,
    RefundAccepted,
    RefundClosed,
    RefundEvidence,
    RefundNotYet,
    RefundProcessing,
    RefundReport,
    RefundSucceeded,
)
from shunfu.kernel.money import EXPONENTS, MAX_MINOR, Money

REASON_CHARACTERS = 80
_REFUNDS = "/v3/refund/domestic/refunds"
_NUMBER = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}", re.ASCII)
_WORDS = {"REFUND.SUCCESS": "SUCCESS", "REFUND.ABNORMAL": "ABNORMAL", "REFUND.CLOSED": "CLOSED"}


class WeChatRefunds:
    """Refunds of a direct merchant's payments."""

    def refund(self, settings: Settings, refund: Refund, moment: Moment) -> Flow[RefundEvidence]:
        """Ask for it: RefundAccepted on 200, RefundNotYet when there are no funds, Refused on a listed code."""
        line, body = codec.Line("POST", _REFUNDS), codec.compact(_body(refund))
        answer = yield codec.build_request(settings, line, moment, body)
        reply = trusted(settings, answer, moment.now)
        if isinstance(reply, Unknown):
            return reply
        if reply.status != 200:
            return _refusal(reply)
        told = _told_of(refund, reply)
        return RefundAccepted(told.channel_refund_no) if isinstance(told, RefundProcessing) else told

    def query_refund(self, settings: Settings, refund: Refund, moment: Moment) -> Flow[RefundEvidence]:
        """Ask what became of it; NotFound on 404 RESOURCE_NOT_EXISTS."""
        answer = yield codec.build_request(settings, codec.Line("GET", f"{_REFUNDS}/{refund.number}"), moment)
        reply = trusted(settings, answer, moment.now)
        if isinstance(reply, Unknown):
            return reply
        if reply.status == 200:
            return _told_of(refund, reply)
        code = codec.read_error_code(reply.body) or ""
        is_missing = reply.status == 404 and canonical(code) == "RESOURCE_NOT_EXISTS"
        return NotFound(code) if is_missing else unlisted(reply, code)

    def apply_abnormal(self, settings: Settings, abnormal: AbnormalRefund, moment: Moment) -> Flow[RefundEvidence]:
        """Send an abnormal refund to a bank card of the payer's, or to the merchant's account."""
        body = _abnormal_body(settings, abnormal)
        if isinstance(body, Refused):
            return body
        line = codec.Line("POST", f"{_REFUNDS}/{abnormal.channel_refund_no}/apply-abnormal-refund")
        answer = yield codec.build_request(settings, line, moment, codec.compact(body))
        reply = trusted(settings, answer, moment.now)
        if isinstance(reply, Unknown):
            return reply
        if reply.status == 200:
            return _told_of(abnormal.refund, reply)
        return _refusal(reply)


def read_refund_report(content: JsonObject, event_type: str) -> RefundReport | None:
    """What a REFUND.* notification says; its `refund_status` must agree with the event's name."""
    number = text_at(content, "out_refund_no", _NUMBER)
    if number is None:
        return None
    status = codec.name_at(content, "refund_status")
    if status is None or _WORDS.get(event_type) != status:
        return RefundReport(number, Unknown("refund_status is not what the event says"))
    return RefundReport(number, _read(content, status, "CNY"))


def _body(refund: Refund) -> dict[str, object]:
    by_number = {"out_trade_no": refund.payment_number}
    body: dict[str, object] = {
        **({"transaction_id": refund.channel_transaction_no} if refund.channel_transaction_no else by_number),
        "out_refund_no": refund.number,
        "notify_url": refund.notify_url,
        "amount": {"refund": refund.amount.minor, "total": refund.total.minor, "currency": refund.total.currency},
    }
    reason = "".join(c if c.isprintable() else " " for c in refund.reason)[:REASON_CHARACTERS]
    return {**body, "reason": reason} if reason else body


def _abnormal_body(settings: Settings, abnormal: AbnormalRefund) -> dict[str, object] | Refused:
    body: dict[str, object] = {"out_refund_no": abnormal.refund.number, "type": "MERCHANT_BANK_CARD"}
    if abnormal.to == "merchant":
        return body
    if not (abnormal.bank and abnormal.bank_account.reveal() and abnormal.real_name.reveal()):
        return Refused("invalid_request", "bank card incomplete")
    try:
        account = encrypt_sensitive(settings, abnormal.bank_account)
        name = encrypt_sensitive(settings, abnormal.real_name)
    except ValueError:
        return Refused("invalid_request", "bank card too long")
    return {**body, "type": "USER_BANK_CARD", "bank_type": abnormal.bank, "bank_account": account, "real_name": name}


def _told_of(refund: Refund, reply: Reply) -> RefundEvidence:
    """The evidence in a refund object, when it is about this refund."""
    found = parse_object(reply.body) or {}
    if found.get("out_refund_no") != refund.number:
        return Unknown("reply is about another refund")
    return _read(found, codec.name_at(found, "status"), None)


def _read(source: JsonObject, status: str | None, currency: str | None) -> RefundEvidence:
    refund_no = codec.name_at(source, "refund_id")
    if refund_no is None:
        return Unknown("refund without refund_id")
    match status:
        case "SUCCESS":
            return _succeeded(source, refund_no, currency)
        case "PROCESSING":
            return RefundProcessing(refund_no)
        case "ABNORMAL":
            return RefundAbnormal(refund_no)
        case "CLOSED":
            return RefundClosed("CLOSED")
        case _:
            return Unknown("refund status is not one that we know")


def _succeeded(source: JsonObject, refund_no: str, currency: str | None) -> RefundEvidence:
    """A notification names no currency; a reply must."""
    amount, moment = object_at(source, "amount"), parse_time(source.get("success_time"))
    minor, named = integer_at(amount, "refund"), amount.get("currency", currency)
    if minor is None or not 0 < minor <= MAX_MINOR or not isinstance(named, str) or named not in EXPONENTS:
        return Unknown("amount of a refund is malformed")
    return RefundSucceeded(Money(minor, named), refund_no, moment) if moment else Unknown("refund without success_time")


def _refusal(reply: Reply) -> RefundNotYet | Refused | Unknown:
    code = codec.read_error_code(reply.body) or ""
    if is_not_yet(reply.status, code):
        return RefundNotYet(code)
    reason = refund_refused_reason(reply.status, code)
    return Refused(reason, code) if reason else unlisted(reply, code)

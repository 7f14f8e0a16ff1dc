"""Refund, undo and their query as generators. Must not know: sockets, retries, our states.

UnionPay moves refunds on the settlement side: an answer 00 says that it took the request, no more. The answer alone
never says that a refund failed unless it is about the request itself.
"""

from __future__ import annotations

from shunfu.channels.unionpay import answers, codec, codes
from shunfu.channels.unionpay.answers import CNY, REFUND, UNDO, Asked
from shunfu.channels.unionpay.channel import BACK, QUERY, common, query_fields, trusted
from shunfu.channels.unionpay.settings import Settings
from shunfu.channels.unionpay.times import txn_time
from shunfu.gateway.evidence import NotFound, Refused, Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.port import Moment
from shunfu.gateway.refund import AbnormalRefund, Refund, RefundAccepted, RefundEvidence, RefundNotYet


class UnionPayRefunds:
    """Refunds (退货, any part, for 330 days) and undoes (消费撤销, the whole, within the settlement day)."""

    def refund(self, settings: Settings, refund: Refund, moment: Moment) -> Flow[RefundEvidence]:
        """Ask for it: RefundAccepted, RefundNotYet, Refused about the request; a duplicate is asked about."""
        return (yield from self._send(settings, REFUND, refund, moment))

    def undo(self, settings: Settings, refund: Refund, moment: Moment) -> Flow[RefundEvidence]:
        """Take a payment back whole, before its settlement day ends at 23:00 Beijing, and before any refund of it."""
        if refund.amount != refund.total:
            return Refused("invalid_request", "an undo is of the whole payment")
        return (yield from self._send(settings, UNDO, refund, moment))

    def query_refund(self, settings: Settings, refund: Refund, moment: Moment) -> Flow[RefundEvidence]:
        """Ask what became of a refund or an undo: Processing, Succeeded, Closed, NotFound or Unknown."""
        sent = txn_time(refund.number)
        if sent is None:
            return Unknown("the number is not one of ours, so its txnTime is not known")
        asked = Asked(settings.mer_id, refund.number)
        fields = query_fields(settings, refund.number, sent)
        answer = yield codec.build_request(settings, settings.base_url + QUERY, fields)
        found = trusted(settings, answer, asked, moment.now)
        return found if isinstance(found, Unknown) else answers.read_refund_query(found, refund.amount)

    def apply_abnormal(self, settings: Settings, abnormal: AbnormalRefund, moment: Moment) -> Flow[RefundEvidence]:
        """UnionPay has no such thing: a refund that fails is asked for anew, with another number."""
        return Refused("not_permitted", "UnionPay sends no refund another way")
        yield

    def _send(self, settings: Settings, kind: str, refund: Refund, moment: Moment) -> Flow[RefundEvidence]:
        sent = txn_time(refund.number)
        if sent is None or refund.amount.currency != "CNY":
            return Refused("invalid_request", "number" if sent is None else "currency")
        fields = {
            **common(settings, kind, "00", "000201"),
            "channelType": "07",
            "orderId": refund.number,
            "txnTime": sent,
            "txnAmt": str(refund.amount.minor),
            "currencyCode": CNY,
            "origQryId": refund.channel_transaction_no,
            "backUrl": codec.address(refund.notify_url),
        }
        unclear = codec.unclear(settings, fields)
        if unclear:
            return Refused("invalid_request", unclear)
        answer = yield codec.build_request(settings, settings.base_url + BACK, fields)
        found = trusted(settings, answer, Asked(settings.mer_id, refund.number, kind), moment.now)
        if isinstance(found, Unknown):
            return found
        code = answers.code_at(found, "respCode")
        if code == codes.DUPLICATE:
            again = yield from self.query_refund(settings, refund, moment)
            return Unknown(f"respCode {code}, and then not found") if isinstance(again, NotFound) else again
        return _taken(code, found)


def _taken(code: str, found: codec.Fields) -> RefundEvidence:
    if code == codes.OK:
        return RefundAccepted(answers.name_at(found, "queryId"))
    if codes.is_refund_not_yet(code):
        return RefundNotYet(code)
    reason = codes.refund_refused_reason(code)
    return Refused(reason, code) if reason else Unknown(f"respCode {code}".strip())

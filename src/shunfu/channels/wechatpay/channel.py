"""The verbs of WeChat Pay as generators: each yields signed requests and turns what comes back into evidence.

Must not know: sockets, time-outs, retries, our states. A reply that fails verification is Unknown, whatever it says.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from urllib.parse import urlencode

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.asking import trusted, unlisted
from shunfu.channels.wechatpay.beyond.reading import read_about, read_combined
from shunfu.channels.wechatpay.certificates import CertificatesAnswer, fetch_certificates
from shunfu.channels.wechatpay.codes import canonical, refused_reason
from shunfu.channels.wechatpay.echo import EchoAnswer, echo
from shunfu.channels.wechatpay.invoking import NEED_PAYER, read_invoke, send_back
from shunfu.channels.wechatpay.refunds import read_refund_report
from shunfu.channels.wechatpay.settings import OFFICIAL_SCENE, Settings
from shunfu.gateway.evidence import Accepted, Closed, Evidence, NotFound, Paid, Refused, Unknown
from shunfu.gateway.flow import Flow, Reply
from shunfu.gateway.moment import Moment
from shunfu.gateway.port import Genuine, Heard, Message, Prepay, Spurious
from shunfu.gateway.reading import JsonObject, object_at, parse_object, parse_time, text_at

_ORDERS = "/v3/pay/transactions"
_PATHS = {
    "miniprogram": f"{_ORDERS}/jsapi",
    "native": f"{_ORDERS}/native",
    "h5": f"{_ORDERS}/h5",
    "app": f"{_ORDERS}/app",
    OFFICIAL_SCENE: f"{_ORDERS}/jsapi",
}


class WeChatPay:
    """WeChat Pay API v3, direct merchant, in five scenes."""

    def prepay(self, settings: Settings, prepay: Prepay, moment: Moment) -> Flow[Evidence]:
        """Place the order: Accepted with invoke data, Refused on a listed code, else Unknown."""
        if prepay.scene in NEED_PAYER and not prepay.payer:
            return Refused("payer", "openid missing")
        if prepay.scene == "h5" and not prepay.client_ip:
            return Refused("invalid_request", "payer_client_ip missing")
        body = codec.prepay_body(settings, prepay)
        answer = yield codec.build_request(settings, codec.Line("POST", _PATHS[prepay.scene]), moment, body)
        reply = trusted(settings, answer, moment.now)
        if isinstance(reply, Unknown):
            return reply
        if reply.status != 200:
            return _refusal(reply)
        invoke = read_invoke(settings, prepay.scene, parse_object(reply.body) or {}, moment)
        if invoke is None:
            return Unknown("reply to the order is malformed")
        return Accepted(send_back(settings, invoke, prepay.return_url))

    def query(self, settings: Settings, number: str, moment: Moment) -> Flow[Evidence]:
        """Ask what became of a number: NotPaid, Paid (SUCCESS and REFUND), Closed, NotFound or Unknown."""
        target = f"{_ORDERS}/out-trade-no/{number}?{urlencode({'mchid': settings.mchid})}"
        answer = yield codec.build_request(settings, codec.Line("GET", target), moment)
        reply = trusted(settings, answer, moment.now)
        if isinstance(reply, Unknown):
            return reply
        if reply.status != 200:
            return _not_found(reply)
        found = parse_object(reply.body) or {}
        is_ours = found.get("out_trade_no") == number
        return codec.read_transaction(found) if is_ours else Unknown("reply is about another number")

    def close(self, settings: Settings, number: str, moment: Moment) -> Flow[Evidence]:
        """Ask to close a number: Closed on 204, NotFound, else Unknown (then query)."""
        target = f"{_ORDERS}/out-trade-no/{number}/close"
        body = codec.compact({"mchid": settings.mchid})
        answer = yield codec.build_request(settings, codec.Line("POST", target), moment, body)
        reply = trusted(settings, answer, moment.now)
        if isinstance(reply, Unknown):
            return reply
        return Closed("CLOSED") if reply.status == 204 else _not_found(reply)

    def read_notification(self, settings: Settings, message: Message, now: datetime) -> Genuine | Spurious:
        """Verify the raw bytes, then parse, then decrypt (tag checked), then read. Never raises on hostile input."""
        distrust = codec.verify(settings, message.headers, message.body, now)
        if distrust:
            return Spurious(distrust.reason, distrust.is_probe)
        envelope = parse_object(message.body) or {}
        external_id, event_type = codec.name_at(envelope, "id"), codec.name_at(envelope, "event_type")
        if external_id is None or event_type is None:
            return Spurious("envelope is malformed")
        plaintext = codec.decrypt(settings, object_at(envelope, "resource"))
        content = None if plaintext is None else parse_object(plaintext)
        if content is None:
            return Spurious("resource does not decrypt to an object; is the APIv3 key the one in the console?")
        nonce, happened_at = message.headers.get("wechatpay-nonce", ""), parse_time(envelope.get("create_time")) or now
        signed_by = message.headers.get("wechatpay-serial", "")
        bare = Genuine(external_id, nonce, event_type, None, None, happened_at, signed_by=signed_by)
        return _genuine(bare, content)

    def answer_notification(self, heard: Heard) -> Reply:
        """200 SUCCESS, or FAIL so that WeChat sends again: 401 when not proven genuine, 400 when not our money."""
        headers = {"content-type": "application/json; charset=utf-8"}
        if heard == "accepted":
            return Reply(200, headers, codec.compact({"code": "SUCCESS", "message": "成功"}).encode())
        status = 401 if heard == "distrusted" else 400
        return Reply(status, headers, codec.compact({"code": "FAIL", "message": "失败"}).encode())

    def fetch_certificates(self, settings: Settings, moment: Moment) -> Flow[CertificatesAnswer]:
        """Every platform certificate in use, the newest first."""
        return fetch_certificates(settings, moment)

    def echo(self, settings: Settings, notify_url: str, moment: Moment) -> Flow[EchoAnswer]:
        """Try every key without any money: WeChat says back what it was told."""
        return echo(settings, notify_url, moment)


def _refusal(reply: Reply) -> Refused | Unknown:
    code = codec.read_error_code(reply.body) or ""
    reason = refused_reason(reply.status, code)
    return Refused(reason, code) if reason else unlisted(reply, code)


def _not_found(reply: Reply) -> NotFound | Unknown:
    code = codec.read_error_code(reply.body) or ""
    is_missing = reply.status == 404 and canonical(code) == "ORDER_NOT_EXIST"
    return NotFound(code) if is_missing else unlisted(reply, code)


def _genuine(bare: Genuine, content: JsonObject) -> Genuine:
    """What a genuine notification is about: a payment, the parts of a combined one, a refund, or something else."""
    number = text_at(content, "out_trade_no", codec.NUMBER)
    if bare.event_type == "TRANSACTION.SUCCESS":
        parts = read_combined(content)
        if parts:
            return replace(bare, parts=parts)
        return replace(bare, number=number, evidence=_notified(content) if number else None)
    if bare.event_type.startswith("REFUND."):
        return replace(bare, number=number, refund=read_refund_report(content, bare.event_type))
    return replace(bare, number=number, about=read_about(bare.event_type, content))


def _notified(content: JsonObject) -> Evidence:
    """A notification proves a payment only with SUCCESS inside; anything else asks for a query."""
    evidence = codec.read_transaction(content) if content.get("trade_state") == "SUCCESS" else None
    return evidence if isinstance(evidence, Paid | Unknown) else Unknown("notified trade_state is not SUCCESS")

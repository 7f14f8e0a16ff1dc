"""The verbs of WeChat Pay as generators: each yields signed requests and turns what comes back into evidence.

Must not know: sockets, time-outs, retries, our states. A reply that fails verification is Unknown, whatever it says.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlencode

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.codes import canonical, refused_reason
from shunfu.channels.wechatpay.reading import JsonObject, object_at, parse_object, parse_time, text_at
from shunfu.channels.wechatpay.settings import NAME, Settings, sandbox_url
from shunfu.gateway.evidence import Accepted, Closed, Evidence, Invoke, NotFound, Paid, Refused, Unknown
from shunfu.gateway.flow import Answer, Flow, NoReply, Reply
from shunfu.gateway.port import Genuine, Heard, Message, Moment, Prepay, Spurious

PREPAY_SECONDS = 7200
_ORDERS = "/v3/pay/transactions"
_PATHS = {"miniprogram": f"{_ORDERS}/jsapi", "native": f"{_ORDERS}/native"}


class WeChatPay:
    """WeChat Pay API v3, direct merchant, mini-program and native scenes."""

    def prepay(self, settings: Settings, prepay: Prepay, moment: Moment) -> Flow[Evidence]:
        """Place the order: Accepted with invoke data, Refused on a listed code, else Unknown."""
        if prepay.scene == "miniprogram" and not prepay.payer:
            return Refused("payer", "openid missing")
        body = codec.prepay_body(settings, prepay)
        answer = yield codec.build_request(settings, codec.Line("POST", _PATHS[prepay.scene]), moment, body)
        reply = _trusted(settings, answer, moment.now)
        if isinstance(reply, Unknown):
            return reply
        if reply.status != 200:
            return _refusal(reply)
        invoke = _invoke(settings, prepay.scene, reply.body, moment)
        return Accepted(invoke) if invoke else Unknown("reply to the order is malformed")

    def query(self, settings: Settings, number: str, moment: Moment) -> Flow[Evidence]:
        """Ask what became of a number: NotPaid, Paid (SUCCESS and REFUND), Closed, NotFound or Unknown."""
        target = f"{_ORDERS}/out-trade-no/{number}?{urlencode({'mchid': settings.mchid})}"
        answer = yield codec.build_request(settings, codec.Line("GET", target), moment)
        reply = _trusted(settings, answer, moment.now)
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
        reply = _trusted(settings, answer, moment.now)
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
        number = text_at(content, "out_trade_no", codec.NUMBER)
        evidence = _notified(content) if event_type == "TRANSACTION.SUCCESS" and number else None
        happened_at = parse_time(envelope.get("create_time")) or now
        nonce = message.headers.get("wechatpay-nonce", "")
        return Genuine(external_id, nonce, event_type, number, evidence, happened_at)

    def answer_notification(self, heard: Heard) -> Reply:
        """200 SUCCESS, or FAIL so that WeChat sends again: 401 when not proven genuine, 400 when not our money."""
        headers = {"content-type": "application/json; charset=utf-8"}
        if heard == "accepted":
            return Reply(200, headers, codec.compact({"code": "SUCCESS", "message": "成功"}).encode())
        status = 401 if heard == "distrusted" else 400
        return Reply(status, headers, codec.compact({"code": "FAIL", "message": "失败"}).encode())


def _trusted(settings: Settings, answer: Answer, now: datetime) -> Reply | Unknown:
    if isinstance(answer, NoReply):
        return Unknown(answer.reason)
    distrust = codec.verify(settings, answer.headers, answer.body, now)
    return Unknown(f"HTTP {answer.status}: {distrust.reason}") if distrust else answer


def _refusal(reply: Reply) -> Refused | Unknown:
    code = codec.read_error_code(reply.body) or ""
    reason = refused_reason(reply.status, code)
    return Refused(reason, code) if reason else _unlisted(reply, code)


def _not_found(reply: Reply) -> NotFound | Unknown:
    code = codec.read_error_code(reply.body) or ""
    is_missing = reply.status == 404 and canonical(code) == "ORDER_NOT_EXIST"
    return NotFound(code) if is_missing else _unlisted(reply, code)


def _unlisted(reply: Reply, code: str) -> Unknown:
    return Unknown(f"HTTP {reply.status} {code}".strip())


def _notified(content: JsonObject) -> Evidence:
    """A notification proves a payment only with SUCCESS inside; anything else asks for a query."""
    evidence = codec.read_transaction(content) if content.get("trade_state") == "SUCCESS" else None
    return evidence if isinstance(evidence, Paid | Unknown) else Unknown("notified trade_state is not SUCCESS")


def _invoke(settings: Settings, scene: str, body: bytes, moment: Moment) -> Invoke | None:
    expires_at = moment.now + timedelta(seconds=PREPAY_SECONDS)
    if scene == "native":
        code_url = codec.read_code_url(body)
        params = {"code_url": code_url} if code_url else None
        return Invoke("qr", params, expires_at, _sheet_url(settings, params)) if params else None
    prepay_id = codec.read_prepay_id(body)
    if prepay_id is None:
        return None
    params = codec.pay_params(settings, prepay_id, moment)
    return Invoke("wechat_request_payment", params, expires_at, _sheet_url(settings, params))


def _sheet_url(settings: Settings, params: dict[str, str]) -> str | None:
    origin = sandbox_url(settings)
    return f"{origin}/sandbox/sheet?{urlencode({'channel': NAME, **params})}" if origin else None

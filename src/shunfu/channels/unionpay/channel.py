"""The verbs of UnionPay as generators: each yields signed requests and turns what comes back into evidence.

Must not know: sockets, time-outs, retries, our states. A reply that fails verification is Unknown, whatever it says.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from urllib.parse import urlencode

from shunfu.channels.unionpay import answers, codec, codes
from shunfu.channels.unionpay.answers import CNY, PAYMENT, REFUND, UNDO, Asked
from shunfu.channels.unionpay.settings import NAME, Settings, sandbox_url
from shunfu.channels.unionpay.times import full, txn_time
from shunfu.gateway.evidence import Accepted, Evidence, Invoke, Paid, Refused, Unknown
from shunfu.gateway.flow import Answer, Flow, NoReply, Reply
from shunfu.gateway.port import Genuine, Heard, Message, Moment, Prepay, Spurious
from shunfu.gateway.refund import RefundReport

FRONT = "/gateway/api/frontTransReq.do"
APP = "/gateway/api/appTransReq.do"
BACK = "/gateway/api/backTransReq.do"
QUERY = "/gateway/api/queryTrans.do"

DESCRIPTION_BYTES_MAX = 32
_BROWSER = {"page": "07", "h5": "08"}
_NEVER_NOTIFIED = ("backUrl", "frontUrl", "payTimeout", "channelType", "origRespCode")
"""Fields of requests, and of answers to queries: what has one is no notification, whoever signed it."""

_FORBIDDEN = str.maketrans(dict.fromkeys("[]{}&=\"'\\", " "))


class UnionPay:
    """UnionPay ACP 5.1.0, one merchant: app orders (云闪付 mini-program, app), browser cashier, QR apply."""

    def prepay(self, settings: Settings, prepay: Prepay, moment: Moment) -> Flow[Evidence]:
        """Place the order: Accepted with a `tn`, a QR code or our signed form; Refused on a listed code; else Unknown.

        The browser's form goes to UnionPay from the shopper's browser: nothing is sent here, and the order exists there
        once the cashier opens.
        """
        sent = txn_time(prepay.number)
        if sent is None or prepay.amount.currency != "CNY":
            return Refused("invalid_request", "number" if sent is None else "currency")
        fields = _order(settings, prepay, sent)
        deadline, unclear = _deadline(prepay), codec.unclear(settings, fields)
        if unclear:
            return Refused("invalid_request", unclear)
        if prepay.scene in _BROWSER:
            return Accepted(_form(settings, fields, deadline))
        path = BACK if prepay.scene == "native" else APP
        answer = yield codec.build_request(settings, settings.base_url + path, fields)
        found = trusted(settings, answer, Asked(settings.mer_id, prepay.number, PAYMENT), moment.now)
        if isinstance(found, Unknown):
            return found
        code = answers.code_at(found, "respCode")
        if code == codes.DUPLICATE:
            return (yield from self._ask_again(settings, prepay.number, moment))
        if code != codes.OK:
            reason = codes.refused_reason(code)
            return Refused(reason, code) if reason else Unknown(f"respCode {code}".strip())
        invoke = _invoke(settings, prepay.scene, found, deadline)
        return Accepted(invoke) if invoke else Unknown("reply to the order is malformed")

    def query(self, settings: Settings, number: str, moment: Moment) -> Flow[Evidence]:
        """Ask what became of a number: NotPaid, Paid, Closed, NotFound or Unknown."""
        sent = txn_time(number)
        if sent is None:
            return Unknown("the number is not one of ours, so its txnTime is not known")
        asked = Asked(settings.mer_id, number)
        answer = yield codec.build_request(settings, settings.base_url + QUERY, query_fields(settings, number, sent))
        found = trusted(settings, answer, asked, moment.now)
        return found if isinstance(found, Unknown) else answers.read_query(found, asked, moment.now)

    def close(self, settings: Settings, number: str, moment: Moment) -> Flow[Evidence]:
        """UnionPay closes no order; it ends at its payTimeout, and a query tells. Always Unknown, nothing is sent."""
        return Unknown("UnionPay has no call that closes an order")
        yield

    def read_notification(self, settings: Settings, message: Message, now: datetime) -> Genuine | Spurious:
        """Verify the form to the root, then read. Never raises on hostile input."""
        fields = codec.parse_form(message.body)
        if fields is None:
            return Spurious("not a form with each field once, in the encoding that it names")
        distrust = codec.verify(settings, fields, now)
        if distrust:
            return Spurious(distrust.reason)
        if any(name in fields for name in _NEVER_NOTIFIED):
            return Spurious("a request or an answer to a query, not a notification")
        return _genuine(settings, fields, message.body, now)

    def answer_notification(self, heard: Heard) -> Reply:
        """200, whose body UnionPay ignores; 401 when not proven genuine, 400 when not our money: it comes again."""
        headers = {"content-type": "text/plain; charset=utf-8"}
        if heard == "accepted":
            return Reply(200, headers, b"ok")
        return Reply(401 if heard == "distrusted" else 400, headers, b"fail")

    def _ask_again(self, settings: Settings, number: str, moment: Moment) -> Flow[Evidence]:
        """A duplicate is an order of ours that exists: paid or not, only a query tells, and no tn can be had of it."""
        found = yield from self.query(settings, number, moment)
        return found if isinstance(found, Paid) else Unknown(f"respCode {codes.DUPLICATE}: the order exists already")


def query_fields(settings: Settings, number: str, sent: str) -> dict[str, str]:
    """What asks about a payment, refund or undo: its number and its txnTime."""
    return {
        **common(settings, "00", "00", "000000"),
        "orderId": number,
        "txnTime": sent,
    }


def common(settings: Settings, kind: str, subkind: str, product: str) -> dict[str, str]:
    """The fields of every request: txnType, txnSubType, bizType, and who asks."""
    return {
        "version": codec.VERSION,
        "encoding": codec.ENCODING,
        "txnType": kind,
        "txnSubType": subkind,
        "bizType": product,
        "accessType": "0",
        "merId": settings.mer_id,
    }


def trusted(settings: Settings, answer: Answer, asked: Asked, now: datetime) -> codec.Fields | Unknown:
    """The fields of a reply that UnionPay signed, about what was asked; else why it is worth nothing."""
    if isinstance(answer, NoReply):
        return Unknown(answer.reason)
    fields = codec.parse_body(answer.body) if answer.status == 200 else None
    if fields is None:
        return Unknown(f"HTTP {answer.status}: not a reply of UnionPay's")
    distrust = codec.verify(settings, fields, now)
    if distrust:
        return Unknown(f"HTTP {answer.status}: {distrust.reason}")
    return fields if asked.is_about(fields) else Unknown("reply is about another transaction")


def _order(settings: Settings, prepay: Prepay, sent: str) -> dict[str, str]:
    is_native, deadline = prepay.scene == "native", _deadline(prepay)
    return {
        **common(settings, PAYMENT, "07" if is_native else "01", "000000" if is_native else "000201"),
        "channelType": _BROWSER.get(prepay.scene, "08"),
        "orderId": prepay.number,
        "txnTime": sent,
        "txnAmt": str(prepay.amount.minor),
        "currencyCode": CNY,
        "backUrl": codec.address(prepay.notify_url),
        "frontUrl": codec.address(prepay.return_url or "") if prepay.scene in _BROWSER else "",
        "payTimeout": full(deadline),
        "orderDesc": _description(prepay.subject),
        "reqReserved": answers.reserved_until(deadline),
    }


def _deadline(prepay: Prepay) -> datetime:
    return min(prepay.expires_at, answers.latest_deadline(prepay.number)).replace(microsecond=0)


def _description(subject: str) -> str:
    """At most 32 bytes, so that it fits whichever way UnionPay counts; none of the characters that frame fields."""
    plain = "".join(c if c.isprintable() else " " for c in subject.translate(_FORBIDDEN)).strip()
    return plain.encode("utf-8", "ignore")[:DESCRIPTION_BYTES_MAX].decode("utf-8", "ignore").strip()


def _form(settings: Settings, fields: dict[str, str], deadline: datetime) -> Invoke:
    signed = codec.sign(settings, fields)
    action, origin = settings.base_url + FRONT, sandbox_url(settings)
    # The sandbox's cashier takes the form by GET as well, so that a plain link can open it.
    sheet = f"{origin}{FRONT}?{urlencode(signed)}" if origin else None
    return Invoke("form", {"action": action, **signed}, deadline, sheet)


def _invoke(settings: Settings, scene: str, found: codec.Fields, deadline: datetime) -> Invoke | None:
    origin = sandbox_url(settings)
    name, field = ("code_url", "qrCode") if scene == "native" else ("tn", "tn")
    value = found.get(field, "")
    if not 0 < len(value) <= 512 or not value.isascii() or not value.isprintable():
        return None
    sheet = f"{origin}/sandbox/sheet?{urlencode({'channel': NAME, name: value})}" if origin else None
    return Invoke("qr" if scene == "native" else "unionpay_tn", {name: value}, deadline, sheet)


def _genuine(settings: Settings, fields: codec.Fields, body: bytes, now: datetime) -> Genuine | Spurious:
    kind, number = answers.name_at(fields, "txnType"), answers.name_at(fields, "orderId")
    code = answers.code_at(fields, "respCode")
    own = answers.name_at(fields, "queryId") or number
    if not (kind and number and code):
        return Spurious("envelope is malformed")
    evidence = _notified(fields, code) if kind == PAYMENT else None
    is_ours = fields.get("merId") == settings.mer_id
    refund = _notified_refund(fields, number, code if is_ours else "") if kind in {REFUND, UNDO} else None
    return Genuine(
        external_id=f"{kind}-{own}-{code}",
        # UnionPay sends no nonce: the same bytes are the same message, which external_id finds to be a duplicate.
        nonce=sha256(body).hexdigest()[:32],
        event_type=f"{kind}{answers.name_at(fields, 'txnSubType')}",
        number=number if evidence is not None else None,
        evidence=evidence,
        happened_at=answers.read_moment(fields) or now,
        refund=refund,
        about=None if evidence is not None or refund is not None else number,
        signed_by=fields.get("certId", ""),
    )


def _notified(fields: codec.Fields, code: str) -> Evidence:
    """A notification proves a payment only with a code that says so, anything else asks for a query.

    Another merchant's payment is told as what it is: the guard on Paid compares the accounts.
    """
    return answers.read_paid(fields) if code in codes.PAID else Unknown(f"notified respCode {code}")


def _notified_refund(fields: codec.Fields, number: str, code: str) -> RefundReport:
    """Nothing of another merchant's refund counts, so its code is not told here."""
    is_done = code in codes.PAID
    return RefundReport(number, answers.read_refunded(fields) if is_done else Unknown(f"notified respCode {code}"))

"""The verbs of Template Pay as generators. Must not know: sockets, time-outs, retries, our states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from shunfu.channels._template.codec import (
    NAME_SHAPE,
    Line,
    build_request,
    read_payment,
    read_refund,
    read_reply,
    why_untrusted,
)
from shunfu.channels._template.settings import NAME, Settings, sandbox_url
from shunfu.gateway.evidence import Accepted, Evidence, Invoke, Refused, Unknown
from shunfu.gateway.flow import Flow, Reply
from shunfu.gateway.port import Genuine, Heard, Message, Moment, Prepay, Spurious
from shunfu.gateway.reading import JsonObject, parse_object, parse_time, text_at
from shunfu.gateway.refund import AbnormalRefund, Refund, RefundEvidence, RefundReport

PREPAY_SECONDS = 7200


class TemplatePay:
    """Payments and refunds."""

    def prepay(self, settings: Settings, prepay: Prepay, moment: Moment) -> Flow[Evidence]:
        """Place the order: Accepted with a QR code's address, Refused on a listed code, else Unknown."""
        body = {
            "number": prepay.number,
            "amount": prepay.amount.minor,
            "subject": prepay.subject[:100],
            "expires_at": prepay.expires_at.astimezone(UTC).isoformat(timespec="seconds"),
            "notify_url": prepay.notify_url,
        }
        answer = yield build_request(settings, Line("POST", "/template/payments"), moment, body)
        found = read_reply(settings, answer, moment.now)
        if isinstance(found, Unknown):
            return found
        if found.get("code") != "OK":
            told = read_payment(found, prepay.number)
            return told if isinstance(told, Refused) else Unknown("the order was not taken")
        code_url = found.get("code_url")
        if not isinstance(code_url, str) or not code_url.isascii() or found.get("number") != prepay.number:
            return Unknown("the reply to the order is malformed")
        params = {"code_url": code_url}
        expires_at = moment.now + timedelta(seconds=PREPAY_SECONDS)
        return Accepted(Invoke("qr", params, expires_at, _sheet_url(settings, params)))

    def query(self, settings: Settings, number: str, moment: Moment) -> Flow[Evidence]:
        """Ask what became of a number."""
        answer = yield build_request(settings, Line("GET", f"/template/payments/{number}"), moment)
        found = read_reply(settings, answer, moment.now)
        return found if isinstance(found, Unknown) else read_payment(found, number)

    def close(self, settings: Settings, number: str, moment: Moment) -> Flow[Evidence]:
        """Ask to close a number: Closed, NotFound, else Unknown."""
        answer = yield build_request(settings, Line("POST", f"/template/payments/{number}/close"), moment, {})
        found = read_reply(settings, answer, moment.now)
        told = found if isinstance(found, Unknown) else read_payment(found, number)
        return Unknown("the channel does not close it") if isinstance(told, Refused) else told

    def read_notification(self, settings: Settings, message: Message, now: datetime) -> Genuine | Spurious:
        """Verify first, then read. Never raises on hostile input."""
        why = why_untrusted(settings, "NOTIFY", (message.headers, message.body), now)
        found = parse_object(message.body) or {}
        external_id, kind = text_at(found, "id", NAME_SHAPE), text_at(found, "kind", NAME_SHAPE)
        if why or external_id is None or kind is None:
            return Spurious(why or "malformed")
        number, happened_at = text_at(found, "number", NAME_SHAPE), parse_time(found.get("happened_at")) or now
        evidence = read_payment(found, number or "") if kind == "PAYMENT" and number else None
        report = _report(found, number) if kind == "REFUND" else None
        about = text_at(found, "payment", NAME_SHAPE) if report else number
        return Genuine(external_id, "", kind, about, evidence, happened_at, refund=report)

    def answer_notification(self, heard: Heard) -> Reply:
        """200 with the word that the channel wants, or a refusal after which it sends again."""
        status = {"accepted": 200, "distrusted": 401, "refused": 400}[heard]
        return Reply(status, {"content-type": "text/plain"}, b"taken" if heard == "accepted" else b"no")

    def refund(self, settings: Settings, refund: Refund, moment: Moment) -> Flow[RefundEvidence]:
        """Ask for a refund; the same number again asks for nothing more."""
        body = {
            "number": refund.number,
            "payment": refund.payment_number,
            "amount": refund.amount.minor,
            "notify_url": refund.notify_url,
        }
        answer = yield build_request(settings, Line("POST", "/template/refunds"), moment, body)
        found = read_reply(settings, answer, moment.now)
        return found if isinstance(found, Unknown) else read_refund(found, refund.number, is_query=False)

    def query_refund(self, settings: Settings, refund: Refund, moment: Moment) -> Flow[RefundEvidence]:
        """Ask what became of a refund."""
        answer = yield build_request(settings, Line("GET", f"/template/refunds/{refund.number}"), moment)
        found = read_reply(settings, answer, moment.now)
        return found if isinstance(found, Unknown) else read_refund(found, refund.number, is_query=True)

    def apply_abnormal(self, settings: Settings, abnormal: AbnormalRefund, moment: Moment) -> Flow[RefundEvidence]:
        """This channel has no other way for an abnormal refund."""
        yield from ()
        return Refused("not_permitted", "NO_SUCH_THING")


def _report(found: JsonObject, number: str | None) -> RefundReport | None:
    return RefundReport(number, read_refund(found, number, is_query=True)) if number else None


def _sheet_url(settings: Settings, params: dict[str, str]) -> str | None:
    origin = sandbox_url(settings)
    return f"{origin}/sandbox/sheet?{urlencode({'channel': NAME, **params})}" if origin else None

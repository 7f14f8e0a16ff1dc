"""Template Pay in bytes and values: sign, verify, build, read. Must not know: states, HTTP, clocks.

The wire of this made-up channel: JSON over HTTPS. `template-signature` is the hex HMAC-SHA256, under the merchant's
secret key, of lines that each end with LF: method, path with query, `template-timestamp` (Unix seconds), body. A reply
and a notification are signed over timestamp and body, with the word REPLY or NOTIFY in front.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from shunfu.channels._template.codes import NOT_FOUND, read_refused
from shunfu.channels._template.settings import Settings
from shunfu.gateway.evidence import Closed, Evidence, NotFound, NotPaid, Paid, Refused, Unknown
from shunfu.gateway.flow import Answer, NoReply, Request
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import JsonObject, integer_at, parse_object, parse_time, parse_timestamp, text_at
from shunfu.gateway.refund import (
    RefundAbnormal,
    RefundAccepted,
    RefundClosed,
    RefundEvidence,
    RefundNotYet,
    RefundProcessing,
    RefundSucceeded,
)
from shunfu.kernel.money import MAX_MINOR, Money

WINDOW_SECONDS = 300
NAME_SHAPE = re.compile(r"[0-9A-Za-z_.:-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Line:
    """Method and target of a request; the target is path and query exactly as sent, for both are signed."""

    method: str
    target: str


def signature(key: bytes, *lines: bytes) -> str:
    """Hex HMAC-SHA256 over the lines, each ended by LF."""
    return hmac.new(key, b"".join(line + b"\n" for line in lines), sha256).hexdigest()


def build_request(settings: Settings, line: Line, moment: Moment, body: Mapping[str, object] | None = None) -> Request:
    """A signed request with this JSON body, or none."""
    timestamp = str(int(moment.now.timestamp()))
    raw = b"" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    signed = signature(
        settings.secret_key.reveal(), line.method.encode(), line.target.encode(), timestamp.encode(), raw
    )
    headers = (
        ("template-merchant", settings.merchant_no),
        ("template-timestamp", timestamp),
        ("template-signature", signed),
        ("Content-Type", "application/json"),
    )
    return Request(line.method, settings.base_url + line.target, headers, raw)


def why_untrusted(settings: Settings, word: str, message: tuple[Mapping[str, str], bytes], now: datetime) -> str | None:
    """None when Template Pay signed exactly these bytes within 300 seconds of now; else what is wrong."""
    headers, body = message
    timestamp, signed = headers.get("template-timestamp", ""), headers.get("template-signature", "")
    seconds = parse_timestamp(timestamp)
    if seconds is None or abs(now.timestamp() - seconds) > WINDOW_SECONDS:
        return "timestamp is not within 300 seconds of now"
    expected = signature(settings.secret_key.reveal(), word.encode(), timestamp.encode(), body)
    is_signed = hmac.compare_digest(expected.encode(), signed.encode("utf-8", "replace"))
    return None if is_signed else "signature does not match"


def read_reply(settings: Settings, answer: Answer, now: datetime) -> JsonObject | Unknown:
    """The JSON object of a reply that Template Pay signed; Unknown for anything else."""
    if isinstance(answer, NoReply):
        return Unknown(answer.reason)
    why = why_untrusted(settings, "REPLY", (answer.headers, answer.body), now)
    found = None if why else parse_object(answer.body)
    if found is None or answer.status not in {200, 400}:
        return Unknown(f"HTTP {answer.status}: {why or 'not understood'}")
    return found


def read_payment(found: JsonObject, number: str) -> Evidence:
    """What a reply or a notification says of one payment."""
    code = found.get("code")
    if code != "OK":
        return _no(code)
    if found.get("number") != number:
        return Unknown("the reply is about another number")
    match found.get("state"):
        case "WAITING":
            return NotPaid("WAITING")
        case "CLOSED":
            return Closed("CLOSED")
        case "PAID":
            return _paid(found)
        case _:
            return Unknown("the state is not one that we know")


def read_refund(found: JsonObject, number: str, *, is_query: bool) -> RefundEvidence:
    """What a reply or a notification says of one refund."""
    code = found.get("code")
    if code != "OK":
        return RefundNotYet("NO_BALANCE") if code == "NO_BALANCE" else _no(code)
    refund_no, amount = text_at(found, "channel_no", NAME_SHAPE), integer_at(found, "amount")
    if found.get("number") != number or refund_no is None or amount is None or not 0 < amount <= MAX_MINOR:
        return Unknown("the reply is about another refund")
    finished_at = parse_time(found.get("finished_at"))
    match found.get("state"):
        case "WORKING":
            return RefundProcessing(refund_no) if is_query else RefundAccepted(refund_no)
        case "DONE" if finished_at:
            return RefundSucceeded(Money(amount, "CNY"), refund_no, finished_at)
        case "ABNORMAL":
            return RefundAbnormal(refund_no)
        case "CLOSED":
            return RefundClosed("CLOSED")
        case _:
            return Unknown("the state is not one that we know")


def _no(code: object) -> Refused | NotFound | Unknown:
    if code == NOT_FOUND:
        return NotFound(NOT_FOUND)
    return read_refused(code)


def _paid(found: JsonObject) -> Evidence:
    amount, paid_at = integer_at(found, "amount"), parse_time(found.get("paid_at"))
    account, channel_no = text_at(found, "merchant_no", NAME_SHAPE), text_at(found, "channel_no", NAME_SHAPE)
    if amount is None or not 0 < amount <= MAX_MINOR or paid_at is None or account is None or channel_no is None:
        return Unknown("a paid payment is incomplete")
    return Paid(Money(amount, "CNY"), account, account, channel_no, paid_at)

"""Complaints 消费者投诉 2.0 at WeChat Pay. Must not know: sockets, tickets.

Source: pay.weixin.qq.com, "消费者投诉": notifications name only the complaint; the payer's phone comes encrypted for
the merchant's certificate.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote, urlencode

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.beyond.asking import Said, ask, missing, refusal
from shunfu.channels.wechatpay.beyond.reading import ID, OPENID, money_at, objects_at, words_at
from shunfu.channels.wechatpay.beyond.sensitive import decrypt_sensitive
from shunfu.channels.wechatpay.codes import canonical
from shunfu.channels.wechatpay.settings import Settings
from shunfu.gateway.complaint import (
    AddressAnswer,
    Complaint,
    ComplaintAddress,
    ComplaintAnswer,
    ComplaintListAnswer,
    ComplaintPage,
    ComplaintPayment,
    ComplaintReply,
    ComplaintsAsked,
    ComplaintState,
    ComplaintTaken,
    ComplaintTold,
    Negotiation,
    NegotiationAnswer,
    NegotiationPage,
    Speaker,
)
from shunfu.gateway.evidence import NotFound, Refused, RefusedReason, Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import JsonObject, integer_at, parse_time, text_at
from shunfu.kernel.secret import Secret

STEPS_MAX = 300
REPLY_CHARACTERS_MAX = 200
_ROOT = "/v3/merchant-service/complaints-v2"
_ADDRESS = "/v3/merchant-service/complaint-notifications"
_STATES: dict[str, ComplaintState] = {"PENDING": "pending", "PROCESSING": "processing", "PROCESSED": "processed"}
_REFUSED: dict[str, RefusedReason] = {
    "PARAM_ERROR": "invalid_request",
    "INVALID_REQUEST": "invalid_request",
    "NO_AUTH": "not_permitted",
}
_MISSING = ("RESOURCE_NOT_EXISTS", "NOT_FOUND", "COMPLAINT_NOT_EXIST")


class WeChatComplaints:
    """Complaints about a direct merchant."""

    def list_complaints(self, settings: Settings, asked: ComplaintsAsked, moment: Moment) -> Flow[ComplaintListAnswer]:
        """Ask for the complaints of some days, page by page."""
        query = {
            "limit": asked.limit,
            "offset": asked.offset,
            "begin_date": asked.begin.isoformat(),
            "end_date": asked.end.isoformat(),
            "complainted_mchid": settings.mchid,
        }
        said = yield from ask(settings, codec.Line("GET", f"{_ROOT}?{urlencode(query)}"), moment)
        if isinstance(said, Unknown):
            return said
        if said.status != 200:
            return refusal(said, _REFUSED)
        rows, total = objects_at(said.content, "data"), integer_at(said.content, "total_count")
        found = [_complaint(settings, row) for row in rows or ()]
        sound = tuple(one for one in found if one is not None)
        if rows is None or total is None or len(sound) != len(found):
            return Unknown("list of complaints is malformed")
        return ComplaintPage(sound, total)

    def query_complaint(self, settings: Settings, complaint_id: str, moment: Moment) -> Flow[ComplaintAnswer]:
        """Ask for one."""
        said = yield from ask(settings, codec.Line("GET", _path(complaint_id)), moment)
        if isinstance(said, Unknown):
            return said
        if said.status != 200:
            return _no(said)
        found = _complaint(settings, said.content)
        return found if found and found.id == complaint_id else Unknown("reply is about another complaint")

    def list_negotiation(self, settings: Settings, complaint_id: str, moment: Moment) -> Flow[NegotiationAnswer]:
        """Ask what was said so far."""
        line = codec.Line("GET", f"{_path(complaint_id)}/negotiation-historys?limit={STEPS_MAX}&offset=0")
        said = yield from ask(settings, line, moment)
        if isinstance(said, Unknown):
            return said
        if said.status != 200:
            return _no(said)
        rows, total = objects_at(said.content, "data"), integer_at(said.content, "total_count")
        found = [_step(row) for row in rows or ()]
        sound = tuple(one for one in found if one is not None)
        if rows is None or total is None or len(sound) != len(found):
            return Unknown("history of the complaint is malformed")
        return NegotiationPage(sound, total)

    def reply_complaint(self, settings: Settings, reply: ComplaintReply, moment: Moment) -> Flow[ComplaintTold]:
        """Say something to the shopper: 1 to 200 characters."""
        if not 0 < len(reply.text) <= REPLY_CHARACTERS_MAX:
            return Refused("invalid_request", "response_content")
        body = {"complainted_mchid": settings.mchid, "response_content": reply.text}
        line = codec.Line("POST", f"{_path(reply.complaint_id)}/response")
        said = yield from ask(settings, line, moment, body)
        return said if isinstance(said, Unknown) else _told(said)

    def complete_complaint(self, settings: Settings, complaint_id: str, moment: Moment) -> Flow[ComplaintTold]:
        """Say that it is settled."""
        line = codec.Line("POST", f"{_path(complaint_id)}/complete")
        said = yield from ask(settings, line, moment, {"complainted_mchid": settings.mchid})
        return said if isinstance(said, Unknown) else _told(said)

    def read_complaint_address(self, settings: Settings, moment: Moment) -> Flow[AddressAnswer]:
        """Ask where notifications of complaints go."""
        said = yield from ask(settings, codec.Line("GET", _ADDRESS), moment)
        return said if isinstance(said, Unknown) else _address(said)

    def set_complaint_address(self, settings: Settings, url: str, moment: Moment) -> Flow[AddressAnswer]:
        """Have them sent to this address: created, or changed where there is one."""
        said = yield from ask(settings, codec.Line("POST", _ADDRESS), moment, {"url": url})
        if not isinstance(said, Unknown) and said.status == 400 and canonical(said.code) == "RESOURCE_ALREADY_EXISTS":
            again = replace(moment, nonce=moment.nonce[::-1])
            said = yield from ask(settings, codec.Line("PUT", _ADDRESS), again, {"url": url})
        return said if isinstance(said, Unknown) else _address(said)

    def remove_complaint_address(self, settings: Settings, moment: Moment) -> Flow[ComplaintTold]:
        """Have them sent nowhere."""
        said = yield from ask(settings, codec.Line("DELETE", _ADDRESS), moment)
        return said if isinstance(said, Unknown) else _told(said)


def _path(complaint_id: str) -> str:
    return f"{_ROOT}/{quote(complaint_id, safe='')}"


def _no(said: Said) -> NotFound | Refused | Unknown:
    found = missing(said, *_MISSING)
    return found if isinstance(found, NotFound) else refusal(said, _REFUSED)


def _told(said: Said) -> ComplaintTold:
    return ComplaintTaken() if said.status == 204 else _no(said)


def _address(said: Said) -> AddressAnswer:
    if said.status != 200:
        return _no(said)
    url = words_at(said.content, "url")
    return ComplaintAddress(url) if url else Unknown("reply with the address is malformed")


def _complaint(settings: Settings, row: JsonObject) -> Complaint | None:
    """None when malformed. A phone that does not decrypt is none: the complaint itself matters more."""
    complaint_id, made_at = text_at(row, "complaint_id", ID), parse_time(row.get("complaint_time"))
    state, payments = _STATES.get(codec.name_at(row, "complaint_state") or ""), _payments(row)
    if complaint_id is None or made_at is None or state is None or payments is None:
        return None
    sealed, openid = words_at(row, "payer_phone"), text_at(row, "payer_openid", OPENID)
    return Complaint(
        id=complaint_id,
        state=state,
        text=words_at(row, "complaint_detail"),
        phone=decrypt_sensitive(settings, sealed) if sealed else None,
        shopper=Secret(openid) if openid else None,
        payments=payments,
        made_at=made_at,
        topic=codec.name_at(row, "problem_type") or "",
        is_refunded=row.get("complaint_full_refunded") is True,
        is_waiting=row.get("incoming_user_response") is True,
        times=max(0, integer_at(row, "user_complaint_times") or 0),
        refund_asked=money_at(row, "apply_refund_amount"),
    )


def _payments(row: JsonObject) -> tuple[ComplaintPayment, ...] | None:
    orders, found = objects_at(row, "complaint_order_info"), list[ComplaintPayment]()
    if orders is None:
        return None
    for order in orders:
        number, channel_no = text_at(order, "out_trade_no", ID), text_at(order, "transaction_id", ID)
        amount = money_at(order, "amount")
        if number is None or channel_no is None or amount is None:
            return None
        found.append(ComplaintPayment(number, channel_no, amount))
    return tuple(found)


def _step(row: JsonObject) -> Negotiation | None:
    step_id, kind = text_at(row, "log_id", ID), codec.name_at(row, "operate_type")
    happened_at = parse_time(row.get("operate_time"))
    if step_id is None or kind is None or happened_at is None:
        return None
    return Negotiation(step_id, _speaker(kind), kind, words_at(row, "operate_details"), happened_at)


def _speaker(kind: str) -> Speaker:
    if kind.endswith("_SYSTEM_MESSAGE"):
        return "channel"
    return "shopper" if kind.startswith("USER_") else "merchant" if kind.startswith("MERCHANT_") else "channel"

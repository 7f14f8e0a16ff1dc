"""Complaints at WeChat Pay: what is read of them, what is not printed, and what the wire refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shunfu.channels.wechatpay.beyond.complaints import WeChatComplaints
from shunfu.channels.wechatpay.sandbox import State, file_complaint
from shunfu.channels.wechatpay.settings import Settings
from shunfu.channels.wechatpay.tests.beyond_rig import call, code_of, make_rig, says
from shunfu.gateway.complaint import (
    Complaint,
    ComplaintPage,
    ComplaintReply,
    ComplaintsAsked,
    ComplaintTaken,
    NegotiationPage,
)
from shunfu.gateway.contract.rig import NOTIFY_URL, NOW, Rig
from shunfu.gateway.evidence import NotFound, Refused, Unknown
from shunfu.gateway.sandbox import stage as stages

VERBS = WeChatComplaints()
ROOT = "/v3/merchant-service/complaints-v2"
ADDRESS = "/v3/merchant-service/complaint-notifications"
AnyRig = Rig[Settings, State]

ONE: dict[str, Any] = {
    "complaint_id": "200201820200101080076610000",
    "complaint_time": "2015-05-20T13:29:35.120+08:00",
    "complaint_detail": "反馈一个重复扣费的问题",
    "complaint_state": "PENDING",
    "payer_phone": "",
    "payer_openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
    "complaint_order_info": [
        {"transaction_id": "4200000404201909069117582536", "out_trade_no": "20190906154617947762231", "amount": 3}
    ],
    "complaint_full_refunded": True,
    "incoming_user_response": True,
    "user_complaint_times": 1,
    "problem_type": "REFUND",
    "apply_refund_amount": 10,
}


def file(rig: AnyRig, number: str, text: str = "豆子潮了") -> str:
    """The shopper complains: the complaint's number."""
    at = rig.at()
    step = file_complaint(rig.stage.state, number, text, at)
    assert step is not None
    rig.stage = stages.take_step(rig.stage, step, at)
    return list(rig.stage.state.beyond.complaints)[-1]


def ask(rig: AnyRig, complaint_id: str) -> object:
    return rig.run(VERBS.query_complaint(rig.settings, complaint_id, rig.moment()))


def test_published_complaint_is_read_and_prints_nobody() -> None:
    rig = make_rig()
    flow = VERBS.query_complaint(rig.settings, str(ONE["complaint_id"]), rig.moment())
    told = rig.run(flow, says(rig, 200, ONE))
    assert isinstance(told, Complaint)
    assert (told.state, told.topic, told.times, told.is_refunded) == ("pending", "REFUND", 1, True)
    assert told.refund_asked is not None
    assert (told.refund_asked.minor, told.payments[0].amount.minor) == (10, 3)
    assert told.phone is None
    assert told.shopper is not None
    assert told.shopper.reveal() == ONE["payer_openid"]
    assert str(ONE["payer_openid"]) not in repr(told)
    assert str(ONE["complaint_detail"]) not in repr(told)


@pytest.mark.parametrize("phone", ["not base64", "AAAA", 5, None])
def test_phone_that_cannot_be_read_is_none_and_no_more(phone: object) -> None:
    rig = make_rig()
    flow = VERBS.query_complaint(rig.settings, str(ONE["complaint_id"]), rig.moment())
    told = rig.run(flow, says(rig, 200, {**ONE, "payer_phone": phone}))
    assert isinstance(told, Complaint)
    assert told.phone is None


@pytest.mark.parametrize(
    "change",
    [
        {"complaint_id": "another"}, {"complaint_id": 5}, {"complaint_state": "DONE"}, {"complaint_time": "soon"},
        {"complaint_order_info": [{"amount": 3}]}, {"complaint_order_info": 5}, {"complaint_order_info": [5]},
    ],
)  # fmt: skip
def test_spoiled_complaint_is_unknown(change: dict[str, Any]) -> None:
    rig = make_rig()
    said = says(rig, 200, {**ONE, **change})
    flow = VERBS.query_complaint(rig.settings, str(ONE["complaint_id"]), rig.moment())
    assert isinstance(rig.run(flow, said), Unknown)
    if change.get("complaint_id") != "another":
        page = says(rig, 200, {"data": [{**ONE, **change}], "total_count": 1})
        asked = ComplaintsAsked(NOW.date(), NOW.date())
        assert isinstance(rig.run(VERBS.list_complaints(rig.settings, asked, rig.moment()), page), Unknown)


@pytest.mark.parametrize("content", [{}, {"data": []}, {"data": {}, "total_count": 1}, {"data": [1], "total_count": 1}])
def test_spoiled_pages_are_unknown(content: dict[str, object]) -> None:
    rig = make_rig()
    said = says(rig, 200, content)
    asked = ComplaintsAsked(NOW.date(), NOW.date())
    assert isinstance(rig.run(VERBS.list_complaints(rig.settings, asked, rig.moment()), said), Unknown)
    assert isinstance(rig.run(VERBS.list_negotiation(rig.settings, "200201", rig.moment()), said), Unknown)


def test_pages_follow_each_other() -> None:
    rig = make_rig()
    ids = [file(rig, rig.paid(serial=70 + i)) for i in range(3)]
    day = (rig.now + timedelta(hours=8)).date()
    found: list[str] = []
    for offset in (0, 2):
        asked = ComplaintsAsked(day, day, offset, 2)
        page = rig.run(VERBS.list_complaints(rig.settings, asked, rig.moment()))
        assert isinstance(page, ComplaintPage)
        assert page.total == 3
        found.extend(one.id for one in page.complaints)
    assert found == ids


@pytest.mark.parametrize(
    "query",
    [
        "limit=5", "begin_date=2026-11-22", "begin_date=2026-11-22&end_date=2026-11-21",
        "begin_date=2026-1-1&end_date=2026-01-02",
        "begin_date=2026-09-01&end_date=2026-11-22", "begin_date=2026-11-22&end_date=2026-11-22&limit=51",
        "begin_date=2026-11-22&end_date=2026-11-22&limit=0", "begin_date=2026-11-22&end_date=2026-11-22&offset=-1",
    ],
)  # fmt: skip
def test_wire_refuses_queries(query: str) -> None:
    assert code_of(call(make_rig(), f"GET {ROOT}?{query}")) == (400, "PARAM_ERROR")


def test_wire_refuses_replies() -> None:
    rig = make_rig()
    complaint_id, mchid = file(rig, rig.paid()), rig.settings.mchid
    good = {"complainted_mchid": mchid, "response_content": "您好"}
    for line, body in (
        (f"POST {ROOT}/{complaint_id}/response", {**good, "response_content": ""}),
        (f"POST {ROOT}/{complaint_id}/response", {**good, "response_content": "x" * 201}),
        (f"POST {ROOT}/{complaint_id}/response", {**good, "complainted_mchid": "1900000001"}),
        (f"POST {ROOT}/{complaint_id}/complete", {"complainted_mchid": "1900000001"}),
    ):
        assert code_of(call(rig, line, body)) == (400, "PARAM_ERROR")
    assert code_of(call(rig, f"POST {ROOT}/200201/response", good)) == (404, "RESOURCE_NOT_EXISTS")
    assert len(rig.stage.state.beyond.complaints[complaint_id].steps) == 1


@pytest.mark.parametrize("text", ["", "x" * 201])
def test_reply_of_the_wrong_length_is_not_sent(text: str) -> None:
    rig = make_rig()
    flow = VERBS.reply_complaint(rig.settings, ComplaintReply("200201", text), rig.moment())
    assert next(flow, None) is None
    assert text == "" or text not in repr(ComplaintReply("200201", text))


def test_settled_twice_is_refused() -> None:
    rig = make_rig()
    complaint_id = file(rig, rig.paid())
    assert isinstance(rig.run(VERBS.complete_complaint(rig.settings, complaint_id, rig.moment())), ComplaintTaken)
    again = rig.run(VERBS.complete_complaint(rig.settings, complaint_id, rig.moment()))
    assert again == Refused("invalid_request", "INVALID_REQUEST")


def test_every_step_is_told_of_once_an_address_is_set() -> None:
    rig = make_rig()
    number = rig.paid()
    rig.heard()
    complaint_id = file(rig, number)
    assert rig.heard() == [], "nobody asked to be told"
    rig.run(VERBS.set_complaint_address(rig.settings, NOTIFY_URL, rig.moment()))
    rig.run(VERBS.reply_complaint(rig.settings, ComplaintReply(complaint_id, "您好"), rig.moment()))
    rig.run(VERBS.complete_complaint(rig.settings, complaint_id, rig.moment()))
    heard = rig.heard()
    assert [(one.event_type, one.about, one.number) for one in heard] == [
        ("COMPLAINT.STATE_CHANGE", complaint_id, None)
    ] * 2
    rig.run(VERBS.remove_complaint_address(rig.settings, rig.moment()))
    file(rig, number)
    assert rig.heard() == []


def test_only_paid_orders_are_complained_about() -> None:
    rig = make_rig()
    number, _ = rig.place()
    assert file_complaint(rig.stage.state, number, "x", rig.at()) is None
    assert file_complaint(rig.stage.state, "none", "x", rig.at()) is None
    assert rig.pay(number)
    assert file_complaint(rig.stage.state, number, "", rig.at()) is None


def test_refunded_complaint_says_so() -> None:
    rig = make_rig()
    number = rig.paid()
    complaint_id = file(rig, number)
    rig.advance(120)
    rig.refund(rig.a_refund(number, 8600))
    rig.advance(4 * 86400)
    rig.due()
    told = ask(rig, complaint_id)
    assert isinstance(told, Complaint)
    assert told.is_refunded


def test_history_is_bounded_and_newest_first() -> None:
    rig = make_rig()
    number = rig.paid()
    complaint_id = [file(rig, number) for _ in range(301)][-1]
    told = rig.run(VERBS.list_negotiation(rig.settings, complaint_id, rig.moment()))
    assert isinstance(told, NegotiationPage)
    assert len(told.steps) == told.total == 300
    assert told.steps[0].kind == "USER_CONTINUE_COMPLAINT"


def test_address_on_the_wire() -> None:
    rig = make_rig()
    assert code_of(call(rig, f"PUT {ADDRESS}", {"url": NOTIFY_URL})) == (404, "RESOURCE_NOT_EXISTS")
    assert call(rig, f"POST {ADDRESS}", {"url": NOTIFY_URL})[0] == 200
    assert code_of(call(rig, f"POST {ADDRESS}", {"url": NOTIFY_URL})) == (400, "RESOURCE_ALREADY_EXISTS")
    assert code_of(call(rig, f"PUT {ADDRESS}", {"url": "ftp://x"})) == (400, "PARAM_ERROR")
    assert call(rig, f"DELETE {ADDRESS}")[0] == 204
    assert code_of(call(rig, f"DELETE {ADDRESS}")) == (404, "RESOURCE_NOT_EXISTS")


def test_only_the_listed_no_means_that_there_is_none() -> None:
    rig = make_rig()
    for status, code in ((404, "OTHER"), (500, "RESOURCE_NOT_EXISTS"), (429, "PARAM_ERROR")):
        flow = VERBS.query_complaint(rig.settings, "200201", rig.moment())
        assert isinstance(rig.run(flow, says(rig, status, {"code": code})), Unknown)
    assert isinstance(ask(rig, "200201"), NotFound)

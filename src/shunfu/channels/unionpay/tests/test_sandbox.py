"""The sandbox as UnionPay's gateway: order of checks, codes, settlement days, the cashier, its own amounts."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from shunfu.channels.unionpay import CHANNEL, codec, sandbox
from shunfu.channels.unionpay.refunds import UnionPayRefunds
from shunfu.channels.unionpay.sandbox.telling import settlement_day
from shunfu.channels.unionpay.tests.rig import APP, BACK, FRONT, QUERY, new_rig, order_fields, post, read, scene, send
from shunfu.channels.unionpay.times import txn_time
from shunfu.gateway.contract.rig import BASE_URL, NOW
from shunfu.gateway.evidence import Closed, NotFound, NotPaid, Paid, Refused, Unknown
from shunfu.gateway.faults import Faults
from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.port import Genuine
from shunfu.gateway.refund import RefundAccepted, RefundEvidence, RefundSucceeded


def test_reply_is_raw_and_signed_with_its_certificate() -> None:
    rig = new_rig()
    reply = send(rig, APP, codec.form(codec.sign(rig.settings, order_fields(rig, reqReserved="a1"))))
    assert reply.status == 200
    assert b"signPubKeyCert=-----BEGIN CERTIFICATE-----\r\n" in reply.body
    assert b"%" not in reply.body
    assert "respMsg=成功[0000000]".encode() in reply.body
    fields = read(reply)
    assert (fields["respCode"], fields["reqReserved"], len(fields["tn"])) == ("00", "a1", 21)
    assert codec.verify(rig.settings, fields, rig.now) is None


def test_raw_canonical_signature_is_refused() -> None:
    """What the commonest mistake sends: the text itself signed with SHA256withRSA, hashed once."""
    rig = new_rig()
    fields = codec.sign(rig.settings, order_fields(rig))
    key = rig.settings.private_key
    assert key is not None
    once = key.sign(codec.canonical(fields).encode(), PKCS1v15(), SHA256())
    told = read(send(rig, APP, codec.form({**fields, "signature": b64encode(once).decode()})))
    assert told["respCode"] == "11"
    assert codec.verify(rig.settings, told, rig.now) is None, "the refusal itself is signed"
    assert read(send(rig, APP, codec.form({**fields, "certId": "1"})))["respCode"] == "11"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"orderId": ""}, "13"),
        ({"txnAmt": ""}, "13"),
        ({"bizType": ""}, "13"),
        ({"orderId": "with-hyphen-1"}, "10"),
        ({"orderId": "short"}, "10"),
        ({"txnTime": "20261322142935"}, "10"),
        ({"txnAmt": "86.00"}, "10"),
        ({"txnAmt": "0"}, "10"),
        ({"currencyCode": "840"}, "10"),
        ({"backUrl": "merchant.example/back"}, "10"),
        ({"version": "5.0.0"}, "10"),
        ({"encoding": "LATIN1"}, "10"),
        ({"payTimeout": "20261122142934"}, "10"),
        ({"payTimeout": "soon"}, "10"),
        ({"merId": "777290058000000"}, "31"),
        ({"txnType": "02"}, "32"),
        ({"txnSubType": "07"}, "32"),
    ],
)
def test_order_of_checks(changes: dict[str, str], code: str) -> None:
    rig = new_rig()
    assert post(rig, APP, order_fields(rig, **changes))["respCode"] == code
    assert rig.sandbox.verbs.list_orders(rig.stage.state) == ()


def test_duplicates() -> None:
    rig = new_rig()
    first = post(rig, APP, order_fields(rig))
    assert post(rig, APP, order_fields(rig))["tn"] == first["tn"], "unchanged and unpaid: the same tn"
    assert post(rig, APP, order_fields(rig, txnAmt="8601"))["respCode"] == "12"
    assert post(rig, BACK, order_fields(rig, txnSubType="07", bizType="000000"))["respCode"] == "12"
    assert rig.pay(rig.number())
    assert post(rig, APP, order_fields(rig))["respCode"] == "12"
    later = post(rig, APP, order_fields(rig, txnTime="20261122150000"))
    assert later["respCode"] == "00", "another txnTime is another transaction"


def test_query_by_either_name() -> None:
    rig = new_rig()
    number = rig.paid()
    common = {name: order_fields(rig)[name] for name in ("version", "encoding", "accessType", "merId")}
    common |= {"txnType": "00", "txnSubType": "00", "bizType": "000000"}
    paid = post(rig, QUERY, {**common, "orderId": number, "txnTime": txn_time(number) or ""})
    assert (paid["origRespCode"], paid["txnType"], paid["bizType"]) == ("00", "01", "000201")
    assert (len(paid["queryId"]), len(paid["traceNo"])) == (21, 6)
    again = post(rig, BACK, {**common, "queryId": paid["queryId"]})
    assert again["origRespCode"] == "00"
    assert post(rig, QUERY, {**common, "orderId": number, "txnTime": "20261122142936"})["respCode"] == "34"


def test_answers_come_in_the_requests_encoding() -> None:
    rig = new_rig()
    reply = send(rig, APP, codec.form(codec.sign(rig.settings, order_fields(rig, encoding="GBK", orderDesc="咖啡"))))
    assert "成功".encode("gbk") in reply.body
    fields = read(reply)
    assert codec.verify(rig.settings, fields, rig.now) is None
    assert rig.open_sheet({"tn": fields["tn"]}).order is not None
    assert rig.pay(rig.number())
    message = rig.notify(rig.number())
    assert b"encoding=GBK" in message.body
    assert isinstance(rig.read(message), Genuine)


def test_settlement_day_is_cut_at_23() -> None:
    for hour, minute, day in ((22, 59, 22), (23, 0, 23), (0, 30, 22)):
        beijing = datetime(2026, 11, 22, hour, minute, tzinfo=UTC) - timedelta(hours=8)
        assert settlement_day(int(beijing.timestamp() * 1000)).day == day


def test_undo_ends_with_the_settlement_day() -> None:
    """At 14:29 in Beijing an undo is possible; at 23:00 the day is over, and only a refund is."""
    rig = new_rig()
    number = rig.paid()
    rig.advance(8 * 3600 + 31 * 60)
    late = rig.run(UnionPayRefunds().undo(rig.settings, rig.a_refund(number, 8600), rig.moment()))
    assert late == Refused("invalid_request", "35")
    assert isinstance(rig.refund(rig.a_refund(number, 8600)), RefundAccepted)


def test_refund_codes() -> None:
    rig = new_rig()
    number = rig.paid()
    assert rig.refund(rig.a_refund(number, 8601, 901)) == Refused("invalid_request", "36")
    assert rig.refund(replace(rig.a_refund(number, 1, 902), channel_transaction_no="1" * 21)) == Refused(
        "invalid_request", "35"
    )
    assert isinstance(rig.refund(rig.a_refund(number, 600, 903)), RefundAccepted)
    undo = rig.run(UnionPayRefunds().undo(rig.settings, rig.a_refund(number, 8600, 904), rig.moment()))
    assert undo == Unknown("respCode 45"), "after a refund there is no undo, and whose refund it was is not said"
    assert rig.refund(rig.a_refund(number, 8001, 905)) == Refused("invalid_request", "36")
    assert isinstance(rig.refund(rig.a_refund(number, 8000, 906)), RefundAccepted)
    assert rig.refund(rig.a_refund(number, 1, 907)) == Unknown("respCode 45")


def test_refund_window() -> None:
    rig = new_rig()
    number = rig.paid()
    rig.advance(330 * 86400)
    assert isinstance(rig.refund(rig.a_refund(number, 100, 901)), RefundAccepted)
    rig.advance(1)
    assert rig.refund(rig.a_refund(number, 100, 902)) == Refused("invalid_request", "35")


def test_failed_refund_frees_its_amount_and_is_told_to_nobody() -> None:
    rig = new_rig()
    number = rig.paid()
    rig.heard()
    rig.fault(Faults(refund_closed=1))
    rig.refund(rig.a_refund(number, 8600, 901))
    rig.advance(60)
    assert rig.due() == ()
    assert isinstance(rig.refund(rig.a_refund(number, 8600, 902)), RefundAccepted)
    rig.advance(60)
    (heard,) = rig.heard()
    assert heard.refund is not None
    assert heard.refund.number == rig.number(902)


def test_tester_ends_a_refund() -> None:
    rig = new_rig()
    refund = rig.a_refund(rig.paid(), 100)
    rig.refund(refund)
    verbs, now = rig.sandbox.verbs, rig.at()
    assert verbs.end_refund(rig.stage.state, refund.number, "abnormal", now) is None
    assert verbs.end_refund(rig.stage.state, "unknown", "closed", now) is None
    step = verbs.end_refund(rig.stage.state, refund.number, "succeeded", now)
    assert step is not None
    rig.stage = replace(rig.stage, state=step.state)
    told: RefundEvidence = rig.query_refund(refund)
    assert isinstance(told, RefundSucceeded)
    assert [one.state for one in verbs.list_refunds(rig.stage.state)] == ["SUCCESS"]


@pytest.mark.parametrize(("amount_minor", "code"), [(9963, "03"), (9965, "05")])
def test_uncertain_answers_leave_an_order(amount_minor: int, code: str) -> None:
    rig = new_rig()
    number, evidence = rig.place(amount_minor=amount_minor)
    assert evidence == Unknown(f"respCode {code}")
    assert isinstance(rig.query(number), NotPaid)
    assert rig.pay(number)
    assert isinstance(rig.query(number), Paid)


def test_defective_success_is_paid() -> None:
    rig = new_rig()
    number = rig.paid(amount_minor=9966)
    (heard,) = rig.heard()
    assert heard.external_id.endswith("-A6")
    assert isinstance(heard.evidence, Paid)
    assert isinstance(rig.query(number), Paid)


def test_order_that_nobody_pays_ends() -> None:
    rig = new_rig()
    number, _ = rig.place()
    rig.advance(15 * 60)
    assert isinstance(rig.query(number), NotPaid)
    assert rig.shop(number).condition == "expired"
    rig.advance(300)
    assert rig.query(number) == Closed("69")


def test_cashier_and_the_way_back() -> None:
    """The browser posts the form, is led to the sheet, pays, and is posted on to frontUrl with signed fields."""
    rig = new_rig()
    number, evidence = rig.place(scene("h5"))
    assert isinstance(rig.query(number), NotFound)
    sheet = rig.open(evidence)
    assert rig.open(evidence).order == sheet.order, "opened again, it is the same order"
    assert rig.pay(number)
    back_url = rig.shop(number).back_url
    page = rig.answer(Request("GET", back_url, ()))
    assert isinstance(page, Reply)
    html = page.body.decode()
    assert 'action="https://merchant.example/result"' in html
    fields = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', html)}
    assert codec.verify(rig.settings, fields, rig.now) is None
    assert fields["orderId"] == number


def test_cashier_says_what_is_wrong() -> None:
    rig = new_rig()
    for fields in (order_fields(rig, txnAmt="x", channelType="07"), order_fields(rig, txnAmt="", channelType="07")):
        reply = send(rig, FRONT, codec.form(codec.sign(rig.settings, fields)))
        assert (reply.status, "location" in reply.headers) == (200, False)
        assert "报文" in reply.body.decode()
    unpaid = rig.answer(Request("GET", f"{BASE_URL}/gateway/api/frontReturn.do?tn=1", ()))
    assert isinstance(unpaid, Reply)
    assert unpaid.status == 404


def test_sheet_opens_by_link_too() -> None:
    rig = new_rig()
    _, evidence = rig.place(scene("page"))
    invoke = getattr(evidence, "invoke", None)
    assert invoke is not None
    reply = rig.answer(Request("GET", invoke.sandbox_url, ()))
    assert isinstance(reply, Reply)
    assert reply.status == 302
    query = reply.headers["location"].partition("?")[2]
    assert rig.open_sheet(dict(parse_qsl(query))).condition == "payable"


@pytest.mark.parametrize("method", ["11", "12"])
def test_other_methods_are_answered_in_kind(method: str) -> None:
    rig = new_rig(method)
    told = post(rig, APP, order_fields(rig))
    assert (told["respCode"], told["signMethod"]) == ("00", method)
    assert "signPubKeyCert" not in told
    spoiled = codec.sign(rig.settings, order_fields(rig, 1))
    assert read(send(rig, APP, codec.form({**spoiled, "txnAmt": "1"})))["respCode"] == "11"


def test_resends_are_at_one_two_four_and_five_minutes() -> None:
    rig = new_rig()
    rig.paid()
    waits: list[float] = []
    for _ in range(6):
        (delivery,) = rig.due()
        rig.settle(delivery, 500)
        (waiting,) = rig.stage.post.waiting.values() or (None,)
        if waiting is None:
            break
        waits.append(waiting.due_ms / 1000 - rig.now.timestamp())
        rig.advance(waits[-1])
    assert waits == [60, 120, 240, 300, 300]


@pytest.mark.parametrize(("status", "is_done"), [(200, True), (204, False), (302, False), (500, False), (0, False)])
def test_only_200_ends_it(status: int, is_done: bool) -> None:
    rig = new_rig()
    rig.paid()
    rig.settle(rig.due()[0], status)
    assert (not rig.stage.post.waiting) == is_done


@pytest.mark.parametrize("path", ["/gateway/api/nothing.do", "/other", "/open/access/1.0/nothing"])
def test_unknown_addresses(path: str) -> None:
    assert send(new_rig(), path, b"a=1").status == 404


def test_wrong_scene_is_no_scene() -> None:
    assert CHANNEL.scene("wap") is None
    assert NOW.tzinfo is UTC


def test_sandbox_reads_the_rules_by_itself() -> None:
    """No module of the sandbox imports the channel's: two readings, so that one bug is not in both."""
    folder = Path(sandbox.__file__).parent
    for path in sorted(folder.glob("*.py")):
        names = re.findall(r"shunfu\.channels\.unionpay[.\w]*", path.read_text("utf8"))
        assert all(name.startswith("shunfu.channels.unionpay.sandbox") for name in names), path.name

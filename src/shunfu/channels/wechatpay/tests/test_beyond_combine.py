"""Combined orders at WeChat Pay: what the wire refuses, and what notifications may say."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shunfu.channels.wechatpay.beyond.combine import WeChatCombine
from shunfu.channels.wechatpay.beyond.reading import read_about, read_combined
from shunfu.channels.wechatpay.sandbox import State
from shunfu.channels.wechatpay.settings import Settings
from shunfu.channels.wechatpay.tests.beyond_rig import call, code_of, make_rig, says
from shunfu.gateway.combine import Combined, CombinedReport
from shunfu.gateway.contract.beyond_combine import combined
from shunfu.gateway.contract.rig import Rig
from shunfu.gateway.evidence import Accepted, Closed, Evidence, NotFound, NotPaid, Paid, Refused, Unknown
from shunfu.gateway.faults import Faults
from shunfu.gateway.flow import Answer, Request
from shunfu.gateway.port import Genuine
from shunfu.kernel.money import Money

VERBS = WeChatCombine()
JSAPI = "POST /v3/combine-transactions/jsapi"
AnyRig = Rig[Settings, State]

NOTIFIED: dict[str, Any] = {
    "combine_appid": "wxd678efh567hg6787",
    "combine_out_trade_no": "20150806125346",
    "combine_mchid": "1900000109",
    "sub_orders": [
        {
            "mchid": "1900000109",
            "trade_type": "JSAPI",
            "trade_state": "SUCCESS",
            "bank_type": "CMC",
            "amount": {"total_amount": 10, "currency": "CNY", "payer_amount": 10, "payer_currency": "CNY"},
            "success_time": "2015-05-20T13:29:35.120+08:00",
            "transaction_id": "1009660380201506130728806387",
            "out_trade_no": "20150806125346",
        }
    ],
}
"""The example of the official document, shortened."""


def place(rig: AnyRig, whole: Combined) -> Evidence:
    return rig.run(VERBS.prepay_combined(rig.settings, whole, rig.moment()))


def body_of(rig: AnyRig, whole: Combined) -> dict[str, Any]:
    """What our client sends, as a JSON object to spoil."""
    seen: list[Request] = []

    def kept(request: Request) -> Answer:
        seen.append(request)
        return rig.answer(request)

    rig.run(VERBS.prepay_combined(rig.settings, whole, rig.moment()), kept)
    return json.loads(seen[0].body)


def changed_sub(number: str, **changes: object) -> dict[str, object]:
    return {**NOTIFIED, "sub_orders": [{**NOTIFIED["sub_orders"][0], "out_trade_no": number, **changes}]}


def test_published_notification_is_read() -> None:
    ((number, evidence),) = read_combined(NOTIFIED)
    assert number == "20150806125346"
    assert isinstance(evidence, Paid)
    assert (evidence.amount, evidence.account, evidence.app) == (Money(10, "CNY"), "1900000109", "wxd678efh567hg6787")


@pytest.mark.parametrize("state", ["NOTPAY", "CLOSED", "REVOKED", "PAYERROR", "", None, 7])
def test_only_success_in_a_notification_proves_anything(state: object) -> None:
    assert isinstance(read_combined(changed_sub("20150806125346", trade_state=state))[0][1], Unknown)


@pytest.mark.parametrize(
    "amount",
    [None, {}, {"total_amount": "10"}, {"total_amount": 0}, {"total_amount": -1}, {"total_amount": 1.0},
     {"total_amount": 10, "currency": "XXX"}, {"total_amount": 10, "currency": 5}, {"total": 10}],
)  # fmt: skip
def test_part_with_a_malformed_amount_proves_nothing(amount: object) -> None:
    assert isinstance(read_combined(changed_sub("20150806125346", amount=amount))[0][1], Unknown)


@pytest.mark.parametrize("subs", [None, {}, "x", [1], [[]], [{"out_trade_no": 5}], [{}]])
def test_malformed_parts_are_no_parts(subs: object) -> None:
    assert read_combined({**NOTIFIED, "sub_orders": subs}) == ()


def test_number_that_comes_twice_proves_nothing() -> None:
    twice = {**NOTIFIED, "sub_orders": [*NOTIFIED["sub_orders"], *NOTIFIED["sub_orders"]]}
    assert all(isinstance(evidence, Unknown) for _, evidence in read_combined(twice))


def test_events_say_what_they_are_about() -> None:
    content = {"complaint_id": "200201820200101080076610000", "transfer_bill_no": "1330", "order_id": "3008"}
    assert read_about("COMPLAINT.CREATE", content) == "200201820200101080076610000"
    assert read_about("MCHTRANSFER.BILL.FINISHED", content) == "1330"
    assert read_about("PROFITSHARING.SUCCESS", content) == "3008"
    assert read_about("VIOLATION.PUNISH", content) is None
    assert read_about("COMPLAINT.CREATE", {"complaint_id": "a b"}) is None


@pytest.mark.parametrize("count", [0, 1, 11])
def test_from_two_to_ten_parts(count: int) -> None:
    rig = make_rig()
    whole = combined(rig)
    parts = tuple(replace(whole.parts[0], number=rig.number(100 + i)) for i in range(count))
    assert place(rig, replace(whole, parts=parts)) == Refused("invalid_request", "sub_orders")
    subs = [{**body_of(rig, whole)["sub_orders"][0], "out_trade_no": f"number{i}"} for i in range(count)]
    sent = {**body_of(rig, whole), "combine_out_trade_no": "another", "sub_orders": subs}
    assert code_of(call(rig, JSAPI, sent)) == (400, "PARAM_ERROR")


def test_ten_parts_are_taken() -> None:
    rig = make_rig()
    whole = combined(rig)
    parts = tuple(replace(whole.parts[0], number=rig.number(100 + i)) for i in range(10))
    assert isinstance(place(rig, replace(whole, parts=parts)), Accepted)


def test_what_cannot_be_sent_is_refused_here() -> None:
    rig = make_rig()
    whole = combined(rig)
    same = replace(whole, parts=(whole.parts[0], whole.parts[0]))
    assert place(rig, same) == Refused("invalid_request", "sub_orders")
    assert place(rig, replace(whole, payer=None)) == Refused("payer", "openid missing")
    assert isinstance(place(rig, replace(whole, scene="h5", client_ip=None)), Refused)


Spoil = Callable[[dict[str, Any]], dict[str, Any]]


def without(name: str) -> Spoil:
    return lambda body: {key: body[key] for key in body if key != name}


def with_top(**changes: object) -> Spoil:
    return lambda body: {**body, **changes}


def with_subs(**changes: object) -> Spoil:
    return lambda body: {**body, "sub_orders": [{**one, **changes} for one in body["sub_orders"]]}


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (with_top(extra=1), "PARAM_ERROR"),
        (with_top(combine_mchid="1900000109"), "PARAM_ERROR"),
        (with_top(combine_appid="wx0"), "APPID_MCHID_NOT_MATCH"),
        (without("combine_payer_info"), "PARAM_ERROR"),
        (with_top(time_expire="2020-01-01T00:00:00+08:00"), "PARAM_ERROR"),
        (with_subs(out_trade_no="same-number"), "PARAM_ERROR"),
        (with_subs(attach=""), "PARAM_ERROR"),
        (with_subs(mchid="1"), "APPID_MCHID_NOT_MATCH"),
    ],
)
def test_wire_refuses(spoil: Spoil, code: str) -> None:
    rig = make_rig()
    before = rig.stage
    body = body_of(rig, combined(rig))
    rig.stage = before
    assert code_of(call(rig, JSAPI, spoil(body))) == (400, code)
    assert rig.sandbox.verbs.list_orders(rig.stage.state) == ()


def test_same_number_with_other_parts_is_refused_and_changes_nothing() -> None:
    rig = make_rig()
    whole = combined(rig)
    body = body_of(rig, whole)
    assert call(rig, JSAPI, body)[0] == 200
    assert code_of(call(rig, JSAPI, {**body, "notify_url": "https://merchant.example/x"})) == (400, "INVALID_REQUEST")
    other = replace(whole, number=rig.number(99))
    assert isinstance(place(rig, other), Unknown), "a part's number is used already"
    assert isinstance(place(rig, replace(whole, scene="native")), Unknown), "another kind of order"
    assert rig.pay(whole.number)
    assert isinstance(place(rig, whole), Unknown), "it is paid: the query decides"


def test_part_number_is_no_single_order() -> None:
    rig = make_rig()
    whole = combined(rig)
    place(rig, whole)
    part = whole.parts[0].number
    assert not rig.pay(part), "a part is never paid alone"
    assert isinstance(rig.query(part), NotFound)
    assert isinstance(rig.close(part), NotFound)
    prepay = replace(rig.prepay(rig.channel.scenes[0]), number=part)
    assert isinstance(rig.run(rig.channel.verbs.prepay(rig.settings, prepay, rig.moment())), Unknown)


def test_close_must_name_exactly_its_parts() -> None:
    rig = make_rig()
    whole = combined(rig)
    place(rig, whole)
    for parts in (whole.parts[:1], (*whole.parts, replace(whole.parts[0], number="another"))):
        told = rig.run(VERBS.close_combined(rig.settings, replace(whole, parts=parts), rig.moment()))
        assert isinstance(told, Unknown), told
    for _ in range(2):
        assert rig.run(VERBS.close_combined(rig.settings, whole, rig.moment())) == Closed("CLOSED")
    assert place(rig, whole) == Refused("order_closed", "ORDER_CLOSED")


def test_closes_itself_by_its_amount() -> None:
    rig = make_rig()
    whole = combined(rig)
    parts = (replace(whole.parts[0], amount=Money(9900, "CNY")), replace(whole.parts[1], amount=Money(7, "CNY")))
    assert isinstance(place(rig, replace(whole, parts=parts)), Accepted)
    rig.advance(61)
    rig.due()
    told = rig.run(VERBS.query_combined(rig.settings, whole.number, rig.moment()))
    assert isinstance(told, CombinedReport)
    assert all(isinstance(one, Closed) for _, one in told.parts)


def test_browser_comes_back_after_h5() -> None:
    rig = make_rig()
    h5 = next(i for i, scene in enumerate(rig.channel.scenes) if scene.name == "h5")
    told = place(rig, combined(rig, h5))
    assert isinstance(told, Accepted)
    assert rig.open(told).back_url == "https://merchant.example/result"


def test_forged_amounts_of_parts_are_told_as_they_are() -> None:
    """A genuine signature over another amount: the reader reports it, and the guard on money is whoever compares."""
    rig = make_rig()
    whole = combined(rig)
    place(rig, whole)
    rig.pay(whole.number)
    rig.fault(replace(Faults(), wrong_amount=1))
    (heard,) = rig.heard()
    assert isinstance(heard, Genuine)
    amounts = [one.amount.minor for _, one in heard.parts if isinstance(one, Paid)]
    assert amounts == [part.amount.minor + 1 for part in whole.parts]


@pytest.mark.parametrize(
    "content",
    [{}, {"combine_out_trade_no": "x", "sub_orders": []}, {"sub_orders": [{"out_trade_no": "x"}]}, {"code": "SUCCESS"}],
)
def test_genuine_nonsense_is_unknown(content: dict[str, object]) -> None:
    rig = make_rig()
    whole = combined(rig)
    said = says(rig, 200, content)
    assert isinstance(rig.run(VERBS.prepay_combined(rig.settings, whole, rig.moment()), said), Unknown)
    assert isinstance(rig.run(VERBS.query_combined(rig.settings, whole.number, rig.moment()), said), Unknown)
    assert isinstance(rig.run(VERBS.close_combined(rig.settings, whole, rig.moment()), said), Unknown)


@pytest.mark.parametrize(("status", "code"), [(404, "OTHER"), (500, "ORDER_NOT_EXIST"), (429, "FREQUENCY_LIMITED")])
def test_only_the_listed_no_means_that_there_is_none(status: int, code: str) -> None:
    rig = make_rig()
    told = rig.run(VERBS.query_combined(rig.settings, "number", rig.moment()), says(rig, status, {"code": code}))
    assert isinstance(told, Unknown)


def test_reply_about_another_combined_order_is_unknown() -> None:
    rig = make_rig()
    told = rig.run(VERBS.query_combined(rig.settings, "number", rig.moment()), says(rig, 200, NOTIFIED))
    assert isinstance(told, Unknown)
    mine = rig.run(VERBS.query_combined(rig.settings, "20150806125346", rig.moment()), says(rig, 200, NOTIFIED))
    assert isinstance(mine, CombinedReport)


def test_query_before_paying_tells_that_nobody_paid() -> None:
    rig = make_rig()
    whole = combined(rig)
    place(rig, whole)
    told = rig.run(VERBS.query_combined(rig.settings, whole.number, rig.moment()))
    assert told == CombinedReport(tuple((part.number, NotPaid("NOTPAY")) for part in whole.parts))

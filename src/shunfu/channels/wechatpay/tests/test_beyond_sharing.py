"""Profit sharing at WeChat Pay: who may receive, how much, when, and how each share ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shunfu.channels.wechatpay.beyond.sensitive import decrypt_sensitive, encrypt_sensitive
from shunfu.channels.wechatpay.beyond.sharing import WeChatSharing
from shunfu.channels.wechatpay.sandbox import State
from shunfu.channels.wechatpay.sandbox.wire import close_field, open_field
from shunfu.channels.wechatpay.settings import Settings
from shunfu.channels.wechatpay.tests.beyond_rig import call, code_of, make_rig, says
from shunfu.gateway.contract.beyond_sharing import RECEIVER, back, sharing, unfreezing
from shunfu.gateway.contract.rig import AMOUNT_MINOR, Rig
from shunfu.gateway.evidence import NotFound, Refused, Unknown
from shunfu.gateway.refund import RefundNotYet
from shunfu.gateway.sandbox.till import fee_of
from shunfu.gateway.sharing import (
    Receiver,
    ReceiverKept,
    ShareBackReport,
    Sharing,
    SharingNotYet,
    SharingReport,
    Unsplit,
)
from shunfu.kernel.money import Money
from shunfu.kernel.secret import Secret

VERBS = WeChatSharing()
AnyRig = Rig[Settings, State]
MOST = (AMOUNT_MINOR - fee_of(AMOUNT_MINOR)) * 30 // 100


def paid(rig: AnyRig, wait_seconds: float = 60, *, is_shared: bool = True) -> str:
    """WeChat's number of a paid order, and the usual receiver on the list."""
    prepay = replace(rig.prepay(rig.channel.scenes[0]), is_shared=is_shared)
    rig.run(rig.channel.verbs.prepay(rig.settings, prepay, rig.moment()))
    assert rig.pay(prepay.number)
    add(rig, RECEIVER)
    rig.advance(wait_seconds)
    return rig.sandbox.verbs.list_orders(rig.stage.state)[0].transaction_no


def add(rig: AnyRig, receiver: Receiver) -> object:
    return rig.run(VERBS.add_receiver(rig.settings, receiver, rig.moment()))


def share(rig: AnyRig, order: Sharing) -> object:
    return rig.run(VERBS.share(rig.settings, order, rig.moment()))


def ended(rig: AnyRig, order: Sharing) -> SharingReport:
    rig.advance(60)
    rig.due()
    told = rig.run(VERBS.query_sharing(rig.settings, order, rig.moment()))
    assert isinstance(told, SharingReport), told
    return told


def test_sensitive_fields_travel_both_ways() -> None:
    rig = make_rig()
    sealed = encrypt_sensitive(rig.settings, Secret("山行咖啡供应商"))
    assert open_field(rig.stage.state.keys, rig.settings.wechat_serial, sealed) == "山行咖啡供应商"
    opened = decrypt_sensitive(rig.settings, close_field(rig.stage.state.keys, "13900000000"))
    assert opened is not None
    assert opened.reveal() == "13900000000"
    for wrong in ("", "not base64!", "AAAA", sealed):
        assert decrypt_sensitive(rig.settings, wrong) is None
    with pytest.raises(ValueError, match="214 bytes"):
        encrypt_sensitive(rig.settings, Secret("字" * 72))


def test_name_is_never_sent_in_the_clear() -> None:
    rig = make_rig()
    bodies: list[bytes] = []
    flow = VERBS.add_receiver(rig.settings, RECEIVER, rig.moment())
    kept = rig.run(flow, lambda request: (bodies.append(request.body), rig.answer(request))[1])
    assert isinstance(kept, ReceiverKept)
    assert "供应商".encode() not in bodies[0].replace('"custom_relation":"供应商"'.encode(), b"")


def test_merchant_without_a_name_is_refused() -> None:
    rig = make_rig()
    assert add(rig, replace(RECEIVER, name=None)) == Refused("invalid_request", "name missing")
    body = {"appid": rig.settings.appid, "type": "MERCHANT_ID", "account": "1", "relation_type": "STORE"}
    line = "POST /v3/profitsharing/receivers/add"
    assert code_of(call(rig, line, body)) == (400, "PARAM_ERROR")
    assert code_of(call(rig, line, {**body, "name": "张三"})) == (400, "PARAM_ERROR"), "a name that is not encrypted"


def test_person_needs_no_name() -> None:
    rig = make_rig()
    person = Receiver("person", "oAnotherShopper0000000000000", relation="USER")
    assert isinstance(add(rig, person), ReceiverKept)
    assert isinstance(rig.run(VERBS.remove_receiver(rig.settings, person, rig.moment())), ReceiverKept)
    assert isinstance(rig.run(VERBS.remove_receiver(rig.settings, person, rig.moment())), ReceiverKept), "off is off"


def test_too_soon_or_too_late_is_unknown_and_not_there() -> None:
    for wait_seconds in (59, 31 * 86400):
        rig = make_rig()
        order = sharing(rig, paid(rig, wait_seconds), 100)
        assert isinstance(share(rig, order), Unknown)
        told = rig.run(VERBS.query_sharing(rig.settings, order, rig.moment()))
        assert isinstance(told, NotFound)


def test_order_that_is_not_marked_cannot_be_shared() -> None:
    rig = make_rig()
    assert isinstance(share(rig, sharing(rig, paid(rig, is_shared=False), 100)), Unknown)


def test_at_most_thirty_percent_of_what_was_paid_less_the_fee() -> None:
    rig = make_rig()
    transaction_no = paid(rig)
    assert rig.run(VERBS.query_unsplit(rig.settings, transaction_no, rig.moment())) == Unsplit(Money(MOST, "CNY"))
    assert share(rig, sharing(rig, transaction_no, MOST + 1)) == Refused("risk", "RULE_LIMIT")
    assert share(rig, sharing(rig, transaction_no, AMOUNT_MINOR)) == SharingNotYet("NOT_ENOUGH")
    assert isinstance(share(rig, sharing(rig, transaction_no, MOST)), SharingReport)
    assert isinstance(share(rig, sharing(rig, transaction_no, 1, serial=21)), Refused)


def test_same_number_with_another_amount_is_unknown() -> None:
    rig = make_rig()
    transaction_no = paid(rig)
    first = share(rig, sharing(rig, transaction_no, 100))
    assert isinstance(first, SharingReport)
    assert not first.is_finished
    assert first.shares[0].end == "pending"
    assert isinstance(share(rig, sharing(rig, transaction_no, 101)), Unknown)


def test_finished_is_not_succeeded() -> None:
    """An abnormal receiver and one who left the list get nothing; the order is finished all the same."""
    rig = make_rig()
    transaction_no = paid(rig)
    abnormal = replace(RECEIVER, account="1900009999")
    leaver = replace(RECEIVER, account="1900000119")
    for receiver in (abnormal, leaver):
        assert isinstance(add(rig, receiver), ReceiverKept)
    first = sharing(rig, transaction_no, 100)
    shares = tuple(replace(first.shares[0], receiver=receiver) for receiver in (RECEIVER, abnormal, leaver))
    order = replace(first, shares=shares)
    assert isinstance(share(rig, order), SharingReport)
    rig.run(VERBS.remove_receiver(rig.settings, leaver, rig.moment()))
    before = rig.sandbox.verbs.balance_minor(rig.stage.state)
    done = ended(rig, order)
    assert done.is_finished
    assert [(one.end, one.reason) for one in done.shares] == [
        ("succeeded", ""), ("failed", "ACCOUNT_ABNORMAL"), ("failed", "NO_RELATION")
    ]  # fmt: skip
    assert rig.sandbox.verbs.balance_minor(rig.stage.state) == before - 100
    told = rig.run(VERBS.query_unsplit(rig.settings, transaction_no, rig.moment()))
    assert told == Unsplit(Money(MOST - 100, "CNY")), "a failed share can be shared again"


def test_unfreezing_tells_what_the_merchant_gets() -> None:
    rig = make_rig()
    transaction_no = paid(rig)
    order = sharing(rig, transaction_no, 600)
    share(rig, order)
    ended(rig, order)
    asked = unfreezing(rig, transaction_no)
    rig.run(VERBS.unfreeze(rig.settings, asked, rig.moment()))
    rig.advance(60)
    rig.due()
    told = rig.run(VERBS.query_sharing(rig.settings, asked, rig.moment()))
    assert isinstance(told, SharingReport)
    assert [(one.account, one.amount.minor) for one in told.shares] == [
        (rig.settings.mchid, AMOUNT_MINOR - fee_of(AMOUNT_MINOR) - 600)
    ]
    again = unfreezing(rig, transaction_no)
    assert isinstance(rig.run(VERBS.unfreeze(rig.settings, replace(again, number="again"), rig.moment())), Unknown)


def test_refund_takes_what_is_frozen_and_no_more() -> None:
    rig = make_rig()
    transaction_no = paid(rig)
    order = sharing(rig, transaction_no, 1000)
    share(rig, order)
    ended(rig, order)
    rest = AMOUNT_MINOR - 1000
    too_much = rig.a_refund(rig.number(), rest, serial=901)
    assert isinstance(rig.refund(too_much), RefundNotYet), "the fee of what stays shared is not there"
    assert not isinstance(rig.refund(rig.a_refund(rig.number(), rest - 10, serial=902)), RefundNotYet)


def test_what_is_still_coming_back_cannot_be_refunded() -> None:
    rig = make_rig()
    order = sharing(rig, paid(rig), 1000)
    share(rig, order)
    ended(rig, order)
    rig.run(VERBS.take_back(rig.settings, back(rig, 1000), rig.moment()))
    assert isinstance(rig.refund(rig.a_refund(rig.number(), AMOUNT_MINOR, serial=901)), RefundNotYet)
    rig.advance(60)
    rig.due()
    assert not isinstance(rig.refund(rig.a_refund(rig.number(), AMOUNT_MINOR, serial=902)), RefundNotYet)


def test_no_more_comes_back_than_went_out() -> None:
    rig = make_rig()
    order = sharing(rig, paid(rig), 1000)
    share(rig, order)
    early = rig.run(VERBS.take_back(rig.settings, back(rig, 10), rig.moment()))
    assert isinstance(early, Unknown), "the share has not ended"
    ended(rig, order)
    before = rig.sandbox.verbs.balance_minor(rig.stage.state)
    first = rig.run(VERBS.take_back(rig.settings, back(rig, 600), rig.moment()))
    assert isinstance(first, ShareBackReport)
    assert first.end == "pending"
    assert rig.run(VERBS.take_back(rig.settings, back(rig, 600), rig.moment())) == first
    assert rig.run(VERBS.take_back(rig.settings, back(rig, 401, 31), rig.moment())) == SharingNotYet("NOT_ENOUGH")
    assert isinstance(rig.run(VERBS.take_back(rig.settings, back(rig, 599), rig.moment())), Unknown), "same number"
    rig.advance(60)
    rig.due()
    assert rig.sandbox.verbs.balance_minor(rig.stage.state) == before + 600
    other = replace(back(rig, 1, 32), account="1900000001")
    assert isinstance(rig.run(VERBS.take_back(rig.settings, other, rig.moment())), Unknown)
    nothing = rig.run(VERBS.query_take_back(rig.settings, back(rig, 1, 33), rig.moment()))
    assert isinstance(nothing, NotFound)


GOOD: dict[str, Any] = {
    "transaction_id": "4208450740201411110007820472",
    "order_id": "3008450740201411110007820472",
    "state": "FINISHED",
    "receivers": [
        {
            "amount": 100,
            "description": "分给商户1900000110",
            "type": "MERCHANT_ID",
            "account": "1900000109",
            "detail_id": "36011111111111111111111",
            "result": "SUCCESS",
            "finish_time": "2015-05-20T13:29:35.120+08:00",
        }
    ],
}
"""The example of the official document, shortened."""


def test_published_report_is_read() -> None:
    rig = make_rig()
    order = sharing(rig, "4208450740201411110007820472", 100)
    said = says(rig, 200, {**GOOD, "out_order_no": order.number})
    told = rig.run(VERBS.query_sharing(rig.settings, order, rig.moment()), said)
    assert isinstance(told, SharingReport)
    assert (told.is_finished, told.shares[0].end, told.shares[0].amount) == (True, "succeeded", Money(100, "CNY"))
    assert "1900000109" not in repr(told)


@pytest.mark.parametrize(
    "change",
    [
        {"out_order_no": "another"}, {"state": "DONE"}, {"state": None}, {"order_id": ""}, {"receivers": {}},
        {"receivers": [1]}, {"receivers": [{**GOOD["receivers"][0], "result": "MAYBE"}]},
        {"receivers": [{**GOOD["receivers"][0], "amount": "100"}]},
        {"receivers": [{**GOOD["receivers"][0], "type": "X"}]},
    ],
)  # fmt: skip
def test_spoiled_report_is_unknown(change: dict[str, object]) -> None:
    rig = make_rig()
    order = sharing(rig, "4208450740201411110007820472", 100)
    said = says(rig, 200, {**GOOD, "out_order_no": order.number, **change})
    assert isinstance(rig.run(VERBS.query_sharing(rig.settings, order, rig.moment()), said), Unknown)
    assert isinstance(rig.run(VERBS.share(rig.settings, order, rig.moment()), said), Unknown)


@pytest.mark.parametrize("amount", [None, "5", -1, 1.0, True, 10**12])
def test_spoiled_unsplit_amount_is_unknown(amount: object) -> None:
    rig = make_rig()
    said = says(rig, 200, {"transaction_id": "42", "unsplit_amount": amount})
    assert isinstance(rig.run(VERBS.query_unsplit(rig.settings, "42", rig.moment()), said), Unknown)


@pytest.mark.parametrize(
    ("status", "code"), [(429, "RULE_LIMIT"), (500, "PARAM_ERROR"), (400, "NEW_CODE"), (200, "NO_AUTH")]
)
def test_no_that_is_not_listed_is_unknown(status: int, code: str) -> None:
    rig = make_rig()
    said = says(rig, status, {"code": code, "message": "x"})
    order = sharing(rig, "42", 100)
    assert isinstance(rig.run(VERBS.share(rig.settings, order, rig.moment()), said), Unknown)
    assert isinstance(rig.run(VERBS.take_back(rig.settings, back(rig, 1), rig.moment()), said), Unknown)
    assert isinstance(rig.run(VERBS.add_receiver(rig.settings, RECEIVER, rig.moment()), said), Unknown)

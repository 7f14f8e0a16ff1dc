"""Refunds: the verbs on every answer, the sandbox's rules, and how refunds end."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from shunfu.channels.wechatpay import CHANNEL, codec
from shunfu.channels.wechatpay.codes import is_not_yet
from shunfu.channels.wechatpay.sandbox.wire import Said, Signing, signed
from shunfu.channels.wechatpay.tests.rig import NOTIFY_URL, NOW, NUMBER, Rig, keys
from shunfu.channels.wechatpay.tests.wire_calls import post
from shunfu.gateway.evidence import NotFound, Paid, Refused, Unknown
from shunfu.gateway.faults import Faults
from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.port import Genuine, Message
from shunfu.gateway.refund import (
    AbnormalRefund,
    Refund,
    RefundAbnormal,
    RefundAccepted,
    RefundClosed,
    RefundEvidence,
    RefundNotYet,
    RefundProcessing,
    RefundSucceeded,
)
from shunfu.kernel.money import Money
from shunfu.kernel.secret import Secret

REFUNDS = "/v3/refund/domestic/refunds"
YEAR = 365 * 86400


def paid_rig(total: int = 100_000) -> Rig:
    """Two paid orders, so that the fee of one does not stand in the way of its refund."""
    rig = Rig()
    for number in (NUMBER, f"{NUMBER[:-1]}9"):
        rig.order(number=number, amount=Money(total, "CNY"))
        rig.buy(number=number)
        rig.heard()
    return rig


def some(rig: Rig, amount: int = 100, serial: int = 900) -> Refund:
    return rig.a_refund(NUMBER, amount, serial)


def body(rig: Rig, **changes: object) -> dict[str, object]:
    paid = rig.state.orders[NUMBER]
    whole: dict[str, object] = {
        "out_trade_no": NUMBER,
        "out_refund_no": "refund-1",
        "reason": "商品已售完",
        "notify_url": NOTIFY_URL,
        "amount": {"refund": 100, "total": paid.total, "currency": "CNY"},
    }
    return {name: value for name, value in {**whole, **changes}.items() if value is not ...}


def said(rig: Rig, **changes: object) -> tuple[int, str]:
    status, found = post(rig, body(rig, **changes), REFUNDS)
    return status, str(found.get("code", found.get("status", "")))


def test_refund_goes_its_way() -> None:
    rig = paid_rig()
    refund = some(rig)
    assert isinstance(rig.refund(refund), RefundAccepted)
    assert isinstance(rig.query_refund(refund), RefundProcessing)
    assert rig.state.orders[NUMBER].state == "REFUND"
    assert isinstance(rig.ask(), Paid)
    rig.advance(299)
    assert rig.heard() == []
    rig.advance(1)
    (heard,) = rig.heard()
    told = rig.query_refund(refund)
    assert heard.event_type == "REFUND.SUCCESS"
    assert heard.refund is not None
    assert (heard.refund.number, heard.refund.evidence) == (refund.number, told)
    assert heard.evidence is None
    assert isinstance(told, RefundSucceeded)
    assert told.amount == Money(100, "CNY")


def test_request_names_the_transaction_else_the_number() -> None:
    rig, seen = paid_rig(), list[Request]()

    def watched(request: Request) -> Reply:
        seen.append(request)
        return rig.said(request)

    refund = some(rig)
    for one in (refund, replace(refund, channel_transaction_no="")):
        rig.run(CHANNEL.refunds.refund(rig.settings, one, rig.moment()), watched)
    first, second = (json.loads(request.body) for request in seen)
    assert set(first) == {"transaction_id", "out_refund_no", "notify_url", "amount", "reason"}
    assert first["amount"] == {"refund": 100, "total": 100_000, "currency": "CNY"}
    assert (first["transaction_id"], second["out_trade_no"]) == (refund.channel_transaction_no, NUMBER)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"out_trade_no": ...}, "/out_trade_no"),
        ({"out_refund_no": ...}, "/out_refund_no"),
        ({"out_refund_no": "a b"}, "/out_refund_no"),
        ({"out_refund_no": "x" * 65}, "/out_refund_no"),
        ({"reason": "x" * 81}, "/reason"),
        ({"amount": {"refund": 0, "total": 1, "currency": "CNY"}}, "/amount/refund"),
        ({"amount": {"refund": 1, "total": 1}}, "/amount/currency"),
        ({"amount": {"refund": 1, "total": "1", "currency": "CNY"}}, "/amount/total"),
        ({"amount": {"refund": 1, "total": 1, "currency": "CNY", "from": [{"x": 1}]}}, "/amount/from/0/x"),
        ({"funds_account": "X"}, "/funds_account"),
        ({"extra": 1}, "/extra"),
    ],
)
def test_param_error_names_the_field(changes: dict[str, object], field: str) -> None:
    rig = paid_rig()
    status, found = post(rig, body(rig, **changes), REFUNDS)
    detail = found["detail"]
    assert isinstance(detail, dict)
    assert (status, found["code"], detail["field"]) == (400, "PARAM_ERROR", field)
    assert not rig.state.refunds


def test_business_rules() -> None:
    rig = paid_rig()
    assert said(rig, out_trade_no="order-unknown") == (404, "RESOURCE_NOT_EXISTS")
    assert said(rig, amount={"refund": 1, "total": 1, "currency": "CNY"}) == (400, "INVALID_REQUEST")
    too_much = {"refund": 100_001, "total": 100_000, "currency": "CNY"}
    assert said(rig, amount=too_much) == (400, "INVALID_REQUEST")
    assert said(rig) == (200, "PROCESSING")
    assert said(rig) == (200, "PROCESSING")
    assert said(rig, reason="other") == (400, "INVALID_REQUEST")
    assert said(rig, out_refund_no="refund-2") == (429, "FREQUENCY_LIMITED")
    rig.advance(60)
    assert said(rig, out_refund_no="refund-2") == (200, "PROCESSING")
    rig.advance(60)
    rest = {"refund": 99_801, "total": 100_000, "currency": "CNY"}
    assert said(rig, out_refund_no="refund-3", amount=rest) == (400, "INVALID_REQUEST")
    assert len(rig.state.refunds) == 2


@pytest.mark.parametrize(("seconds", "status"), [(YEAR - 60, 200), (YEAR + 1, 400)])
def test_one_year(seconds: int, status: int) -> None:
    rig = paid_rig()
    rig.advance(seconds)
    assert said(rig)[0] == status


def test_fifty_refunds() -> None:
    rig = paid_rig()
    for index in range(50):
        assert said(rig, out_refund_no=f"refund-{index}")[0] == 200
        rig.advance(60)
    assert said(rig, out_refund_no="refund-50") == (400, "INVALID_REQUEST")


def test_unpaid_and_closed_orders_are_not_refunded() -> None:
    rig = Rig()
    rig.order()
    assert said(rig) == (400, "INVALID_REQUEST")
    rig.end()
    assert said(rig) == (400, "INVALID_REQUEST")


def test_not_enough_money_is_not_yet() -> None:
    """A refund that waits holds its money: the next one finds too little, and is taken once there is more."""
    rig = Rig()
    rig.order()
    rig.buy()
    half = {"refund": 8600, "total": 8600, "currency": "CNY"}
    rig.order(number="second-order-1", amount=Money(100, "CNY"))
    rig.buy(number="second-order-1")
    assert said(rig, amount=half) == (200, "PROCESSING")
    assert rig.sandbox.verbs.balance_minor(rig.state) == 99
    rig.order(number="third-order-1", amount=Money(300, "CNY"))
    rig.buy(number="third-order-1")
    refund = replace(rig.a_refund("third-order-1", 300), number="refund-for-later")
    poor = replace(rig.stage.state, till=replace(rig.state.till, balance_minor=8548))
    rig.stage = replace(rig.stage, state=poor)
    assert rig.refund(refund) == RefundNotYet("NOT_ENOUGH")
    assert isinstance(rig.query_refund(refund), NotFound)
    rig.stage = replace(rig.stage, state=replace(poor, till=replace(poor.till, balance_minor=9999)))
    assert isinstance(rig.refund(refund), RefundAccepted)


def test_abnormal_refund_goes_on_to_a_card() -> None:
    rig = paid_rig()
    rig.fault(Faults(refund_abnormal=1))
    refund = some(rig)
    rig.refund(refund)
    assert rig.stage.faults == Faults()
    rig.advance(300)
    (heard,) = rig.heard()
    told = rig.query_refund(refund)
    assert isinstance(told, RefundAbnormal)
    assert (heard.event_type, heard.refund and heard.refund.evidence) == ("REFUND.ABNORMAL", told)
    assert rig.sandbox.verbs.balance_minor(rig.state) == 2 * (100_000 - 600) - 99
    card = AbnormalRefund(
        refund, told.channel_refund_no, "payer", "ICBC_DEBIT", Secret("6222020000000000000"), Secret("张三")
    )
    assert rig.run(CHANNEL.refunds.apply_abnormal(rig.settings, replace(card, bank=""), rig.moment())) == Refused(
        "invalid_request", "bank card incomplete"
    )
    flow = CHANNEL.refunds.apply_abnormal(rig.settings, card, rig.moment())
    assert rig.run(flow) == RefundProcessing(told.channel_refund_no)
    rig.advance(300)
    (heard,) = rig.heard()
    assert heard.event_type == "REFUND.SUCCESS"
    assert isinstance(rig.query_refund(refund), RefundSucceeded)
    again = rig.run(CHANNEL.refunds.apply_abnormal(rig.settings, card, rig.moment()))
    assert isinstance(again, Unknown)


def test_abnormal_refund_to_the_merchant_and_wrongly_encrypted_cards() -> None:
    rig = paid_rig()
    rig.fault(Faults(refund_abnormal=1))
    refund = some(rig)
    rig.refund(refund)
    rig.advance(300)
    rig.heard()
    known = rig.state.refunds[refund.number]
    path = f"{REFUNDS}/{known.refund_id}/apply-abnormal-refund"
    card: dict[str, object] = {"out_refund_no": refund.number, "type": "USER_BANK_CARD", "bank_type": "ICBC_DEBIT"}
    sealed = {"bank_account": "AAAA", "real_name": "AAAA"}
    assert post(rig, {**card}, path)[1]["code"] == "PARAM_ERROR"
    assert post(rig, {**card, **sealed}, path)[1]["code"] == "PARAM_ERROR"
    assert post(rig, card, f"{REFUNDS}/50300/apply-abnormal-refund")[0] == 404
    merchant = AbnormalRefund(refund, known.refund_id, "merchant")
    told = rig.run(CHANNEL.refunds.apply_abnormal(rig.settings, merchant, rig.moment()))
    assert isinstance(told, RefundProcessing)


def test_closed_refund_gives_its_room_back() -> None:
    rig = paid_rig()
    before = rig.sandbox.verbs.balance_minor(rig.state)
    rig.fault(Faults(refund_closed=1))
    refund = some(rig, 100_000)
    rig.refund(refund)
    rig.advance(300)
    (heard,) = rig.heard()
    assert heard.refund is not None
    assert heard.refund.evidence == rig.query_refund(refund) == RefundClosed("CLOSED")
    assert rig.sandbox.verbs.balance_minor(rig.state) == before
    assert isinstance(rig.refund(some(rig, 100_000, 901)), RefundAccepted)


def test_a_tester_ends_a_refund() -> None:
    rig = paid_rig()
    verbs, refund = rig.sandbox.verbs, some(rig)
    assert verbs.end_refund(rig.state, refund.number, "succeeded", rig.at()) is None
    rig.refund(refund)
    step = verbs.end_refund(rig.state, refund.number, "succeeded", rig.at())
    assert step is not None
    (placed,) = verbs.list_refunds(step.state)
    assert (placed.state, placed.amount_minor, placed.order_number) == ("SUCCESS", 100, NUMBER)
    assert verbs.end_refund(step.state, refund.number, "closed", rig.at()) is None
    assert verbs.ring(step.state, f"refund/{refund.number}", rig.at()).letters == ()


def told(reply: Said) -> RefundEvidence:
    rig = Rig()
    refund = Refund("R" * 26, NUMBER, "4200", Money(100, "CNY"), Money(200, "CNY"), "退货", NOTIFY_URL)
    flow = CHANNEL.refunds.refund(rig.settings, refund, rig.moment())
    return rig.run(flow, lambda _: signed(reply, Signing(keys(), keys().material.public_key_id, NOW, b"entropy")))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "NOT_ENOUGH", RefundNotYet), (403, "NOTENOUGH", RefundNotYet), (500, "NOT_ENOUGH", Unknown),
        (400, "PARAM_ERROR", Refused), (404, "MCH_NOT_EXISTS", Refused), (403, "NO_AUTH", Refused),
        (400, "INVALID_REQUEST", Unknown), (404, "RESOURCE_NOT_EXISTS", Unknown), (429, "FREQUENCY_LIMITED", Unknown),
        (500, "SYSTEM_ERROR", Unknown), (403, "USER_ACCOUNT_ABNORMAL", Unknown), (400, "NEW_CODE", Unknown),
        (500, "PARAM_ERROR", Unknown), (401, "SIGN_ERROR", Unknown), (400, "", Unknown),
    ],
)  # fmt: skip
def test_codes_of_refunds(status: int, code: str, kind: type) -> None:
    assert isinstance(told(Said(status, {"code": code, "message": "never read"})), kind)


WHOLE: dict[str, object] = {
    "refund_id": "50300", "out_refund_no": "R" * 26, "status": "SUCCESS", "success_time": "2026-11-22T14:29:35+08:00",
    "amount": {"refund": 100, "total": 200, "currency": "CNY"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, RefundSucceeded), ({"status": "PROCESSING"}, RefundAccepted), ({"status": "ABNORMAL"}, RefundAbnormal),
        ({"status": "CLOSED"}, RefundClosed), ({"status": "success"}, Unknown), ({"status": None}, Unknown),
        ({"out_refund_no": "other"}, Unknown), ({"refund_id": ""}, Unknown), ({"success_time": ""}, Unknown),
        ({"amount": {"refund": "100", "currency": "CNY"}}, Unknown), ({"amount": {"refund": 100}}, Unknown),
        ({"amount": {"refund": 0, "currency": "CNY"}}, Unknown), ({"amount": None}, Unknown),
    ],
)  # fmt: skip
def test_refund_objects(changes: dict[str, object], kind: type) -> None:
    assert isinstance(told(Said(200, {**WHOLE, **changes})), kind)


@pytest.mark.parametrize(
    ("event", "status", "kind"),
    [("REFUND.SUCCESS", "SUCCESS", RefundSucceeded), ("REFUND.ABNORMAL", "ABNORMAL", RefundAbnormal),
     ("REFUND.CLOSED", "CLOSED", RefundClosed), ("REFUND.SUCCESS", "CLOSED", Unknown),
     ("REFUND.NEW", "SUCCESS", Unknown), ("REFUND.SUCCESS", None, Unknown)],
)  # fmt: skip
def test_notified_status_must_agree_with_the_event(event: str, status: str | None, kind: type) -> None:
    from_channel = {name: value for name, value in WHOLE.items() if name != "status"}
    rig = paid_rig()
    rig.refund(some(rig))
    rig.advance(300)
    (delivery,) = rig.due()
    letter = rig.stage.post.letters[delivery.notification_id]
    content = {**json.loads(letter.content), "plaintext": {**from_channel, "refund_status": status}}
    changed = replace(letter, kind=event, content=json.dumps(content))
    request = rig.sandbox.verbs.write_letter(rig.state, changed, "", rig.at())
    headers = {name.lower(): value for name, value in request.headers}
    assert codec.verify(rig.settings, headers, request.body, rig.now) is None
    read = CHANNEL.verbs.read_notification(rig.settings, Message(headers, request.body), rig.now)
    assert isinstance(read, Genuine)
    assert read.refund is not None
    assert isinstance(read.refund.evidence, kind)


def test_what_is_not_yet() -> None:
    assert is_not_yet(403, "NOTENOUGH")
    assert not is_not_yet(429, "FREQUENCY_LIMITED")

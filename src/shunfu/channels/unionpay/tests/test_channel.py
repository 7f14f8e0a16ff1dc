"""The verbs against canned or forged answers, and the exact fields that they send."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from shunfu.channels.unionpay import CHANNEL, codec
from shunfu.channels.unionpay.answers import ORDER_SECONDS
from shunfu.channels.unionpay.refunds import UnionPayRefunds
from shunfu.channels.unionpay.sandbox import wire
from shunfu.channels.unionpay.sandbox.wire import Pen
from shunfu.channels.unionpay.tests.rig import UnionPayRig, new_rig, scene, settings, state
from shunfu.channels.unionpay.times import full, made_at, parse_full, parse_short, txn_time
from shunfu.gateway.contract.rig import NOW
from shunfu.gateway.evidence import Accepted, Closed, Evidence, NotFound, NotPaid, Paid, Refused, Unknown
from shunfu.gateway.flow import Answer, Reply, Request, run
from shunfu.gateway.port import Genuine, Message, Moment, Spurious
from shunfu.gateway.refund import (
    AbnormalRefund,
    RefundAccepted,
    RefundClosed,
    RefundNotYet,
    RefundProcessing,
    RefundReport,
    RefundSucceeded,
)
from shunfu.kernel.ids import encode, make_id
from shunfu.kernel.money import Money

QUERY_ID = "782611221429350674028"
UNDO = UnionPayRefunds().undo


def sent(rig: UnionPayRig, name: str, **changes: object) -> tuple[Request, dict[str, str]]:
    """The request of a prepay in this scene, and its fields."""
    prepay = replace(rig.prepay(scene(name)), **changes)
    request = next(CHANNEL.verbs.prepay(rig.settings, prepay, rig.moment()))
    return request, dict(parse_qsl(request.body.decode(), keep_blank_values=True))


def answered(rig: UnionPayRig, number: str, **fields: str) -> Reply:
    """An answer that UnionPay signed, about this number."""
    facts = {
        "txnType": "01", "merId": rig.settings.mer_id, "orderId": number, "txnTime": txn_time(number) or "",
        "txnAmt": "8600", "currencyCode": "156", "queryId": QUERY_ID, "traceTime": "1122143000", "respCode": "00",
    }  # fmt: skip
    return wire.reply(state(), {**facts, **fields}, Pen("01", "UTF-8"))


def asked(rig: UnionPayRig, later: timedelta = timedelta(), /, **fields: str) -> Evidence:
    number, reply = rig.number(), answered(rig, rig.number(), **fields)
    moment = Moment(NOW + later, "n" * 32)
    return run(CHANNEL.verbs.query(rig.settings, number, moment), lambda _: reply)


def noticed(rig: UnionPayRig, **fields: str) -> Genuine | Spurious:
    number = rig.number()
    facts = codec.parse_body(answered(rig, number, **fields).body) or {}
    return CHANNEL.verbs.read_notification(rig.settings, Message({}, codec.form(facts)), NOW)


def test_app_order_on_the_wire() -> None:
    rig = new_rig()
    request, fields = sent(rig, "miniprogram", subject='山行咖啡 {1}&"2" very long indeed')
    assert (request.method, request.url) == ("POST", "http://127.0.0.1:8701/gateway/api/appTransReq.do")
    assert dict(request.headers)["Content-Type"] == "application/x-www-form-urlencoded;charset=UTF-8"
    assert wire.is_signed(state(), fields)
    assert len(fields.pop("signature")) == 344
    assert fields == {
        "version": "5.1.0", "encoding": "UTF-8", "signMethod": "01", "certId": rig.settings.cert_id, "txnType": "01",
        "txnSubType": "01", "bizType": "000201", "channelType": "08", "accessType": "0", "merId": rig.settings.mer_id,
        "orderId": rig.number(), "txnTime": "20261122142935", "txnAmt": "8600", "currencyCode": "156",
        "backUrl": "https://merchant.example/notifications/contract", "payTimeout": "20261122144435",
        "orderDesc": "山行咖啡  1   2  very long i", "reqReserved": "until20261122144435",
    }  # fmt: skip


def test_other_scenes_on_the_wire() -> None:
    rig = new_rig()
    request, fields = sent(rig, "native")
    assert request.url.endswith("/gateway/api/backTransReq.do")
    assert (fields["txnSubType"], fields["bizType"], fields["channelType"]) == ("07", "000000", "08")
    for name, channel_type in (("h5", "08"), ("page", "07")):
        _, evidence = rig.place(scene(name))
        assert isinstance(evidence, Accepted)
        params = dict(evidence.invoke.params)
        assert params.pop("action") == "http://127.0.0.1:8701/gateway/api/frontTransReq.do"
        assert wire.is_signed(state(), params)
        assert (params["channelType"], params["frontUrl"]) == (channel_type, "https://merchant.example/result")


def test_an_order_that_is_not_found_may_still_be_paid() -> None:
    """34 is what a query says of a tn that nobody has opened, and no call closes it."""
    assert not any(one.not_found_is_final for one in CHANNEL.scenes)


def test_no_payment_lives_longer_than_a_query_knows() -> None:
    rig = new_rig()
    _, fields = sent(rig, "app", expires_at=NOW + timedelta(days=7))
    assert fields["payTimeout"] == full(NOW + timedelta(seconds=ORDER_SECONDS))


def test_real_account_has_no_stand_in() -> None:
    rig = new_rig(base_url="https://gateway.test.95516.com")
    assert CHANNEL.sandbox_url(rig.settings) is None
    _, evidence = rig.place(scene("page"))
    assert isinstance(evidence, Accepted)
    assert evidence.invoke.sandbox_url is None
    assert evidence.invoke.params["action"] == "https://gateway.test.95516.com/gateway/api/frontTransReq.do"


@pytest.mark.parametrize("change", [{"number": "order-0001"}, {"amount": Money(100, "JPY")}])
def test_what_is_refused_before_it_is_sent(change: dict[str, object]) -> None:
    rig = new_rig()
    prepay = replace(rig.prepay(scene("app")), **change)
    evidence = rig.run(CHANNEL.verbs.prepay(rig.settings, prepay, rig.moment()))
    assert isinstance(evidence, Refused)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("10", Refused), ("11", Refused), ("13", Refused), ("30", Refused), ("31", Refused), ("38", Refused),
     ("03", Unknown), ("04", Unknown), ("05", Unknown), ("06", Unknown), ("34", Unknown), ("37", Unknown),
     ("83", Unknown), ("99", Unknown), ("", Unknown), ("ZZ", Unknown), ("0", Unknown), ("A6", Unknown)],
)  # fmt: skip
def test_codes_of_placing(code: str, kind: type[Evidence]) -> None:
    rig = new_rig()
    reply = answered(rig, rig.number(), respCode=code, tn="123456789012345678901")
    evidence = rig.run(CHANNEL.verbs.prepay(rig.settings, rig.prepay(scene("app")), rig.moment()), lambda _: reply)
    assert isinstance(evidence, kind), evidence


@pytest.mark.parametrize("tn", ["", "é", "x" * 600, "a\tb"])
def test_order_without_a_sound_tn_is_unknown(tn: str) -> None:
    rig = new_rig()
    reply = answered(rig, rig.number(), tn=tn)
    evidence = rig.run(CHANNEL.verbs.prepay(rig.settings, rig.prepay(scene("app")), rig.moment()), lambda _: reply)
    assert isinstance(evidence, Unknown)


def test_duplicate_asks_what_became_of_it() -> None:
    rig = new_rig()
    replies = [answered(rig, rig.number(), respCode="12"), answered(rig, rig.number(), origRespCode="00")]
    flow = CHANNEL.verbs.prepay(rig.settings, rig.prepay(scene("app")), rig.moment())
    assert isinstance(rig.run(flow, lambda _: replies.pop(0)), Paid)
    replies = [answered(rig, rig.number(), respCode="12"), answered(rig, rig.number(), origRespCode="05")]
    flow = CHANNEL.verbs.prepay(rig.settings, rig.prepay(scene("app")), rig.moment())
    assert isinstance(rig.run(flow, lambda _: replies.pop(0)), Unknown)


@pytest.mark.parametrize("code", ["00", "A6", "A1"])
def test_paid(code: str) -> None:
    rig = new_rig()
    evidence = asked(rig, origRespCode=code)
    assert evidence == Paid(
        Money(8600, "CNY"), rig.settings.mer_id, rig.settings.mer_id, QUERY_ID, NOW.replace(minute=30, second=0)
    )


@pytest.mark.parametrize(
    "change",
    [{"txnAmt": "0"}, {"txnAmt": "86.00"}, {"txnAmt": ""}, {"txnAmt": "-1"}, {"txnAmt": "9" * 12},
     {"currencyCode": "840"}, {"currencyCode": ""}, {"queryId": ""}, {"queryId": "{x}"},
     {"traceTime": "1399999999"}, {"txnType": "04"}],
)  # fmt: skip
def test_paid_but_malformed_is_unknown(change: dict[str, str]) -> None:
    assert isinstance(asked(new_rig(), origRespCode="00", **change), Unknown)


def test_failed_try_is_final_only_after_the_orders_end() -> None:
    """payTimeout comes back in reqReserved; five minutes later a failed try means that nobody will pay."""
    rig, until = new_rig(), {"reqReserved": "until20261122144435", "origRespCode": "01"}
    assert asked(rig, **until) == NotPaid("01")
    assert asked(rig, timedelta(minutes=19), **until) == NotPaid("01")
    assert asked(rig, timedelta(minutes=20), **until) == Closed("01")
    for reserved in ("", "until20269999999999", "something else"):
        assert asked(rig, timedelta(hours=23), reqReserved=reserved, origRespCode="01") == NotPaid("01")
        assert asked(rig, timedelta(hours=25), reqReserved=reserved, origRespCode="01") == Closed("01")
    assert asked(rig, timedelta(days=9), reqReserved="until20300101000000", origRespCode="01") == Closed("01")


@pytest.mark.parametrize("code", ["03", "04", "05", "70"])
def test_pending_stays_pending(code: str) -> None:
    assert asked(new_rig(), timedelta(days=9), origRespCode=code) == NotPaid(code)


@pytest.mark.parametrize("code", ["02", "06", "34", "83", "42", "74", "75", "", "ZZ", "é"])
def test_codes_that_nothing_is_concluded_from(code: str) -> None:
    assert isinstance(asked(new_rig(), timedelta(days=9), origRespCode=code), Unknown)


@pytest.mark.parametrize(("code", "kind"), [("34", NotFound), ("37", Unknown), ("11", Unknown), ("", Unknown)])
def test_codes_of_the_query_itself(code: str, kind: type[Evidence]) -> None:
    assert isinstance(asked(new_rig(), txnType="00", respCode=code, origRespCode="00"), kind)


@pytest.mark.parametrize(
    "change", [{"orderId": "20261122142935"}, {"txnTime": "20261122142936"}, {"merId": "777290058110097"}]
)
def test_answer_about_something_else_is_unknown(change: dict[str, str]) -> None:
    assert isinstance(asked(new_rig(), origRespCode="00", **change), Unknown)


def test_foreign_number_is_not_asked_about() -> None:
    evidence = run(CHANNEL.verbs.query(settings(), "order-0001", Moment(NOW, "n")), never)
    assert isinstance(evidence, Unknown)


def test_close_sends_nothing() -> None:
    assert isinstance(run(CHANNEL.verbs.close(settings(), new_rig().number(), Moment(NOW, "n")), never), Unknown)


def never(request: Request) -> Answer:
    raise AssertionError(f"sent to {urlsplit(request.url).path}")


def test_times_come_from_the_number() -> None:
    number = encode(make_id(1_790_000_000_999, bytes(10)))
    assert txn_time(number) == "20260921221320"
    assert made_at(number) == parse_full("20260921221320")
    for foreign in ("", "x", "0" * 26, "Z" * 26, "order20261122142935"):
        assert txn_time(foreign) is None
    near = parse_full("20270101000500")
    assert near is not None
    assert parse_short("1231235959", near) == parse_full("20261231235959")
    assert parse_short("0230000000", near) is None
    assert parse_full("20261301000000") is None


def test_notification_of_a_payment() -> None:
    rig = new_rig()
    read = noticed(rig, respCode="A6", txnSubType="01")
    assert isinstance(read, Genuine)
    assert (read.external_id, read.event_type, read.number) == (f"01-{QUERY_ID}-A6", "0101", rig.number())
    assert isinstance(read.evidence, Paid)
    for code in ("01", "05", "42"):
        read = noticed(rig, respCode=code)
        assert isinstance(read, Genuine)
        assert isinstance(read.evidence, Unknown)


def test_notification_of_another_merchant_tells_whose() -> None:
    read = noticed(new_rig(), merId="777290058110097")
    assert isinstance(read, Genuine)
    assert isinstance(read.evidence, Paid)
    assert read.evidence.account == "777290058110097"
    back = noticed(new_rig(), merId="777290058110097", txnType="04")
    assert isinstance(back, Genuine)
    assert back.refund is not None
    assert isinstance(back.refund.evidence, Unknown)


def test_notification_of_a_refund_and_of_an_undo() -> None:
    rig = new_rig()
    for kind in ("04", "31"):
        read = noticed(rig, txnType=kind, origQryId=QUERY_ID)
        assert isinstance(read, Genuine)
        assert (read.number, read.evidence) == (None, None)
        done = RefundSucceeded(Money(8600, "CNY"), QUERY_ID, NOW.replace(minute=30, second=0))
        assert read.refund == RefundReport(rig.number(), done)
        failed = noticed(rig, txnType=kind, respCode="01")
        assert isinstance(failed, Genuine)
        assert failed.refund is not None
        assert isinstance(failed.refund.evidence, Unknown)


def test_notification_of_something_else_is_kept() -> None:
    read = noticed(new_rig(), txnType="79")
    assert isinstance(read, Genuine)
    assert (read.number, read.evidence, read.refund, read.about) == (None, None, None, new_rig().number())
    assert isinstance(noticed(new_rig(), respCode=""), Spurious)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("00", RefundAccepted), ("64", RefundNotYet), ("36", Refused), ("35", Refused), ("45", Unknown), ("10", Refused),
     ("01", Unknown), ("03", Unknown), ("05", Unknown), ("06", Unknown), ("30", Unknown), ("37", Unknown),
     ("", Unknown)],
)  # fmt: skip
def test_codes_of_asking_for_a_refund(code: str, kind: type[object]) -> None:
    rig = new_rig()
    refund = rig.a_refund(rig.paid(serial=1), 100)
    reply = answered(rig, refund.number, txnType="04", respCode=code)
    assert isinstance(rig.run(CHANNEL.refunds.refund(rig.settings, refund, rig.moment()), lambda _: reply), kind)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("00", RefundSucceeded), ("A6", RefundSucceeded), ("05", RefundProcessing), ("03", RefundProcessing),
     ("01", RefundClosed), ("99", RefundClosed), ("02", Unknown), ("06", Unknown), ("34", Unknown), ("70", Unknown),
     ("83", Unknown), ("", Unknown)],
)  # fmt: skip
def test_codes_of_a_refunds_end(code: str, kind: type[object]) -> None:
    rig = new_rig()
    refund = rig.a_refund(rig.paid(serial=1), 100)
    reply = answered(rig, refund.number, txnType="04", origRespCode=code, txnAmt="100")
    assert isinstance(rig.run(CHANNEL.refunds.query_refund(rig.settings, refund, rig.moment()), lambda _: reply), kind)
    other = answered(rig, refund.number, txnType="04", origRespCode=code, txnAmt="101")
    told = rig.run(CHANNEL.refunds.query_refund(rig.settings, refund, rig.moment()), lambda _: other)
    assert isinstance(told, Unknown), "a number stands for one amount"


def test_undo_is_of_the_whole() -> None:
    rig = new_rig()
    number = rig.paid(serial=1)
    part = rig.run(UNDO(rig.settings, rig.a_refund(number, 100), rig.moment()), never)
    assert isinstance(part, Refused)
    whole = rig.a_refund(number, 8600)
    assert isinstance(rig.run(UNDO(rig.settings, whole, rig.moment())), RefundAccepted)
    assert isinstance(rig.query_refund(whole), RefundProcessing)
    rig.advance(10)
    rig.due()
    assert isinstance(rig.query_refund(whole), RefundSucceeded)
    again = rig.run(UNDO(rig.settings, whole, rig.moment()))
    assert isinstance(again, RefundSucceeded), "asked for twice, it is the same one"


def test_no_refund_goes_another_way() -> None:
    rig = new_rig()
    abnormal = AbnormalRefund(rig.a_refund(rig.paid(), 100), "x", "merchant")
    assert isinstance(run(CHANNEL.refunds.apply_abnormal(rig.settings, abnormal, rig.moment()), never), Refused)

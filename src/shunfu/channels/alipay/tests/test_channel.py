"""What Alipay's answers are taken for: evidence by states and codes, in both protocols."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

import pytest

from shunfu.channels.alipay import CHANNEL, SANDBOX, load, sandbox
from shunfu.channels.alipay.channel import Alipay
from shunfu.channels.alipay.codec import Ask, Distrust, Hearsay
from shunfu.channels.alipay.rest import build_request, read_reply
from shunfu.channels.alipay.settings import Settings
from shunfu.channels.alipay.tests.shapes import SHAPES, state
from shunfu.channels.alipay.tests.wire_calls import private_key, signature
from shunfu.gateway.contract import Rig
from shunfu.gateway.contract.rig import BASE_URL, NONCE, NOW
from shunfu.gateway.evidence import Accepted, Closed, NotFound, NotPaid, Paid, Refused, Unknown
from shunfu.gateway.flow import Answer, Reply, Request, run
from shunfu.gateway.moment import Moment
from shunfu.gateway.port import Genuine, Message, Prepay, Spurious
from shunfu.gateway.refund import Refund, RefundNotYet, RefundProcessing, RefundSucceeded
from shunfu.gateway.statement import NoStatement, StatementNotReady, StatementOf
from shunfu.kernel.money import Money

NUMBER = "01KAZ3T8Q00000000000000001"
MOMENT = Moment(NOW, NONCE)
VERBS = Alipay()


def settings(shape: str = "v2") -> Settings:
    return load(dict(SHAPES[shape](sandbox.describe(state(), BASE_URL).client)))


def says(method: str, **node: object) -> Reply:
    """A genuine reply with this node."""
    text = json.dumps({"code": "10000", "msg": "Success", **node})
    body = f'{{"{method.replace(".", "_")}_response":{text},"sign":"{signature(private_key("alipay"), text)}"}}'
    return Reply(200, {}, body.encode())


def fails(method: str, sub_code: str, code: str = "40004") -> Reply:
    return says(method, code=code, msg="x", sub_code=sub_code, sub_msg="x")


def queried(**node: object) -> object:
    reply = says("alipay.trade.query", **{"out_trade_no": NUMBER, "trade_no": "2026", "total_amount": "86.00", **node})
    return run(VERBS.query(settings(), NUMBER, MOMENT), lambda _: reply)


PAID_AT = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)


def paid() -> Paid:
    identity = CHANNEL.identity(settings())
    return Paid(Money(8600, "CNY"), identity.account, identity.app, "2026", PAID_AT)


@pytest.mark.parametrize("status", ["TRADE_SUCCESS", "TRADE_FINISHED", "TRADE_CLOSED"])
def test_paid_states(status: str) -> None:
    assert queried(trade_status=status, send_pay_date="2026-11-22 14:30:00") == paid()


@pytest.mark.parametrize(
    ("node", "kind"),
    [
        ({"trade_status": "WAIT_BUYER_PAY"}, NotPaid),
        ({"trade_status": "TRADE_CLOSED"}, Closed),
        ({"trade_status": "TRADE_PENDING"}, Unknown),
        ({}, Unknown),
        ({"trade_status": "TRADE_SUCCESS", "total_amount": "0.00"}, Unknown),
        ({"trade_status": "TRADE_SUCCESS", "total_amount": 86}, Unknown),
        ({"trade_status": "TRADE_SUCCESS", "trade_no": ""}, Unknown),
        ({"trade_status": "TRADE_SUCCESS", "trans_currency": "USD"}, Unknown),
        ({"trade_status": "TRADE_SUCCESS", "send_pay_date": "yesterday"}, Unknown),
        ({"trade_status": "TRADE_SUCCESS", "out_trade_no": "OTHER"}, Unknown),
        ({"trade_status": "TRADE_SUCCESS"}, Paid),
        ({"code": "10003"}, NotPaid),
        ({"code": "40004", "sub_code": "ACQ.TRADE_NOT_EXIST"}, NotFound),
        ({"code": "40004", "sub_code": "TRADE_NOT_EXIST"}, NotFound),
        ({"code": "20000", "sub_code": "ACQ.TRADE_NOT_EXIST"}, Unknown),
        ({"code": "40004", "sub_code": "AQC.SYSTEM_ERROR"}, Unknown),
        ({"code": "40004", "sub_code": "ACQ.SOMETHING_NEW"}, Unknown),
        ({"code": "99999"}, Unknown),
    ],
    ids=str,
)
def test_other_answers_to_a_query(node: dict[str, object], kind: type) -> None:
    assert isinstance(queried(**node), kind), node


@pytest.mark.parametrize(
    ("sub_code", "code", "kind"),
    [
        ("ACQ.BUYER_SELLER_EQUAL", "40004", Refused("payer", "ACQ.BUYER_SELLER_EQUAL")),
        ("ACQ.TRADE_HAS_CLOSE", "40004", Refused("order_closed", "ACQ.TRADE_HAS_CLOSE")),
        (
            "ACQ.SECONDARY_MERCHANT_STATUS_ERROR",
            "40004",
            Refused("configuration", "ACQ.SECONDARY_MERCHANT_STATUS_ERROR"),
        ),
        ("isv.invalid-signature", "40002", Refused("configuration", "isv.invalid-signature")),
        ("isv.insufficient-isv-permissions", "40006", Refused("not_permitted", "isv.insufficient-isv-permissions")),
        ("ACQ.SYSTEM_ERROR", "40004", None),
        ("ACQ.TRADE_HAS_SUCCESS", "40004", None),
        ("ACQ.CONTEXT_INCONSISTENT", "40004", None),
        ("isv.app-call-limited", "40005", None),
        ("ACQ.INVALID_PARAMETER", "20000", None),
        ("ACQ.NEVER_HEARD_OF", "40004", None),
    ],
)
def test_refusals_of_an_order(sub_code: str, code: str, kind: Refused | None) -> None:
    prepay = Rig(CHANNEL, SANDBOX, state()).prepay(CHANNEL.scenes[0])
    found = run(VERBS.prepay(settings(), prepay, MOMENT), lambda _: fails("alipay.trade.create", sub_code, code))
    assert found == kind if kind else isinstance(found, Unknown)


def test_order_in_alipays_words() -> None:
    seen: list[dict[str, str]] = []
    prepay = replace(Rig(CHANNEL, SANDBOX, state()).prepay(CHANNEL.scenes[0]), subject="A/B=C&D\n山行" + "x" * 300)

    def answer(request: Request) -> Answer:
        seen.append(json.loads(dict(parse_qsl(request.body.decode()))["biz_content"]))
        return says("alipay.trade.create", trade_no="1", out_trade_no=prepay.number)

    for payer in ("2088123412341234", "074openid"):
        assert isinstance(run(VERBS.prepay(settings(), replace(prepay, payer=payer), MOMENT), answer), Accepted)
    by_id, by_open_id = seen
    assert by_id["buyer_id"] == "2088123412341234"
    assert by_open_id["buyer_open_id"] == "074openid"
    assert by_id["total_amount"] == "86.00"
    assert by_id["subject"] == ("A B C D 山行" + "x" * 300)[:256]
    assert by_id["time_expire"] == "2026-11-22 14:44:35"
    assert by_id["op_app_id"] == settings().op_app_id


def test_no_payer_is_refused_without_a_call() -> None:
    prepay: Prepay = replace(Rig(CHANNEL, SANDBOX, state()).prepay(CHANNEL.scenes[0]), payer=None)
    assert run(VERBS.prepay(settings(), prepay, MOMENT), _never) == Refused("payer", "buyer missing")


def test_only_an_order_placed_by_us_is_known_at_once() -> None:
    final = {scene.name: scene.not_found_is_final for scene in CHANNEL.scenes}
    assert final == {"miniprogram": True, "native": False, "h5": False, "page": False, "app": False}


@pytest.mark.parametrize("scene", ["h5", "page", "app"])
def test_local_scenes_ask_nothing_of_alipay(scene: str) -> None:
    found = CHANNEL.scene(scene)
    assert found is not None
    placed = run(VERBS.prepay(settings(), Rig(CHANNEL, SANDBOX, state()).prepay(found), MOMENT), _never)
    assert isinstance(placed, Accepted)
    assert placed.invoke.kind == found.invoke


def test_real_accounts_have_no_sheet() -> None:
    real = load({**sandbox.describe(state(), BASE_URL).client, "gateway_url": "", "endpoint": ""})
    found = CHANNEL.scene("page")
    assert found is not None
    placed = run(VERBS.prepay(real, Rig(CHANNEL, SANDBOX, state()).prepay(found), MOMENT), _never)
    assert isinstance(placed, Accepted)
    assert placed.invoke.sandbox_url is None
    assert placed.invoke.params["action"] == "https://openapi.alipay.com/gateway.do?charset=utf-8"


def _never(request: Request) -> Answer:
    raise AssertionError(f"{request.url} was asked")


@pytest.mark.parametrize(
    ("node", "kind"),
    [
        ({"out_trade_no": NUMBER, "action": "close"}, Closed),
        ({"out_trade_no": NUMBER, "action": "refund"}, Unknown),
        ({"out_trade_no": NUMBER, "retry_flag": "Y"}, Unknown),
        ({"out_trade_no": "OTHER", "action": "close"}, Unknown),
        ({"code": "40004", "sub_code": "ACQ.TRADE_NOT_EXIST"}, NotFound),
        ({"code": "40004", "sub_code": "ACQ.CANCEL_NOT_ALLOWED"}, Unknown),
    ],
)
def test_cancel(node: dict[str, object], kind: type) -> None:
    assert isinstance(
        run(VERBS.cancel(settings(), NUMBER, MOMENT), lambda _: says("alipay.trade.cancel", **node)), kind
    )


def test_cancel_at_the_sandbox_in_both_protocols() -> None:
    for shape in ("v2", "v3"):
        rig = Rig(CHANNEL, SANDBOX, state(), SHAPES[shape])
        number, _ = rig.place()
        assert isinstance(rig.run(VERBS.cancel(rig.settings, number, rig.moment())), Closed)
        assert isinstance(rig.query(number), Closed)


REFUND = Refund("R1", NUMBER, "2026", Money(100, "CNY"), Money(8600, "CNY"), "x", "")


@pytest.mark.parametrize(
    ("node", "kind"),
    [
        ({"out_trade_no": NUMBER, "fund_change": "Y", "refund_fee": "30.00"}, RefundSucceeded),
        ({"out_trade_no": NUMBER, "fund_change": "N", "refund_fee": "30.00"}, RefundProcessing),
        ({"out_trade_no": NUMBER, "refund_fee": "30.00"}, RefundProcessing),
        ({"out_trade_no": "OTHER", "fund_change": "Y"}, Unknown),
        ({"code": "40004", "sub_code": "ACQ.SELLER_BALANCE_NOT_ENOUGH"}, RefundNotYet),
        ({"code": "40005", "sub_code": "isv.method-call-limited"}, RefundNotYet),
        ({"code": "40004", "sub_code": "ACQ.TRADE_HAS_FINISHED"}, Refused),
        ({"code": "40004", "sub_code": "ACQ.SYSTEM_ERROR"}, Unknown),
        ({"code": "40004", "sub_code": "ACQ.DISCORDANT_REPEAT_REQUEST"}, Unknown),
        ({"code": "20000", "sub_code": "aop.unknow-error"}, Unknown),
    ],
)
def test_refund(node: dict[str, object], kind: type) -> None:
    found = run(CHANNEL.refunds.refund(settings(), REFUND, MOMENT), lambda _: says("alipay.trade.refund", **node))
    assert isinstance(found, kind), found
    if isinstance(found, RefundSucceeded):
        assert found.amount == REFUND.amount, "refund_fee is the sum of all refunds"


DONE = {"refund_status": "REFUND_SUCCESS", "out_trade_no": NUMBER, "out_request_no": "R1", "refund_amount": "1.00"}


@pytest.mark.parametrize(
    ("node", "kind"),
    [
        ({}, NotFound),
        ({"out_trade_no": NUMBER, "out_request_no": "R1", "refund_amount": "1.00"}, RefundProcessing),
        ({"out_trade_no": NUMBER, "out_request_no": "R1"}, RefundProcessing),
        ({"out_trade_no": NUMBER, "out_request_no": "R2", "refund_amount": "1.00"}, Unknown),
        ({"out_trade_no": "OTHER", "out_request_no": "R1"}, Unknown),
        ({"out_trade_no": NUMBER, "out_request_no": "R1", "refund_amount": "2.00"}, Unknown),
        ({**DONE, "refund_amount": "86.00"}, Unknown),
        ({**DONE, "refund_amount": "0.01"}, Unknown),
        ({**DONE, "refund_amount": "1.001"}, Unknown),
        ({**DONE, "out_trade_no": "OTHER"}, Unknown),
        ({name: value for name, value in DONE.items() if name != "refund_amount"}, Unknown),
        ({name: value for name, value in DONE.items() if name != "out_request_no"}, Unknown),
        ({"refund_status": "REFUND_FAIL"}, Unknown),
        ({"refund_status": "REFUND_SUCCESS"}, Unknown),
        ({**DONE, "out_request_no": "R2"}, Unknown),
        (DONE, RefundSucceeded),
        ({"code": "40004", "sub_code": "ACQ.TRADE_NOT_EXIST"}, NotFound),
    ],
)
def test_query_refund(node: dict[str, object], kind: type) -> None:
    reply = says("alipay.trade.fastpay.refund.query", **node)
    assert isinstance(run(CHANNEL.refunds.query_refund(settings(), REFUND, MOMENT), lambda _: reply), kind)


@pytest.mark.parametrize(
    ("status", "headers", "body", "is_heard"),
    [
        (400, {}, '{"code":"ACQ.TRADE_NOT_EXIST","message":"x","links":[]}', True),
        (404, {}, '{"code":"ACQ.TRADE_NOT_EXIST","message":"x","links":"x"}', True),
        (
            400,
            {"alipay-signature": "x", "alipay-timestamp": "1", "alipay-nonce": "n"},
            '{"code":"ACQ.TRADE_NOT_EXIST"}',
            False,
        ),
        (429, {}, '{"code":"app-call-limited"}', False),
        (500, {}, '{"code":"ACQ.TRADE_NOT_EXIST"}', False),
        (400, {}, "<html>", False),
        (200, {}, '{"trade_status":"TRADE_SUCCESS"}', False),
        (202, {}, '{"trade_status":"TRADE_SUCCESS"}', False),
    ],
)
def test_unsigned_rest_answers_prove_no_money(
    status: int, headers: dict[str, str], body: str, *, is_heard: bool
) -> None:
    found = read_reply(settings("v3"), Reply(status, headers, body.encode()), NOW)
    assert isinstance(found, Hearsay if is_heard else Distrust)


def test_rest_query_of_a_bill_is_a_get() -> None:
    request = build_request(
        settings("v3"), Ask("alipay.data.dataservice.bill.downloadurl.query", {"bill_type": "trade"}), MOMENT
    )
    assert (request.method, request.body) == ("GET", b"")
    assert request.url.endswith("/v3/alipay/data/dataservice/bill/downloadurl/query?bill_type=trade")


@pytest.mark.parametrize(("hours", "kind"), [(0, StatementNotReady), (24, StatementNotReady), (25, NoStatement)])
def test_bill_that_does_not_exist_is_waited_for_until_nine(hours: int, kind: type) -> None:
    moment = Moment(datetime(2026, 11, 22, hours % 24, tzinfo=UTC).replace(day=22 + hours // 24), NONCE)
    reply = fails("alipay.data.dataservice.bill.downloadurl.query", "isp.bill_not_exist")
    found = run(CHANNEL.statements.fetch_statement(settings(), StatementOf(NOW.date()), moment), lambda _: reply)
    assert isinstance(found, kind), found


def notification(**fields: str) -> Message:
    params = {
        "notify_id": "n1",
        "notify_type": "trade_status_sync",
        "notify_time": "2026-11-22 14:29:35",
        "charset": "utf-8",
        "sign_type": "RSA2",
        "out_trade_no": NUMBER,
        "trade_no": "2026",
        "total_amount": "86.00",
        "seller_id": settings().seller_id,
        "app_id": settings().app_id,
        **fields,
    }
    text = "&".join(f"{k}={v}" for k, v in sorted(params.items()) if v and k != "sign_type")
    return Message({}, urlencode({**params, "sign": signature(private_key("alipay"), text)}).encode())


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"trade_status": "TRADE_SUCCESS", "gmt_payment": "2026-11-22 14:30:00"}, Paid),
        ({"trade_status": "TRADE_FINISHED", "gmt_payment": "2026-11-22 14:30:00"}, Paid),
        ({"trade_status": "TRADE_CLOSED"}, Closed),
        ({"trade_status": "TRADE_CLOSED", "refund_fee": "0.00"}, Closed),
        ({"trade_status": "TRADE_CLOSED", "gmt_payment": "2026-11-22 14:30:00"}, Paid),
        ({"trade_status": "TRADE_CLOSED", "refund_fee": "86.00", "gmt_create": "2026-11-22 14:30:00"}, Paid),
        ({"trade_status": "WAIT_BUYER_PAY"}, NotPaid),
        ({"trade_status": "NEW_STATUS"}, Unknown),
        ({"trade_status": "TRADE_SUCCESS", "seller_id": ""}, Unknown),
        ({"trade_status": "TRADE_SUCCESS", "total_amount": "86"}, Paid),
        ({"trade_status": "TRADE_SUCCESS", "total_amount": "8,6"}, Unknown),
    ],
)
def test_notified_states(fields: Mapping[str, str], kind: type) -> None:
    read = VERBS.read_notification(settings(), notification(**fields), NOW)
    assert isinstance(read, Genuine), read
    assert isinstance(read.evidence, kind), read.evidence


def test_refund_notice_names_the_refund_and_proves_none() -> None:
    fields = {
        "trade_status": "TRADE_SUCCESS",
        "refund_fee": "30.00",
        "out_biz_no": "R1",
        "gmt_payment": "2026-11-22 14:30:00",
    }
    read = VERBS.read_notification(settings(), notification(**fields), NOW)
    assert isinstance(read, Genuine)
    assert (read.about, read.refund) == ("R1", None)
    assert read.evidence == paid()


def test_messages_of_other_kinds_are_kept_without_evidence() -> None:
    fields = {"notify_type": "", "msg_method": "alipay.open.app.members.changed", "notify_time": "", "out_trade_no": ""}
    stamp = str(int(NOW.timestamp() * 1000))
    read = VERBS.read_notification(settings(), notification(**{**fields, "utc_timestamp": stamp}), NOW)
    assert isinstance(read, Spurious), "an empty notify_type is malformed"
    params = dict(parse_qsl(notification(utc_timestamp=stamp, msg_method="m.n").body.decode()))
    kept = {k: v for k, v in params.items() if k not in {"notify_type", "notify_time", "out_trade_no", "sign"}}
    text = "&".join(f"{k}={v}" for k, v in sorted(kept.items()))
    body = urlencode({**kept, "sign": signature(private_key("alipay"), text)}).encode()
    read = VERBS.read_notification(settings(), Message({}, body), NOW)
    assert isinstance(read, Genuine), "the rule V2: sign_type stays in"
    assert (read.event_type, read.number, read.evidence) == ("m.n", None, None)

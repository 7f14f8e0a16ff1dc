"""Transfers to a shopper at WeChat Pay: what is never sent, what never pays twice, and what hostile replies may say."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from shunfu.channels.wechatpay.beyond.transfers import WeChatTransfers, read_transfer
from shunfu.channels.wechatpay.sandbox import State
from shunfu.channels.wechatpay.settings import Settings
from shunfu.channels.wechatpay.tests.beyond_rig import call, code_of, make_rig, says
from shunfu.gateway.contract.beyond_transfer import transfer
from shunfu.gateway.contract.rig import Rig
from shunfu.gateway.evidence import NotFound, Refused, Unknown
from shunfu.gateway.flow import Request
from shunfu.gateway.transfer import (
    Transfer,
    TransferEvidence,
    TransferFailed,
    TransferProcessing,
    TransferReport,
    TransferSucceeded,
    TransferWaiting,
)
from shunfu.kernel.money import Money
from shunfu.kernel.secret import Secret

VERBS = WeChatTransfers()
BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
AnyRig = Rig[Settings, State]

ANSWERED = {
    "out_bill_no": "plfk2020042013",
    "transfer_bill_no": "1330000071100999991182020050700019480001",
    "state": "SUCCESS",
    "transfer_amount": 400000,
    "transfer_remark": "2020年4月报销",
    "openid": "o-MYE42l80oelYMDE34nYD456Xoy",
    "create_time": "2015-05-20T13:29:35.120+08:00",
    "update_time": "2015-05-20T13:29:35.120+08:00",
}
"""The example of the official document, ended well."""


def rich() -> AnyRig:
    """A merchant with a hundred payments' money."""
    rig = make_rig()
    rig.paid(amount_minor=1_000_000)
    rig.heard()
    return rig


def send(rig: AnyRig, asked: Transfer) -> TransferEvidence:
    return rig.run(VERBS.transfer(rig.settings, asked, rig.moment()))


def query(rig: AnyRig, said: object) -> TransferEvidence:
    return rig.run(VERBS.query_transfer(rig.settings, "plfk2020042013", rig.moment()), says(rig, 200, said))


def named(rig: AnyRig, fen: int) -> Transfer:
    return replace(transfer(rig, fen), name=Secret("张三"))


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"amount": Money(9, "CNY")}, Refused("invalid_request", "transfer_amount")),
        ({"amount": Money(100, "JPY")}, Refused("invalid_request", "transfer_amount")),
        ({"amount": Money(200_000, "CNY")}, Refused("payer", "user_name missing")),
        ({"reports": ()}, Refused("invalid_request", "transfer_scene_report_infos")),
        ({"reports": (("活动名称", "x"), ("奖励说明", ""))}, Refused("invalid_request", "transfer_scene_report_infos")),
        (
            {"reports": (("活动名称", "x"), ("岗位类型", "x"))},
            Refused("invalid_request", "transfer_scene_report_infos"),
        ),
    ],
)
def test_what_cannot_be_sent_is_refused_here(change: dict[str, object], refused: Refused) -> None:
    rig = rich()
    asked = replace(transfer(rig), **change)
    flow = VERBS.transfer(rig.settings, asked, rig.moment())
    assert rig.run(flow, lambda _: pytest.fail("it was sent")) == refused


def test_name_is_sealed_and_checked_from_2000_yuan() -> None:
    rig = rich()
    bodies: list[bytes] = []
    flow = VERBS.transfer(rig.settings, named(rig, 200_000), rig.moment())
    waiting = rig.run(flow, lambda request: (bodies.append(request.body), rig.answer(request))[1])
    assert isinstance(waiting, TransferWaiting)
    assert "张三".encode() not in bodies[0]
    assert "张三" not in repr(named(rig, 200_000))
    plain = {**json.loads(bodies[0]), "out_bill_no": "another"}
    assert code_of(call(rig, f"POST {BILLS}", {**plain, "user_name": "张三"})) == (400, "PARAM_ERROR")
    missing = {name: plain[name] for name in plain if name != "user_name"}
    assert code_of(call(rig, f"POST {BILLS}", missing)) == (400, "PARAM_ERROR")


def test_name_is_left_out_of_the_smallest_amounts() -> None:
    rig = rich()
    assert isinstance(send(rig, named(rig, 29)), TransferWaiting)


@pytest.mark.parametrize(
    "change",
    [
        {"transfer_scene_id": "1999"},
        {"transfer_scene_report_infos": [{"info_type": "活动名称", "info_content": "x"}]},
        {"out_bill_no": "with-hyphen"},
        {"transfer_amount": 9},
        {"transfer_amount": "500"},
        {"extra": 1},
    ],
)
def test_wire_refuses(change: dict[str, object]) -> None:
    rig = rich()
    sent: list[Request] = []
    rig.run(
        VERBS.transfer(rig.settings, transfer(rig), rig.moment()),
        lambda request: (sent.append(request), says(rig, 500, {"code": "SYSTEM_ERROR"})(request))[1],
    )
    body = {**json.loads(sent[0].body), **change}
    assert code_of(call(rig, f"POST {BILLS}", body)) == (400, "PARAM_ERROR")
    assert len(rig.sandbox.verbs.list_orders(rig.stage.state)) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "PARAM_ERROR"), (403, "NOT_ENOUGH"), (403, "NO_AUTH"), (404, "NOT_FOUND"), (429, "RULE_LIMIT"), (500, "X")],
)
def test_no_of_the_channel_is_unknown_whatever_it_says(status: int, code: str) -> None:
    rig = make_rig()
    flow = VERBS.transfer(rig.settings, transfer(rig), rig.moment())
    assert isinstance(rig.run(flow, says(rig, status, {"code": code})), Unknown)


def test_lost_reply_by_its_amount_pays_once() -> None:
    rig = rich()
    before = rig.sandbox.verbs.balance_minor(rig.stage.state)
    assert isinstance(send(rig, transfer(rig, 9903)), Unknown)
    assert isinstance(send(rig, transfer(rig, 9903)), Unknown | TransferWaiting)
    told = rig.run(VERBS.query_transfer(rig.settings, rig.number(50), rig.moment()))
    assert isinstance(told, TransferWaiting)
    assert told.params == {}, "only the answer to the request has them"
    assert rig.sandbox.verbs.balance_minor(rig.stage.state) == before - 9903


def test_transfer_expires_after_24_hours_and_says_why() -> None:
    rig = rich()
    send(rig, transfer(rig))
    rig.advance(86_399)
    rig.due()
    assert rig.shop(rig.number(50), "leave").condition == "payable"
    rig.advance(1)
    (heard,) = rig.heard()
    assert (heard.event_type, heard.evidence, heard.refund) == ("MCHTRANSFER.BILL.FINISHED", None, None)
    told = rig.run(VERBS.query_transfer(rig.settings, rig.number(50), rig.moment()))
    assert told == TransferFailed("FAIL", "OVERDUE_CLOSE")


def test_cancel_goes_through_its_states() -> None:
    rig = rich()
    send(rig, transfer(rig))
    for _ in range(2):
        asked = rig.run(VERBS.cancel_transfer(rig.settings, rig.number(50), rig.moment()))
        assert isinstance(asked, TransferProcessing)
        assert asked.channel_state == "CANCELING"
    rig.advance(11)
    rig.due()
    told = rig.run(VERBS.query_transfer(rig.settings, rig.number(50), rig.moment()))
    assert told == TransferFailed("CANCELLED", "")
    assert isinstance(rig.run(VERBS.cancel_transfer(rig.settings, "none", rig.moment())), NotFound)
    assert call(rig, f"POST {BILLS}/out-bill-no/{rig.number(50)}/cancel")[0] == 200, "an empty body is taken"


def test_money_frozen_for_sharing_cannot_be_sent() -> None:
    rig = make_rig()
    prepay = replace(rig.prepay(rig.channel.scenes[0]), is_shared=True)
    rig.run(rig.channel.verbs.prepay(rig.settings, prepay, rig.moment()))
    assert rig.pay(prepay.number)
    assert isinstance(send(rig, transfer(rig)), Unknown)
    told = rig.run(VERBS.query_transfer(rig.settings, rig.number(50), rig.moment()))
    assert isinstance(told, NotFound)


def test_confirmation_page_opens_for_this_merchant_only() -> None:
    rig = rich()
    waiting = send(rig, transfer(rig))
    assert isinstance(waiting, TransferWaiting)
    assert rig.open_sheet(waiting.params).condition == "payable"
    for name in ("mchId", "appId", "package"):
        assert rig.open_sheet({**waiting.params, name: "x"}).condition == "invalid"
    assert waiting.params["package"] not in repr(waiting)
    assert rig.shop(rig.number(50), "cancel").condition == "payable"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({}, TransferSucceeded),
        ({"state": "ACCEPTED"}, TransferProcessing),
        ({"state": "TRANSFERING"}, TransferProcessing),
        ({"state": "FAIL", "fail_reason": "PAYEE_ACCOUNT_ABNORMAL"}, TransferFailed),
        ({"state": "WAIT_USER_CONFIRM"}, TransferWaiting),
        ({"state": "PAID"}, Unknown),
        ({"state": None}, Unknown),
        ({"transfer_amount": "400000"}, Unknown),
        ({"transfer_amount": -1}, Unknown),
        ({"update_time": "yesterday"}, Unknown),
        ({"out_bill_no": "another"}, Unknown),
        ({"mch_id": "1900000001"}, Unknown),
        ({"transfer_bill_no": ""}, Unknown),
    ],
)
def test_state_decides_and_nonsense_is_unknown(change: dict[str, object], kind: type) -> None:
    rig = make_rig()
    assert isinstance(query(rig, {**ANSWERED, **change}), kind)


def test_success_without_an_amount_waits_for_the_query() -> None:
    rig = make_rig()
    told = query(rig, {name: ANSWERED[name] for name in ANSWERED if name != "transfer_amount"})
    assert isinstance(told, TransferProcessing)


def test_published_notification_is_read() -> None:
    rig = make_rig()
    content = {**ANSWERED, "mchid": rig.settings.mchid}
    told = read_transfer(rig.settings, content)
    assert told is not None
    assert told.number == "plfk2020042013"
    assert isinstance(told.evidence, TransferSucceeded)
    assert told.evidence.amount == Money(400_000, "CNY")
    assert read_transfer(rig.settings, {**content, "out_bill_no": 5}) is None
    other = read_transfer(rig.settings, {**content, "mchid": "1900000001"})
    assert other == TransferReport("plfk2020042013", Unknown("reply is about another transfer"))


def test_reply_about_another_of_wechats_numbers_is_unknown() -> None:
    rig = make_rig()
    flow = VERBS.find_transfer(rig.settings, "1330", rig.moment())
    assert isinstance(rig.run(flow, says(rig, 200, ANSWERED)), Unknown)
    absent = rig.run(VERBS.find_transfer(rig.settings, "1330", rig.moment()))
    assert isinstance(absent, NotFound)

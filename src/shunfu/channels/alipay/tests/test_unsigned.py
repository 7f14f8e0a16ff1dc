"""Errors of the REST protocol come without a signature: none is believed until a signed answer says the same."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from shunfu.channels.alipay import CHANNEL, SANDBOX
from shunfu.channels.alipay.sandbox.state import State
from shunfu.channels.alipay.settings import Settings
from shunfu.channels.alipay.tests.shapes import state, with_v3
from shunfu.channels.alipay.tests.test_channel import MOMENT, NUMBER, REFUND, VERBS, fails, says, settings
from shunfu.gateway.contract import Rig
from shunfu.gateway.contract.rig import NOW
from shunfu.gateway.evidence import Closed, NotFound, Paid, Refused, Unknown
from shunfu.gateway.flow import Answer, Flow, Reply, Request, run
from shunfu.gateway.login import LoginRefused
from shunfu.gateway.refund import RefundNotYet, RefundProcessing, RefundSucceeded
from shunfu.gateway.statement import NoStatement, StatementOf

V3 = settings("v3")
RIG: Rig[Settings, State] = Rig(CHANNEL, SANDBOX, state(), with_v3)
REFUND_QUERY = "alipay.trade.fastpay.refund.query"
DAY = StatementOf(NOW.date().replace(day=20))


def unsigned(code: str, status: int = 400) -> Reply:
    return Reply(status, {}, json.dumps({"code": code, "message": "x", "links": []}).encode())


def hearing(error: Reply, signed: Reply | None = None) -> tuple[Callable[[Request], Answer], list[Request]]:
    """Everything is answered with the unsigned error, the signed gateway with its own reply where it has one."""
    seen: list[Request] = []

    def answer(request: Request) -> Answer:
        seen.append(request)
        return signed if signed and "/gateway.do?" in request.url else error

    return answer, seen


FLOWS: dict[str, tuple[Callable[[], Flow[object]], str]] = {
    "prepay": (lambda: VERBS.prepay(V3, RIG.prepay(CHANNEL.scenes[0]), MOMENT), "ACQ.ACCESS_FORBIDDEN"),
    "precreate": (lambda: VERBS.prepay(V3, RIG.prepay(CHANNEL.scenes[1]), MOMENT), "invalid-parameter"),
    "query": (lambda: VERBS.query(V3, NUMBER, MOMENT), "ACQ.TRADE_NOT_EXIST"),
    "close": (lambda: VERBS.close(V3, NUMBER, MOMENT), "ACQ.TRADE_NOT_EXIST"),
    "cancel": (lambda: VERBS.cancel(V3, NUMBER, MOMENT), "ACQ.TRADE_NOT_EXIST"),
    "refund": (lambda: CHANNEL.refunds.refund(V3, REFUND, MOMENT), "ACQ.TRADE_HAS_FINISHED"),
    "no funds": (lambda: CHANNEL.refunds.refund(V3, REFUND, MOMENT), "ACQ.SELLER_BALANCE_NOT_ENOUGH"),
    "query_refund": (lambda: CHANNEL.refunds.query_refund(V3, REFUND, MOMENT), "ACQ.TRADE_NOT_EXIST"),
    "statement": (lambda: CHANNEL.statements.fetch_statement(V3, DAY, MOMENT), "NO_BILL_DATA"),
    "bill": (lambda: CHANNEL.statements.fetch_statement(V3, DAY, MOMENT), "insufficient-permissions"),
    "login": (lambda: CHANNEL.login.log_in(V3, "code", None, MOMENT), "code-invalid"),
}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 407, 418, 429, 500])
@pytest.mark.parametrize("name", FLOWS)
def test_errors_that_anybody_can_write_prove_nothing(name: str, status: int) -> None:
    begin, code = FLOWS[name]
    answer, _ = hearing(unsigned(code, status))
    found = run(begin(), answer)
    assert isinstance(found, Unknown), found


@pytest.mark.parametrize(
    ("name", "signed", "kind"),
    [
        ("query", fails("alipay.trade.query", "ACQ.TRADE_NOT_EXIST"), NotFound),
        ("close", fails("alipay.trade.close", "ACQ.TRADE_NOT_EXIST"), NotFound),
        ("close", says("alipay.trade.close", out_trade_no=NUMBER), Closed),
        ("query_refund", fails(REFUND_QUERY, "ACQ.TRADE_NOT_EXIST"), NotFound),
        ("statement", fails("alipay.data.dataservice.bill.downloadurl.query", "NO_BILL_DATA"), NoStatement),
        ("login", fails("alipay.system.oauth.token", "isv.code-invalid", "40002"), LoginRefused),
    ],
)
def test_what_is_asked_again_with_a_signature_is_believed(name: str, signed: Reply, kind: type) -> None:
    begin, code = FLOWS[name]
    answer, seen = hearing(unsigned(code), signed)
    assert isinstance(run(begin(), answer), kind)
    assert ["/gateway.do?" in request.url for request in seen] == [False, True]


def trade(**node: object) -> Reply:
    number = RIG.prepay(CHANNEL.scenes[0]).number
    return says("alipay.trade.query", out_trade_no=number, trade_no="1", total_amount="86.00", **node)


@pytest.mark.parametrize(
    ("signed", "kind"),
    [
        (fails("alipay.trade.query", "ACQ.TRADE_NOT_EXIST"), Refused),
        (fails("alipay.trade.query", "ACQ.SYSTEM_ERROR"), Unknown),
        (trade(trade_status="WAIT_BUYER_PAY"), Unknown),
        (trade(trade_status="TRADE_SUCCESS"), Paid),
        (trade(trade_status="TRADE_CLOSED"), Closed),
    ],
)
def test_refused_order_is_asked_after_and_not_sent_again(signed: Reply, kind: type) -> None:
    begin, code = FLOWS["prepay"]
    answer, seen = hearing(unsigned(code), signed)
    found = run(begin(), answer)
    assert isinstance(found, kind), found
    assert found == Refused("not_permitted", "ACQ.ACCESS_FORBIDDEN") or not isinstance(found, Refused)
    assert "method=alipay.trade.query" in seen[1].url


def test_unlisted_refusal_of_an_order_is_not_asked_after() -> None:
    answer, seen = hearing(unsigned("ACQ.NEVER_HEARD_OF"), fails("alipay.trade.query", "ACQ.TRADE_NOT_EXIST"))
    assert isinstance(run(FLOWS["prepay"][0](), answer), Unknown)
    assert len(seen) == 1


OURS = {"out_trade_no": NUMBER, "out_request_no": "R1", "refund_amount": "1.00"}


@pytest.mark.parametrize(
    ("name", "signed", "kind"),
    [
        ("no funds", says(REFUND_QUERY), RefundNotYet),
        ("refund", says(REFUND_QUERY), Refused),
        ("refund", fails(REFUND_QUERY, "ACQ.TRADE_NOT_EXIST"), Refused),
        ("refund", fails(REFUND_QUERY, "ACQ.SYSTEM_ERROR"), Unknown),
        ("refund", says(REFUND_QUERY, **OURS), RefundProcessing),
        ("no funds", says(REFUND_QUERY, **OURS), RefundProcessing),
        ("refund", says(REFUND_QUERY, **OURS, refund_status="REFUND_SUCCESS"), RefundSucceeded),
    ],
)
def test_refused_refund_is_asked_after_and_not_sent_again(name: str, signed: Reply, kind: type) -> None:
    begin, code = FLOWS[name]
    answer, seen = hearing(unsigned(code), signed)
    assert isinstance(run(begin(), answer), kind)
    assert f"method={REFUND_QUERY}" in seen[1].url

"""Genuine replies kept by somebody, and played again later or to another question: they prove nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

import pytest

from shunfu.channels.alipay import CHANNEL, SANDBOX
from shunfu.channels.alipay.codec import Distrust, Said
from shunfu.channels.alipay.rest import read_reply
from shunfu.channels.alipay.sandbox.state import State
from shunfu.channels.alipay.settings import Settings
from shunfu.channels.alipay.tests.shapes import state, with_v3
from shunfu.channels.alipay.tests.test_channel import MOMENT, NUMBER, VERBS, says, settings
from shunfu.channels.alipay.tests.wire_calls import private_key, signature
from shunfu.gateway.contract import Rig
from shunfu.gateway.contract.rig import NOW
from shunfu.gateway.evidence import Closed, Unknown
from shunfu.gateway.flow import Answer, Reply, Request, run

V3 = settings("v3")


def rest_says(seconds: float = 0, **node: object) -> Reply:
    """A genuine REST reply with this node, signed so many seconds from now."""
    return stamped(str(int((NOW + timedelta(seconds=seconds)).timestamp() * 1000)), node)


def stamped(stamp: str, node: Mapping[str, object]) -> Reply:
    """A genuine REST reply with this node and this time."""
    body = json.dumps(node)
    headers = {"alipay-timestamp": stamp, "alipay-nonce": "n"}
    headers["alipay-signature"] = signature(private_key("alipay"), f"{stamp}\nn\n{body}\n")
    return Reply(200, headers, body.encode())


@pytest.mark.parametrize("seconds", [-600, 0, 600])
def test_replies_of_the_last_ten_minutes_are_read(seconds: float) -> None:
    assert isinstance(read_reply(V3, rest_says(seconds, trade_no="1"), NOW), Said)


@pytest.mark.parametrize("seconds", [-86400, -601, 601, 86400])
def test_replies_of_other_times_are_not(seconds: float) -> None:
    assert isinstance(read_reply(V3, rest_says(seconds, trade_no="1"), NOW), Distrust)
    kept = rest_says(seconds, out_trade_no=NUMBER, trade_no="1", total_amount="86.00", trade_status="TRADE_SUCCESS")
    assert isinstance(run(VERBS.query(V3, NUMBER, MOMENT), lambda _: kept), Unknown)


@pytest.mark.parametrize(
    "stamp", ["1", "now", "-1763793575000", "9" * 13, "9" * 400, "１７６３７９３５７５０００", "1e12"]
)
def test_malformed_times_are_not(stamp: str) -> None:
    assert isinstance(read_reply(V3, stamped(stamp, {"trade_no": "1"}), NOW), Distrust)


@pytest.mark.parametrize("status", ["WAIT_BUYER_PAY", "TRADE_SUCCESS", "TRADE_CLOSED"])
def test_answer_to_a_query_closes_nothing(status: str) -> None:
    reply = rest_says(out_trade_no=NUMBER, trade_no="1", trade_status=status)
    assert isinstance(run(VERBS.close(V3, NUMBER, MOMENT), lambda _: _close_alone(_, reply)), Unknown)
    node = {"out_trade_no": NUMBER, "trade_no": "1", "trade_status": status}
    assert isinstance(
        run(VERBS.close(settings(), NUMBER, MOMENT), lambda _: says("alipay.trade.close", **node)), Unknown
    )
    assert isinstance(
        run(VERBS.close(settings(), NUMBER, MOMENT), lambda _: says("alipay.trade.query", **node)), Unknown
    )


def _close_alone(request: Request, reply: Reply) -> Answer:
    assert request.url.endswith("/trade/close"), "nothing was closed, so there is nothing to confirm"
    return reply


def test_answer_to_an_order_closes_nothing() -> None:
    """In the REST protocol it looks exactly like the answer to a close, so the trade itself is asked after."""
    rig: Rig[Settings, State] = Rig(CHANNEL, SANDBOX, state(), with_v3)
    kept: list[Answer] = []

    def keeping(request: Request) -> Answer:
        kept.append(rig.answer(request))
        return kept[-1]

    prepay = rig.prepay(CHANNEL.scenes[0])
    rig.run(VERBS.prepay(rig.settings, prepay, rig.moment()), keeping)
    flow = VERBS.close(rig.settings, prepay.number, rig.moment())
    found = rig.run(flow, lambda request: kept[0] if request.url.endswith("/close") else rig.answer(request))
    assert isinstance(found, Unknown)
    assert isinstance(rig.close(prepay.number), Closed)


@pytest.mark.parametrize(
    "node", [{"code": "40004"}, {"code": "40004", "sub_code": "x"}, {"sub_code": "x"}, {"code": ""}]
)
def test_codes_that_are_signed_count(node: dict[str, str]) -> None:
    said = read_reply(V3, rest_says(0, out_trade_no=NUMBER, **node), NOW)
    assert isinstance(said, Said)
    assert not said.is_success
    reply = rest_says(0, out_trade_no=NUMBER, **node)
    assert isinstance(run(VERBS.close(V3, NUMBER, MOMENT), lambda _: reply), Unknown)

"""The life of a trade at the sandbox: every rule that a client may run into."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from shunfu.channels.alipay import CHANNEL
from shunfu.channels.alipay.sandbox import PROBLEMS, is_heard
from shunfu.channels.alipay.tests.shapes import state
from shunfu.channels.alipay.tests.wire_calls import Desk, an_order, by_body, by_get, private_key, signature, signed
from shunfu.gateway.faults import Faults
from shunfu.gateway.flow import Reply
from shunfu.gateway.sandbox import stage as stages
from shunfu.gateway.sandbox.values import Act, Outcome, Sheet

CREATE, QUERY, CLOSE = "alipay.trade.create", "alipay.trade.query", "alipay.trade.close"
CANCEL, REFUND, REFUND_QUERY = "alipay.trade.cancel", "alipay.trade.refund", "alipay.trade.fastpay.refund.query"
PAGE = "alipay.trade.page.pay"


class Shop(Desk):
    """A desk with a shopper before it."""

    def pay(self, number: str = "N1") -> Sheet:
        self.stage, sheet = stages.act(self.stage, Act(number, "pay"), self.now, bytes(range(32)))
        return sheet

    def paid(self, number: str = "N1", **changes: object) -> str:
        found = self.call(CREATE, an_order(number, **changes), notify_url="http://127.0.0.1:9/n")
        assert self.pay(number).condition == "paid"
        return str(found["trade_no"])

    def refund(self, amount: str, request_no: str = "R1", number: str = "N1") -> Mapping[str, object]:
        biz = {"out_trade_no": number, "refund_amount": amount, "out_request_no": request_no}
        return self.call(REFUND, biz)

    def status(self, number: str = "N1") -> object:
        return self.call(QUERY, {"out_trade_no": number}).get("trade_status")

    def told(self) -> list[dict[str, str]]:
        self.stage, sent = stages.advance(self.stage, self.now, bytes(32))
        return [dict(parse_qsl(one.request.body.decode())) for one in sent]

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def open(self, method: str, order: Mapping[str, object], **beside: str) -> Reply:
        return self.send(by_get(signed(method, order, **beside)))


@pytest.mark.parametrize(
    "changes",
    [{"total_amount": wrong} for wrong in ("0", "0.00", "-1.00", "1.001", "100000000.01", "x", "")]
    + [{"subject": wrong} for wrong in ("", "a/b", "a=b", "a&b", "x" * 257)]
    + [{"out_trade_no": wrong} for wrong in ("", "x" * 65, "a b", "山")]
    + [{"op_app_id": ""}, {"buyer_open_id": ""}, {"buyer_open_id": "", "buyer_id": "123"}, {"body": "x" * 129}]
    + [{"time_expire": "2026-11-22"}, {"timeout_express": "30s"}, {"timeout_express": "16d"}, {"timeout_express": "0m"}]
    + [{"discountable_amount": "80.00", "undiscountable_amount": "7.00"}]
    + [{"enable_pay_channels": "balance", "disable_pay_channels": "credit"}],
    ids=str,
)
def test_malformed_orders_are_refused(changes: dict[str, object]) -> None:
    desk = Desk()
    found = desk.call(CREATE, an_order(**changes))  # type: ignore[arg-type]  # wrong on purpose
    assert (found["code"], found["sub_code"]) == ("40004", "ACQ.INVALID_PARAMETER")
    assert not desk.stage.state.trades


def test_same_order_is_the_same_trade_and_another_is_inconsistent() -> None:
    shop = Shop()
    first, again = shop.call(CREATE, an_order()), shop.call(CREATE, an_order())
    assert first["trade_no"] == again["trade_no"]
    assert shop.call(CREATE, an_order(subject="other"))["sub_code"] == "ACQ.CONTEXT_INCONSISTENT"
    shop.pay()
    assert shop.call(CREATE, an_order())["sub_code"] == "ACQ.TRADE_HAS_SUCCESS"
    shop.call(CREATE, an_order("N2"))
    shop.call(CLOSE, {"out_trade_no": "N2"})
    assert shop.call(CREATE, an_order("N2"))["sub_code"] == "ACQ.TRADE_HAS_CLOSE"


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({"timeout_express": "1m"}, 60),
        ({"timeout_express": "2h"}, 7200),
        ({"time_expire": "2026-11-22 14:40:00"}, 625),
        ({"time_expire": "2026-11-22 14:40:00", "timeout_express": "1m"}, 625),
        ({}, 15 * 86400),
    ],
)
def test_time_runs_out(changes: dict[str, object], seconds: int) -> None:
    shop = Shop()
    shop.call(CREATE, an_order(**changes))  # type: ignore[arg-type]  # wrong on purpose
    shop.wait(seconds - 1)
    assert shop.status() == "WAIT_BUYER_PAY"
    shop.wait(1)
    assert shop.status() == "TRADE_CLOSED"
    assert shop.pay().condition == "expired"
    assert shop.told() == [], "nobody is told of a trade that closes"
    assert shop.stage.state.trades["N1"].status == "TRADE_CLOSED", "the timer wrote it down"


def test_past_expiry_is_refused() -> None:
    found = Desk().call(CREATE, an_order(time_expire="2026-11-22 14:00:00"))
    assert found["sub_code"] == "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR"


def test_trade_number_wins_over_ours() -> None:
    shop = Shop()
    first = shop.call(CREATE, an_order("N1"))
    shop.call(CREATE, an_order("N2"))
    assert shop.call(QUERY, {"out_trade_no": "N2", "trade_no": first["trade_no"]})["out_trade_no"] == "N1"
    assert shop.call(QUERY, {"out_trade_no": "N2", "trade_no": "0"})["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    assert shop.call(QUERY, {})["sub_code"] == "ACQ.INVALID_PARAMETER"


def test_paid_trade_tells_money_and_when() -> None:
    shop = Shop()
    shop.paid()
    found = shop.call(QUERY, {"out_trade_no": "N1"})
    assert found["send_pay_date"] == "2026-11-22 14:29:35"
    assert found["fund_bill_list"] == [{"fund_channel": "ALIPAYACCOUNT", "amount": "86.00"}]
    (told,) = shop.told()
    assert json.loads(told["fund_bill_list"]) == [{"amount": "86.00", "fundChannel": "ALIPAYACCOUNT"}]
    assert (told["trade_status"], told["total_amount"], told["seller_id"]) == (
        "TRADE_SUCCESS",
        "86.00",
        state().material.seller_id,
    )
    text = "&".join(f"{name}={told[name]}" for name in sorted(told) if name not in {"sign", "sign_type"})
    assert told["sign"] == signature(private_key("alipay"), text)


def test_notifications_come_by_the_schedule_with_one_id() -> None:
    shop = Shop()
    shop.paid()
    seen = list[tuple[float, str]]()
    begin = shop.now
    for _ in range(300):
        seen += [((shop.now - begin).total_seconds(), one["notify_id"]) for one in shop.told()]
        shop.wait(300)
    assert len(seen) == 8
    assert len({notify_id for _, notify_id in seen}) == 1
    assert seen[-1][0] >= 87_720, "24 hours and 22 minutes"


@pytest.mark.parametrize(
    "body", [b"success\n", b"SUCCESS", b"\xef\xbb\xbfsuccess", b"<html>success</html>", b"", b"fail"]
)
def test_only_the_seven_bytes_are_heard(body: bytes) -> None:
    assert not is_heard(Outcome(200, "", 0, 0, body))
    assert not is_heard(Outcome(302, "", 0, 0, b"success"))
    assert is_heard(Outcome(200, "", 0, 0, b"success"))


def test_close_only_what_waits() -> None:
    shop = Shop()
    assert shop.call(CLOSE, {"out_trade_no": "N1"})["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    shop.paid()
    assert shop.call(CLOSE, {"out_trade_no": "N1"})["sub_code"] == "ACQ.TRADE_STATUS_ERROR"
    shop.call(CREATE, an_order("N2"))
    assert shop.call(CLOSE, {"out_trade_no": "N2"})["code"] == "10000"
    assert shop.call(CLOSE, {"out_trade_no": "N2"})["sub_code"] == "ACQ.TRADE_STATUS_ERROR"


def test_cancel_closes_or_gives_back() -> None:
    shop = Shop()
    assert "action" not in shop.call(CANCEL, {"out_trade_no": "N0"})
    shop.call(CREATE, an_order())
    assert shop.call(CANCEL, {"out_trade_no": "N1"})["action"] == "close"
    before = shop.stage.state.till.balance_minor
    shop.paid("N2")
    assert shop.call(CANCEL, {"out_trade_no": "N2"})["action"] == "refund"
    assert shop.stage.state.till.balance_minor == before, "the fee came back too"
    assert shop.status("N2") == "TRADE_CLOSED"
    shop.paid("N3")
    shop.wait(86401)
    assert shop.call(CANCEL, {"out_trade_no": "N3"})["sub_code"] == "ACQ.CANCEL_NOT_ALLOWED"


def test_refunds_add_up_and_the_last_closes() -> None:
    shop = Shop()
    shop.paid()
    shop.paid("N2")
    shop.wait(3)
    first = shop.refund("30.00")
    assert (first["fund_change"], first["refund_fee"], first["send_back_fee"]) == ("Y", "30.00", "30.00")
    assert shop.refund("30.00")["fund_change"] == "N", "a replay moves nothing"
    assert shop.refund("31.00")["sub_code"] == "ACQ.DISCORDANT_REPEAT_REQUEST"
    assert shop.refund("1.00", "R2")["code"] == "40005", "within three seconds"
    shop.wait(3)
    assert shop.refund("56.01", "R2")["sub_code"] == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    assert shop.status() == "TRADE_SUCCESS"
    second = shop.refund("56.00", "R2")
    assert second["refund_fee"] == "86.00"
    assert shop.status() == "TRADE_CLOSED"
    assert shop.refund("0.01", "R3")["sub_code"] == "ACQ.TRADE_HAS_CLOSE"
    assert shop.refund("56.00", "R2")["fund_change"] == "N"
    told = [(one["trade_status"], one.get("out_biz_no"), one.get("refund_fee")) for one in shop.told()]
    assert told[2:] == [("TRADE_SUCCESS", "R1", "30.00"), ("TRADE_CLOSED", "R2", "86.00")]


def test_refund_without_a_number_is_the_whole_one() -> None:
    shop = Shop()
    shop.paid()
    shop.paid("N2")
    part = shop.call(REFUND, {"out_trade_no": "N1", "refund_amount": "1.00"})
    assert part["sub_code"] == "ACQ.INVALID_PARAMETER"
    assert shop.call(REFUND, {"out_trade_no": "N1", "refund_amount": "86.00"})["fund_change"] == "Y"
    asked = shop.call(REFUND_QUERY, {"out_trade_no": "N1", "out_request_no": "N1"})
    assert (asked["refund_status"], asked["refund_amount"]) == ("REFUND_SUCCESS", "86.00")
    assert "gmt_refund_pay" not in asked


def test_refund_query_of_a_wrong_number_has_no_fields() -> None:
    shop = Shop()
    shop.paid()
    assert shop.call(REFUND_QUERY, {"out_trade_no": "N1", "out_request_no": "R9"}) == {
        "code": "10000",
        "msg": "Success",
    }
    assert shop.call(REFUND_QUERY, {"out_trade_no": "N1"})["sub_code"] == "ACQ.INVALID_PARAMETER"


def test_refund_needs_money_of_the_seller() -> None:
    shop = Shop()
    shop.paid()
    material = shop.stage.state
    shop.stage = replace(shop.stage, state=replace(material, till=replace(material.till, balance_minor=10)))
    assert shop.refund("1.00")["sub_code"] == "ACQ.SELLER_BALANCE_NOT_ENOUGH"


@pytest.mark.parametrize("fault", ["refund_abnormal", "refund_closed"])
def test_refunds_that_never_arrive(fault: str) -> None:
    shop = Shop()
    shop.paid()
    shop.stage = replace(shop.stage, faults=replace(Faults(), **{fault: 1}))
    before = shop.stage.state.till.balance_minor
    assert shop.refund("1.00")["fund_change"] == "N"
    assert "refund_status" not in shop.call(REFUND_QUERY, {"out_trade_no": "N1", "out_request_no": "R1"})
    assert shop.stage.state.till.balance_minor == before


def test_after_a_year_a_trade_is_finished() -> None:
    shop = Shop()
    shop.paid()
    shop.wait(365 * 86400)
    assert shop.status() == "TRADE_FINISHED"
    assert shop.refund("1.00")["sub_code"] == "ACQ.TRADE_HAS_FINISHED"
    assert shop.call(CANCEL, {"out_trade_no": "N1"})["sub_code"] == "ACQ.TRADE_HAS_FINISHED"


@pytest.mark.parametrize(
    ("method", "product"),
    [
        (PAGE, "FAST_INSTANT_TRADE_PAY"),
        ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
        ("alipay.trade.app.pay", "QUICK_MSECURITY_PAY"),
    ],
)
def test_pages_make_the_trade_and_lead_to_the_sheet(method: str, product: str) -> None:
    shop = Shop()
    params = signed(method, an_order(product_code=product), return_url="http://127.0.0.1:9/back?x=1")
    for request in (
        by_get(params),
        by_body(params),
        by_get({**params, "return": "http://127.0.0.1:9/r", "lang": "en"}),
    ):
        reply = shop.send(request)
        assert reply.status == 302, reply.body.decode("gbk")
    query = dict(parse_qsl(urlsplit(reply.headers["location"]).query))
    assert query["channel"] == "alipay"
    assert (query["return"], query["lang"]) == ("http://127.0.0.1:9/r", "en")
    assert len(shop.stage.state.trades) == 1
    sheet = shop.pay()
    back = dict(parse_qsl(urlsplit(sheet.back_url).query))
    assert (back.pop("x"), back["method"], back["total_amount"]) == ("1", f"{method}.return", "86.00")
    text = "&".join(f"{name}={back[name]}" for name in sorted(back) if name not in {"sign", "sign_type"})
    assert back["sign"] == signature(private_key("alipay"), text)


def test_page_errors_are_gbk_html() -> None:
    shop = Shop()
    order = an_order(product_code="FAST_INSTANT_TRADE_PAY")
    unsigned = {**signed(PAGE, order), "sign": "x"}
    for reply in (
        shop.send(by_get(unsigned)),
        shop.open(PAGE, an_order(product_code="JSAPI_PAY")),
        shop.open(PAGE, {}),
    ):
        assert reply.status == 200
        assert reply.headers["content-type"] == "text/html;charset=GBK"
        assert "错误" in reply.body.decode("gbk")
    assert not shop.stage.state.trades


def test_sheet_understands_what_clients_hold() -> None:
    shop = Shop()
    verbs = shop.stage.sandbox.verbs
    trade_no = str(shop.call(CREATE, an_order())["trade_no"])
    order = an_order("N2", product_code="QUICK_MSECURITY_PAY")
    text = urlsplit(by_get(signed("alipay.trade.app.pay", order)).url).query
    at = shop.stage.at(shop.now)
    assert verbs.open_sheet(shop.stage.state, {"tradeNO": trade_no}, at).condition == "payable"
    unopened = verbs.open_sheet(shop.stage.state, {"orderStr": text}, at)
    assert (unopened.condition, unopened.problem) == ("invalid", "form_not_opened")
    shop.open("alipay.trade.app.pay", order)
    for fields in ({"orderStr": text}, {"channel": "alipay", **dict(parse_qsl(text))}):
        assert verbs.open_sheet(shop.stage.state, fields, at).condition == "payable"
    many = "&".join(f"a{place}=1" for place in range(600))
    assert verbs.open_sheet(shop.stage.state, {"orderStr": many}, at).condition == "invalid"
    forged = text.replace("86.00", "00.01")
    assert verbs.open_sheet(shop.stage.state, {"orderStr": forged}, at).problem == "form_unsigned"
    assert verbs.open_sheet(shop.stage.state, {"tradeNO": "1"}, at).problem == "trade_unknown"


def test_problem_words_are_told_in_both_languages() -> None:
    assert all({"zh-CN", "en"} == set(words) for words in PROBLEMS.values())
    assert set(CHANNEL.label) == {"zh-CN", "en"}

"""The sandbox's orders and the shopper's deeds follow WeChat Pay's documented rules."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.tests.rig import NUMBER, Rig, keys
from shunfu.channels.wechatpay.tests.wire_calls import JSAPI, get, order, post, token_of
from shunfu.gateway.evidence import Accepted, Closed, NotPaid, Paid, Refused, Unknown


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": {"total": 0, "currency": "CNY"}}, "/amount/total"),
        ({"amount": {"total": -1}}, "/amount/total"),
        ({"amount": {"total": 1.0}}, "/amount/total"),
        ({"amount": {"total": "100"}}, "/amount/total"),
        ({"amount": {"total": True}}, "/amount/total"),
        ({"amount": {"total": 2**63}}, "/amount/total"),
        ({"amount": {"total": 100, "currency": "XYZ"}}, "/amount/currency"),
        ({"amount": {"total": 100, "note": "x"}}, "/amount/note"),
        ({"amount": 100}, "/amount"),
        ({"amount": ...}, "/amount"),
        ({"appid": ...}, "/appid"),
        ({"mchid": 5}, "/mchid"),
        ({"description": ""}, "/description"),
        ({"description": "x" * 128}, "/description"),
        ({"out_trade_no": "short"}, "/out_trade_no"),
        ({"out_trade_no": "x" * 33}, "/out_trade_no"),
        ({"out_trade_no": "bad number"}, "/out_trade_no"),
        ({"notify_url": "https://a.example/n?x=1"}, "/notify_url"),
        ({"notify_url": "ftp://a.example/n"}, "/notify_url"),
        ({"time_expire": "tomorrow"}, "/time_expire"),
        ({"time_expire": "2018-06-08T10:34:56+08:00"}, "/time_expire"),
        ({"attach": None}, "/attach"),
        ({"payer": ...}, "/payer"),
        ({"payer": {}}, "/payer/openid"),
        ({"payer": {"openid": "no spaces"}}, "/payer/openid"),
        ({"detail": {"cost_price": "5"}}, "/detail/cost_price"),
        ({"scene_info": {"store_info": {"id": "1"}}}, "/scene_info/payer_client_ip"),
        ({"settle_info": {"profit_sharing": "yes"}}, "/settle_info/profit_sharing"),
        ({"extra": 1}, "/extra"),
    ],
)
def test_param_error_names_the_field(changes: dict[str, object], field: str) -> None:
    rig = Rig()
    status, body = post(rig, order(**changes))
    detail = body["detail"]
    assert isinstance(detail, dict)
    assert (status, body["code"], detail["field"]) == (400, "PARAM_ERROR", field)
    assert not rig.state.orders


def test_extra_field_has_its_own_errno() -> None:
    rig = Rig()
    reply = rig.said(
        codec.build_request(rig.settings, codec.Line("POST", JSAPI), rig.moment(), json.dumps(order(extra=1)))
    )
    assert reply.headers["request-id"].endswith("-270924358")


def test_schema_is_checked_before_permission() -> None:
    rig = Rig()
    both = order(appid="wx0000000000000000", amount={"total": 0})
    assert post(rig, both)[1]["code"] == "PARAM_ERROR"
    assert post(rig, order(appid="wx0000000000000000"))[1]["code"] == "APPID_MCHID_NOT_MATCH"
    assert post(rig, order(mchid="1900000001"))[0] == 400


def test_every_documented_field_is_taken() -> None:
    body = order(
        attach="自定义",
        goods_tag="WXG",
        support_fapiao=True,
        time_expire="2036-06-08T10:34:56.120+08:00",
        detail={"cost_price": 608800, "invoice_id": "微信123", "goods_detail": []},
        scene_info={"payer_client_ip": "14.23.150.211", "device_id": "1", "store_info": {"id": "0001"}},
        settle_info={"profit_sharing": False},
    )
    assert post(Rig(), body)[0] == 200


def test_reentry() -> None:
    rig = Rig()
    status, first = post(rig, order())
    assert (status, post(rig, dict(reversed(order().items())))) == (200, (200, first))
    assert post(rig, order(description="other"))[1]["code"] == "INVALID_REQUEST"
    assert post(rig, order(payer=...), "/v3/pay/transactions/native")[1]["code"] == "OUT_TRADE_NO_USED"
    rig.buy("pay", "order-0001")
    assert post(rig, order())[1]["code"] == "ORDERPAID"
    assert post(rig, order(description="other"))[1]["code"] == "ORDERPAID"


def test_closed_order_cannot_be_placed_again() -> None:
    rig = Rig()
    rig.order()
    assert isinstance(rig.end(), Closed)
    assert isinstance(rig.end(), Closed)
    assert rig.order() == Refused("order_closed", "ORDER_CLOSED")
    assert isinstance(rig.ask(), Closed)


def test_query_needs_the_mchid() -> None:
    rig = Rig()
    post(rig, order())
    path = "/v3/pay/transactions/out-trade-no/order-0001"
    assert get(rig, path)[0] == 400
    assert get(rig, f"{path}?mchid=1900000001")[0] == 400
    assert get(rig, f"{path}?mchid={keys().material.mchid}")[1]["trade_state"] == "NOTPAY"
    missing = f"/v3/pay/transactions/out-trade-no/order-0002?mchid={keys().material.mchid}"
    assert get(rig, missing) == (404, {"code": "ORDER_NOT_EXIST", "message": "订单不存在"})


def test_query_by_transaction_id() -> None:
    rig = Rig()
    rig.order()
    rig.buy()
    transaction_id = rig.state.orders[NUMBER].transaction_id
    assert re.fullmatch(r"4200[0-9]{24}", transaction_id)
    found = get(rig, f"/v3/pay/transactions/id/{transaction_id}?mchid={keys().material.mchid}")
    assert found[1]["out_trade_no"] == NUMBER
    assert get(rig, f"/v3/pay/transactions/id/4200?mchid={keys().material.mchid}")[0] == 404


def test_numbers_with_unusual_characters() -> None:
    rig = Rig()
    assert post(rig, order(out_trade_no="a|b*c_d-e"))[0] == 200
    target = f"/v3/pay/transactions/out-trade-no/a%7Cb*c_d-e?mchid={keys().material.mchid}"
    assert get(rig, target)[0] == 200


def test_prepay_id_looks_real() -> None:
    package = token_of(Rig().order())["package"]
    assert re.fullmatch(r"prepay_id=wx20261122142935[0-9a-f]{20}", package)


def test_sheet_checks_the_pay_sign() -> None:
    rig = Rig()
    params = token_of(rig.order())
    assert rig.open_sheet(params).condition == "payable"
    for name in ("appId", "timeStamp", "nonceStr", "package", "paySign", "signType"):
        spoiled = {**params, name: params[name] + "0"}
        assert rig.open_sheet(spoiled).condition == "invalid", name
        assert rig.open_sheet({k: v for k, v in params.items() if k != name}).order is None
    assert rig.open_sheet({}).condition == "invalid"
    assert rig.open_sheet({**params, "nonceStr": "\ud800"}).condition == "invalid"


def test_sandbox_url_opens_the_sheet() -> None:
    rig = Rig()
    evidence = rig.order()
    assert isinstance(evidence, Accepted)
    assert evidence.invoke.sandbox_url is not None
    fields = dict(parse_qsl(urlsplit(evidence.invoke.sandbox_url).query))
    assert rig.open_sheet(fields).condition == "payable"


def test_prepay_id_lives_two_hours_and_is_renewed_by_ordering_again() -> None:
    rig = Rig()
    expires_at = rig.now + timedelta(hours=9)
    params = token_of(rig.order(expires_at=expires_at))
    rig.advance(7199)
    assert rig.open_sheet(params).condition == "payable"
    rig.advance(1)
    assert rig.open_sheet(params).problem == "prepay_expired"
    assert rig.buy().condition == "expired"
    fresh = token_of(rig.order(expires_at=expires_at))
    assert rig.open_sheet(fresh).condition == "payable"
    assert rig.buy().condition == "paid"


def test_no_payment_after_time_expire_but_still_notpay() -> None:
    rig = Rig()
    params = token_of(rig.order())
    rig.advance(15 * 60)
    assert rig.open_sheet(params).problem == "order_expired"
    assert rig.buy().condition == "expired"
    assert isinstance(rig.ask(), NotPaid)


def test_new_code_url_replaces_the_old_one() -> None:
    rig = Rig()
    old, new = token_of(rig.order("native")), token_of(rig.order("native"))
    assert old != new
    assert rig.open_sheet(old).problem == "code_replaced"
    assert rig.open_sheet(new).condition == "payable"


@pytest.mark.parametrize("deed", ["cancel", "wrong_password", "leave"])
def test_deeds_that_leave_the_order_unpaid(deed: str) -> None:
    rig = Rig()
    rig.order()
    sheet = rig.buy(deed)  # pyright: ignore[reportArgumentType]
    assert (sheet.condition, sheet.problem) == ("payable", deed)
    assert isinstance(rig.ask(), NotPaid)
    assert rig.due() == ()


def test_paid_order_cannot_be_closed_or_paid_again() -> None:
    rig = Rig()
    rig.order()
    assert rig.buy().condition == "paid"
    first = rig.ask()
    assert isinstance(first, Paid)
    assert isinstance(rig.end(), Unknown)
    assert rig.buy().problem == "already_paid"
    assert rig.ask() == first
    assert rig.buy(number="unknown").condition == "invalid"

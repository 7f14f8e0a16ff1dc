"""The four scenes, from the request to the open sheet; and the amounts that choose what happens."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from shunfu.channels.wechatpay import CHANNEL
from shunfu.channels.wechatpay.invoking import read_invoke
from shunfu.channels.wechatpay.tests.rig import NUMBER, Rig
from shunfu.channels.wechatpay.tests.wire_calls import order, post, token_of
from shunfu.gateway.evidence import Accepted, Closed, NotFound, NotPaid, Paid, Refused, Unknown
from shunfu.kernel.money import Money

H5 = "/v3/pay/transactions/h5"


def test_h5_leads_the_browser_back() -> None:
    rig = Rig()
    evidence = rig.order("h5", return_url="https://shop.example/done?order=1&lang=zh")
    assert isinstance(evidence, Accepted)
    assert evidence.invoke.kind == "redirect"
    query = parse_qs(urlsplit(evidence.invoke.params["url"]).query)
    assert query["redirect_url"] == ["https://shop.example/done?order=1&lang=zh"]
    sheet = rig.open(evidence)
    assert (sheet.condition, sheet.back_url) == ("payable", "https://shop.example/done?order=1&lang=zh")
    assert evidence.invoke.sandbox_url is not None
    fields = {name: values[0] for name, values in parse_qs(urlsplit(evidence.invoke.sandbox_url).query).items()}
    assert rig.open_sheet(fields) == sheet


def test_h5_without_an_address_to_go_back_to() -> None:
    rig = Rig()
    evidence = rig.order("h5")
    assert isinstance(evidence, Accepted)
    assert rig.open(evidence).back_url == ""
    assert rig.order("h5", client_ip=None) == Refused("invalid_request", "payer_client_ip missing")


def test_h5_link_lives_five_minutes_and_a_new_one_replaces_it() -> None:
    rig = Rig()
    old = rig.order("h5")
    rig.advance(299)
    assert rig.open(old).condition == "payable"
    rig.advance(1)
    assert rig.open(old).problem == "prepay_expired"
    new = rig.order("h5", expires_at=rig.now.replace(hour=6, minute=44, second=35))
    assert rig.open(new).condition == "payable"
    assert rig.open(old).problem == "code_replaced"


@pytest.mark.parametrize("url", ["", "x", "http://[::1", "javascript:alert(1)", "https://a.example/?h5=wx1"])
def test_odd_h5_links_are_invalid(url: str) -> None:
    assert Rig().open_sheet({"url": url}).condition == "invalid"


def test_h5_needs_its_scene_info() -> None:
    rig = Rig()
    body = order(payer=..., scene_info={"payer_client_ip": "203.0.113.7"})
    assert post(rig, body, H5)[1]["detail"]["field"] == "/scene_info/h5_info"  # pyright: ignore[reportIndexIssue]
    body = order(payer=..., scene_info={"payer_client_ip": "203.0.113.7", "h5_info": {"type": "Wap"}})
    status, said = post(rig, body, H5)
    assert status == 200
    assert str(said["h5_url"]).startswith("http://127.0.0.1:8701/sandbox/sheet?channel=wechatpay&h5=wx")


def test_app_is_signed_over_the_bare_prepay_id() -> None:
    rig = Rig()
    params = token_of(rig.order("app"))
    assert set(params) == {"appid", "partnerid", "prepayid", "package", "noncestr", "timestamp", "sign"}
    assert params["package"] == "Sign=WXPay"
    assert rig.open_sheet(params).condition == "payable"
    for name in params:
        spoiled = {**params, name: params[name] + "0"}
        assert rig.open_sheet(spoiled).condition == "invalid", name


def test_app_parameters_do_not_open_with_a_mini_programs_signature() -> None:
    rig = Rig()
    params = token_of(rig.order("app"))
    package = f"prepay_id={params['prepayid']}"
    as_mini_program = {
        "appId": params["appid"], "timeStamp": params["timestamp"], "nonceStr": params["noncestr"],
        "package": package, "signType": "RSA", "paySign": params["sign"],
    }  # fmt: skip
    assert rig.open_sheet(as_mini_program).condition == "invalid"


@pytest.mark.parametrize(("scene", "trade_type"), [("h5", "MWEB"), ("app", "APP"), ("native", "NATIVE")])
def test_trade_type(scene: str, trade_type: str) -> None:
    rig = Rig()
    rig.order(scene)
    assert rig.state.orders[NUMBER].trade_type == trade_type
    assert rig.buy().condition == "paid"
    assert isinstance(rig.ask(), Paid)


@pytest.mark.parametrize("h5_url", [None, 5, "javascript:alert(1)", "ftp://x", "https://a b", "https://" + "a" * 600])
def test_odd_h5_urls_in_a_reply_are_no_invoke_data(h5_url: object) -> None:
    rig = Rig()
    assert read_invoke(rig.settings, "h5", {"h5_url": h5_url}, rig.moment()) is None


def fen(minor: int) -> Money:
    return Money(minor, "CNY")


def test_book_of_amounts_when_placing() -> None:
    rig = Rig()
    assert rig.order(amount=fen(9901)) == Refused("risk", "RULE_LIMIT")
    for minor in (9902, 9904):
        assert isinstance(rig.order(amount=fen(minor)), Unknown)
        assert isinstance(rig.ask(), NotFound)
    assert isinstance(rig.order(amount=fen(9903)), Unknown)
    assert isinstance(rig.ask(), NotPaid)
    assert isinstance(rig.order(amount=fen(9903)), Accepted)


def test_book_of_amounts_when_paying() -> None:
    poor = Rig()
    poor.order(amount=fen(9905))
    sheet = poor.buy()
    assert (sheet.condition, sheet.problem) == ("payable", "no_balance")
    assert isinstance(poor.ask(), NotPaid)
    eager = Rig()
    assert isinstance(eager.order(amount=fen(9906)), Accepted)
    assert isinstance(eager.ask(), Paid)
    assert len(eager.heard()) == 1
    fleeting = Rig()
    fleeting.order(amount=fen(9907))
    fleeting.advance(59)
    fleeting.due()
    assert isinstance(fleeting.ask(), NotPaid)
    fleeting.advance(1)
    fleeting.due()
    assert isinstance(fleeting.ask(), Closed)
    assert fleeting.buy().condition == "closed"


def test_paid_order_does_not_close_itself() -> None:
    rig = Rig()
    rig.order(amount=fen(9907))
    rig.buy()
    rig.advance(120)
    rig.due()
    assert isinstance(rig.ask(), Paid)


def test_fee_is_taken() -> None:
    rig = Rig()
    rig.order()
    rig.buy()
    assert rig.sandbox.verbs.balance_minor(rig.state) == 8600 - 52


def test_scenes_are_the_documented_ones() -> None:
    kinds = {scene.name: (scene.invoke, scene.needs_payer) for scene in CHANNEL.scenes}
    assert kinds == {
        "miniprogram": ("wechat_request_payment", True),
        "native": ("qr", False),
        "h5": ("redirect", False),
        "app": ("wechat_app", False),
        "jsapi": ("wechat_jsapi", True),
    }

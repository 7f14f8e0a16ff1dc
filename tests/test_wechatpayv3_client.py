"""A stranger's client, wechatpayv3 from PyPI, takes our sandbox for WeChat Pay, in both key modes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlencode

import pytest
from wechatpayv3 import WeChatPay, WeChatPayType

from sandbox_process import Catcher, Sandbox, sandbox, send
from shunfu.gateway.flow import Request

numbers = count(1)
Client = Callable[[str], WeChatPay]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:wechatpayv3")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture
def catcher() -> Iterator[Catcher]:
    with Catcher() as started:
        yield started


def client(running: Sandbox, mode: str, folder: Path, notify_url: str) -> WeChatPay:
    given = running.wechatpay
    keys: dict[str, str] = {"public_key": given["public_key"], "public_key_id": given["public_key_id"]}
    if mode == "cert":
        (folder / f"{given['platform_serial']}.pem").write_text(given["platform_certificate"])
        keys = {"cert_dir": str(folder)}
    made = WeChatPay(
        wechatpay_type=WeChatPayType.JSAPI,
        mchid=given["mchid"],
        private_key=given["merchant_private_key"],
        cert_serial_no=given["merchant_serial"],
        appid=given["appid"],
        apiv3_key=given["api_v3_key"],
        notify_url=notify_url,
        **keys,
    )
    made._core._gate_way = given["base_url"]
    return made


@pytest.fixture(params=["public_key", "cert"])
def stranger(request: pytest.FixtureRequest, running: Sandbox, tmp_path: Path, catcher: Catcher) -> WeChatPay:
    told = {"channel": "wechatpay", "key": request.param}
    assert running.control("POST", "notify_key", told)[0] == 200
    return client(running, request.param, tmp_path, catcher.notify_url)


def order(stranger: WeChatPay, kind: WeChatPayType) -> tuple[str, int, dict[str, str]]:
    number = f"stranger-{next(numbers):06d}"
    payer = {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"} if kind is WeChatPayType.JSAPI else None
    amount = {"total": 100, "currency": "CNY"}
    code, text = stranger.pay("Image形象店-深圳腾大-QQ公仔", number, amount, payer, pay_type=kind)
    return number, code, json.loads(text)


def test_order_ask_and_close(stranger: WeChatPay) -> None:
    for kind, name in ((WeChatPayType.JSAPI, "prepay_id"), (WeChatPayType.NATIVE, "code_url")):
        number, code, placed = order(stranger, kind)
        assert (code, list(placed)) == (200, [name])
        code, text = stranger.query(out_trade_no=number)
        assert (code, json.loads(text)["trade_state"]) == (200, "NOTPAY")
        assert stranger.close(number)[0] == 204
        assert json.loads(stranger.query(out_trade_no=number)[1])["trade_state"] == "CLOSED"


def test_errors_are_the_documented_ones(stranger: WeChatPay) -> None:
    code, text = stranger.query(out_trade_no="never-ordered")
    assert (code, json.loads(text)["code"]) == (404, "ORDER_NOT_EXIST")
    code, text = stranger.pay("x", "stranger-bad", {"total": 0}, {"openid": "o"})
    assert (code, json.loads(text)["code"]) == (400, "PARAM_ERROR")
    code, text = stranger.pay("x", "stranger-bad", {"total": 1}, {"openid": "o"}, appid="wx0000000000000000")
    assert (code, json.loads(text)["code"]) == (400, "APPID_MCHID_NOT_MATCH")


def test_its_pay_sign_opens_our_sheet(stranger: WeChatPay, running: Sandbox) -> None:
    number, _, placed = order(stranger, WeChatPayType.JSAPI)
    package = f"prepay_id={placed['prepay_id']}"
    appid = running.wechatpay["appid"]
    form = {
        "channel": "wechatpay",
        "appId": appid,
        "timeStamp": "1554208460",
        "nonceStr": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
        "package": package,
        "signType": "RSA",
        "paySign": stranger.sign([appid, "1554208460", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS", package]),
        "outcome": "pay",
        "return": "http://127.0.0.1:1/done",
    }
    reply = send(Request("POST", f"{running.base_url}/sandbox/sheet", (), urlencode(form).encode()))
    assert reply.status == 303
    assert json.loads(stranger.query(out_trade_no=number)[1])["trade_state"] == "SUCCESS"


def test_its_callback_reads_our_notifications(stranger: WeChatPay, running: Sandbox, catcher: Catcher) -> None:
    number, _, _ = order(stranger, WeChatPayType.NATIVE)
    assert running.control("POST", "pay", {"channel": "wechatpay", "order_no": number})[0] == 200
    caught = catcher.wait()[0]
    told = stranger.callback(caught.headers, caught.body)
    assert told["event_type"] == "TRANSACTION.SUCCESS"
    resource = told["resource"]
    assert (resource["out_trade_no"], resource["trade_state"]) == (number, "SUCCESS")
    assert resource["amount"]["total"] == 100
    code, text = stranger.query(transaction_id=resource["transaction_id"])
    assert (code, json.loads(text)) == (200, resource)
    code, text = stranger.close(number)
    assert (code, json.loads(text)["code"]) == (400, "ORDERPAID")


def test_its_callback_refuses_a_probe(stranger: WeChatPay, running: Sandbox, catcher: Catcher) -> None:
    number, _, _ = order(stranger, WeChatPayType.NATIVE)
    body = {"channel": "wechatpay", "order_no": number, "faults": {"bad_signature": 1}}
    running.control("POST", "pay", body)
    forged, genuine = catcher.wait(2)[:2]
    assert not stranger.callback(forged.headers, forged.body)
    assert stranger.callback(genuine.headers, genuine.body)


def test_it_downloads_our_platform_certificate(running: Sandbox, tmp_path: Path, catcher: Catcher) -> None:
    stranger = client(running, "cert", tmp_path, catcher.notify_url)
    stranger._core._update_certificates()
    serials = [certificate.serial_number for certificate in stranger._core._certificates]
    assert serials == [int(running.wechatpay["platform_serial"], 16)]

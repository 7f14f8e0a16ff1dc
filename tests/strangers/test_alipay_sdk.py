"""A stranger's client, alipay-sdk from npm, takes our sandbox for Alipay: v2 and v3, with plain keys and certificates.

With certificates its machine shows Beijing's time, with plain keys UTC: the SDK writes its local time into v2 calls.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from sandbox_process import Catcher, Sandbox, send
from shunfu.driver.registry import discover
from shunfu.gateway.flow import Reply, Request
from strangers.shop import numbers
from strangers.stranger import Stranger, needs_node, stranger

pytestmark = needs_node
SIGNED = {"validateSign": True}
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
ZONES = {"key": "UTC", "certificate": "Asia/Shanghai"}


@pytest.fixture(scope="session", params=["key", "certificate"])
def sdk(request: pytest.FixtureRequest, running: Sandbox) -> Iterator[Stranger]:
    credentials = running.folder / "credentials.json"
    with stranger("alipay_sdk.js", credentials, request.param, ZONES[request.param]) as started:
        yield started


class Stall:
    """A merchant with this client."""

    def __init__(self, sdk: Stranger, running: Sandbox, catcher: Catcher) -> None:
        self.sdk, self.running, self.catcher = sdk, running, catcher
        self.given = running.credentials["alipay"]
        self.sandbox = discover().sandboxes["alipay"]
        self.app_id = self.given["app_id_cert"] if sdk.mode == "certificate" else self.given["app_id"]

    def exec(self, method: str, biz: dict[str, object], **beside: object) -> dict[str, Any]:
        """A v2 call whose reply's signature the SDK verifies."""
        return self.sdk.ask("exec", method, {"bizContent": biz, **beside}, SIGNED)

    def biz(self, **more: object) -> dict[str, object]:
        """A trade in a mini-program, with a number of its own."""
        return {
            "out_trade_no": f"stranger_{next(numbers):06d}",
            "total_amount": "88.88",
            "subject": "Iphone6 16G 山行咖啡",
            "product_code": "JSAPI_PAY",
            "op_app_id": self.app_id,
            "buyer_open_id": self.sandbox.shopper,
            **more,
        }

    def create(self, **more: object) -> dict[str, Any]:
        """A trade in a mini-program that is told of at the catcher's."""
        return self.exec("alipay.trade.create", self.biz(**more), notifyUrl=self.catcher.notify_url)

    def pay(self, number: str) -> None:
        told = self.running.control("POST", "pay", {"channel": "alipay", "order_no": number})
        assert told[0] == 200, told

    def paid(self) -> dict[str, Any]:
        """A trade that a shopper has paid, as the query tells it."""
        number = self.create()["out_trade_no"]
        self.pay(number)
        return self.query(number)

    def query(self, number: str) -> dict[str, Any]:
        return self.exec("alipay.trade.query", {"out_trade_no": number})

    def refund(self, number: str, amount: str, request_no: str) -> dict[str, Any]:
        biz: dict[str, object] = {"out_trade_no": number, "refund_amount": amount, "out_request_no": request_no}
        return self.exec("alipay.trade.refund", biz)

    def fault(self, **faults: int) -> None:
        assert self.running.control("POST", "faults", {"channel": "alipay", **faults})[0] == 200

    def caught(self, at: int = 0) -> dict[str, str]:
        """The fields of the notification that came at this place, decoded once."""
        return dict(parse_qsl(self.catcher.wait(at + 1)[at].body.decode(), strict_parsing=True))

    def next_day(self, moment: str) -> str:
        """Let it be the next day, ten o'clock; the day of this moment."""
        begun = datetime.fromisoformat(moment)
        ready = datetime.combine(begun.date() + timedelta(days=1), time(10))
        assert self.running.control("POST", "clock", {"advance_seconds": (ready - begun).total_seconds()})[0] == 200
        return begun.date().isoformat()


@pytest.fixture
def stall(sdk: Stranger, running: Sandbox, catcher: Catcher) -> Stall:
    return Stall(sdk, running, catcher)


# --- gateway.do


def test_trade_is_created_asked_paid_and_asked_again(stall: Stall) -> None:
    made = stall.create()
    assert made["code"] == "10000"
    waiting = stall.query(made["out_trade_no"])
    assert (waiting["trade_no"], waiting["trade_status"]) == (made["trade_no"], "WAIT_BUYER_PAY")
    stall.pay(made["out_trade_no"])
    paid = stall.query(made["out_trade_no"])
    assert (paid["trade_status"], paid["total_amount"]) == ("TRADE_SUCCESS", "88.88")
    assert paid["fund_bill_list"] == [{"fund_channel": "ALIPAYACCOUNT", "amount": "88.88"}]


def test_trade_is_closed(stall: Stall) -> None:
    made = stall.create()
    closed = stall.exec("alipay.trade.close", {"trade_no": made["trade_no"]})
    assert (closed["code"], closed["out_trade_no"]) == ("10000", made["out_trade_no"])
    assert stall.query(made["out_trade_no"])["trade_status"] == "TRADE_CLOSED"


def test_a_code_to_scan(stall: Stall) -> None:
    biz: dict[str, object] = {"out_trade_no": f"stranger_{next(numbers):06d}", "total_amount": "0.01", "subject": "x"}
    made = stall.exec("alipay.trade.precreate", biz)
    assert made["code"] == "10000"
    assert made["qr_code"].startswith("https://")


def test_refunds(stall: Stall) -> None:
    paid = stall.paid()
    number = paid["out_trade_no"]
    back = stall.refund(number, "30.00", "back-1")
    assert (back["fund_change"], back["refund_fee"]) == ("Y", "30.00")
    assert stall.refund(number, "30.00", "back-1")["fund_change"] == "N"
    asked = stall.exec("alipay.trade.fastpay.refund.query", {"out_trade_no": number, "out_request_no": "back-1"})
    assert (asked["refund_status"], asked["refund_amount"]) == ("REFUND_SUCCESS", "30.00")
    other = stall.exec("alipay.trade.fastpay.refund.query", {"out_trade_no": number, "out_request_no": "never"})
    assert (other["code"], "refund_status" in other) == ("10000", False)
    assert stall.refund(number, "20.00", "back-1")["sub_code"] == "ACQ.DISCORDANT_REPEAT_REQUEST"


def test_business_errors_are_signed_answers(stall: Stall) -> None:
    told = stall.query("never_ordered")
    assert (told["code"], told["msg"], told["sub_code"]) == ("40004", "Business Failed", "ACQ.TRADE_NOT_EXIST")
    made = stall.create()
    again = stall.create(out_trade_no=made["out_trade_no"], total_amount="99.99")
    assert again["sub_code"] == "ACQ.CONTEXT_INCONSISTENT"


def test_login_code_works_once(stall: Stall) -> None:
    code = f"{stall.sandbox.login_code}-{next(numbers)}"
    params = {"grantType": "authorization_code", "code": code}
    told = stall.sdk.ask("exec", "alipay.system.oauth.token", params, SIGNED)
    assert "code" not in told
    assert (bool(told["open_id"]), bool(told["access_token"]), bool(told["refresh_token"])) == (True, True, True)
    again = stall.sdk.ask("exec", "alipay.system.oauth.token", params)
    assert (again["code"], again["sub_code"]) == ("40002", "isv.code-invalid")


def test_bill_is_a_zip_in_gbk(stall: Stall) -> None:
    paid = stall.paid()
    day = stall.next_day(paid["send_pay_date"])
    asked = stall.exec("alipay.data.dataservice.bill.downloadurl.query", {"bill_type": "trade", "bill_date": day})
    reply = send(Request("GET", asked["bill_download_url"], ()))
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        names = {one.filename.encode("cp437").decode("gbk"): one for one in archive.filelist}
        (member,) = (one for name, one in names.items() if name.endswith("业务明细.csv"))
        detail = archive.read(member).decode("gbk")
    (row,) = (line for line in detail.splitlines() if paid["trade_no"] in line)
    assert [cell.strip() for cell in row.split(",")][1:3] == [paid["out_trade_no"], "交易"]
    other = {"query": {"bill_type": "trade", "bill_date": day}}
    rest = stall.sdk.ask("curl", "GET", "/v3/alipay/data/dataservice/bill/downloadurl/query", other)
    assert rest["data"]["bill_download_url"].startswith(stall.running.base_url)


# --- encrypted content


def test_encrypted_calls_and_replies(stall: Stall) -> None:
    """The SDK cannot verify an encrypted v2 reply by itself, for it looks for a brace: the test hands it the node."""
    number = stall.create()["out_trade_no"]
    params = {"bizContent": {"out_trade_no": number}, "needEncrypt": True}
    assert stall.sdk.ask("exec", "alipay.trade.query", params)["trade_status"] == "WAIT_BUYER_PAY"
    address = stall.sdk.ask("pageExecute", "alipay.trade.query", "GET", params)
    raw = json.loads(send(Request("GET", address, ())).body)
    node = raw["alipay_trade_query_response"]
    assert stall.sdk.ask("rsaCheck", f'"{node}"', raw["sign"])
    assert json.loads(stall.sdk.ask("aesDecrypt", node))["out_trade_no"] == number
    told = stall.sdk.ask("curl", "POST", "/v3/alipay/trade/query", {"body": params["bizContent"], "needEncrypt": True})
    assert told["data"]["trade_status"] == "WAIT_BUYER_PAY"


def test_a_phone_number_from_the_mini_program(stall: Stall) -> None:
    """What `my.getPhoneNumber` hands out: the SDK verifies the text with its quotes, and decrypts it."""
    told = stall.running.control("POST", "phone_proof", {"channel": "alipay", "phone": "13800000000"})[1]
    message = json.loads(str(told["proof"]))
    assert stall.sdk.ask("rsaCheck", f'"{message["response"]}"', message["sign"])
    assert json.loads(stall.sdk.ask("aesDecrypt", message["response"]))["mobile"] == "13800000000"


# --- pages


def browse(address: str, form: dict[str, str] | None = None) -> Reply:
    """What a browser sees at the end, two steps on at most."""
    request = Request("POST", address, FORM, urlencode(form).encode()) if form else Request("GET", address, ())
    reply = send(request)
    assert reply.status == 302, reply.body.decode("gbk", "replace")
    parts, location = urlsplit(address), reply.headers["location"]
    assert location.startswith("/sandbox/sheet?")
    return send(Request("GET", f"{parts.scheme}://{parts.netloc}{location}", ()))


def page(stall: Stall, code: str) -> tuple[str, dict[str, object]]:
    number = f"stranger_{next(numbers):06d}"
    biz = {"out_trade_no": number, "total_amount": "8.80", "subject": "咖啡 100% + 茶", "product_code": code}
    return number, {
        "bizContent": biz,
        "returnUrl": "http://127.0.0.1:1/back?a=1",
        "notifyUrl": stall.catcher.notify_url,
    }


@pytest.mark.parametrize(
    ("method", "code"),
    [("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"), ("alipay.trade.wap.pay", "QUICK_WAP_WAY")],
)
def test_its_pages_lead_to_our_sheet(stall: Stall, method: str, code: str) -> None:
    number, params = page(stall, code)
    shown = browse(stall.sdk.ask("pageExecute", method, "GET", params))
    assert (shown.status, number in shown.body.decode()) == (200, True)
    number, params = page(stall, code)
    form = stall.sdk.ask("pageExecute", method, "POST", params)
    fields = {name: unescape(value) for name, value in re.findall(r'name="([a-z_]+)" value="([^"]*)"', form)}
    (action,) = re.findall(r'action="([^"]*)"', form)
    shown = browse(action, fields)
    assert (shown.status, number in shown.body.decode()) == (200, True)
    stall.pay(number)
    assert stall.query(number)["trade_status"] == "TRADE_SUCCESS"
    assert stall.caught()["out_trade_no"] == number


def test_its_order_string_leads_to_our_sheet(stall: Stall) -> None:
    number, params = page(stall, "QUICK_MSECURITY_PAY")
    text = stall.sdk.ask("sdkExecute", "alipay.trade.app.pay", params)
    shown = browse(f"{stall.given['gateway_url']}?{text}")
    assert (shown.status, number in shown.body.decode()) == (200, True)


def test_a_spoiled_page_leads_nowhere(stall: Stall) -> None:
    _, params = page(stall, "FAST_INSTANT_TRADE_PAY")
    address = stall.sdk.ask("pageExecute", "alipay.trade.page.pay", "GET", params).replace("8.80", "0.01")
    reply = send(Request("GET", address, ()))
    assert (reply.status, "location" in reply.headers) == (200, False)


# --- notifications


def test_it_verifies_our_notifications(stall: Stall) -> None:
    paid = stall.paid()
    told = stall.caught()
    assert (told["out_trade_no"], told["trade_status"]) == (paid["out_trade_no"], "TRADE_SUCCESS")
    assert (told["app_id"], told["seller_id"]) == (stall.app_id, stall.given["seller_id"])
    assert stall.sdk.ask("checkNotifySignV2", told)
    assert stall.sdk.ask("checkNotifySign", told)
    assert not stall.sdk.ask("checkNotifySignV2", {**told, "total_amount": "0.01"})
    stall.refund(paid["out_trade_no"], "8.00", "notified")
    back = stall.caught(1)
    assert (back["refund_fee"], stall.sdk.ask("checkNotifySignV2", back)) == ("8.00", True)


@pytest.mark.parametrize("fault", ["bad_signature", "signtest"])
def test_it_refuses_a_forged_notification(stall: Stall, fault: str) -> None:
    number = stall.create()["out_trade_no"]
    stall.running.control("POST", "pay", {"channel": "alipay", "order_no": number, "faults": {fault: 1}})
    assert not stall.sdk.ask("checkNotifySignV2", stall.caught())
    stall.running.control("POST", "clock", {"advance_seconds": 300})
    assert stall.sdk.ask("checkNotifySignV2", stall.caught(1))


# --- v3


def test_rest_calls(stall: Stall) -> None:
    biz = stall.biz(notify_url=stall.catcher.notify_url)
    number = biz["out_trade_no"]
    made = stall.sdk.ask("curl", "POST", "/v3/alipay/trade/create", {"body": biz})
    assert (made["responseHttpStatus"], made["data"]["out_trade_no"]) == (200, number)
    stall.pay(str(number))
    found = stall.sdk.ask("curl", "POST", "/v3/alipay/trade/query", {"body": {"out_trade_no": number}})["data"]
    older = stall.sdk.ask("curl", "GET", "/v3/alipay/trade/query", {"query": {"out_trade_no": number}})["data"]
    assert (found, found["trade_status"]) == (older, "TRADE_SUCCESS")
    back = {"out_trade_no": number, "refund_amount": "1.00", "out_request_no": "rest-1"}
    told = stall.sdk.ask("curl", "POST", "/v3/alipay/trade/refund", {"body": back})["data"]
    assert told["refund_fee"] == "1.00"


def test_rest_errors_have_a_status_a_code_and_links(stall: Stall) -> None:
    told = stall.sdk.complaint("curl", "POST", "/v3/alipay/trade/query", {"body": {"out_trade_no": "never"}})
    assert (told["status"], told["code"]) == (400, "ACQ.TRADE_NOT_EXIST")
    assert told["links"][0]["link"].startswith("https://")


# --- distrust


def test_it_notices_a_wrongly_signed_reply(stall: Stall) -> None:
    number = stall.create()["out_trade_no"]
    for fault in ("reply_bad_signature", "reply_signtest"):
        stall.fault(**{fault: 2})
        params = {"bizContent": {"out_trade_no": number}}
        assert "验签失败" in stall.sdk.complaint("exec", "alipay.trade.query", params, SIGNED)["message"]
        body = {"body": {"out_trade_no": number}}
        told = stall.sdk.complaint("curl", "POST", "/v3/alipay/trade/query", body)
        assert told["code"] == "response-signature-verify-error"


def test_the_sandbox_notices_a_wrongly_signed_call(running: Sandbox) -> None:
    with stranger("alipay_sdk.js", running.folder / "credentials.json", "wrong_key") as wrong:
        told = wrong.ask("exec", "alipay.trade.query", {"bizContent": {"out_trade_no": "x"}}, SIGNED)
        assert (told["code"], told["sub_code"]) == ("40002", "isv.invalid-signature")
        rest = wrong.complaint("curl", "POST", "/v3/alipay/trade/query", {"body": {"out_trade_no": "x"}})
        assert (rest["status"], rest["code"]) == (400, "invalid-signature")

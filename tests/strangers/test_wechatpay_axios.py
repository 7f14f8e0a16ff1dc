"""A stranger's client, wechatpay-axios-plugin from npm, takes our sandbox for WeChat Pay, in both key modes."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from sandbox_process import send
from shunfu.gateway.flow import Request
from strangers.shop import BY_NUMBER, ORDERS, PAYER, Shop
from strangers.stranger import needs_node

pytestmark = needs_node
H5 = {"scene_info": {"payer_client_ip": "127.0.0.1", "h5_info": {"type": "Wap"}}}


@pytest.mark.parametrize(
    ("scene", "more", "name"),
    [("jsapi", {}, "prepay_id"), ("native", {}, "code_url"), ("h5", H5, "h5_url"), ("app", {}, "prepay_id")],
)
def test_order_ask_and_close(shop: Shop, scene: str, more: dict[str, object], name: str) -> None:
    number, placed = shop.order(scene, **more)
    assert list(placed) == [name]
    assert shop.query(number)["trade_state"] == "NOTPAY"
    assert shop.close(number) == {"status": 204, "data": ""}
    assert shop.query(number)["trade_state"] == "CLOSED"


def test_errors_are_the_documented_ones(shop: Shop) -> None:
    unknown = shop.client.complaint("get", BY_NUMBER, shop.where("never-ordered"))
    assert (unknown["status"], unknown["data"]["code"]) == (404, "ORDER_NOT_EXIST")
    order: dict[str, object] = {"appid": shop.appid, "mchid": shop.mchid, "description": "x"}
    order |= {"out_trade_no": "axios-bad", "notify_url": shop.catcher.notify_url, "payer": {"openid": PAYER}}
    nothing = shop.client.complaint("post", f"{ORDERS}.jsapi", {**order, "amount": {"total": 0}})
    assert (nothing["status"], nothing["data"]["code"]) == (400, "PARAM_ERROR")
    assert nothing["data"]["message"]
    other = {**order, "amount": {"total": 1}, "appid": "wx0000000000000000"}
    strange = shop.client.complaint("post", f"{ORDERS}.jsapi", other)
    assert (strange["status"], strange["data"]["code"]) == (400, "APPID_MCHID_NOT_MATCH")


def test_its_pay_sign_opens_our_sheet(shop: Shop) -> None:
    number, placed = shop.order("jsapi")
    invoke = shop.client.ask("invoke", placed["prepay_id"])
    form = {**invoke, "channel": "wechatpay", "outcome": "pay", "return": "http://127.0.0.1:1/done"}
    reply = send(Request("POST", f"{shop.running.base_url}/sandbox/sheet", (), urlencode(form).encode()))
    assert reply.status == 303
    assert shop.query(number)["trade_state"] == "SUCCESS"


def test_platform_certificates_decrypt_and_verify_the_reply(shop: Shop) -> None:
    certificates, given = shop.client.ask("certificates"), shop.running.wechatpay
    assert certificates[given["platform_serial"]].strip() in given["platform_certificate"]


# --- notifications


def test_it_verifies_and_decrypts_a_notification(shop: Shop) -> None:
    paid = shop.paid()
    told = shop.read()
    assert (told["isGenuine"], told["message"]["event_type"]) == (True, "TRANSACTION.SUCCESS")
    assert told["resource"] == paid
    assert (paid["trade_state"], paid["amount"]["total"]) == ("SUCCESS", 100)
    where = {"out_trade_no": paid["out_trade_no"]}
    refused = shop.client.complaint("post", f"{BY_NUMBER}.close", {"mchid": shop.mchid}, where)
    assert (refused["status"], refused["data"]["code"]) == (400, "ORDERPAID")


@pytest.mark.parametrize("fault", ["signtest", "bad_signature", "stale_timestamp", "wrong_serial"])
def test_it_refuses_a_forged_notification(shop: Shop, fault: str) -> None:
    number, _ = shop.order("native")
    shop.running.control("POST", "pay", {"channel": "wechatpay", "order_no": number, "faults": {fault: 1}})
    told = shop.read()
    assert told == {"isGenuine": False, "late": fault == "stale_timestamp", "isKnown": fault != "wrong_serial"}
    assert shop.read(1)["isGenuine"]


# --- refunds


def test_refunds_are_taken_asked_and_notified(shop: Shop) -> None:
    paid = shop.paid()
    taken = shop.refund(paid, 30, shop.catcher.notify_url)
    assert (taken["status"], taken["out_trade_no"]) == ("PROCESSING", paid["out_trade_no"])
    shop.running.control("POST", "clock", {"advance_seconds": 600})
    told = shop.read(1)
    assert (told["isGenuine"], told["message"]["event_type"]) == (True, "REFUND.SUCCESS")
    assert told["resource"]["refund_status"] == "SUCCESS"
    asked = shop.query_refund(taken["out_refund_no"])
    assert (asked["status"], asked["amount"]["refund"], asked["refund_id"]) == ("SUCCESS", 30, taken["refund_id"])
    assert shop.query(paid["out_trade_no"])["trade_state"] == "REFUND"


def test_refunds_beyond_the_payment_are_refused(shop: Shop) -> None:
    paid = shop.paid()
    body = {"transaction_id": paid["transaction_id"], "out_refund_no": "refund-too-much"}
    amount = {"refund": 101, "total": 100, "currency": "CNY"}
    told = shop.client.complaint("post", "v3.refund.domestic.refunds", {**body, "amount": amount})
    assert told["status"] in {400, 403}
    unknown = shop.client.complaint("get", "v3.refund.domestic.refunds.$no$", {"no": "never-refunded"})
    assert (unknown["status"], unknown["data"]["code"]) == (404, "RESOURCE_NOT_EXISTS")


# --- sensitive fields


def test_oaep_both_ways(shop: Shop) -> None:
    """It encrypts with the key it holds, in either mode; the sandbox decrypts, and encrypts back for the merchant."""
    word = "顺付 encrypts"
    body = {"echo_message": "plain", "encrypted_echo_message": shop.client.ask("encrypt", word)}
    told = shop.client.ask("post", "v3.security.echo", body)["data"]
    assert told["echo_message"] == "plain"
    assert shop.client.ask("decrypt", told["encrypted_echo_message"]) == word


@pytest.mark.parametrize("fault", ["reply_signtest", "reply_bad_signature"])
def test_it_notices_a_wrongly_signed_reply(shop: Shop, fault: str) -> None:
    number, _ = shop.order("native")
    assert shop.running.control("POST", "faults", {"channel": "wechatpay", fault: 1})[0] == 200
    told = shop.client.complaint("get", BY_NUMBER, shop.where(number))
    assert (told["code"], told["status"]) == ("EV3_RES_HEADER_SIGNATURE_DIGEST", 200)
    assert shop.query(number)["trade_state"] == "NOTPAY"

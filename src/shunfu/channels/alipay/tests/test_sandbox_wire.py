"""Every way in which strangers' clients put a call on the wire, and what is said to those not let in."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from shunfu.channels.alipay.codec import encrypt
from shunfu.channels.alipay.sandbox import LOGIN_CODE
from shunfu.channels.alipay.sandbox.keys import parse_keys
from shunfu.channels.alipay.settings import parse_aes_key
from shunfu.channels.alipay.tests.shapes import state
from shunfu.channels.alipay.tests.wire_calls import (
    GATEWAY,
    Desk,
    an_order,
    by_body,
    by_body_alone,
    by_get,
    by_post_split,
    node_of,
    private_key,
    rest,
    signature,
    signed,
)
from shunfu.gateway.contract.rig import BASE_URL, NOW
from shunfu.gateway.flow import Request

CREATE, QUERY = "alipay.trade.create", "alipay.trade.query"
WAYS = {"split": by_post_split, "get": by_get, "body": by_body, "body_alone": by_body_alone}


@pytest.mark.parametrize("charset", ["utf-8", "gbk", "GBK", "UTF-8"])
@pytest.mark.parametrize("sign_type", ["RSA2", "RSA"])
@pytest.mark.parametrize("way", WAYS)
def test_every_way_on_the_wire(way: str, sign_type: str, charset: str) -> None:
    desk = Desk()
    params = signed(CREATE, an_order(), charset=charset, sign_type=sign_type, notify_url="http://127.0.0.1:9/n?a=1&b=2")
    reply = desk.send(WAYS[way](params))
    assert reply.status == 200
    whole = json.loads(reply.body.decode(charset))
    assert whole["alipay_trade_create_response"]["code"] == "10000", whole
    raw = reply.body.decode(charset)
    node = raw[raw.index(":{") + 1 : raw.rindex(',"sign"')]
    assert whole["sign"] == signature(private_key("alipay"), node, charset, sign_type)
    (trade,) = desk.stage.state.trades.values()
    assert trade.subject == "山行咖啡 100%+"
    assert trade.notify_url == "http://127.0.0.1:9/n?a=1&b=2"


def test_reply_of_key_mode_has_nothing_between_node_and_sign() -> None:
    body = Desk().send(by_get(signed(QUERY, {"out_trade_no": "none"}))).body.decode()
    assert body.startswith('{"alipay_trade_query_response":{"code":"40004","msg":"Business Failed",')
    assert '},"sign":"' in body
    assert "alipay_cert_sn" not in body


def test_slashes_are_escaped_as_the_gateway_does() -> None:
    order = an_order(product_code="QR_CODE_OFFLINE")
    body = Desk().send(by_get(signed("alipay.trade.precreate", order))).body.decode()
    assert '"qr_code":"https:\\/\\/qr.alipay.com\\/bax' in body


@pytest.mark.parametrize(
    ("beside", "code", "sub_code"),
    [
        ({"method": ""}, "40001", "isv.missing-method"),
        ({"app_id": ""}, "40001", "isv.missing-app-id"),
        ({"app_id": "2021000000000001"}, "40002", "isv.invalid-app-id"),
        ({"sign_type": ""}, "40001", "isv.missing-signature-type"),
        ({"sign_type": "MD5"}, "40002", "isv.invalid-signature-type"),
        ({"timestamp": ""}, "40001", "isv.missing-timestamp"),
        ({"timestamp": "2026/11/22"}, "40002", "isv.invalid-timestamp"),
        ({"version": ""}, "40001", "isv.missing-version"),
        ({"charset": ""}, "40001", "isv.missing-charset"),
        ({"format": "xml"}, "40002", "isv.invalid-format"),
        ({"app_cert_sn": "x"}, "40002", "isv.invalid-app-cert-sn"),
        ({"encrypt_type": "AES"}, "40002", "isv.invalid-encrypt"),
        ({"biz_content": "{"}, "40002", "isv.illegal-json"),
        ({"method": "alipay.no.such.method"}, "40002", "isv.invalid-method"),
    ],
)
def test_who_is_not_let_in(beside: dict[str, str], code: str, sub_code: str) -> None:
    reply = Desk().send(by_post_split(signed(QUERY, {"out_trade_no": "x"}, **beside)))
    found = node_of(reply, QUERY)
    assert (reply.status, found["code"], found["sub_code"]) == (200, code, sub_code)
    assert reply.headers["content-type"].startswith("text/html;charset=")
    is_signed = b'"sign":' in reply.body
    assert is_signed == (not sub_code.endswith("app-id"))


def test_application_is_looked_at_before_the_signature() -> None:
    params = {**signed(QUERY, {}), "app_id": "2021000000000001", "sign": "nonsense"}
    assert node_of(Desk().send(by_get(params)), QUERY)["sub_code"] == "isv.invalid-app-id"


def test_wrong_signature_quotes_the_gateways_text() -> None:
    params = {**signed(QUERY, {"out_trade_no": "x"}), "biz_content": '{"out_trade_no":"y"}'}
    found = node_of(Desk().send(by_get(params)), QUERY)
    assert found["sub_code"] == "isv.invalid-signature"
    assert '&amp;biz_content={"out_trade_no":"y"}&amp;charset=utf-8' in str(found["sub_msg"])


@pytest.mark.parametrize("missing", ["app_cert_sn", "alipay_root_cert_sn", ""])
def test_certificate_mode_wants_both_serial_numbers(missing: str) -> None:
    keys, material = parse_keys(state().material), state().material
    params = {name: value for name, value in signed(QUERY, {"out_trade_no": "x"}).items() if name != "sign"}
    params |= {
        "app_id": material.app_id_cert,
        "app_cert_sn": keys.app_cert_sn,
        "alipay_root_cert_sn": keys.root_cert_sn,
    }
    params.pop(missing, None)
    text = "&".join(f"{name}={params[name]}" for name in sorted(params))
    reply = Desk().send(by_get({**params, "sign": signature(private_key("app_by_cert"), text)}))
    expected = f"isv.missing-{missing.replace('_', '-')}" if missing else "ACQ.TRADE_NOT_EXIST"
    assert node_of(reply, QUERY)["sub_code"] == expected
    assert f'}},"alipay_cert_sn":"{keys.alipay_cert_sn}","sign":"' in reply.body.decode()


def test_encrypted_contents_both_ways() -> None:
    desk, key = Desk(), parse_aes_key(state().material.aes_key)
    assert key is not None
    sealed = encrypt(key, json.dumps(an_order()).encode())
    reply = desk.send(by_post_split(signed(CREATE, sealed, encrypt_type="AES")))
    whole = json.loads(reply.body)
    assert isinstance(whole["alipay_trade_create_response"], str)
    assert whole["sign"] == signature(private_key("alipay"), f'"{whole["alipay_trade_create_response"]}"')
    assert len(desk.stage.state.trades) == 1


def test_oauth_fields_stand_beside_and_errors_apart() -> None:
    desk = Desk()
    method = "alipay.system.oauth.token"
    reply = desk.send(by_post_split(signed(method, "", grant_type="authorization_code", code=LOGIN_CODE)))
    found = json.loads(reply.body)["alipay_system_oauth_token_response"]
    assert "code" not in found, "the success node has no code"
    again = desk.send(by_post_split(signed(method, "", grant_type="authorization_code", code=LOGIN_CODE)))
    assert json.loads(again.body)["error_response"]["sub_code"] == "isv.code-invalid"
    renewed = desk.send(by_get(signed(method, "", grant_type="refresh_token", refresh_token=found["refresh_token"])))
    assert json.loads(renewed.body)["alipay_system_oauth_token_response"]["open_id"] == found["open_id"]


def test_uploads_are_refused_politely() -> None:
    request = by_post_split(signed(QUERY, {}))
    request = replace(request, headers=(("content-type", "multipart/form-data; boundary=x"),), body=b"--x--")
    assert node_of(Desk().send(request), QUERY)["sub_code"] == "isv.invalid-method"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_rest_takes_both_verbs_of_a_query(method: str) -> None:
    desk = Desk()
    created = desk.send(rest("POST", "/v3/alipay/trade/create", json.dumps({**an_order(), "notify_url": "http://m/n"})))
    assert created.status == 200
    trade_no = json.loads(created.body)["trade_no"]
    assert next(iter(desk.stage.state.trades.values())).notify_url == "http://m/n"
    target = (
        f"/v3/alipay/trade/query?trade_no={trade_no}&out_trade_no=%E5%B1%B1"
        if method == "GET"
        else "/v3/alipay/trade/query"
    )
    body = "" if method == "GET" else json.dumps({"trade_no": trade_no})
    reply = desk.send(rest(method, target, body))
    assert json.loads(reply.body)["trade_status"] == "WAIT_BUYER_PAY"
    text = f"{reply.headers['alipay-timestamp']}\n{reply.headers['alipay-nonce']}\n{reply.body.decode()}\n"
    assert reply.headers["alipay-signature"] == signature(private_key("alipay"), text)


def test_rest_signs_the_application_token_too() -> None:
    assert Desk().send(rest("POST", "/v3/alipay/trade/create", json.dumps(an_order()), token="tok")).status == 200


def stamp(seconds: int) -> str:
    return f"timestamp={int(NOW.timestamp() * 1000) + seconds * 1000}"


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (Request("POST", f"{BASE_URL}/v3/alipay/trade/query", ()), 400, "missing-timestamp"),
        (rest("POST", "/v3/alipay/trade/query", "{}", auth=f"app_id=2021,nonce=a,{stamp(0)}"), 400, "invalid-app-id"),
        (rest("POST", "/v3/alipay/trade/query", "{}", auth=f"{stamp(0)},nonce=a"), 400, "invalid-app-id"),
        (rest("POST", "/v3/alipay/trade/query", "{", content_type="text/plain"), 400, "invalid-encrypt"),
        (rest("POST", "/v3/alipay/trade/query", "{"), 400, "illegal-json"),
        (rest("POST", "/v3/alipay/trade/query", '{"out_trade_no":"x"}'), 400, "ACQ.TRADE_NOT_EXIST"),
        (rest("POST", "/v3/alipay/no/such"), 400, "invalid-method"),
        (rest("DELETE", "/v3/alipay/trade/query"), 400, "invalid-method"),
    ],
)
def test_rest_errors_are_statuses_unsigned_with_links(request_: Request, status: int, code: str) -> None:
    reply = Desk().send(request_)
    found = json.loads(reply.body)
    assert (reply.status, found["code"]) == (status, code)
    assert isinstance(found["links"], list)
    assert "alipay-signature" not in reply.headers


@pytest.mark.parametrize(("seconds", "code"), [(-601, "invalid-timestamp"), (601, "invalid-timestamp"), (-599, "")])
def test_rest_wants_a_fresh_timestamp_in_any_order(seconds: int, code: str) -> None:
    auth = f"{stamp(seconds)},nonce=a=b,expired_seconds=120,app_id={state().material.app_id}"
    reply = Desk().send(rest("POST", "/v3/alipay/trade/create", json.dumps(an_order()), auth=auth))
    assert json.loads(reply.body).get("code", "") == code


def test_rest_body_is_signed_as_it_travels() -> None:
    request = rest("POST", "/v3/alipay/trade/create", json.dumps(an_order()))
    reply = Desk().send(replace(request, body=request.body.replace(b"86.00", b"0.01")))
    assert json.loads(reply.body)["code"] == "invalid-signature"


def test_unknown_addresses_are_not_found() -> None:
    for path in ("/alipay/x", "/alipay/bill/x", "/other"):
        assert Desk().send(Request("GET", BASE_URL + path, ())).status in {403, 404}
    assert node_of(Desk().send(Request("GET", GATEWAY, ())), "x")["sub_code"] == "isv.missing-method"

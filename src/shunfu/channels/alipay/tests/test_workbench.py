"""The signature workbench: every kind of message, and for each mistake that people make, its name."""

from __future__ import annotations

import json
from base64 import b64encode
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

import pytest

from shunfu.channels.alipay import CHANNEL, SANDBOX
from shunfu.channels.alipay.bench_words import REASONS
from shunfu.channels.alipay.codec import canonical
from shunfu.channels.alipay.sandbox.keys import parse_keys
from shunfu.channels.alipay.sandbox.people import phone_proof
from shunfu.channels.alipay.sandbox.wire import seal
from shunfu.channels.alipay.tests.shapes import other_state, state
from shunfu.channels.alipay.tests.wire_calls import an_order, private_key, rest, signature, signed
from shunfu.gateway.contract import Rig
from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.workbench import Source, Worked

BENCH = CHANNEL.workbench
MATERIAL = state().material
ALIPAY, APP = MATERIAL.alipay_public_key, MATERIAL.app_private_key


def verified(**source: object) -> Worked:
    return BENCH.verify(source)


def blamed(reason: str, **source: object) -> None:
    worked = BENCH.verify(source)
    assert worked.valid is False
    assert worked.reason == REASONS[reason], worked


def a_reply(node: str, signed_text: str | None = None) -> str:
    return f'{{"alipay_trade_query_response":{node},"sign":"{signature(private_key("alipay"), signed_text or node)}"}}'


def notified(signed_as: str | None = None, **changes: str) -> dict[str, str]:
    params = {
        "charset": "utf-8",
        "sign_type": "RSA2",
        "subject": "a+b c 50%",
        "notify_time": "2026-11-22 14:29:35",
        **changes,
    }
    text = signed_as or canonical(params, ("sign", "sign_type"))
    return {**params, "sign": signature(private_key("alipay"), text)}


def test_requests_are_signed_and_verified() -> None:
    params = signed("alipay.trade.create", an_order())
    unsigned = {name: value for name, value in params.items() if name != "sign"}
    worked = BENCH.sign({"kind": "request", "params": unsigned, "key": APP})
    assert worked.signature == params["sign"]
    assert worked.to_sign == canonical(params)
    assert verified(kind="request", params=params, key=APP).valid
    assert verified(kind="request", params=urlencode(params), key=APP).valid, "written as a query"
    assert verified(kind="client", params=urlencode(params), key=APP).valid, "an order string"


def test_rest_requests() -> None:
    request = rest("POST", "/v3/alipay/trade/create", '{"a":1}')
    headers = dict(request.headers)
    source: Source = {
        "kind": "request",
        "method": "POST",
        "url": request.url,
        "body": '{"a":1}',
        "authorization": headers["authorization"],
        "key": APP,
    }
    assert BENCH.verify(source).valid
    assert BENCH.sign(source).signature == headers["authorization"].rpartition(",sign=")[2]
    blamed("reserialised", **{**source, "body": '{"a": 1}'})
    blamed("clock", **{**source, "now": "2026-11-23T00:00:00Z"})


def test_replies_of_both_protocols() -> None:
    node = '{"code":"10000","qr_code":"https:\\/\\/qr.alipay.com\\/x"}'
    assert verified(kind="reply", body=a_reply(node), key=ALIPAY).valid
    assert verified(kind="reply", body=a_reply(node), node="alipay_trade_query_response", key=ALIPAY).valid
    assert verified(kind="reply", body=node, sign=signature(private_key("alipay"), node), key=ALIPAY).valid
    text = '1763793000000\nn\n{"a":1}\n'
    source: Source = {"kind": "reply", "timestamp": "1763793000000", "nonce": "n", "body": '{"a":1}', "key": ALIPAY}
    good = signature(private_key("alipay"), text)
    assert verified(**source, signature=good).valid
    blamed("line_feed", **source, signature=signature(private_key("alipay"), text[:-1]))
    blamed("reserialised", **{**source, "body": '{ "a": 1 }'}, signature=good)


def test_what_the_sandbox_says_verifies() -> None:
    rig = Rig(CHANNEL, SANDBOX, state())
    number = rig.paid()
    reply = rig.answer(
        Request("GET", f"http://x/gateway.do?{urlencode(signed('alipay.trade.query', {'out_trade_no': number}))}", ())
    )
    assert isinstance(reply, Reply)
    assert verified(kind="reply", body=reply.body.decode(), key=ALIPAY).valid
    message = rig.notify(number)
    assert verified(kind="notification", body=message.body.decode(), key=ALIPAY, now=rig.now.isoformat()).valid
    blamed("clock", kind="notification", body=message.body.decode(), key=ALIPAY, now="2026-12-22T00:00:00Z")
    sheet = rig.shop(number)
    back = urlsplit(sheet.back_url).query
    assert not back or verified(kind="notification", body=back, key=ALIPAY).valid


def test_certificates_and_roots() -> None:
    node, sign = '{"code":"10000"}', signature(private_key("alipay"), '{"code":"10000"}')
    body = f'{{"x_response":{node},"alipay_cert_sn":"%s","sign":"{sign}"}}'
    good = body % parse_keys(MATERIAL).alipay_cert_sn
    assert verified(kind="reply", body=good, key=MATERIAL.alipay_cert, roots=MATERIAL.alipay_root_cert).valid
    blamed("wrong_serial", kind="reply", body=body % "other", key=MATERIAL.alipay_cert)
    stranger = other_state().material.alipay_root_cert
    blamed("wrong_root", kind="reply", body=good, key=MATERIAL.alipay_cert, roots=stranger)
    both = [stranger, MATERIAL.alipay_root_cert]
    assert verified(kind="reply", body=good, key=MATERIAL.alipay_cert, roots=both).valid
    keys = {"x": other_state().material.alipay_public_key, "y": ALIPAY}
    assert verified(kind="reply", body=a_reply(node), keys=keys).valid


def test_common_mistakes_with_requests() -> None:
    params = {"app_id": "1", "biz_content": "{}", "sign_type": "RSA2", "charset": "utf-8"}
    without = signature(private_key(), canonical(params, ("sign", "sign_type")))
    blamed("sign_type", kind="request", params={**params, "sign": without}, key=APP)
    text = "app_id=1&biz_content={}&charset=utf-8&return_url=&sign_type=RSA2"
    kept = {**params, "return_url": "", "sign": signature(private_key(), text)}
    blamed("empty_kept", kind="request", params=kept, key=APP)
    blamed("other_key", kind="request", params={**params, "sign": signature(private_key("alipay"), "x")}, key=APP)
    blamed("text", kind="request", params={**params, "sign": signature(private_key(), "another text")}, key=APP)
    old = signature(private_key(), "another text", sign_type="RSA")
    blamed("hash", kind="request", params={**params, "sign": old}, key=APP)
    blamed("no_base64", kind="request", params={**params, "sign": "a b"}, key=APP)
    named = {**params, "subject": "山行"}
    gbk = signature(private_key(), canonical(named), "gbk")
    blamed("charset", kind="request", params={**named, "sign": gbk}, key=APP)


def test_common_mistakes_with_replies() -> None:
    slashes = '{"code":"10000","u":"a\\/b"}'
    blamed("slashes", kind="reply", body=a_reply(slashes.replace("\\/", "/"), slashes), key=ALIPAY)
    blamed(
        "reserialised",
        kind="reply",
        body=a_reply('{"code": "10000", "m": "山"}', '{"code":"10000","m":"山"}'),
        key=ALIPAY,
    )
    sealed = b64encode(bytes(16)).decode()
    blamed("quotes", kind="reply", body=a_reply(f'"{sealed}"', sealed), key=ALIPAY)
    blamed("app_key", kind="reply", body=a_reply("{}"), key=APP, app_private_key=APP)
    blamed("no_signature", kind="reply", body='{"x_response":{}}', key=ALIPAY)
    blamed("no_public_key", kind="reply", body=a_reply("{}"), key="nonsense")


def test_common_mistakes_with_notifications() -> None:
    good = notified()
    assert verified(kind="notification", params=good, key=ALIPAY).valid
    assert verified(kind="notification", params=notified(canonical({**good, "sign": ""})), key=ALIPAY).valid, (
        "the rule V2"
    )
    twice = {**good, "subject": "a b c 50%"}
    blamed("decoded_twice", kind="notification", params=twice, key=ALIPAY)
    all_plus = notified(subject="a+b+c")
    blamed("decoded_twice", kind="notification", params={**all_plus, "subject": "a b c"}, key=ALIPAY)
    raw = {name: quote_plus(value) for name, value in good.items() if name != "sign"}
    blamed("not_decoded", kind="notification", params={**raw, "sign": good["sign"]}, key=ALIPAY)
    blamed("text", kind="notification", params={name: v for name, v in good.items() if name != "subject"}, key=ALIPAY)


def test_phone_message_is_verified_and_opened() -> None:
    proof = phone_proof(MATERIAL, "13800138000")
    assert verified(kind="client", body=proof, key=ALIPAY).valid
    opened = BENCH.decrypt({"kind": "client", "body": proof, "aes_key": MATERIAL.aes_key})
    assert json.loads(opened.plaintext or "")["mobile"] == "13800138000"
    wrong = BENCH.decrypt({"kind": "client", "body": proof, "aes_key": b64encode(bytes(16)).decode()})
    assert (wrong.plaintext, wrong.failed_step) == (None, "decrypt")


def test_encrypted_requests_and_replies_are_opened() -> None:
    sealed = seal(MATERIAL, '{"a":1}')
    for source in (
        {"kind": "request", "params": {"biz_content": sealed, "encrypt_type": "AES"}},
        {"kind": "reply", "body": a_reply(f'"{sealed}"')},
        {"kind": "reply", "body": sealed, "timestamp": "1", "nonce": "n"},
    ):
        assert BENCH.decrypt({**source, "aes_key": MATERIAL.aes_key}).plaintext == '{"a":1}', source
    assert BENCH.decrypt({"kind": "reply", "body": a_reply("{}"), "aes_key": MATERIAL.aes_key}).failed_step == "input"


@pytest.mark.parametrize("words", REASONS.values())
def test_every_reason_is_said_in_both_languages(words: dict[str, str]) -> None:
    assert set(words) == {"zh-CN", "en"}
    assert all(words.values())


def test_lone_surrogates_and_depth_do_not_raise() -> None:
    for body in ("\ud800", '{"x_response":' * 3000, '{"x_response":"\\ud800","sign":"x"}', dict(parse_qsl("a=1"))):
        assert BENCH.verify({"kind": "reply", "body": body, "key": ALIPAY}).valid is False
        assert BENCH.verify({"kind": "notification", "params": {"a": body, "sign": "x"}, "key": ALIPAY}).valid is False

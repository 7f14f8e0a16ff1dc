"""The v2 protocol's texts and signatures, case by case."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from shunfu.channels.alipay import codec, load, sandbox, values
from shunfu.channels.alipay.codec import Ask, Distrust, Said
from shunfu.channels.alipay.settings import Settings
from shunfu.channels.alipay.tests.shapes import SHAPES, state
from shunfu.channels.alipay.tests.wire_calls import joined, private_key, signature
from shunfu.gateway.contract.rig import BASE_URL, NONCE, NOW
from shunfu.gateway.moment import Moment

METHOD = "alipay.trade.query"
AES_KEY = bytes(range(16))


@cache
def settings(shape: str = "v2") -> Settings:
    return load(dict(SHAPES[shape](sandbox.describe(state(), BASE_URL).client)))


def reply(
    node: str, template: str = '{{"{name}":{node},"sign":"{sign}"}}', name: str = "alipay_trade_query_response"
) -> bytes:
    return template.format(name=name, node=node, sign=signature(private_key("alipay"), node)).encode()


def read(body: bytes, shape: str = "v2") -> Said | Distrust:
    return codec.read_reply(settings(shape), METHOD, body)


def test_signed_text_is_sorted_without_empty_values_and_with_sign_type() -> None:
    params = {"b": "2", "sign_type": "RSA2", "a": "1+%/", "empty": "", "sign": "x"}
    assert codec.canonical(params) == "a=1+%/&b=2&sign_type=RSA2"
    assert codec.canonical(params, ("sign", "sign_type")) == "a=1+%/&b=2"


def test_request_is_split_as_the_sdks_do() -> None:
    request = codec.build_request(
        settings(), Ask(METHOD, {"out_trade_no": "N 1"}, {"notify_url": "http://m/n"}), Moment(NOW, NONCE)
    )
    query, form = dict(parse_qsl(urlsplit(request.url).query)), dict(parse_qsl(request.body.decode()))
    assert form == {"biz_content": '{"out_trade_no":"N 1"}'}
    assert {"charset", "method", "sign", "notify_url", "timestamp"} <= query.keys()
    assert query["timestamp"] == "2026-11-22 14:29:35"
    assert query["sign"] == signature(private_key(), joined({**query, **form}))


def test_certificate_mode_names_both_certificates() -> None:
    params = codec.signed_params(settings("v2-cert"), Ask(METHOD, {"a": 1}), Moment(NOW, NONCE))
    assert params["app_cert_sn"] == settings("v2-cert").app_cert_sn
    assert params["alipay_root_cert_sn"] == settings("v2-cert").root_cert_sn


def test_ciphertext_is_what_is_signed() -> None:
    params = codec.signed_params(settings("v2-aes"), Ask(METHOD, {"a": 1}), Moment(NOW, NONCE))
    key = settings("v2-aes").aes_key
    assert key is not None
    assert params["encrypt_type"] == "AES"
    assert codec.decrypt(key.reveal(), params["biz_content"]) == b'{"a":1}'
    assert params["sign"] == signature(private_key(), joined(params))


@pytest.mark.parametrize(
    "template",
    [
        '{{"{name}":{node},"sign":"{sign}"}}',
        '{{"sign":"{sign}","{name}":{node}}}',
        '{{ "{name}" : {node} , "sign" : "{sign}" }}',
        '{{"{name}":{node},"new":{{"sign":"x"}},"sign":"{sign}"}}',
        '{{"{name}":{node},"sign":"{sign}"}}\n',
    ],
)
@pytest.mark.parametrize(
    "node",
    [
        '{"code":"10000","msg":"Success"}',
        '{"code":"10000","qr_code":"https:\\/\\/qr.alipay.com\\/x"}',
        '{ "code" : "10000", "subject":"\\"sign\\":\\"}{" }',
        '{"code":"10000","fund_bill_list":[{"amount":"0.01"},{"sign":"no"}],"sign":"inner"}',
        '{"code":"10000","subject":"山行\\u5496啡"}',
    ],
)
def test_node_is_taken_as_it_stands(template: str, node: str) -> None:
    said = read(reply(node, template))
    assert isinstance(said, Said), said
    assert said.code == "10000"


def test_error_response_is_read() -> None:
    node = '{"code":"40002","msg":"Invalid Arguments","sub_code":"isv.code-invalid","sub_msg":"x"}'
    said = read(reply(node, name="error_response"))
    assert isinstance(said, Said)
    assert said.named == "isv.code-invalid"


@pytest.mark.parametrize(
    ("node", "template", "reason"),
    [
        ('{"code":"10000"}', '{{"{name}":{node}}}', "not signed"),
        ('{"code":"10000"}', '{{"{name}":{node},"sign":""}}', "not signed"),
        ('{"code":"10000"}', '{{"{name}":{{"code":"10000" }},"sign":"{sign}"}}', "does not match"),
        ('{"code":"10000"}', '{{"{name}":{node},"{name}":{{"code":"40004"}},"sign":"{sign}"}}', "malformed"),
        (
            '{"code":"10000"}',
            '{{"{name}":{node},"alipay_cert_sn":"other","sign":"{sign}"}}',
            "not a certificate we hold",
        ),
        ('{"code":"10000"}', '{{"other_response":{node},"sign":"{sign}"}}', "malformed"),
        ('{"code":"10000"}', '[{{"{name}":{node},"sign":"{sign}"}}]', "malformed"),
        ('{"code":"10000"}', '{{"{name}":{node},"sign":"{sign}"}}garbage', "malformed"),
        ('"MDEyMw=="', '{{"{name}":{node},"sign":"{sign}"}}', "does not decrypt"),
        ("[1]", '{{"{name}":{node},"sign":"{sign}"}}', "malformed"),
        ('{"a":1,"a":2}', '{{"{name}":{node},"sign":"{sign}"}}', "malformed"),
    ],
)
def test_what_is_not_proven_is_not_believed(node: str, template: str, reason: str) -> None:
    found = read(reply(node, template))
    assert isinstance(found, Distrust), found
    assert reason in found.reason


def test_certificate_reply_needs_the_certificates_own_name() -> None:
    sn = next(iter(settings("v2-cert").alipay_keys))
    node = '{"code":"10000"}'
    named = f'{{{{"{{name}}":{{node}},"alipay_cert_sn":"{sn}","sign":"{{sign}}"}}}}'
    assert isinstance(read(reply(node, named), "v2-cert"), Said)
    assert isinstance(read(reply(node), "v2-cert"), Distrust), "without a name it could be any certificate's"


def test_encrypted_node_is_verified_with_its_quotes() -> None:
    key = settings().aes_key
    assert key is not None
    sealed = codec.encrypt(key.reveal(), b'{"code":"10000","trade_no":"1"}')
    said = read(reply(f'"{sealed}"'))
    assert isinstance(said, Said)
    assert said.node["trade_no"] == "1"
    body = f'{{"alipay_trade_query_response":"{sealed}","sign":"{signature(private_key("alipay"), sealed)}"}}'
    assert isinstance(read(body.encode()), Distrust), "signed without the quotes"


@pytest.mark.parametrize("text", ["", "a", "{}", "山行" * 100, "x" * 16])
def test_encryption_is_undone(text: str) -> None:
    assert codec.decrypt(AES_KEY, codec.encrypt(AES_KEY, text.encode())) == text.encode()


@pytest.mark.parametrize("text", ["", "!", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA==", "é"])
def test_what_is_no_ciphertext_does_not_decrypt(text: str) -> None:
    assert codec.decrypt(AES_KEY, text) is None


def test_encryption_is_openssls() -> None:
    """`printf '{"a":1}' | openssl enc -aes-128-cbc -K 000102...0f -iv 0 -base64`."""
    assert codec.encrypt(AES_KEY, b'{"a":1}') == OPENSSL


OPENSSL = "OPu5otG1drB6dWFGfVTzTA=="


def notified(
    without: tuple[str, ...] = ("sign", "sign_type"), charset: str = "utf-8", **changes: str
) -> dict[str, str]:
    params = {
        "charset": charset,
        "sign_type": "RSA2",
        "subject": "1+1 50% 山行",
        "app_id": "1",
        "new_field": "kept",
        "empty": "",
        **changes,
    }
    text = "&".join(f"{k}={v}" for k, v in sorted(params.items()) if v and k not in without)
    return {**params, "sign": signature(private_key("alipay"), text, charset, params["sign_type"])}


@pytest.mark.parametrize("without", [("sign", "sign_type"), ("sign",)], ids=["V1", "V2"])
@pytest.mark.parametrize("charset", ["utf-8", "gbk"])
@pytest.mark.parametrize("sign_type", ["RSA2", "RSA"])
def test_notifications_are_decoded_once_and_verified(without: tuple[str, ...], charset: str, sign_type: str) -> None:
    params = notified(without, charset, sign_type=sign_type)
    form = codec.parse_form(urlencode(params, encoding=charset).encode())
    assert form == params
    assert codec.verify_params(settings(), params) is None


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "1 1 50% 山行"},
        {"new_field": ""},
        {"app_id": "2"},
        {"sign": ""},
        {"sign_type": "MD5"},
        {"extra": "1"},
    ],
)
def test_changed_notifications_are_distrusted(change: dict[str, str]) -> None:
    assert codec.verify_params(settings(), {**notified(), **change})


@pytest.mark.parametrize(
    "body", [b"a=1&a=2", b"charset=klingon", b"a=%ff", b"\xff=1", b"&".join([b"a=1"] * 300), b"x" * (2 << 20)]
)
def test_malformed_forms_are_none(body: bytes) -> None:
    assert codec.parse_form(body) is None


def test_signature_that_is_not_canonical_base64_is_none() -> None:
    key = private_key("alipay")
    good = signature(key, "x")
    assert codec.is_signed(key.public_key(), b"x", good)
    for wrong in (good + "\n", good[:-2], good.replace("=", ""), " " + good, good[:-3] + chr(ord(good[-3]) + 1) + "=="):
        assert not codec.is_signed(key.public_key(), b"x", wrong)
    assert not codec.is_signed(key.public_key(), b"x", good, "RSA")


@pytest.mark.parametrize(
    ("text", "minor"),
    [("0.01", 1), ("86", 8600), ("86.5", 8650), ("-0.04", -4), ("100000000.00", 10_000_000_000), ("9" * 12, None)]
    + [(text, None) for text in ("", "1.001", "1e3", " 1", "１", "+1", ".5", "NaN", "1,000.00", "--1")],
)
def test_yuan(text: str, minor: int | None) -> None:
    assert values.parse_yuan(text) == minor


@pytest.mark.parametrize("value", [86, 86.0, None, True, ["86.00"]])
def test_yuan_is_a_text(value: object) -> None:
    assert values.parse_yuan(value) is None


def test_times_are_of_china() -> None:
    moment = datetime(2026, 11, 22, 6, 29, 35, tzinfo=UTC)
    assert values.china_time(moment) == "2026-11-22 14:29:35"
    assert values.parse_china_time("2026-11-22 14:29:35") == moment
    assert values.parse_china_time("2026-11-22 14:29:35.123") == moment
    for wrong in ("", "2026-13-01 00:00:00", "2026-11-22T14:29:35", "0000-00-00 00:00:00", "x" * 19, None, 5):
        assert values.parse_china_time(wrong) is None


def test_deep_and_long_replies_are_malformed() -> None:
    for body in ("{" * 9000, '{"a":' * 5000, "{}" + " " * (2 << 20), json.dumps({"a": 1})):
        assert isinstance(read(body.encode()), Distrust)


def test_settings_do_not_print_keys() -> None:
    assert "PRIVATE" not in repr(settings())
    assert repr(replace(settings(), app_id="2")).count("RSA") == 0


@pytest.mark.parametrize(
    ("node", "is_success"),
    [
        ('{"code":"10000"}', True),
        ('{"code":"10000","sub_code":""}', True),
        ('{"code":"10000","sub_code":"ACQ.SYSTEM_ERROR"}', False),
        ('{"out_trade_no":"N1"}', False),
        ('{"code":""}', False),
        ('{"code":null}', False),
        ('{"code":10000.5}', False),
    ],
)
def test_success_is_said_and_nothing_is_said_against_it(node: str, *, is_success: bool) -> None:
    said = read(reply(node))
    assert isinstance(said, Said)
    assert said.is_success is is_success


def test_authorisation_alone_has_no_code() -> None:
    method, node = "alipay.system.oauth.token", '{"user_id":"2088","access_token":"t"}'
    said = codec.read_reply(settings(), method, reply(node, name="alipay_system_oauth_token_response"))
    assert isinstance(said, Said)
    assert said.is_success
    for name, other in (("error_response", node), ("alipay_system_oauth_token_response", '{"code":"40002"}')):
        said = codec.read_reply(settings(), method, reply(other, name=name))
        assert isinstance(said, Said)
        assert not said.is_success

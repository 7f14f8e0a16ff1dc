"""The workbench finds why a signature does not hold, for each kind of message, and opens what is sealed.

The key and the signatures are those that WeChat Pay's documentation prints.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from shunfu.channels.wechatpay import CHANNEL, codec
from shunfu.channels.wechatpay.sandbox.wire import close_field
from shunfu.channels.wechatpay.tests.rig import NOW, NUMBER, Rig, keys
from shunfu.channels.wechatpay.tests.test_vectors import (
    APP_SIGN,
    MERCHANT_PRIVATE_KEY,
    NONCE,
    ORDER_BODY,
    ORDER_SIGNATURE,
    PAY_SIGN,
    PREPAY_ID,
    REPLY_BODY,
    REPLY_KEY_ID,
    REPLY_NONCE,
    REPLY_SIGNATURE,
    REPLY_TIMESTAMP,
    WECHATPAY_PUBLIC_KEY,
    merchant_key,
)
from shunfu.channels.wechatpay.workbench_causes import CAUSES
from shunfu.gateway.workbench import Worked

BENCH = CHANNEL.workbench
REQUEST: dict[str, object] = {
    "kind": "request",
    "method": "POST",
    "url": "https://api.mch.weixin.qq.com/v3/pay/transactions/jsapi",
    "timestamp": "1554208460",
    "nonce": NONCE,
    "body": ORDER_BODY,
    "signature": ORDER_SIGNATURE,
    "key": MERCHANT_PRIVATE_KEY,
}
REPLY: dict[str, object] = {
    "kind": "reply",
    "timestamp": REPLY_TIMESTAMP,
    "nonce": REPLY_NONCE,
    "body": REPLY_BODY,
    "serial": REPLY_KEY_ID,
    "signature": REPLY_SIGNATURE,
    "keys": {REPLY_KEY_ID: WECHATPAY_PUBLIC_KEY},
}
CLIENT: dict[str, object] = {
    "kind": "client",
    "appid": "wx2421b1c4370ec43b",
    "timestamp": 1554208460,
    "nonce": NONCE,
    "package": f"prepay_id={PREPAY_ID}",
    "signature": PAY_SIGN,
    "key": MERCHANT_PRIVATE_KEY,
}
APP: dict[str, object] = {**CLIENT, "package": None, "prepay_id": PREPAY_ID, "signature": APP_SIGN}


def sign_as(text: str) -> str:
    """Somebody's mistaken text, signed with the documentation's key."""
    return b64encode(merchant_key().sign(text.encode(), PKCS1v15(), SHA256())).decode()


def cause(worked: Worked) -> tuple[bool | None, str | None, str | None]:
    assert worked.reason is None or {"zh-CN", "en"} == set(worked.reason)
    return worked.valid, worked.failed_step, worked.fields.get("cause")


@pytest.mark.parametrize("source", [REQUEST, CLIENT, APP], ids=["request", "client", "app"])
def test_published_signatures_are_made_and_hold(source: Mapping[str, object]) -> None:
    made = BENCH.sign(source)
    assert made.signature == source["signature"]
    assert (made.to_sign or "").endswith("\n")
    assert BENCH.verify(source).valid is True


def test_published_reply_holds() -> None:
    found = BENCH.verify(REPLY)
    assert found.valid is True
    assert found.to_sign == f"{REPLY_TIMESTAMP}\n{REPLY_NONCE}\n{REPLY_BODY}\n"
    headers = {"Wechatpay-Timestamp": REPLY_TIMESTAMP, "Wechatpay-Nonce": REPLY_NONCE,
               "Wechatpay-Serial": REPLY_KEY_ID, "Wechatpay-Signature": REPLY_SIGNATURE}  # fmt: skip
    given = {"kind": "notification", "headers": headers, "body": REPLY_BODY, "keys": REPLY["keys"]}
    assert BENCH.verify(given).valid is True


def test_authorization_is_read_and_made() -> None:
    made = BENCH.sign({**REQUEST, "mchid": "1900007291", "serial": "408B07E7"})
    bare = {name: value for name, value in REQUEST.items() if name not in {"timestamp", "nonce", "signature"}}
    assert BENCH.verify({**bare, "authorization": made.fields["authorization"]}).valid is True


def test_key_without_armour() -> None:
    der = "".join(line for line in WECHATPAY_PUBLIC_KEY.splitlines() if not line.startswith("-"))
    assert BENCH.verify({**REPLY, "keys": {REPLY_KEY_ID: der}}).valid is True
    assert BENCH.verify({**REPLY, "keys": None, "key": der}).valid is True


REQUEST_LINES = ("POST", "/v3/pay/transactions/jsapi", "1554208460", NONCE, ORDER_BODY)


def lines(**changes: str) -> str:
    names = ("method", "url", "timestamp", "nonce", "body")
    found = dict(zip(names, REQUEST_LINES, strict=True)) | changes
    return "".join(f"{found[name]}\n" for name in names)


SPACED = json.dumps(json.loads(ORDER_BODY), ensure_ascii=False)
ESCAPED = json.dumps(json.loads(ORDER_BODY), separators=(",", ":"))
SORTED = json.dumps(json.loads(ORDER_BODY), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
MISTAKES: list[tuple[dict[str, object], str, str]] = [
    ({}, lines(body=SPACED), "reserialised"),
    ({}, lines(body=ESCAPED), "reserialised"),
    ({}, lines(body=SORTED), "reserialised"),
    ({"body": "a\nb"}, lines(body="a\r\nb"), "line_ends"),
    ({"body": "a\r\nb"}, lines(body="a\nb"), "line_ends"),
    ({"body": "a"}, lines(body="a\n"), "line_ends"),
    ({"body": "a\n"}, lines(body="a"), "line_ends"),
    ({"body": " a "}, lines(body="a"), "line_ends"),
    ({}, lines(url="https://api.mch.weixin.qq.com/v3/pay/transactions/jsapi"), "url_host"),
    ({"url": "/v3/x?mchid=1"}, lines(url="/v3/x"), "url_query"),
    ({"url": "/v3/a%7Cb"}, lines(url="/v3/a|b"), "double_decoding"),
    ({"url": "/v3/a|b"}, lines(url="/v3/a%7Cb"), "double_decoding"),
    ({"url": "/v3/a%257Cb"}, lines(url="/v3/a|b"), "double_decoding"),
    ({}, lines(timestamp=NONCE, nonce="1554208460"), "swapped"),
    ({}, lines()[:-1], "last_line_feed"),
    ({}, lines(method="post"), "method"),
    ({}, lines(body=""), "body_left_out"),
    ({}, "something else", "other_json"),
]


@pytest.mark.parametrize(("changes", "signed", "expected"), MISTAKES)
def test_each_mistake_is_named(changes: dict[str, object], signed: str, expected: str) -> None:
    found = BENCH.verify({**REQUEST, **changes, "signature": sign_as(signed)})
    assert cause(found) == (False, "signature", expected)
    assert found.to_sign


@pytest.mark.parametrize(("source", "other"), [(CLIENT, APP_SIGN), (APP, PAY_SIGN)])
def test_package_and_bare_prepay_id_are_told_apart(source: Mapping[str, object], other: str) -> None:
    assert cause(BENCH.verify({**source, "signature": other})) == (False, "signature", "package")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"body": json.dumps(json.loads(REPLY_BODY), indent=1)}, (False, "signature", "reserialised")),
        ({"body": f"{REPLY_BODY}\r\n"}, (False, "signature", "line_ends")),
        ({"signature": quote(REPLY_SIGNATURE, safe="")}, (False, "signature", "signature_escaped")),
        ({"signature": REPLY_SIGNATURE.replace("+", " ")}, (False, "signature", "signature_escaped")),
        ({"signature": REPLY_SIGNATURE[:-9]}, (False, "signature", "signature_not_base64")),
        ({"signature": "WECHATPAY/SIGNTEST/abc"}, (False, "signature", "probe")),
        ({"signature": None}, (False, "input", "member_missing")),
        ({"timestamp": ""}, (False, "input", "member_missing")),
        ({"kind": "letter"}, (False, "input", "member_missing")),
        ({"body": {"code_url": "x"}}, (False, "input", "member_missing")),
        ({"now": int(REPLY_TIMESTAMP) + 299}, (True, None, None)),
        ({"now": int(REPLY_TIMESTAMP) + 300}, (False, "timestamp", "timestamp")),
        ({"now": "2024-08-05T09:00:00Z"}, (False, "timestamp", "timestamp")),
        ({"now": "2024-08-05T17:33:41+08:00"}, (True, None, None)),
        ({"keys": {"40AB": WECHATPAY_PUBLIC_KEY}}, (False, "serial", "serial_other_kind")),
        ({"keys": {"PUB_KEY_ID_01": WECHATPAY_PUBLIC_KEY}}, (False, "serial", "serial_unknown")),
        ({"keys": {REPLY_KEY_ID: "x"}}, (False, "key", "key_broken")),
        ({"keys": None}, (False, "key", "key_missing")),
        ({"keys": None, "key": MERCHANT_PRIVATE_KEY}, (False, "signature", "merchant_key")),
        ({"keys": {REPLY_KEY_ID: MERCHANT_PRIVATE_KEY, "4A": WECHATPAY_PUBLIC_KEY}}, (False, "signature", "other_key")),
    ],
)
def test_each_step_of_a_reply(changes: dict[str, object], expected: tuple[bool, str | None, str | None]) -> None:
    assert cause(BENCH.verify({**REPLY, **changes})) == expected


def test_signing_needs_a_private_key() -> None:
    assert cause(BENCH.sign({**REQUEST, "key": WECHATPAY_PUBLIC_KEY})) == (False, "key", "key_public")
    assert cause(BENCH.sign({**REQUEST, "key": None})) == (False, "key", "key_missing")


def test_notification_is_verified_and_opened() -> None:
    rig = Rig()
    rig.order()
    rig.buy()
    message, material = rig.notify(NUMBER), keys().material
    source: dict[str, object] = {
        "kind": "notification", "headers": dict(message.headers), "body": message.body.decode(),
        "keys": {material.public_key_id: material.public_key, material.platform_serial: material.platform_certificate},
        "api_v3_key": material.api_v3_key, "now": int(NOW.timestamp()),
    }  # fmt: skip
    assert BENCH.verify(source).valid is True
    opened = BENCH.decrypt(source)
    assert json.loads(opened.plaintext or "")["out_trade_no"] == NUMBER
    assert cause(BENCH.decrypt({**source, "api_v3_key": "x" * 32})) == (None, "decrypt", "not_opened")
    assert cause(BENCH.decrypt({**source, "api_v3_key": "short"})) == (None, "key", "api_v3_key")
    assert cause(BENCH.decrypt({**source, "body": "{}"})) == (None, "input", "nothing_sealed")


def test_certificates_and_sensitive_fields_open() -> None:
    rig, material = Rig(), keys().material
    request = codec.build_request(rig.settings, codec.Line("GET", "/v3/certificates"), rig.moment())
    source = {"kind": "reply", "body": rig.said(request).body.decode(), "api_v3_key": material.api_v3_key}
    assert BENCH.decrypt(source).plaintext == material.platform_certificate
    sealed = close_field(keys(), "张三")
    assert BENCH.decrypt({"ciphertext": sealed, "key": material.merchant_private_key}).plaintext == "张三"
    wrong = BENCH.decrypt({"ciphertext": sealed, "key": material.platform_private_key})
    assert cause(wrong) == (None, "decrypt", "field_not_opened")
    assert cause(BENCH.decrypt({"ciphertext": sealed})) == (None, "key", "key_missing")


def test_reasons_exist_in_both_languages_and_print_no_key() -> None:
    assert all(len(zh) > 8 and len(en) > 20 and zh != en for zh, en in CAUSES.values())
    printed = repr(BENCH.verify({**REQUEST, "signature": "AAAA"}))
    assert "PRIVATE" not in printed

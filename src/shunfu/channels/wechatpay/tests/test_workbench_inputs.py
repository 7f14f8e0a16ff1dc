"""The workbench takes what people have at hand: the client's object as it is, any spelling of keys, resources."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from shunfu.channels.wechatpay import CHANNEL
from shunfu.channels.wechatpay.sandbox.wire import close_field
from shunfu.channels.wechatpay.tests.rig import NOW, NUMBER, Rig, keys
from shunfu.channels.wechatpay.tests.test_vectors import (
    APP_SIGN,
    MERCHANT_PRIVATE_KEY,
    NONCE,
    PAY_SIGN,
    PREPAY_ID,
    REPLY_BODY,
    REPLY_KEY_ID,
    REPLY_NONCE,
    REPLY_SIGNATURE,
    REPLY_TIMESTAMP,
    WECHATPAY_PUBLIC_KEY,
)
from shunfu.gateway.workbench import Worked

BENCH = CHANNEL.workbench
APPID = "wx2421b1c4370ec43b"
REPLY: dict[str, object] = {
    "kind": "reply", "timestamp": REPLY_TIMESTAMP, "nonce": REPLY_NONCE, "body": REPLY_BODY, "serial": REPLY_KEY_ID,
    "signature": REPLY_SIGNATURE, "keys": {REPLY_KEY_ID: WECHATPAY_PUBLIC_KEY},
}  # fmt: skip
MINI: dict[str, object] = {
    "appId": APPID, "timeStamp": "1554208460", "nonceStr": NONCE, "package": f"prepay_id={PREPAY_ID}",
    "signType": "RSA", "paySign": PAY_SIGN,
}  # fmt: skip
APP: dict[str, object] = {
    "appid": APPID, "partnerid": "1900007291", "prepayid": PREPAY_ID, "package": "Sign=WXPay", "noncestr": NONCE,
    "timestamp": "1554208460", "sign": APP_SIGN,
}  # fmt: skip


def cause(worked: Worked) -> tuple[bool | None, str | None, str | None]:
    return worked.valid, worked.failed_step, worked.fields.get("cause")


@pytest.mark.parametrize("given", [MINI, APP, {**MINI, "timeStamp": 1554208460}, {**APP, "timestamp": 1554208460.0}])
def test_client_object_is_taken_as_it_is(given: Mapping[str, object]) -> None:
    key = {"kind": "client", "key": MERCHANT_PRIVATE_KEY}
    for source in ({**key, **given}, {**key, "params": dict(given)}):
        assert BENCH.verify(source).valid is True
        assert BENCH.sign(source).signature in {PAY_SIGN, APP_SIGN}
        assert BENCH.sign(source).valid is None


def test_client_object_without_appid_takes_the_one_beside() -> None:
    given = {name: value for name, value in MINI.items() if name != "appId"}
    source = {"kind": "client", "key": MERCHANT_PRIVATE_KEY, "appid": APPID, "params": given}
    assert BENCH.verify(source).valid is True


def test_serial_may_be_left_out() -> None:
    source = {name: value for name, value in REPLY.items() if name != "serial"}
    assert BENCH.verify(source).valid is True
    other = keys().material.public_key
    assert BENCH.verify({**source, "keys": {"PUB_KEY_ID_9": other, REPLY_KEY_ID: WECHATPAY_PUBLIC_KEY}}).valid is True


def test_serial_is_found_in_any_spelling() -> None:
    assert BENCH.verify({**REPLY, "keys": {REPLY_KEY_ID.lower(): WECHATPAY_PUBLIC_KEY}}).valid is True
    assert BENCH.verify({**REPLY, "serial": REPLY_KEY_ID.lower()}).valid is True
    for serial, name in (("4a", "4A"), ("4A", "4a"), ("004A", "4a"), ("4A", "004a"), ("4a", "00:4A"), (" 4a", "4A")):
        assert BENCH.verify({**REPLY, "serial": serial, "keys": {name: WECHATPAY_PUBLIC_KEY}}).valid is True, name


def test_keys_may_be_a_list() -> None:
    material = keys().material
    assert BENCH.verify({**REPLY, "keys": [WECHATPAY_PUBLIC_KEY]}).valid is True
    several = [material.public_key, material.platform_certificate, WECHATPAY_PUBLIC_KEY]
    assert BENCH.verify({**REPLY, "keys": several}).valid is True
    assert cause(BENCH.verify({**REPLY, "keys": [material.public_key]})) == (False, "signature", "wrong_key")
    assert cause(BENCH.verify({**REPLY, "keys": [1, "x"]})) == (False, "key", "key_broken")
    assert cause(BENCH.verify({**REPLY, "keys": []})) == (False, "key", "key_missing")
    assert cause(BENCH.verify({**REPLY, "keys": 5})) == (False, "key", "key_broken")
    made = BENCH.sign(
        {"kind": "reply", "timestamp": 1, "nonce": "n", "keys": [WECHATPAY_PUBLIC_KEY, MERCHANT_PRIVATE_KEY]}
    )
    assert made.signature


AT = int(REPLY_TIMESTAMP)


@pytest.mark.parametrize("now", [AT, AT + 0.5, str(AT), f"{AT}.25", datetime.fromtimestamp(AT, UTC).isoformat()])
def test_now_in_any_form_is_judged(now: object) -> None:
    assert BENCH.verify({**REPLY, "now": now, "timestamp": AT}).valid is True
    late = BENCH.verify({**REPLY, "now": now if isinstance(now, str) else AT + 301, "timestamp": AT})
    assert late.valid is isinstance(now, str)


@pytest.mark.parametrize("now", ["abc", True, [1], 1e400, float("nan"), 10**400, "2024-08-05T17:33:41"])
def test_now_that_is_no_time_is_refused(now: object) -> None:
    assert cause(BENCH.verify({**REPLY, "now": now})) == (False, "input", "now_broken")


def test_without_now_the_clock_is_not_judged() -> None:
    assert BENCH.verify(REPLY).valid is True
    assert BENCH.verify({**REPLY, "now": None}).valid is True


def test_exactly_300_seconds_is_not_called_more() -> None:
    found = BENCH.verify({**REPLY, "now": AT + 300})
    assert cause(found) == (False, "timestamp", "timestamp")
    assert "more than 300" not in (found.reason or {})["en"]
    assert "超过 300" not in (found.reason or {})["zh-CN"]
    assert "300" in (found.reason or {})["en"]


def test_kinds_have_aliases() -> None:
    assert BENCH.verify({**REPLY, "kind": "response"}).valid is True
    assert BENCH.verify({**REPLY, "kind": "notify"}).valid is True


ODD: list[object] = [None, True, 1.5, 10**30, [], {}, [[]], "\x00", "9" * 5000, float("inf")]


def test_odd_members_never_raise() -> None:
    for name in (
        "kind",
        "timestamp",
        "nonce",
        "body",
        "serial",
        "signature",
        "keys",
        "key",
        "headers",
        "params",
        "now",
    ):
        for odd in ODD:
            whole = {**REPLY, "kind": "client", **MINI} if name == "params" else REPLY
            source = {**whole, name: odd}
            for work in (BENCH.sign, BENCH.verify, BENCH.decrypt):
                assert work(source).reason or work(source).valid is True, (name, odd)


def notification() -> dict[str, object]:
    rig = Rig()
    rig.order()
    rig.buy()
    message, material = rig.notify(NUMBER), keys().material
    return {
        "kind": "notification", "headers": dict(message.headers), "body": message.body.decode(),
        "keys": {material.public_key_id: material.public_key, material.platform_serial: material.platform_certificate},
        "api_v3_key": material.api_v3_key, "now": int(NOW.timestamp()),
    }  # fmt: skip


def test_resource_alone_is_opened() -> None:
    whole = notification()
    resource = json.loads(str(whole["body"]))["resource"]
    for given in ({"resource": resource}, {"body": json.dumps(resource)}, {"body": resource}, resource,
                  {"resource": json.dumps(resource)}):  # fmt: skip
        opened = BENCH.decrypt({"kind": "notification", "api_v3_key": whole["api_v3_key"], **given})
        assert json.loads(opened.plaintext or "")["out_trade_no"] == NUMBER
        assert opened.valid is None


def test_field_is_opened_as_body_or_ciphertext() -> None:
    sealed, key = close_field(keys(), "张三"), keys().material.merchant_private_key
    for given in ({"body": sealed}, {"ciphertext": sealed}, {"body": f"{sealed}\n"}):
        assert BENCH.decrypt({"kind": "reply", "key": key, **given}).plaintext == "张三"
        assert BENCH.decrypt({"kind": "reply", "keys": [key], **given}).plaintext == "张三"


def test_opened_notification_says_whether_its_signature_holds() -> None:
    whole = notification()
    assert BENCH.decrypt(whole).valid is True
    body = json.dumps(json.loads(str(whole["body"])), indent=3)
    opened = BENCH.decrypt({**whole, "body": body})
    assert json.loads(opened.plaintext or "")["out_trade_no"] == NUMBER
    assert (opened.valid, opened.failed_step) == (False, "signature")
    assert "re-serialised" in (opened.reason or {})["en"]
    unsigned = {name: value for name, value in whole.items() if name != "headers"}
    assert cause(BENCH.decrypt(unsigned)) == (None, None, None)

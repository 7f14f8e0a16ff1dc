"""The verbs: what each signed, unsigned, odd or missing answer of WeChat becomes as evidence."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from shunfu.channels.wechatpay import CHANNEL
from shunfu.channels.wechatpay.codes import canonical, refused_reason
from shunfu.channels.wechatpay.sandbox.wire import Said, Signing, signed
from shunfu.channels.wechatpay.tests.rig import NOTIFY_URL, NOW, NUMBER, OPENID, Rig, keys
from shunfu.gateway.evidence import Accepted, Closed, Evidence, NotFound, Paid, Refused, Unknown
from shunfu.gateway.flow import Answer, NoReply, Reply, Request


class Scripted(Rig):
    """A rig whose next replies are written by the test; it keeps the requests."""

    def __init__(self, *said: Said | Answer, mode: str = "both") -> None:
        super().__init__(mode)
        self.script = list(said)
        self.requests: list[Request] = []

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        said = self.script.pop(0)
        key_id = keys().material.public_key_id
        return signed(said, Signing(keys(), key_id, NOW, b"entropy")) if isinstance(said, Said) else said  # pyright: ignore[reportReturnType]


def refused(status: int, code: str) -> Said:
    return Said(status, {"code": code, "message": "words are never read"})


def prepay(said: Said | Answer) -> Evidence:
    return Scripted(said).order()


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (400, "PARAM_ERROR", "invalid_request"),
        (400, "APPID_MCHID_NOT_MATCH", "configuration"),
        (400, "MCH_NOT_EXISTS", "configuration"),
        (403, "NO_AUTH", "not_permitted"),
        (403, "NOAUTH", "not_permitted"),
        (403, "RULE_LIMIT", "risk"),
        (403, "RULELIMIT", "risk"),
        (403, "ACCOUNT_ERROR", "payer"),
        (403, "ACCOUNTERROR", "payer"),
        (400, "ORDER_CLOSED", "order_closed"),
    ],
)
def test_listed_codes_are_refused(status: int, code: str, reason: str) -> None:
    assert prepay(refused(status, code)) == Refused(reason, code)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ORDERPAID"), (400, "ORDER_PAID"), (400, "INVALID_REQUEST"), (403, "OUT_TRADE_NO_USED"),
        (403, "TRADE_ERROR"), (429, "FREQUENCY_LIMITED"), (429, "RATELIMIT_EXCEEDED"), (500, "SYSTEM_ERROR"),
        (500, "SYSTEMERROR"), (500, "BANK_ERROR"), (500, "PARAM_ERROR"), (429, "PARAM_ERROR"), (400, "NEW_CODE"),
        (400, ""), (401, "SIGN_ERROR"), (202, "USERPAYING"), (200, "SUCCESS"), (302, "PARAM_ERROR"),
    ],
)  # fmt: skip
def test_other_codes_leave_an_order_unknown(status: int, code: str) -> None:
    assert isinstance(prepay(refused(status, code)), Unknown)


@pytest.mark.parametrize("content", [None, {}, {"code": 5}, {"code": ["PARAM_ERROR"]}, {"prepay_id": 5}])
@pytest.mark.parametrize("status", [200, 400])
def test_malformed_content_is_unknown(status: int, content: dict[str, object] | None) -> None:
    assert isinstance(prepay(Said(status, content)), Unknown)


def test_unsigned_refusal_is_unknown() -> None:
    body = json.dumps({"code": "PARAM_ERROR", "message": ""}).encode()
    assert isinstance(prepay(Reply(400, {}, body)), Unknown)


def test_spelled_variants_are_one_code() -> None:
    pairs = {"SYSTEMERROR": "SYSTEM_ERROR", "RATELIMIT_EXCEED": "FREQUENCY_LIMITED", "NOAUTH": "NO_AUTH"}
    assert all(canonical(one) == other for one, other in pairs.items())
    assert refused_reason(503, "NO_AUTH") is None


@pytest.mark.parametrize("was_sent", [True, False])
def test_no_reply_is_unknown(was_sent: bool) -> None:
    assert prepay(NoReply("time-out", was_sent)) == Unknown("time-out")


@pytest.mark.parametrize("seconds", [-301, 301])
def test_stale_reply_is_unknown(seconds: int) -> None:
    stale = Signing(keys(), keys().material.public_key_id, NOW + timedelta(seconds=seconds), b"entropy")
    assert isinstance(prepay(signed(Said(200, {"prepay_id": "wx1"}), stale)), Unknown)


def test_probe_in_a_reply_is_unknown() -> None:
    reply = signed(Said(200, {"prepay_id": "wx1"}), Signing(keys(), keys().material.public_key_id, NOW, b"e"))
    probe = replace(reply, headers={**reply.headers, "wechatpay-signature": "WECHATPAY/SIGNTEST/abc"})
    assert isinstance(prepay(probe), Unknown)


def test_mini_program_request_and_invoke() -> None:
    rig = Scripted(Said(200, {"prepay_id": "wx201410272009395522657a690389285100"}))
    evidence = rig.order()
    assert isinstance(evidence, Accepted)
    invoke = evidence.invoke
    assert invoke.kind == "wechat_request_payment"
    assert set(invoke.params) == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
    assert invoke.expires_at == NOW + timedelta(hours=2)
    assert invoke.sandbox_url is not None
    shown = urlsplit(invoke.sandbox_url)
    assert invoke.sandbox_url.startswith("http://127.0.0.1:8701/sandbox/sheet?")
    assert dict(parse_qsl(shown.query)) == {"channel": "wechatpay", **invoke.params}
    (request,) = rig.requests
    assert request.url == "http://127.0.0.1:8701/v3/pay/transactions/jsapi"
    assert dict(request.headers)["Wechatpay-Serial"] == keys().material.public_key_id
    assert json.loads(request.body) == {
        "appid": keys().material.appid,
        "mchid": keys().material.mchid,
        "description": "山行咖啡",
        "out_trade_no": NUMBER,
        "time_expire": "2026-11-22T14:44:35+08:00",
        "notify_url": NOTIFY_URL,
        "amount": {"total": 8600, "currency": "CNY"},
        "payer": {"openid": OPENID},
    }


def test_native_request_and_invoke() -> None:
    rig = Scripted(Said(200, {"code_url": "weixin://wxpay/bizpayurl?pr=JyC91EIz1"}), mode="cert")
    rig.settings = replace(rig.settings, wechat_keys=Rig().settings.wechat_keys)
    evidence = rig.order("native")
    assert isinstance(evidence, Accepted)
    assert evidence.invoke.kind == "qr"
    assert evidence.invoke.params == {"code_url": "weixin://wxpay/bizpayurl?pr=JyC91EIz1"}
    (request,) = rig.requests
    assert dict(request.headers)["Wechatpay-Serial"] == keys().material.platform_serial
    assert "payer" not in json.loads(request.body)


def test_no_sandbox_sheet_on_the_real_host() -> None:
    rig = Scripted(Said(200, {"prepay_id": "wx1"}))
    rig.settings = replace(rig.settings, base_url="https://api.mch.weixin.qq.com")
    evidence = rig.order()
    assert isinstance(evidence, Accepted)
    assert evidence.invoke.sandbox_url is None


def test_long_subject_is_cut_and_controls_are_spaces() -> None:
    rig = Scripted(Said(200, {"prepay_id": "wx1"}))
    rig.order(subject="咖\n啡" * 60)
    description = json.loads(rig.requests[0].body)["description"]
    assert len(description) == 127
    assert description.startswith("咖 啡")


def test_mini_program_without_payer_is_refused_before_anything_is_sent() -> None:
    rig = Scripted()
    assert isinstance(rig.order(payer=None), Refused)
    assert rig.requests == []


CLOSINGS: list[tuple[Said, type]] = [
    (Said(204), Closed),
    (refused(404, "ORDER_NOT_EXIST"), NotFound),
    (refused(404, "ORDERNOTEXIST"), NotFound),
    (refused(400, "ORDERPAID"), Unknown),
    (refused(400, "ORDER_NOT_EXIST"), Unknown),
    (refused(500, "SYSTEM_ERROR"), Unknown),
    (Said(200, {}), Unknown),
    (Said(200), Unknown),
]


@pytest.mark.parametrize(("said", "kind"), CLOSINGS)
def test_close(said: Said, kind: type) -> None:
    rig = Scripted(said)
    assert isinstance(rig.end(), kind)
    assert json.loads(rig.requests[0].body) == {"mchid": keys().material.mchid}


def transaction(**changes: object) -> Said:
    amount = {"total": 8600, "currency": "CNY"}
    paid = {"mchid": "1900007291", "appid": "wx1", "out_trade_no": NUMBER, "transaction_id": "4200", "amount": amount}
    return Said(200, {**paid, "trade_state": "SUCCESS", "success_time": "2018-06-08T10:34:56+08:00", **changes})


QUERIES: list[tuple[Said, type]] = [
    (transaction(), Paid),
    (transaction(trade_state="REFUND"), Paid),
    (transaction(trade_state="CLOSED"), Closed),
    (transaction(out_trade_no="another-number"), Unknown),
    (transaction(trade_state="PAID"), Unknown),
    (refused(404, "ORDER_NOT_EXIST"), NotFound),
    (refused(404, "RESOURCE_NOT_EXISTS"), Unknown),
    (refused(429, "FREQUENCY_LIMITED"), Unknown),
]


@pytest.mark.parametrize(("said", "kind"), QUERIES)
def test_query(said: Said, kind: type) -> None:
    rig = Scripted(said)
    assert isinstance(rig.ask(), kind)
    material = keys().material
    expected = f"/v3/pay/transactions/out-trade-no/{NUMBER}?mchid={material.mchid}"
    assert rig.requests[0].url.endswith(expected)


def twice_json(text: str) -> str:
    return json.dumps(json.dumps(text))


SHAPES: list[Callable[[str], str]] = [str, repr, json.dumps, twice_json]


@pytest.mark.parametrize("shape", SHAPES)
def test_scrub_by_shape(shape: Callable[[str], str]) -> None:
    secrets = ("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "c2lnbmF0dXJl", "Q0lQSEVS", "13800138000", "MIIEvAIBADANBg")
    text = (
        'Authorization: WECHATPAY2-SHA256-RSA2048 mchid="1900007291",nonce_str="n",signature="c2lnbmF0dXJl",'
        'timestamp="1",serial_no="40"\nWechatpay-Signature: c2lnbmF0dXJl\n'
        '{"payer":{"openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},"resource":{"ciphertext":"Q0lQSEVS"},"phone":"13800138000"}'
        "\n-----BEGIN PRIVATE KEY-----\nMIIEvAIBADANBg\n-----END PRIVATE KEY-----\n"
        "out_trade_no=01KAZ3T8Q00000000000000001"
    )
    scrubbed = CHANNEL.scrub(shape(text))
    assert not [secret for secret in secrets if secret in scrubbed]
    assert "shopper-1" not in CHANNEL.scrub(shape('{"payer":{"openid":"shopper-1"},"openid": "shopper-1"}'))
    assert "01KAZ3T8Q00000000000000001" in scrubbed
    assert "1900007291" in scrubbed
    lent = ("tiihtNczf5v6AKRyjwEUhQ==", "ACCESS_TOKEN_9", "0f1e2d3c4b5a", "6222020000000000000", "061xY0")
    names = ("session_key", "access_token", "secret", "bank_account", "js_code")
    pairs = zip(names, lent, strict=True)
    text = json.dumps(dict(pairs)) + "&".join(f"{name}={value}" for name, value in zip(names, lent, strict=True))
    assert not [value for value in lent if value in CHANNEL.scrub(shape(text))]

"""The sandbox on the wire: signatures, keys, headers, certificates, as WeChat Pay's documentation says."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from shunfu.channels.wechatpay import codec, sandbox
from shunfu.channels.wechatpay.tests.rig import Rig, flip, keys
from shunfu.channels.wechatpay.tests.wire_calls import JSAPI, get, order, post
from shunfu.gateway.flow import Request
from shunfu.gateway.port import Moment
from shunfu.gateway.reading import JsonObject


def test_sandbox_does_not_import_the_codec() -> None:
    """Two programs that share a bug agree with each other; the sandbox has its own reading of the rules."""
    folder = Path(sandbox.__file__).parent
    names = {
        node.module
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    }
    ours = {name for name in names if name and name.startswith("shunfu.channels.wechatpay")}
    assert not [name for name in ours if not name.startswith("shunfu.channels.wechatpay.sandbox")]


def sealed_request(rig: Rig) -> Request:
    return codec.build_request(rig.settings, codec.Line("POST", JSAPI), rig.moment(), json.dumps(order()))


def with_authorization(request: Request, value: str) -> Request:
    headers = tuple((name, value if name == "Authorization" else old) for name, old in request.headers)
    return replace(request, headers=headers)


def test_items_of_authorization_in_any_order() -> None:
    rig = Rig()
    request = sealed_request(rig)
    scheme, _, items = dict(request.headers)["Authorization"].partition(" ")
    for turned in (items.split(",")[::-1], sorted(items.split(","))):
        assert rig.said(with_authorization(request, f"{scheme} {', '.join(turned)}")).status == 200


@pytest.mark.parametrize(
    "spoil", ["body", "path", "query", "signature", "timestamp", "serial_no", "mchid", "scheme", "missing"]
)
def test_wrong_signatures_get_an_unsigned_401(spoil: str) -> None:
    rig = Rig()
    request = sealed_request(rig)
    value = dict(request.headers)["Authorization"]
    changed = {
        "body": replace(request, body=flip(request.body, 5)),
        "path": replace(request, url=request.url.replace("jsapi", "native")),
        "query": replace(request, url=f"{request.url}?x=1"),
        "signature": with_authorization(request, re.sub('signature="...', 'signature="AAA', value)),
        "timestamp": with_authorization(request, re.sub('timestamp="[0-9]', 'timestamp="２', value)),
        "serial_no": with_authorization(request, re.sub('serial_no="..', 'serial_no="00', value)),
        "mchid": with_authorization(request, re.sub('mchid="..', 'mchid="00', value)),
        "scheme": with_authorization(request, value.replace("SHA256-RSA2048", "SM2-WITH-SM3")),
        "missing": replace(request, headers=()),
    }[spoil]
    reply = rig.said(changed)
    assert (reply.status, json.loads(reply.body)["code"]) == (401, "SIGN_ERROR")
    assert "wechatpay-signature" not in reply.headers
    assert reply.headers["request-id"].endswith("-268443699")


@pytest.mark.parametrize(("seconds", "status"), [(0, 200), (299, 200), (-299, 200), (301, 401), (-301, 401)])
def test_five_minutes_of_clock_difference(seconds: int, status: int) -> None:
    rig = Rig()
    request = sealed_request(rig)
    rig.advance(seconds)
    assert rig.said(request).status == status


def test_body_is_signed_as_sent_and_not_as_read() -> None:
    rig = Rig()
    text = json.dumps(order(), indent=3, ensure_ascii=True) + "\n"
    request = codec.build_request(rig.settings, codec.Line("POST", JSAPI), rig.moment(), text)
    assert rig.said(request).status == 200


def test_short_nonces_are_served() -> None:
    rig = Rig()
    request = codec.build_request(
        rig.settings, codec.Line("POST", JSAPI), Moment(rig.now, "5K8264ILTKC"), json.dumps(order())
    )
    assert rig.said(request).status == 200


@pytest.mark.parametrize("mode", ["cert", "public_key"])
def test_reply_is_signed_by_the_key_that_the_request_names(mode: str) -> None:
    rig = Rig(mode)
    reply = rig.said(sealed_request(rig))
    assert reply.headers["wechatpay-serial"] == rig.settings.wechat_serial
    assert reply.headers["wechatpay-signature-type"] == "WECHATPAY2-SHA256-RSA2048"
    assert re.fullmatch(r"[0-9A-F]{32}-0", reply.headers["request-id"])
    assert codec.verify(rig.settings, reply.headers, reply.body, rig.now) is None


def test_reply_without_a_named_key_has_the_older_scheme() -> None:
    rig = Rig()
    request = sealed_request(rig)
    bare = replace(request, headers=tuple(pair for pair in request.headers if pair[0] != "Wechatpay-Serial"))
    assert rig.said(bare).headers["wechatpay-serial"] == keys().material.platform_serial


def test_unknown_named_key_is_an_error() -> None:
    rig = Rig()
    rig.settings = replace(rig.settings, wechat_serial="PUB_KEY_ID_0")
    assert post(rig, order())[0] == 400


def test_other_addresses_are_the_gateways_404() -> None:
    rig = Rig()
    reply = rig.said(
        codec.build_request(rig.settings, codec.Line("POST", "/v3/pay/transactions/pigeon"), rig.moment(), "{}")
    )
    assert reply.status == 404
    assert "wechatpay-signature" not in reply.headers


def test_certificates_bootstrap() -> None:
    rig = Rig()
    status, body = get(rig, "/v3/certificates")
    rows = body["data"]
    assert status == 200
    assert isinstance(rows, list)
    row = cast("dict[str, JsonObject]", rows[0])
    assert row["serial_no"] == keys().material.platform_serial
    pem = codec.decrypt(rig.settings, row["encrypt_certificate"])
    assert pem == keys().material.platform_certificate.encode()

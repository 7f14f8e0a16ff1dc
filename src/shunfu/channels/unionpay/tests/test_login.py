"""云闪付's tokens, login and phone, and the signature for upsdk.config."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from shunfu.channels.unionpay.login import UnionPayLogin, open_sealed, sign_upsdk_config
from shunfu.channels.unionpay.tests.rig import UnionPayRig, new_rig
from shunfu.gateway.contract.rig import BASE_URL, NONCE
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.faults import Faults
from shunfu.gateway.flow import NoReply, Reply, Request
from shunfu.gateway.login import LoggedIn, LoginRefused, Phone, PlatformToken
from shunfu.kernel.secret import Secret

LOGIN = UnionPayLogin()


def token(rig: UnionPayRig) -> PlatformToken:
    found = rig.run(LOGIN.fetch_token(rig.settings, rig.moment()))
    assert isinstance(found, PlatformToken)
    return found


def test_tokens_never_send_the_secret() -> None:
    rig = new_rig()
    request = next(LOGIN.fetch_token(rig.settings, rig.moment()))
    assert request.url == f"{BASE_URL}/open/access/1.0/backendToken"
    body = json.loads(request.body)
    assert set(body) == {"appId", "nonceStr", "timestamp", "signature"}
    secret = rig.credentials["app_secret"]
    text = f"appId={rig.settings.app_id}&nonceStr={NONCE}&secret={secret}&timestamp=1795328975"
    assert body["signature"] == sha256(text.encode()).hexdigest()
    assert secret.encode() not in request.body
    assert token(rig).expires_at == rig.now + timedelta(seconds=7200)


def test_upsdk_config() -> None:
    rig = new_rig()
    front = rig.run(LOGIN.fetch_front_token(rig.settings, rig.moment()))
    assert isinstance(front, PlatformToken)
    found = sign_upsdk_config(rig.settings, front, "https://m.example/pay?id=1#top", rig.moment())
    text = (
        f"appId={rig.settings.app_id}&frontToken={front.token.reveal()}&nonceStr={NONCE}"
        "&timestamp=1795328975&url=https://m.example/pay?id=1"
    )
    assert found == {
        "appId": rig.settings.app_id,
        "nonceStr": NONCE,
        "timestamp": "1795328975",
        "signature": sha256(text.encode()).hexdigest(),
    }


def test_token_expires_and_the_other_kind_is_no_use() -> None:
    rig = new_rig()
    back, front = token(rig), rig.run(LOGIN.fetch_front_token(rig.settings, rig.moment()))
    assert isinstance(front, PlatformToken)
    code = rig.sandbox.login_code
    assert isinstance(rig.run(LOGIN.log_in(rig.settings, code, front, rig.moment())), LoginRefused)
    rig.advance(7201)
    assert isinstance(rig.run(LOGIN.log_in(rig.settings, code, back, rig.moment())), LoginRefused)
    assert isinstance(rig.run(LOGIN.log_in(rig.settings, code, token(rig), rig.moment())), LoggedIn)


def test_login_code_is_no_consent_to_the_phone() -> None:
    rig = new_rig()
    answer = rig.run(LOGIN.read_phone(rig.settings, rig.sandbox.login_code, token(rig), rig.moment()))
    assert answer == LoginRefused("not_permitted", "N62135")


def test_phone_needs_the_key_and_a_token() -> None:
    rig = new_rig(symmetric_key="")
    proof = rig.sandbox.verbs.phone_proof(rig.stage.state, "13800138000", rig.at())
    assert rig.run(LOGIN.read_phone(rig.settings, proof, token(rig), rig.moment())) == LoginRefused(
        "not_permitted", "symmetric_key"
    )
    other = new_rig(symmetric_key="0" * 47 + "1")
    assert isinstance(other.run(LOGIN.read_phone(other.settings, proof, token(other), other.moment())), Unknown)
    whole = new_rig()
    assert isinstance(whole.run(LOGIN.read_phone(whole.settings, proof, None, whole.moment())), LoginRefused)
    assert isinstance(whole.run(LOGIN.read_phone(whole.settings, proof, token(whole), whole.moment())), Phone)


def test_account_without_an_application() -> None:
    rig = new_rig(app_id="", app_secret="")
    assert isinstance(rig.run(LOGIN.fetch_token(rig.settings, rig.moment())), LoginRefused)
    assert isinstance(rig.run(LOGIN.log_in(rig.settings, "code", None, rig.moment())), LoginRefused)


def test_wrong_secret_is_refused() -> None:
    rig = new_rig(app_secret="f" * 32)
    assert rig.run(LOGIN.fetch_token(rig.settings, rig.moment())) == LoginRefused("not_permitted", "BC0025")


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"resp":"00"}', b'{"resp":"00","params":{"backendToken":"x"}}', b'{"resp":0}', b"[]",
     b'{"resp":"00","params":{"backendToken":"x","expiresIn":-1}}',
     b'{"resp":"00","params":{"backendToken":"x","expiresIn":"7200"}}',
     b'{"resp":"00","params":{"backendToken":"\\u4e2d","expiresIn":7200}}'],
)  # fmt: skip
def test_malformed_tokens(body: bytes) -> None:
    rig = new_rig()
    answer = rig.run(LOGIN.fetch_token(rig.settings, rig.moment()), lambda _: Reply(200, {}, body))
    assert isinstance(answer, Unknown)


def test_silence_and_storms() -> None:
    rig = new_rig()
    assert isinstance(rig.run(LOGIN.fetch_token(rig.settings, rig.moment()), silent), Unknown)
    for faults in (Faults(too_many=1), Faults(system_error=1), Faults(gateway_error=1)):
        rig.fault(faults)
        assert isinstance(rig.run(LOGIN.fetch_token(rig.settings, rig.moment())), Unknown)


def silent(request: Request) -> NoReply:
    return NoReply(f"no answer of {request.url[:4]}", was_sent=True)


def test_sealed_texts() -> None:
    key = Secret(bytes(range(24)))
    for sealed in ("!", "", b64encode(b"x" * 7).decode(), b64encode(b"x" * 8).decode()):
        assert open_sealed(key, sealed) is None
    short = replace(new_rig().settings, symmetric_key=Secret(bytes(24)))
    assert short.symmetric_key is not None

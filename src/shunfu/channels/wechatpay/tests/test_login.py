"""Who the shopper is in WeChat: codes and tokens that end, quotas, every errcode, hostile replies, nothing shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from shunfu.channels.wechatpay import CHANNEL, SANDBOX
from shunfu.channels.wechatpay.login import WeChatLogin
from shunfu.channels.wechatpay.sandbox import State
from shunfu.channels.wechatpay.settings import Settings
from shunfu.channels.wechatpay.tests.beyond_rig import first_state, make_rig
from shunfu.gateway.contract.rig import Rig
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.faults import Faults
from shunfu.gateway.flow import Answer, NoReply, Reply, Request
from shunfu.gateway.login import LoggedIn, LoginRefused, Phone, PlatformToken
from shunfu.kernel.secret import Secret

VERBS = WeChatLogin()
CODE = SANDBOX.login_code
PHONE = "13800138000"
AnyRig = Rig[Settings, State]


def told(content: object, status: int = 200) -> Callable[[Request], Reply]:
    return lambda _: Reply(status, {}, json.dumps(content).encode())


def fetch(rig: AnyRig) -> PlatformToken:
    token = rig.run(VERBS.fetch_token(rig.settings, rig.moment()))
    assert isinstance(token, PlatformToken)
    return token


def log_in(rig: AnyRig, code: str) -> object:
    return rig.run(VERBS.log_in(rig.settings, code, None, rig.moment()))


def read_phone(rig: AnyRig, proof: str, token: PlatformToken) -> object:
    return rig.run(VERBS.read_phone(rig.settings, proof, token, rig.moment()))


def stable(rig: AnyRig, **changes: object) -> Mapping[str, object]:
    """stable_token of a client that is not ours."""
    secret = rig.stage.state.material.app_secret
    body = {"grant_type": "client_credential", "appid": rig.settings.appid, "secret": secret, **changes}
    answer = rig.answer(
        Request("POST", f"{rig.settings.platform_url}/cgi-bin/stable_token", (), json.dumps(body).encode())
    )
    assert isinstance(answer, Reply)
    return json.loads(answer.body)


def test_code_works_once_and_tells_one_shopper() -> None:
    rig = make_rig()
    first = log_in(rig, CODE)
    assert isinstance(first, LoggedIn)
    assert first.session is not None
    assert len(first.session.reveal()) == 24
    assert log_in(rig, CODE) == LoginRefused("code", "40163")
    other, again = log_in(rig, f"{CODE}-b"), log_in(rig, f"{CODE}-c")
    assert isinstance(other, LoggedIn)
    assert isinstance(again, LoggedIn)
    assert len({first.shopper.reveal(), other.shopper.reveal(), again.shopper.reveal()}) == 3
    assert log_in(rig, "another") == LoginRefused("code", "40029")
    assert log_in(rig, f"{CODE}-x-high-risk") == LoginRefused("risk", "40226")


@pytest.mark.parametrize("code", ["", "a b", "é", "x" * 513, "a\n"])
def test_malformed_code_is_not_sent(code: str) -> None:
    rig = make_rig()
    flow = VERBS.log_in(rig.settings, code, None, rig.moment())
    assert rig.run(flow, lambda _: pytest.fail("it was sent")) == LoginRefused("code", "malformed")


def test_code_is_one_value_of_the_query_whatever_it_holds() -> None:
    rig = make_rig()
    urls: list[str] = []
    flow = VERBS.log_in(rig.settings, "a&secret=x#y", None, rig.moment())
    rig.run(flow, lambda request: (urls.append(request.url), rig.answer(request))[1])
    assert urls[0].count("secret=") == 1
    assert "#" not in urls[0]


def test_token_is_the_same_until_it_ends_soon() -> None:
    rig = make_rig()
    first = fetch(rig)
    assert first.expires_at == rig.now + timedelta(seconds=7200)
    rig.advance(3600)
    same = fetch(rig)
    assert same.token.reveal() == first.token.reveal()
    assert same.expires_at == first.expires_at
    rig.advance(3301)
    following = fetch(rig)
    assert following.token.reveal() != first.token.reveal()
    proof = SANDBOX.verbs.phone_proof(rig.stage.state, PHONE, rig.at())
    assert isinstance(read_phone(rig, proof, first), Phone), "the old one works to its end"
    rig.advance(299)
    proof = SANDBOX.verbs.phone_proof(rig.stage.state, PHONE, rig.at())
    assert read_phone(rig, proof, first) == LoginRefused("token", "42001")
    assert isinstance(read_phone(rig, proof, following), Phone)


def test_forced_refresh_has_a_quota_and_ends_the_old_token() -> None:
    rig = make_rig()
    old = fetch(rig)
    texts = {stable(rig, force_refresh=True)["access_token"] for _ in range(20)}
    assert len(texts) == 20
    assert stable(rig, force_refresh=True)["errcode"] == 45009
    rig.advance(301)
    assert read_phone(rig, "x", old) == LoginRefused("token", "42001")
    rig.advance(86400)
    assert "access_token" in stable(rig, force_refresh=True)


@pytest.mark.parametrize(
    ("changes", "errcode"), [({"secret": "x"}, 40125), ({"appid": "wx0"}, 40013), ({"grant_type": "x"}, 40002)]
)
def test_wrong_secret_gets_no_token(changes: dict[str, object], errcode: int) -> None:
    assert stable(make_rig(), **changes)["errcode"] == errcode


def test_older_address_of_the_token_works_too() -> None:
    rig = make_rig()
    secret = rig.stage.state.material.app_secret
    query = urlencode({"grant_type": "client_credential", "appid": rig.settings.appid, "secret": secret})
    answer = rig.answer(Request("GET", f"{rig.settings.platform_url}/cgi-bin/token?{query}", ()))
    assert isinstance(answer, Reply)
    assert json.loads(answer.body)["expires_in"] == 7200


def test_phone_code_works_once_within_five_minutes_and_for_this_account() -> None:
    rig = make_rig()
    proof = SANDBOX.verbs.phone_proof(rig.stage.state, PHONE, rig.at())
    assert PHONE not in proof
    phone = read_phone(rig, proof, fetch(rig))
    assert isinstance(phone, Phone)
    assert (phone.number.reveal(), phone.country) == (PHONE, "86")
    assert PHONE not in repr(phone)
    assert read_phone(rig, proof, fetch(rig)) == LoginRefused("code", "40163")
    late = SANDBOX.verbs.phone_proof(rig.stage.state, PHONE, rig.at())
    rig.advance(300)
    assert read_phone(rig, late, fetch(rig)) == LoginRefused("code", "40029")
    for forged in ("x", "x.y", f"{late.partition('.')[0]}.", "..", "é"):
        assert isinstance(read_phone(rig, forged, fetch(rig)), LoginRefused)


def test_phone_needs_a_token() -> None:
    rig = make_rig()
    flow = VERBS.read_phone(rig.settings, "x", None, rig.moment())
    assert rig.run(flow) == LoginRefused("token", "missing")
    wrong = PlatformToken(Secret("no-such-token"), rig.now)
    assert read_phone(rig, "x", wrong) == LoginRefused("token", "40001")


@pytest.mark.parametrize(
    ("errcode", "reason"),
    [(40029, "code"), (40163, "code"), (45011, "too_frequent"), (40226, "risk"), (40013, "not_permitted"),
     (40125, "not_permitted"), (40164, "not_permitted"), (40001, "not_permitted")],
)  # fmt: skip
def test_listed_errcodes_refuse_a_login(errcode: int, reason: str) -> None:
    rig = make_rig()
    flow = VERBS.log_in(rig.settings, "code", None, rig.moment())
    refused = rig.run(flow, told({"errcode": errcode, "errmsg": "x", "openid": "o", "session_key": "k"}))
    assert isinstance(refused, LoginRefused)
    assert (refused.reason, refused.channel_code) == (reason, str(errcode))


@pytest.mark.parametrize("errcode", [-1, 1, 99999, 47001])
def test_other_errcodes_are_unknown(errcode: int) -> None:
    rig = make_rig()
    said = told({"errcode": errcode, "errmsg": "x"})
    token = PlatformToken(Secret("x"), rig.now)
    assert isinstance(rig.run(VERBS.log_in(rig.settings, "code", None, rig.moment()), said), Unknown)
    assert isinstance(rig.run(VERBS.fetch_token(rig.settings, rig.moment()), said), Unknown)
    assert isinstance(rig.run(VERBS.read_phone(rig.settings, "x", token, rig.moment()), said), Unknown)


GOOD_LOGIN = {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "session_key": "tiihtNczf5v6AKRyjwEUhQ=="}


@pytest.mark.parametrize(
    "change",
    [{"openid": None}, {"openid": ""}, {"openid": 5}, {"openid": "a b"}, {"session_key": None}, {"session_key": "k"},
     {"errcode": "0"}, {"errcode": True}, {"errcode": 1.0}],
)  # fmt: skip
def test_spoiled_login_is_unknown(change: dict[str, object]) -> None:
    rig = make_rig()
    good = rig.run(VERBS.log_in(rig.settings, "code", None, rig.moment()), told(GOOD_LOGIN))
    assert isinstance(good, LoggedIn)
    spoiled = told({**GOOD_LOGIN, **change})
    assert isinstance(rig.run(VERBS.log_in(rig.settings, "code", None, rig.moment()), spoiled), Unknown)


@pytest.mark.parametrize(
    "content",
    [{}, {"access_token": "t"}, {"access_token": "", "expires_in": 7200}, {"access_token": "t", "expires_in": 0},
     {"access_token": "t", "expires_in": "7200"}, {"access_token": "t", "expires_in": 10**9},
     {"access_token": "a b", "expires_in": 7200}, {"access_token": ["t"], "expires_in": 7200}],
)  # fmt: skip
def test_spoiled_token_is_unknown(content: dict[str, object]) -> None:
    rig = make_rig()
    assert isinstance(rig.run(VERBS.fetch_token(rig.settings, rig.moment()), told(content)), Unknown)


@pytest.mark.parametrize(
    "change",
    [{"purePhoneNumber": 13800138000}, {"purePhoneNumber": "+8613800138000"}, {"purePhoneNumber": ""},
     {"countryCode": None}, {"watermark": {"appid": "wx0"}}, {"watermark": None}],
)  # fmt: skip
def test_spoiled_phone_is_unknown(change: dict[str, object]) -> None:
    rig = make_rig()
    shown: dict[str, object] = {
        "purePhoneNumber": PHONE,
        "countryCode": "86",
        "watermark": {"appid": rig.settings.appid},
    }
    token = PlatformToken(Secret("x"), rig.now)

    def answer(found: dict[str, object]) -> object:
        said = told({"errcode": 0, "errmsg": "ok", "phone_info": found})
        return rig.run(VERBS.read_phone(rig.settings, "x", token, rig.moment()), said)

    assert isinstance(answer(shown), Phone)
    assert isinstance(answer({**shown, **change}), Unknown)


@pytest.mark.parametrize("status", [201, 302, 400, 500, 502])
def test_other_status_is_unknown(status: int) -> None:
    rig = make_rig()
    flow = VERBS.log_in(rig.settings, "code", None, rig.moment())
    assert isinstance(rig.run(flow, told(GOOD_LOGIN, status)), Unknown)


def test_silence_is_unknown() -> None:
    rig = make_rig()
    flow = VERBS.log_in(rig.settings, "code", None, rig.moment())
    assert rig.run(flow, lambda _: NoReply("time-out", was_sent=True)) == Unknown("time-out")


def test_storms_speak_the_platforms_language() -> None:
    rig = make_rig()
    rig.fault(replace(Faults(), too_many=1))
    assert log_in(rig, CODE) == LoginRefused("too_frequent", "45011")
    rig.fault(replace(Faults(), system_error=1))
    assert log_in(rig, CODE) == Unknown("errcode -1")
    rig.fault(replace(Faults(), gateway_error=1))
    assert isinstance(log_in(rig, CODE), Unknown)
    assert isinstance(log_in(rig, CODE), LoggedIn), "none of these used the code up"


def test_without_a_secret_nothing_is_sent() -> None:
    credentials = dict(SANDBOX.verbs.describe(first_state(), "http://127.0.0.1:8701").client)
    del credentials["app_secret"]
    settings, rig = CHANNEL.load(credentials), make_rig()
    for flow in (VERBS.fetch_token(settings, rig.moment()), VERBS.log_in(settings, "x", None, rig.moment())):
        assert rig.run(flow, lambda _: pytest.fail("it was sent")) == LoginRefused(
            "not_permitted", "app_secret missing"
        )


def test_nothing_lent_survives_a_log() -> None:
    """Requests carry the secret and tokens in their address, replies the session: scrub takes them out."""
    rig = make_rig()
    seen: list[object] = []

    def watched(request: Request) -> Answer:
        answer = rig.answer(request)
        seen.extend((request, answer))
        return answer

    token = rig.run(VERBS.fetch_token(rig.settings, rig.moment()), watched)
    logged_in = rig.run(VERBS.log_in(rig.settings, CODE, None, rig.moment()), watched)
    assert isinstance(token, PlatformToken)
    assert isinstance(logged_in, LoggedIn)
    proof = SANDBOX.verbs.phone_proof(rig.stage.state, PHONE, rig.at())
    rig.run(VERBS.read_phone(rig.settings, proof, token, rig.moment()), watched)
    assert logged_in.session is not None
    secrets = (
        rig.stage.state.material.app_secret, token.token.reveal(), logged_in.session.reveal(),
        logged_in.shopper.reveal(), PHONE,
    )  # fmt: skip
    texts = [repr(seen), *(one.url for one in seen if isinstance(one, Request))]
    texts += [one.body.decode() for one in seen if isinstance(one, Request | Reply)]
    for secret in secrets:
        assert any(secret in text for text in texts), "the test looks for nothing"
        assert not any(secret in CHANNEL.scrub(text) for text in texts)
        assert secret not in f"{token!r} {logged_in!r} {rig.settings!r}"

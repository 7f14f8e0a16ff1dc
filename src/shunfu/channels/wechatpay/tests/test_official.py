"""The official account: its scene's orders name it, its web login is one silent walk, and its codes work once."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from shunfu.channels.wechatpay import CHANNEL, SANDBOX
from shunfu.channels.wechatpay.official import WeChatWebLogin
from shunfu.channels.wechatpay.sandbox.state import State
from shunfu.channels.wechatpay.settings import Settings
from shunfu.channels.wechatpay.tests.beyond_rig import first_state
from shunfu.channels.wechatpay.tests.rig import credentials
from shunfu.gateway.contract import Rig
from shunfu.gateway.evidence import Accepted, Paid, Unknown
from shunfu.gateway.flow import Answer, NoReply, Reply, Request
from shunfu.gateway.login import LoggedIn, LoginAnswer, LoginRefused

VERBS = WeChatWebLogin()
BACK = "https://pay.example.com/c/T/known?method=a%2Fb"
STATE = "593BEC0C930BF1AFEB40B4A08C8FB242"
OfficialRig = Rig[Settings, State]


def make_rig() -> OfficialRig:
    return Rig(CHANNEL, SANDBOX, first_state())


def walk(rig: OfficialRig, state: str = STATE, **changes: str) -> Reply:
    address = VERBS.authorize_url(rig.settings, BACK, state).partition("#")[0]
    parts = urlsplit(address)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    answer = rig.answer(Request("GET", parts._replace(query=urlencode(query)).geturl(), ()))
    assert isinstance(answer, Reply)
    return answer


def code_of(rig: OfficialRig) -> str:
    return parse_qs(urlsplit(walk(rig).headers["location"]).query)["code"][0]


def exchange(rig: OfficialRig, code: str, answer: Callable[[Request], Answer] | None = None) -> LoginAnswer:
    return rig.run(VERBS.exchange(rig.settings, code, rig.moment()), answer)


def test_the_walk_asks_nobody_and_comes_back_with_a_code() -> None:
    rig = make_rig()
    address = VERBS.authorize_url(rig.settings, BACK, STATE)
    assert list(parse_qs(urlsplit(address).query)) == ["appid", "redirect_uri", "response_type", "scope", "state"]
    assert address.endswith("#wechat_redirect")
    reply = walk(rig)
    back = urlsplit(reply.headers["location"])
    query = parse_qs(back.query)
    assert (reply.status, f"{back.scheme}://{back.netloc}{back.path}") == (302, "https://pay.example.com/c/T/known")
    assert (query["method"], query["state"]) == (["a/b"], [STATE])
    said = exchange(rig, query["code"][0])
    assert isinstance(said, LoggedIn)
    assert said.shopper.reveal() != SANDBOX.shopper, "an official account knows people by other openids"
    assert (said.session, said.union) == (None, None)


def test_a_real_account_walks_at_wechats_own_page() -> None:
    texts = {name: text for name, text in credentials().items() if not name.endswith("_url")}
    address = VERBS.authorize_url(CHANNEL.load(texts), BACK, STATE)
    assert address.startswith("https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx")


def test_a_code_works_once_and_for_five_minutes() -> None:
    rig = make_rig()
    code = code_of(rig)
    assert isinstance(exchange(rig, code), LoggedIn)
    assert exchange(rig, code) == LoginRefused("code", "40163")
    late = code_of(rig)
    rig.advance(300)
    assert exchange(rig, late) == LoginRefused("code", "40029")


@pytest.mark.parametrize("code", ["", "中", " ", "x" * 513])
def test_what_cannot_be_a_code_is_not_sent(code: str) -> None:
    assert exchange(make_rig(), code, lambda _: pytest.fail("it was sent")) == LoginRefused("code", "malformed")


def test_a_code_of_nobodys_making_is_refused() -> None:
    rig = make_rig()
    code = code_of(rig)
    for spoiled in ("x", code[:-1], code[::-1], "." + code, SANDBOX.login_code):
        assert exchange(rig, spoiled) == LoginRefused("code", "40029"), spoiled


@pytest.mark.parametrize(
    "change",
    [
        {"appid": "wx0000000000000000"},
        {"scope": "snsapi_all"},
        {"response_type": "token"},
        {"state": "with-a-hyphen"},
        {"state": "x" * 129},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "https://[::1"},
    ],
)
def test_a_wrong_question_goes_nowhere(change: dict[str, str]) -> None:
    reply = walk(make_rig(), **change)
    assert (reply.status, "location" in reply.headers) == (200, False)


@pytest.mark.parametrize("body", [b"", b"null", b"<html>", b"{}", b'{"openid":1}', b'{"openid":""}', b"\xff"])
def test_a_spoiled_answer_is_unknown(body: bytes) -> None:
    assert isinstance(exchange(make_rig(), "code", lambda _: Reply(200, {}, body)), Unknown)


def test_silence_is_unknown_and_a_wrong_secret_is_not_the_shoppers_fault() -> None:
    rig = make_rig()
    assert exchange(rig, "code", lambda _: NoReply("time-out", was_sent=True)) == Unknown("time-out")
    wrong = CHANNEL.load({**rig.credentials, "official_secret": "0" * 32})
    said = rig.run(VERBS.exchange(wrong, code_of(rig), rig.moment()))
    assert said == LoginRefused("not_permitted", "40125")


def test_without_an_official_account_there_is_no_such_scene() -> None:
    texts = {name: text for name, text in credentials().items() if not name.startswith("official_")}
    settings = CHANNEL.load(texts)
    assert [scene.name for scene in CHANNEL.scenes_of(settings)] == ["miniprogram", "native", "h5", "app"]
    assert "jsapi" in [scene.name for scene in CHANNEL.scenes_of(CHANNEL.load(credentials()))]
    rig = make_rig()
    asked = rig.run(VERBS.exchange(settings, "code", rig.moment()), lambda _: pytest.fail("it was sent"))
    assert asked == LoginRefused("not_permitted", "official_secret missing")


@pytest.mark.parametrize("name", ["official_appid", "official_secret"])
def test_half_an_official_account_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        CHANNEL.load({**credentials(), name: ""})


def test_its_money_is_ours_and_no_other_applications_is() -> None:
    rig = make_rig()
    scene = CHANNEL.scene("jsapi")
    assert scene is not None
    number, evidence = rig.place(scene)
    assert isinstance(evidence, Accepted)
    assert evidence.invoke.params["appId"] == rig.settings.official_appid
    assert rig.pay(number)
    paid = rig.query(number)
    assert isinstance(paid, Paid)
    identity = CHANNEL.identity(rig.settings)
    assert paid.app == rig.settings.official_appid == identity.app_in("jsapi") != identity.app
    assert identity.is_app(paid.app)
    assert identity.is_app(identity.app)
    assert not identity.is_app("wx0000000000000000")


def test_a_prepay_id_of_one_application_does_not_open_in_another() -> None:
    rig = make_rig()
    scene = CHANNEL.scene("jsapi")
    assert scene is not None
    _, evidence = rig.place(scene)
    assert isinstance(evidence, Accepted)
    params = {"channel": "wechatpay", **evidence.invoke.params, "appId": rig.settings.appid}
    assert rig.open_sheet(params).condition == "invalid"


def test_what_is_lent_survives_no_log() -> None:
    rig = make_rig()
    seen: list[str] = []

    def watched(request: Request) -> Answer:
        answer = rig.answer(request)
        assert isinstance(answer, Reply)
        seen.extend((request.url, answer.body.decode()))
        return answer

    code = code_of(rig)
    said = exchange(rig, code, watched)
    assert isinstance(said, LoggedIn)
    for secret in (rig.stage.state.material.official_secret, said.shopper.reveal()):
        assert any(secret in text for text in seen), "the test looks for nothing"
        assert not any(secret in CHANNEL.scrub(text) for text in seen)
        assert secret not in f"{said!r} {rig.settings!r}"

"""Which ways to pay a browser is offered, and which one is chosen already: tables, over the channels that there are."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from shunfu.checkout.methods import Habit, Place, choices, ways_for_client, ways_in_browser
from shunfu.driver import discover
from shunfu.gateway.port import Identity, OwnBrowser
from shunfu.merchants import OpenAccount

CHANNELS = discover().channels
BROWSERS = [(name, one.own_browser) for name, one in CHANNELS.items() if one.own_browser]
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
ANDROID = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/142.0.0.0 Mobile Safari/537.36"
HARMONY = "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 Chrome/132.0.0.0 Safari/537.36 ArkWeb/6.0"
WECHAT = f"{ANDROID} MMWEBID/1 MicroMessenger/8.0.50.2701(0x28003252) WeChat/arm64 NetType/WIFI Language/zh_CN"
WECHAT_MINI = f"{WECHAT} miniProgram/wx0123456789abcdef"
ALIPAY = f"{IPHONE} NebulaSDK/1.8.100112 Nebula AliApp(AP/10.6.80) AlipayClient/10.6.80 Language/zh-Hans"
QUICK_PASS = f"{ANDROID} (com.unionpay.chsp) UnionPay/1.0 CloudPay"


def account(name: str, *left_out: str) -> OpenAccount:
    channel = CHANNELS[name]
    scenes = tuple(scene for scene in channel.scenes if scene.name not in left_out)
    return OpenAccount(UUID(int=1), channel, object(), Identity("1", "a"), is_sandbox=True, scenes=scenes)


ACCOUNTS = [account("wechatpay"), account("alipay"), account("unionpay")]
PHONE = ["wechatpay/h5", "alipay/h5", "unionpay/h5"]
DESKTOP = ["wechatpay/native", "alipay/page", "alipay/native", "unionpay/page", "unionpay/native"]


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (CHROME, DESKTOP),
        ("", DESKTOP),
        ("curl/8.5.0", DESKTOP),
        (IPHONE, PHONE),
        (ANDROID, PHONE),
        (HARMONY, PHONE),
        (WECHAT, ["wechatpay/jsapi"]),
        (f"{CHROME} MicroMessenger/7.0.20.1781(0x6700143B) WindowsWechat", ["wechatpay/jsapi"]),
        (WECHAT_MINI, []),
        (ALIPAY, ["alipay/h5"]),
        (f"{ALIPAY} MiniProgram APXWebView", []),
        (QUICK_PASS, ["unionpay/h5"]),
        ("\x00<script>" * 40, DESKTOP),
    ],
)
def test_each_browser_is_offered_what_works_there(agent: str, expected: list[str]) -> None:
    assert [way.name for way in ways_in_browser(ACCOUNTS, Place(agent, BROWSERS))] == expected


def test_a_wallet_without_an_account_offers_nothing_of_the_others() -> None:
    place = Place(WECHAT, BROWSERS)
    assert ways_in_browser(ACCOUNTS[1:], place) == []
    assert ways_in_browser([account("wechatpay", "jsapi"), *ACCOUNTS[1:]], place) == []


def test_a_scene_that_needs_a_payer_needs_somebody_who_tells_one() -> None:
    mute = replace(CHANNELS["wechatpay"], web_login=None)
    silent = replace(account("wechatpay"), channel=mute)
    assert ways_in_browser([silent], Place(WECHAT, BROWSERS)) == []


def test_on_a_phone_a_code_is_the_last_resort() -> None:
    without_h5 = [account("wechatpay", "h5"), account("alipay")]
    ways = ways_in_browser(without_h5, Place(IPHONE, BROWSERS))
    assert [way.name for way in ways] == ["alipay/h5", "wechatpay/native"]


def test_two_wallets_in_one_user_agent_are_one_browser() -> None:
    """Whoever writes both gets one of them; there is nothing to win."""
    ways = ways_in_browser(ACCOUNTS, Place(f"{WECHAT} AlipayClient/10", BROWSERS))
    assert len({way.account.channel.name for way in ways}) == 1


@pytest.mark.parametrize(
    ("opens", "agent", "expected"),
    [
        ({"wechat_request_payment"}, WECHAT_MINI, ["wechatpay/miniprogram"]),
        ({"wechat_request_payment", "qr"}, WECHAT_MINI, ["wechatpay/miniprogram"]),
        ({"alipay_trade_pay"}, "", ["alipay/miniprogram"]),
        ({"redirect", "form", "qr"}, IPHONE, PHONE),
        ({"redirect", "form", "qr"}, CHROME, DESKTOP),
        ({"redirect"}, IPHONE, ["wechatpay/h5", "alipay/h5"]),
        ({"redirect", "form", "qr"}, ALIPAY, ["alipay/h5"]),
        ({"unionpay_tn"}, QUICK_PASS, ["unionpay/miniprogram", "unionpay/app"]),
        ({"nonsense"}, CHROME, []),
        (set[str](), CHROME, []),
    ],
)
def test_a_client_is_offered_what_it_opens(opens: set[str], agent: str, expected: list[str]) -> None:
    assert [way.name for way in ways_for_client(ACCOUNTS, opens, Place(agent, BROWSERS))] == expected


def test_a_client_that_says_nothing_is_told_everything() -> None:
    everything = [f"{one.channel.name}/{scene.name}" for one in ACCOUNTS for scene in one.scenes]
    assert [way.name for way in ways_for_client(ACCOUNTS, None, Place("", BROWSERS))] == everything


POPULAR = ("unionpay/h5", "alipay/h5")


@pytest.mark.parametrize(
    ("pending", "last", "popular", "expected"),
    [
        (None, None, (), ("wechatpay/h5", "available")),
        (None, None, POPULAR, ("unionpay/h5", "popular")),
        (None, "alipay/h5", POPULAR, ("alipay/h5", "last_used")),
        (None, "alipay/miniprogram", POPULAR, ("alipay/h5", "last_used")),
        (None, "gone/h5", POPULAR, ("unionpay/h5", "popular")),
        ("wechatpay/h5", "alipay/h5", POPULAR, ("wechatpay/h5", "resume")),
        ("wechatpay/native", "alipay/h5", POPULAR, ("alipay/h5", "last_used")),
    ],
)
def test_the_default_is_the_live_one_then_the_last_then_the_popular_then_the_first(
    pending: str | None, last: str | None, popular: tuple[str, ...], expected: tuple[str, str]
) -> None:
    ways = ways_in_browser(ACCOUNTS, Place(IPHONE, BROWSERS))
    made = choices(ways, "CNY", Habit(pending, last, popular))
    assert [(one.method, one.reason) for one in made if one.is_default] == [expected]


def test_a_disabled_method_is_never_the_default() -> None:
    poor = replace(CHANNELS["wechatpay"].capabilities, currencies=frozenset({"JPY"}))
    closed = replace(account("wechatpay"), channel=replace(CHANNELS["wechatpay"], capabilities=poor))
    ways = ways_in_browser([closed, account("alipay")], Place(IPHONE, BROWSERS))
    made = choices(ways, "CNY", Habit(None, "wechatpay/h5", ("wechatpay/h5",)))
    assert [(one.method, one.is_enabled, one.is_default, one.reason) for one in made] == [
        ("wechatpay/h5", False, False, "other_currency"),
        ("alipay/h5", True, True, "only_method"),
    ]
    assert not any(one.is_default for one in choices(ways[:1], "CNY", Habit(None, None, ())))


def test_the_marks_are_written_as_they_are_compared() -> None:
    for _, browser in BROWSERS:
        assert all(mark == mark.lower() for mark in (*browser.marks, *browser.except_marks))
    assert not OwnBrowser(("wallet/",), "h5").is_here("")

"""Every page in real Chromium: axe finds nothing, nothing scrolls sideways, taps are large, the flow works.

The default run takes each page once and some in English, dark, narrow and wide; `SHUNFU_LONG=1` walks the whole matrix.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from pages import samples
from pages.serving import FakeApi, PageServer, free_listener, serving
from shunfu.app.shop.web import ShopSettings, create_app

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CHECKOUT = [f"/c/{name}" for name in (*samples.VIEWS, *samples.MORE_VIEWS, "invalid")]
SHEET = [f"/sheet/{state}" for state in ("payable", "paid", "closed", "expired", "invalid")] + [
    "/sheet/payable?problem=x"
]
OPENING = ["/opening/bridge"]
SHOP = ["/", "/?kind=drip", "/?q=zzz", "/cart", "/orders/" + FakeApi.ORDER_ID, "/nowhere"]
PAGES = [("pages", path) for path in (*CHECKOUT, *SHEET, *OPENING)] + [("shop", path) for path in SHOP]
MIXED = [
    (where, path, *rest)
    for (where, path) in PAGES
    for rest in (("en", "dark", 320),)
    if path
    in {
        "/c/ready",
        "/c/saving",
        "/c/needs",
        "/c/qr",
        "/c/failed",
        "/c/unknown",
        "/c/large",
        "/sheet/payable",
        "/",
        "/cart",
    }
] + [("pages", "/c/ready", "zh-CN", "light", 1280), ("shop", "/", "en", "dark", 1280)]
IS_LONG = os.environ.get("SHUNFU_LONG") == "1"
MATRIX = (
    [(*page, *rest) for page, rest in product(PAGES, product(("zh-CN", "en"), ("light", "dark"), (320, 375, 1280)))]
    if IS_LONG
    else [(*page, "zh-CN", "light", 375) for page in PAGES] + MIXED
)


SMALL_TARGETS = """[...document.querySelectorAll("a, button, label.meth, label.sw, summary")]
    .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 44).map(e => e.outerHTML)"""


@dataclass
class Stage:
    """A browser, the two servers and what they remember."""

    browser: Browser
    bases: dict[str, str]
    pages: PageServer
    api: FakeApi

    def context(self, scheme: str = "light", width: int = 375, cart: str = "beans.1-drip.1", **more) -> BrowserContext:
        size = {"width": width, "height": 812}
        made = self.browser.new_context(
            viewport=size, color_scheme=scheme, reduced_motion="reduce", locale="zh-CN", **more
        )
        if cart:
            made.add_cookies([{"name": "cart", "value": cart, "url": self.bases["shop"]}])
        return made


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing: apt-get install chromium"
    listeners = {name: free_listener() for name in ("pages", "shop", "api")}
    bases = {name: base for name, (_, base) in listeners.items()}
    server = PageServer(bases["pages"])
    api = FakeApi(bases["api"])
    settings = ShopSettings(bases["api"], "sk_test_x", bases["shop"])
    with (
        serving(server.app(), listeners["pages"][0]),
        serving(api.app(), listeners["api"][0]),
        serving(create_app(settings), listeners["shop"][0]),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield Stage(browser, bases, server, api)
        browser.close()


@pytest.fixture
def page(stage: Stage) -> Iterator[Page]:
    context = stage.context()
    stage.pages.posted.clear()
    stage.pages.shown.clear()
    stage.pages.polls.clear()
    yield context.new_page()
    context.close()


def complaints_of(page: Page) -> list[str]:
    """Collects console errors (a policy violation is one) and script errors from now on."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.mark.parametrize(("where", "path", "language", "scheme", "width"), MATRIX)
def test_a_page_is_accessible_and_fits(stage, where, path, language, scheme, width):
    with stage.context(scheme, width) as context:
        page = context.new_page()
        found = complaints_of(page)
        joint = "&" if "?" in path else "?"
        page.goto(f"{stage.bases[where]}{path}{joint}lang={language}")
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
        for control in page.locator(
            "a:visible, button:visible, label.meth:visible, label.sw:visible, summary:visible"
        ).all():
            box = control.bounding_box()
            assert box
            assert box["height"] >= 44, control.evaluate("e => e.outerHTML")
        assert page.locator("html").get_attribute("lang") == language
        assert found == [] if path != "/nowhere" else all("404" in text for text in found)


def test_two_taps_start_one_payment_with_the_method_and_the_key(stage, page):
    page.goto(stage.bases["pages"] + "/c/ready")
    page.locator("input[value='wechatpay/native']").check()
    button = page.locator("footer button")
    assert button.inner_text() == "微信支付 · 扫码 ¥96.00"
    button.dblclick()
    page.wait_for_url("**/c/unknown")
    [(path, fields)] = stage.pages.posted
    assert path == "/c/mer.ord.1/pay"
    assert fields == {
        "method": ["wechatpay/native"],
        "idempotency_key": ["key-0001"],
        "amount_minor": ["9600"],
    }


def test_an_unknown_result_becomes_known_without_a_tap(stage, page):
    """The page asks, the phase changes, the page loads itself again and the new heading has the focus."""
    stage.pages.shown["live"] = "unknown"
    page.goto(stage.bases["pages"] + "/c/live")
    assert page.evaluate("document.activeElement.textContent") == "正在确认，请勿重复支付"
    stage.pages.shown["live"] = "success"
    page.get_by_role("heading", name="付款成功", level=2).wait_for(timeout=10_000)
    assert page.evaluate("document.activeElement.textContent") == "付款成功"


def test_an_answer_that_never_agrees_does_not_reload_for_ever(stage, page):
    """The server says `ready` to a page that shows `processing`: one reload, then only asking."""
    stage.pages.shown["poll"] = "ready"
    loads: list[str] = []
    page.on("load", lambda _: loads.append("load"))
    page.goto(stage.bases["pages"] + "/c/processing?result=ok")
    page.wait_for_timeout(4500)
    assert len(loads) == 2
    assert len(stage.pages.polls) >= 2
    assert set(stage.pages.polls) == {"result=ok"}


def test_paying_works_without_a_script_and_so_does_waiting(stage):
    with stage.context(java_script_enabled=False) as context:
        page = context.new_page()
        stage.pages.posted.clear()
        stage.pages.shown.clear()
        page.goto(stage.bases["pages"] + "/c/ready")
        page.locator("footer button").click()
        page.wait_for_url("**/c/unknown")
        assert len(stage.pages.posted) == 1
        stage.pages.shown["unknown"] = "success"
        page.get_by_role("heading", name="付款成功", level=2).wait_for(timeout=10_000)
        stage.pages.shown.clear()


def test_a_form_posts_itself_and_without_a_script_by_one_tap(stage):
    sent = {"txnAmt": ["9600"], "note": ['"><b>']}
    for has_script in (True, False):
        with stage.context(java_script_enabled=has_script) as context:
            page = context.new_page()
            stage.pages.posted.clear()
            page.goto(f"{stage.bases['pages']}/opening/form", wait_until="commit")
            if not has_script:
                page.get_by_role("button").click()
            page.wait_for_url("**/c/unknown")
            assert stage.pages.posted == [("/front", sent)]


@pytest.mark.parametrize(("word", "result"), [("ok", "ok"), ("cancel", "cancel"), ("fail", "fail"), ("odd", "fail")])
@pytest.mark.parametrize("is_late", [False, True])
def test_the_bridge_is_called_with_what_is_signed_and_comes_back_with_its_word(stage, page, word, result, is_late):
    """The wallet's browser puts its bridge into the page, before the page's script runs or after."""
    bridge = f"""window.WeixinJSBridge = {{ invoke(name, params, done) {{
        sessionStorage.asked = JSON.stringify([name, params]);
        done({{ err_msg: "get_brand_wcpay_request:{word}" }}); }} }};
        document.dispatchEvent(new Event("WeixinJSBridgeReady"));"""
    page.add_init_script(f"addEventListener('load', () => {{ {bridge} }})" if is_late else bridge)
    page.goto(f"{stage.bases['pages']}/opening/bridge", wait_until="commit")
    page.wait_for_url(f"**/c/cancelled?lang=zh-CN&result={result}")
    asked = page.evaluate("JSON.parse(sessionStorage.asked)")
    assert asked == ["getBrandWCPayRequest", samples.BRIDGE.params]


def test_without_a_bridge_nothing_is_opened_and_the_way_back_is_there(stage, page):
    found = complaints_of(page)
    page.goto(f"{stage.bases['pages']}/opening/bridge")
    assert page.get_by_role("button").count() == 0
    page.get_by_role("link", name="回到收银台").click()
    page.wait_for_url("**/c/cancelled?lang=zh-CN")
    assert found == []


def test_what_the_order_needs_is_filled_in_before_it_is_sent(stage, page):
    page.goto(stage.bases["pages"] + "/c/needs")
    page.locator("footer button").click()
    assert stage.pages.posted == [], "the browser says which field is missing"
    filled = {"name": "陈梅", "phone": "13912345678", "province": "云南省", "city": "昆明市", "district": "五华区"}
    for name, text in (*filled.items(), ("street", "翠湖南路 1 号")):
        page.locator(f"input[name='contact.address.{name}']").fill(text)
    page.locator("input[name='contact.phone']").fill("13800138000")
    page.locator("input[name='contact.invoice.title']").fill("陈梅")
    page.locator("footer button").click()
    page.wait_for_url("**/c/unknown")
    [(_, fields)] = stage.pages.posted
    assert fields["contact.address.name"] == ["陈梅"]
    assert fields["contact.invoice.title"] == ["陈梅"]


def test_the_sheet_says_what_it_will_do_and_sends_it(stage, page):
    page.goto(stage.bases["pages"] + "/sheet/payable")
    button = page.locator("footer button")
    assert "执行：成功" in button.inner_text()
    page.get_by_label("重复发送通知").check()
    assert page.get_by_text("同一条通知到达 2 次。").is_visible()
    page.get_by_label("密码错误").check()
    assert button.inner_text() == "执行：密码错误"
    assert not page.get_by_text("同一条通知到达 2 次。").is_visible()
    page.get_by_label("付款成功").check()
    page.get_by_label("验签探测").check()
    button.click()
    page.wait_for_url("**/c/unknown")
    [(_, fields)] = stage.pages.posted
    assert fields == {
        "no": ["01KAMN3X8Q6V5T2R7W9Y1Z4B6C"],
        "outcome": ["pay"],
        "fault": ["duplicate", "signtest"],
    }


def test_from_the_catalogue_to_the_checkout_in_three_taps(stage):
    with stage.context(cart="") as context:
        page = context.new_page()
        page.goto(stage.bases["shop"])
        page.get_by_label("加入购物袋：手作陶杯").click()
        page.get_by_role("link", name="看购物袋").click()
        page.get_by_role("button", name="去付款").click()
        page.wait_for_url("**/c/token")


def test_large_text_keeps_the_pay_button_in_reach(stage):
    """200 % text on a small phone is like half the width: nothing hides the button, nothing scrolls sideways."""
    with stage.context(width=320) as context:
        page = context.new_page()
        page.goto(stage.bases["pages"] + "/c/ready?lang=en")
        page.evaluate("document.documentElement.style.fontSize = '32px'")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.locator("footer button").is_visible()
        box = page.locator("footer button").bounding_box()
        assert box
        assert box["y"] + box["height"] <= 812

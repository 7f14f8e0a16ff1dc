"""One purchase in a real browser: shop, cart, one tap at the checkout, the sheet, and the receipt."""

import shutil
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from system.running import RunningDemo, wait_until

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/142.0.0.0 Mobile Safari/537.36"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    chromium = shutil.which("chromium")
    assert chromium, "Debian's chromium is missing: run `make browser`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page(browser: Browser, demo: RunningDemo) -> Page:
    """A phone's browser."""
    page = browser.new_page(viewport={"width": 375, "height": 780}, locale="zh-CN", user_agent=PHONE)
    page.set_default_timeout(30_000)
    return page


@pytest.fixture(scope="module")
def desk(browser: Browser, demo: RunningDemo) -> Page:
    """A browser on a desk, narrow."""
    page = browser.new_page(viewport={"width": 375, "height": 780}, locale="zh-CN")
    page.set_default_timeout(30_000)
    return page


def assert_accessible(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert found == [], [(line["id"], line["nodes"][0]["html"]) for line in found]


def go_to_checkout(page: Page, demo: RunningDemo) -> str:
    """From the catalogue to the checkout; the order's id."""
    page.goto(demo.info["shop_url"])
    assert_accessible(page)
    page.locator("button.add").first.click()
    page.goto(f"{demo.info['shop_url']}/cart")
    page.locator("form[action^='/orders'] button").click()
    page.wait_for_url("**/c/*")
    assert_accessible(page)
    token = page.url.partition("/c/")[2].partition("?")[0]
    return page.evaluate("async token => (await (await fetch('/v1/checkout/' + token)).json()).order.id", token)


def pay_button(page: Page):
    return page.locator(".paybar button.btn-p")


def choose(page: Page, outcome: str) -> None:
    """What the shopper does on the sheet."""
    page.wait_for_url("**/sandbox/sheet**")
    page.locator(f"input[name=outcome][value={outcome}]").check(force=True)
    page.locator("button.btn-p").click()


def test_one_tap_pays(page: Page, demo: RunningDemo) -> None:
    order_id = go_to_checkout(page, demo)
    pay_button(page).click()
    page.wait_for_url("**/sandbox/sheet**")
    assert_accessible(page)
    choose(page, "pay")
    page.wait_for_url("**/c/*")
    page.get_by_text("付款成功").first.wait_for()
    assert_accessible(page)
    wait_until(lambda: demo.is_paid(order_id), "the paid order")
    _, order = demo.api("GET", f"/v1/orders/{order_id}")
    _, payment = demo.api("GET", f"/v1/payments/{order['payments'][0]['id']}")
    assert payment["state"] == "CAPTURED"
    assert payment["notifications"][0]["verdict"] == "accepted"
    page.locator(".paybar a.btn-p").click()
    page.wait_for_url(f"{demo.info['shop_url']}/**")
    assert_accessible(page)


@pytest.mark.parametrize("outcome", ["cancel", "wrong_password"])
def test_after_a_change_of_mind_the_order_is_still_there_and_can_be_paid(
    page: Page, demo: RunningDemo, outcome: str
) -> None:
    order_id = go_to_checkout(page, demo)
    pay_button(page).click()
    choose(page, outcome)
    page.wait_for_url("**/c/*")
    assert not demo.is_paid(order_id)
    pay_button(page).click()
    choose(page, "pay")
    page.get_by_text("付款成功").first.wait_for()
    _, order = demo.api("GET", f"/v1/orders/{order_id}")
    assert len(order["payments"]) == 1, "the pending payment was resumed"


def test_the_code_can_be_paid_by_another_device(desk: Page, demo: RunningDemo) -> None:
    go_to_checkout(desk, demo)
    desk.locator("input[name=method][value='wechatpay/native']").check(force=True)
    pay_button(desk).click()
    desk.wait_for_url("**/c/*")
    desk.locator("svg[viewBox] path").first.wait_for()
    assert_accessible(desk)
    token = desk.url.partition("/c/")[2].partition("?")[0]
    told = desk.evaluate("async token => (await (await fetch('/v1/checkout/' + token)).json()).payment.id", token)
    assert demo.control("pay", {"channel": "wechatpay", "order_no": told[4:]})[0] == 200
    desk.get_by_text("付款成功").first.wait_for()


@pytest.mark.parametrize("method", ["alipay/page", "unionpay/page"])
def test_a_channels_own_page_leads_back_to_the_receipt(desk: Page, demo: RunningDemo, method: str) -> None:
    """The browser asks the sheet's policy whether its form may lead on to us; UnionPay's page posts a form to us."""
    order_id = go_to_checkout(desk, demo)
    desk.locator(f"input[name=method][value='{method}']").check(force=True)
    pay_button(desk).locator("visible=true").click()
    choose(desk, "pay")
    if method == "unionpay/page":
        desk.get_by_role("button", name="返回商户").click()
    desk.wait_for_url("**/c/*")
    desk.get_by_text("付款成功").first.wait_for()
    wait_until(lambda: demo.is_paid(order_id), "the paid order")

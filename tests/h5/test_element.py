"""The element on a page of its own, in Chromium through the real server and its sandboxes."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, Response, expect

from h5.shopper import choose, new_order, pay_button, payments_of
from system.running import RunningDemo, wait_until


def assert_accessible(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert found == [], [(line["id"], line["nodes"][0]["html"]) for line in found]
    small = page.evaluate("""[...document.querySelector("pay-checkout").shadowRoot.querySelectorAll("a, button, label")]
        .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 44).map(e => e.outerHTML)""")
    assert small == []


def test_one_tap_pays_once_and_opening_asks_once(page: Page, demo: RunningDemo) -> None:
    order, asked, wrong = new_order(demo), [], []
    page.on("request", lambda request: asked.append(request.url) if "/v1/checkout/" in request.url else None)
    page.on("console", lambda message: wrong.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(order["checkout_url"])
    expect(pay_button(page)).to_contain_text("¥86.00")
    assert_accessible(page)
    assert len(asked) == 1, "one request brings everything"
    pay_button(page).dblclick()
    choose(page, "pay")
    page.get_by_text("付款成功").first.wait_for()
    assert_accessible(page)
    wait_until(lambda: demo.is_paid(order["id"]), "the paid order")
    assert [payment["state"] for payment in payments_of(demo, order)] == ["CAPTURED"]
    assert wrong == []


def test_cancelling_keeps_the_payment_and_the_next_tap_goes_on_with_it(page: Page, demo: RunningDemo) -> None:
    order = new_order(demo)
    page.goto(order["checkout_url"])
    pay_button(page).click()
    choose(page, "cancel")
    page.wait_for_url("**/c/*result=cancel*")
    page.reload()  # a redirect is answered by the server: its own page stands there first
    pay_button(page).click()
    choose(page, "pay")
    page.get_by_text("付款成功").first.wait_for()
    assert len(payments_of(demo, order)) == 1


def test_a_lost_answer_to_the_tap_goes_on_with_its_payment(page: Page, demo: RunningDemo) -> None:
    """The payment was started and nobody heard: the page asks, and opens the sheet of that same payment."""
    order = new_order(demo)
    page.goto(order["checkout_url"])

    def lose(route) -> None:
        assert route.fetch().status == 201
        route.abort()

    page.route("**/v1/checkout/*/payments", lose)
    pay_button(page).click()
    choose(page, "pay")
    page.get_by_text("付款成功").first.wait_for()
    assert len(payments_of(demo, order)) == 1


def test_an_order_that_is_closed_in_another_place_says_so(page: Page, demo: RunningDemo) -> None:
    order = new_order(demo)
    page.goto(order["checkout_url"])
    pay_button(page).wait_for()
    status, answer = demo.api("POST", f"/v1/orders/{order['id']}/close")
    assert status in {200, 202}, answer
    pay_button(page).click()
    page.get_by_role("heading", name="订单已关闭").first.wait_for()
    expect(pay_button(page)).to_have_count(0)
    assert payments_of(demo, order) == []


def test_a_second_tab_pays_no_second_time(phone: BrowserContext, demo: RunningDemo) -> None:
    order, one, other = new_order(demo), phone.new_page(), phone.new_page()
    for tab in (one, other):
        tab.goto(order["checkout_url"])
        pay_button(tab).wait_for()
    pay_button(one).click()
    choose(one, "pay")
    one.get_by_text("付款成功").first.wait_for()
    pay_button(other).click()
    other.get_by_text("付款成功").first.wait_for()
    assert len(payments_of(demo, order)) == 1


def test_offline_nothing_can_be_paid_until_the_amount_is_checked(phone: BrowserContext, demo: RunningDemo) -> None:
    order, page = new_order(demo), phone.new_page()
    page.goto(order["checkout_url"])
    pay_button(page).wait_for()
    phone.set_offline(True)
    page.get_by_text("重新连接并核对").wait_for()
    page.locator("button#pay").click()
    assert payments_of(demo, order) == []
    phone.set_offline(False)
    expect(pay_button(page)).to_contain_text("¥86.00")


def test_on_a_slow_network_two_taps_are_one_payment(page: Page, demo: RunningDemo) -> None:
    order, sent = new_order(demo), []
    page.goto(order["checkout_url"])

    def slowly(route) -> None:
        sent.append(route.request.headers["idempotency-key"])
        page.wait_for_timeout(1500)
        route.continue_()

    page.route("**/v1/checkout/*/payments", slowly)
    pay_button(page).click()
    page.locator("button#pay").click(force=True)
    page.wait_for_url("**/sandbox/sheet**")
    assert len(sent) == 1
    assert len(payments_of(demo, order)) == 1


def test_back_and_forward_from_the_sheet(page: Page, demo: RunningDemo) -> None:
    order = new_order(demo)
    page.goto(order["checkout_url"])
    pay_button(page).click()
    page.wait_for_url("**/sandbox/sheet**")
    page.go_back()
    pay_button(page).wait_for()
    page.go_forward()
    choose(page, "pay")
    page.get_by_text("付款成功").first.wait_for()
    page.go_back()
    page.go_back()
    page.get_by_text("付款成功").first.wait_for()
    assert len(payments_of(demo, order)) == 1


def test_the_element_is_named_by_its_content_and_kept_for_a_year(page: Page, demo: RunningDemo) -> None:
    with page.expect_response("**/static/client/pay-*.js") as found:
        page.goto(new_order(demo)["checkout_url"])
    headers = found.value.headers
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["access-control-allow-origin"] == "*"


def is_agreed(answer: Response) -> bool:
    """Whether it answers what was told with consent; the element before told that it was opened, and no more."""
    return "/v1/telemetry" in answer.url and answer.request.post_data_json["consent"]


def test_the_funnel_arrives_when_the_shopper_agreed(page: Page, demo: RunningDemo) -> None:
    order = new_order(demo)
    page.goto(order["checkout_url"])
    page.evaluate("""() => {
        const found = document.querySelector("pay-checkout"), made = document.createElement("pay-checkout");
        for (const name of ["token", "lang"]) made.setAttribute(name, found.getAttribute(name));
        made.setAttribute("consent", "");
        found.replaceWith(made);
    }""")
    with page.expect_response(is_agreed) as found:
        pay_button(page).wait_for()
    names = [event["name"] for event in found.value.request.post_data_json["events"]]
    assert {"open", "first_screen", "ready"} <= set(names)
    assert (found.value.status, found.value.json()) == (202, {"taken": len(names), "left_out": {}})

"""On a live side the pay form leads to the channel, over hosts that only the channel knows: Chromium goes there.

A browser asks a page's `form-action` about every redirect of its form too, so a policy of `'self'` makes a dead button.
"""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route

from pages.samples import VIEWS, checkout
from pages.serving import free_listener, serving
from pages.test_chromium import FLAGS
from shunfu.checkout.kit import security_policy
from shunfu.checkout.pages import content_security_policy

CHANNEL = "https://cashier.invalid/pay"
"""Nobody answers there; that the browser asked is what counts."""
LIVE = content_security_policy(checkout(is_sandbox=False))
SANDBOX = content_security_policy(VIEWS["ready"])


@pytest.mark.parametrize(("policy", "is_led"), [(LIVE, True), (SANDBOX, False), (security_policy(), False)])
def test_a_form_is_led_on_only_where_it_must(policy: str, is_led: bool) -> None:
    async def page(_: Request) -> HTMLResponse:
        form = '<form method="post" action="/pay"><button>Pay</button></form>'
        return HTMLResponse(form, headers={"content-security-policy": policy})

    async def pay(_: Request) -> RedirectResponse:
        return RedirectResponse(CHANNEL, 303)

    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing: apt-get install chromium"
    listener, base = free_listener()
    routes = [Route("/", page), Route("/pay", pay, methods=["POST"])]
    with serving(Starlette(routes=routes), listener), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        shown = browser.new_page()
        complaints: list[str] = []
        shown.on("console", lambda message: complaints.append(message.text))
        shown.goto(base)
        shown.get_by_role("button").click()
        shown.wait_for_timeout(500)
        is_refused = any("form-action" in one for one in complaints)
        browser.close()
    assert is_refused is not is_led


def test_a_live_page_leads_over_tls_only() -> None:
    assert "form-action 'self' https:;" in LIVE
    assert "https:;" not in SANDBOX

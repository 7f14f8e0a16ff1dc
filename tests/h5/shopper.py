"""A phone's browser at a page with the element, and the figures that the server keeps of one order."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, Route

from system.running import RunningDemo

PHONE = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/142.0.0.0 Mobile Safari/537.36"

CHECKOUT_PAGE = re.compile(r"/c/[A-Za-z0-9_-]+(\?.*)?$")
"""Where the hosted page stands, and the sheets lead back to: the tests put a page of their own there."""


def page_with_element(route: Route) -> str:
    """What a page needs to have the checkout in it, at the checkout's own address."""
    token = urlsplit(route.request.url).path.rpartition("/")[2]
    return (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        '<title>x</title><link rel="icon" href="data:,"><script type="module" src="/static/client/pay.js"></script>'
        f'<header><h1>山前咖啡</h1></header><pay-checkout token="{token}" lang="zh-CN"></pay-checkout></html>'
    )


def new_order(demo: RunningDemo, **more: object) -> dict[str, Any]:
    """An order of the demo's merchant."""
    body = {"amount_minor": 8600, "currency": "CNY", "subject": "咖啡豆", **more}
    status, order = demo.api("POST", "/v1/orders", body)
    assert status == 201, order
    return order


def payments_of(demo: RunningDemo, order: dict[str, Any]) -> list[dict[str, Any]]:
    """The order's payments as the merchant sees them."""
    return demo.api("GET", f"/v1/orders/{order['id']}")[1]["payments"]


def pay_button(page: Page) -> Locator:
    """The one button that pays, drawn by the element."""
    return page.locator("pay-checkout button#pay:not([aria-disabled])")


def choose(page: Page, outcome: str) -> None:
    """What the shopper does on the sheet."""
    page.wait_for_url("**/sandbox/sheet**")
    page.locator(f"input[name=outcome][value={outcome}]").check(force=True)
    page.locator("button.btn-p").click()

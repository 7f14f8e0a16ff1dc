"""Refusals where people look: a page of the console, or one plain page for a shopper; elsewhere a problem document."""

from __future__ import annotations

from html import escape

from fastapi import Request
from starlette.responses import HTMLResponse, Response

from shunfu.app.http.problems import headers_of
from shunfu.checkout.api import language_of
from shunfu.console.api import refused_page
from shunfu.kernel.errors import Refusal

WHY = {"not_found": "not_found", "forbidden": "forbidden", "rate_limited": "rate_limited", "overloaded": "unavailable"}
"""Problem codes to the console's own words; all others have one page."""
SHOPPER = {
    "zh-CN": ("请稍后再试", "页面暂时打不开。如果已经付款，钱是安全的：请回到商家查看订单。"),
    "en": ("Please try again shortly", "If you have paid, your money is safe: look at the order in the shop."),
}


def page_for(request: Request, refusal: Refusal) -> Response | None:
    """The page that says a refusal at this address; None: nobody looks there."""
    path = request.url.path
    if path == "/console" or path.startswith("/console/"):
        page = refused_page(request, WHY.get(refusal.code, "other"), refusal.status)
    elif path.startswith("/c/"):
        page = _shoppers(request, refusal)
    else:
        return None
    page.headers.update(headers_of(refusal))
    return page


def _shoppers(request: Request, refusal: Refusal) -> Response:
    language = language_of(request)
    title, text = map(escape, SHOPPER[language])
    html = f'<!doctype html><html lang="{language}"><meta name="viewport" content="width=device-width">'
    return HTMLResponse(f"{html}<title>{title}</title><h1>{title}</h1><p>{text}</p>", refusal.status)

"""The staff pages in real Chromium: axe finds nothing, nothing scrolls sideways, the policy stops nothing.

The default run takes each page once and the large ones also in English, dark and wide; `SHUNFU_LONG=1` walks all.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from console import samples
from pages.serving import free_listener, serving
from pages.test_chromium import FLAGS, complaints_of
from shunfu.checkout.kit import Language
from shunfu.checkout.pages import static_dir as shopper_static_dir
from shunfu.console.api import HEADERS
from shunfu.console.pages import static_dir

LANGUAGES: tuple[Language, ...] = ("zh-CN", "en")
PAGES = {language: samples.every(language) for language in LANGUAGES}
NAMES = tuple(PAGES["en"])
LARGE = ("today", "orders", "payment-acting", "refund-asked", "break", "keys", "login-wrong", "authenticator")
IS_LONG = os.environ.get("SHUNFU_LONG") == "1"
MATRIX = (
    [*product(NAMES, LANGUAGES, ("light", "dark"), (320, 360, 768, 1280))]
    if IS_LONG
    else [(name, "zh-CN", "light", 360) for name in NAMES]
    + [(name, "en", "dark", 1280) for name in LARGE]
    + [(name, "en", "light", 320) for name in ("today", "payment")]
)
SMALL_TARGETS = """[...document.querySelectorAll("main :is(a, button, summary), .o-side a, nav a, .lang, a.o-me")]
    .filter(e => e.checkVisibility() && !e.closest("p"))
    .filter(e => (LEAST > 24 && e.closest(".ls li, .tb-c tr") || e).getBoundingClientRect().height < LEAST)
    .map(e => e.outerHTML)"""
"""Links in a sentence may be small (WCAG 2.2, 2.5.8); on a phone the link of a row covers all of it."""


@dataclass
class Stage:
    browser: Browser
    base: str
    contexts: dict[tuple[str, int], BrowserContext] = field(default_factory=dict)

    def new_page(self, scheme: Literal["light", "dark"], width: int) -> Page:
        """A page in the one context of this scheme and width: what all pages load is loaded once."""
        if (scheme, width) not in self.contexts:
            size: ViewportSize = {"width": width, "height": 812}
            made = self.browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
            self.contexts[scheme, width] = made
        return self.contexts[scheme, width].new_page()


async def show(request: Request) -> Response:
    language: Language = "en" if request.query_params.get("lang") == "en" else "zh-CN"
    return HTMLResponse(PAGES[language][request.path_params["name"]], headers=HEADERS)


async def live(request: Request) -> Response:
    """A stream that says what a page asks it to by a cookie, or nothing, and stays open."""
    figures = samples.moved_figures() if request.cookies.get("moves") else ""

    async def told() -> AsyncIterator[str]:
        yield ": nothing yet\n\n"
        yield "".join(f"data: {line}\n" for line in figures.splitlines()) + "\n"
        await asyncio.sleep(3600)

    return StreamingResponse(told(), media_type="text/event-stream")


async def search(request: Request) -> Response:
    """The list as it answers a search."""
    name = "orders-none" if request.query_params.get("q") else "orders"
    return HTMLResponse(PAGES["en"][name], headers=HEADERS)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing: apt-get install chromium"
    routes = [
        Mount("/console/static", StaticFiles(directory=static_dir())),
        Mount("/static", StaticFiles(directory=shopper_static_dir())),
        Route("/page/{name}", show),
        Route("/console/live", live),
        Route("/console/orders", search),
    ]
    listener, base = free_listener()
    with serving(Starlette(routes=routes), listener), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield Stage(browser, base)
        browser.close()


@pytest.mark.parametrize(("name", "language", "scheme", "width"), MATRIX)
def test_a_page_is_accessible_and_fits(
    stage: Stage, name: str, language: str, scheme: Literal["light", "dark"], width: int
) -> None:
    with stage.new_page(scheme, width) as page:
        found = complaints_of(page)
        page.goto(f"{stage.base}/page/{name}?lang={language}")
        page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true })")
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
        least = 44 if width <= 760 else 24
        assert page.evaluate(SMALL_TARGETS.replace("LEAST", str(least))) == []
        assert found == []


def test_keys_lead_past_the_navigation_and_to_a_row(stage: Stage) -> None:
    with stage.browser.new_context(viewport={"width": 1280, "height": 812}) as context:
        page = context.new_page()
        page.goto(f"{stage.base}/page/orders?lang=en")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.name") == "q"


def test_the_doors_forms_say_what_they_want(stage: Stage) -> None:
    """A browser fills a password manager's names, and one field takes the whole code."""
    with stage.browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        page.goto(f"{stage.base}/page/login?lang=zh-CN")
        page.get_by_label("登录名").fill("zhou")
        page.get_by_label("密码").fill("correct horse battery")
        assert page.get_by_role("button", name="下一步").is_visible()
        page.goto(f"{stage.base}/page/code?lang=zh-CN")
        assert page.get_by_label("6 位数字").get_attribute("inputmode") == "numeric"


def test_figures_move_and_the_chart_with_them(stage: Stage) -> None:
    """What the server sends stands in the page, a fold that was open stays open, and the drawing is drawn anew."""
    with stage.browser.new_context(viewport={"width": 1280, "height": 812}) as context:
        page = context.new_page()
        found = complaints_of(page)
        page.goto(f"{stage.base}/page/today?lang=en")
        page.locator("details.hours summary").click()
        before = page.locator("#plot canvas").evaluate("canvas => canvas.toDataURL()")
        assert "999,999" not in page.locator(".kpis").inner_text()
        context.add_cookies([{"name": "moves", "value": "1", "url": stage.base}])
        page.goto(f"{stage.base}/page/today?lang=en")
        page.locator("details.hours summary").click()
        page.get_by_text("999,999").first.wait_for()
        assert page.locator("details.hours").get_attribute("open") is not None
        assert page.locator("#plot canvas").count() == 1
        assert page.locator("#plot canvas").evaluate("canvas => canvas.toDataURL()") != before
        assert found == []


def test_the_list_follows_what_is_typed(stage: Stage) -> None:
    with stage.browser.new_context(viewport={"width": 1280, "height": 812}) as context:
        page = context.new_page()
        page.goto(f"{stage.base}/console/orders")
        page.locator("main input[name=q]").type("nothing")
        page.get_by_text("No orders match").wait_for()
        page.wait_for_url("**/console/orders?q=nothing")
        assert page.evaluate("document.activeElement.name") == "q"

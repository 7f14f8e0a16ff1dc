"""The staff pages in real Chromium: axe finds nothing, nothing scrolls sideways, the policy stops nothing.

The default run takes each page once and the large ones also in English, dark and wide; `SHUNFU_LONG=1` walks all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
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
LARGE = ("today", "orders", "order", "payment", "refund", "refunds", "login-wrong", "authenticator", "sessions")
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


async def show(request: Request) -> Response:
    language: Language = "en" if request.query_params.get("lang") == "en" else "zh-CN"
    return HTMLResponse(PAGES[language][request.path_params["name"]], headers=HEADERS)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing: apt-get install chromium"
    routes = [
        Mount("/console/static", StaticFiles(directory=static_dir())),
        Mount("/static", StaticFiles(directory=shopper_static_dir())),
        Route("/page/{name}", show),
    ]
    listener, base = free_listener()
    with serving(Starlette(routes=routes), listener), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield Stage(browser, base)
        browser.close()


@pytest.mark.parametrize(("name", "language", "scheme", "width"), MATRIX)
def test_a_page_is_accessible_and_fits(stage: Stage, name: str, language: str, scheme: str, width: int) -> None:
    size = {"width": width, "height": 812}
    with stage.browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce") as context:
        page = context.new_page()
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

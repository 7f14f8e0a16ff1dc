"""One demo and one browser for each file of tests; each test has a phone and orders of its own.

A browser that outlived its file would leave its event loop running under the asynchronous tests of others.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from h5.shopper import CHECKOUT_PAGE, PHONE, page_with_element
from system.running import RunningDemo, start_demo

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@pytest.fixture(scope="module")
def demo(open_folder: Path) -> Iterator[RunningDemo]:
    """A running demo."""
    folder = open_folder / "h5-demo"
    folder.mkdir(mode=0o755)
    started = start_demo(folder)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    chromium = shutil.which("chromium")
    assert chromium, "Debian's chromium is missing: run `make browser`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    """A phone of its own, with its storage."""
    context = browser.new_context(viewport={"width": 375, "height": 780}, locale="zh-CN", user_agent=PHONE)
    context.set_default_timeout(30_000)
    context.route(CHECKOUT_PAGE, lambda route: route.fulfill(content_type="text/html", body=page_with_element(route)))
    yield context
    context.close()


@pytest.fixture
def page(phone: BrowserContext) -> Page:
    """A tab of that phone."""
    return phone.new_page()

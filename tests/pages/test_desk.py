"""The sandbox's control page in real Chromium: axe finds nothing, nothing scrolls sideways, no script needed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

from pages.serving import free_listener, serving
from pages.test_chromium import FLAGS, complaints_of
from sandbox_pigeon import pigeon
from shunfu.app.sandbox.command import SandboxOptions, begin
from shunfu.app.sandbox.host import Host
from shunfu.app.sandbox.web import build_app
from shunfu.gateway.flow import Request
from shunfu.gateway.sandbox import Act, Faults
from shunfu.kernel.clock import ManualClock, Source, SystemEntropy

NUMBER = "01KAMN3X8Q6V5T2R7W9Y1Z4B6C"


@dataclass
class Stage:
    browser: Browser
    host: Host
    base: str


def say(host: Host, path: str, told: object) -> None:
    host.answer("pigeon", Request("POST", f"http://sandbox/pigeon/{path}", (), json.dumps(told).encode()))


def busy_host(folder: Path) -> Host:
    """A host with paid and open orders, a refund, notifications that wait, and faults to come."""
    source = Source(ManualClock(datetime(2026, 11, 22, 4, tzinfo=UTC)), SystemEntropy())
    options = SandboxOptions(0, folder / "c.json", folder / "s.json")
    host = begin(options, {name: pigeon(name) for name in ("pigeon", "crow")}, source)
    for index in range(3):
        say(host, "orders", {"number": f"{NUMBER[:-1]}{index}", "amount_minor": 99_999_999_999})
    host.act("pigeon", Act(f"{NUMBER[:-1]}0", "pay", Faults()))
    say(host, "refunds", {"number": NUMBER, "order": NUMBER})
    host.set_faults("pigeon", Faults(lose=-1, delay_seconds=2.5, only="/v3/pay"))
    return host


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing: apt-get install chromium"
    host = busy_host(tmp_path_factory.mktemp("desk"))
    listener, base = free_listener()
    with serving(build_app(host, ()), listener), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield Stage(browser, host, base)
        browser.close()


@pytest.mark.parametrize("path", ["/sandbox?channel=pigeon&said=pay", "/sandbox?channel=crow&problem=order_unknown"])
@pytest.mark.parametrize(
    ("language", "scheme", "width"),
    [("zh-CN", "light", 360), ("en", "dark", 320), ("en", "light", 360), ("zh-CN", "dark", 1280)],
)
def test_the_page_is_accessible_and_fits(stage: Stage, path: str, language: str, scheme: str, width: int) -> None:
    size = {"width": width, "height": 812}
    with stage.browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce") as context:
        page = context.new_page()
        found = complaints_of(page)
        page.goto(f"{stage.base}{path}&lang={language}")
        page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true })")
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
        for control in page.locator("a:visible, button:visible, input:visible, summary:visible").all():
            box = control.bounding_box()
            assert box
            assert box["height"] >= 44, control.evaluate("e => e.outerHTML")
        assert page.locator("html").get_attribute("lang") == language
        assert found == []


def test_deeds_work_without_a_script(stage: Stage) -> None:
    """Set a fault, pay an order, see both; the browser's own form says where it comes from."""
    with stage.browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 812}) as context:
        page = context.new_page()
        page.goto(f"{stage.base}/sandbox?channel=pigeon&lang=zh-CN")
        page.get_by_label("重复送达").fill("2")
        page.get_by_role("button", name="设定故障").click()
        page.get_by_text("故障已设定。").wait_for()
        assert page.get_by_label("重复送达").input_value() == "2"
        assert stage.host.stages["pigeon"].faults.duplicate == 2
        page.get_by_role("button", name=f"付款 {NUMBER[:-1]}2").click()
        page.get_by_text("已付款，通知将发出。").wait_for()
        page.get_by_role("button", name="快进 1 天").click()
        page.get_by_text("时钟已设定。").wait_for()
        assert stage.host.pace.offset_ms == 86_400_000


def test_a_page_elsewhere_cannot_press_the_buttons(stage: Stage) -> None:
    """A form on another origin posts to the control page, and the browser's own words give it away."""
    before = stage.host.stages["pigeon"].faults
    with stage.browser.new_context() as context:
        page = context.new_page()
        page.set_content(
            f"<form method=post action='{stage.base}/sandbox/reset'>"
            "<input name=channel value=pigeon><button>go</button>"
        )
        with page.expect_navigation():
            page.get_by_role("button").click()
        assert "other_origin" in page.content()
    assert stage.host.stages["pigeon"].faults == before

"""What the pages say and never say: both languages complete, nothing inline, nothing promised, input escaped."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

import shunfu
from pages import samples
from pages.serving import sheet_view
from shunfu.app.sandbox import pages as sheet
from shunfu.checkout import kit, pages
from shunfu.checkout.model import phase
from shunfu.gateway.evidence import RefusedReason
from shunfu.kernel.money import Money
from shunfu.kernel.plain import amount_text

PACKAGE = Path(shunfu.__file__).parent
FOLDERS = [PACKAGE / "checkout/texts", PACKAGE / "app/sandbox/texts", PACKAGE / "app/shop/texts"]
ALL = {**samples.VIEWS, **samples.MORE_VIEWS}
LANGUAGES = ("zh-CN", "en")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_both_languages_have_the_same_keys_and_the_same_places(folder):
    zh, en = (json.loads((folder / name).read_text(encoding="utf-8")) for name in ("zh.json", "en.json"))
    assert zh.keys() == en.keys()
    for key in zh:
        assert set(re.findall(r"\{\w+\}", zh[key])) == set(re.findall(r"\{\w+\}", en[key])), key
        assert zh[key].strip()
        assert en[key].strip()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_the_tone_is_calm(folder):
    for name in ("zh.json", "en.json"):
        for key, text in json.loads((folder / name).read_text(encoding="utf-8")).items():
            assert not re.search(r"[!！您]|系统繁忙|重试", text), key


def test_every_refused_reason_has_its_sentence():
    for language in LANGUAGES:
        say = kit.speaker(language)
        for reason in get_args(RefusedReason):
            assert say(f"refused.{reason}", method="X")


def test_every_phase_has_a_sample():
    assert {name: phase(view) for name, view in samples.VIEWS.items()} == {name: name for name in samples.VIEWS}


def every_page():
    for name, view in ALL.items():
        for language in LANGUAGES:
            yield f"{name} {language}", pages.render_page(view, language, "key-1")
    for state in get_args(sheet.SheetState):
        for language in LANGUAGES:
            yield f"sheet {state} {language}", sheet.render_sheet(sheet_view(state), language)


@pytest.mark.parametrize(("name", "html"), list(every_page()), ids=lambda value: value if len(value) < 40 else "")
def test_nothing_is_inline_and_nothing_is_left_unfilled(name, html):
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:", html), name
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))
    assert not re.search(r"\{\w+\}|\{\{|\{%|None", html)


@pytest.mark.parametrize("name", ["unknown", "closing", "processing", "success", "expired", "closed", "late"])
def test_no_way_to_pay_is_offered_while_unknown_or_over(name):
    html = pages.render_page(ALL[name], "zh-CN", "key-1")
    assert "/pay" not in html
    assert "<form" not in html


@pytest.mark.parametrize("name", ["unknown", "closing", "processing", "late", "not-completed", "cancelled", "qr"])
def test_not_charged_is_said_only_when_the_channel_said_so(name):
    html = pages.render_page(ALL[name], "zh-CN", "key-1")
    assert "没有扣款。" not in html
    assert "没付成，没有扣款" not in html


def test_a_page_that_waits_refreshes_without_a_script_and_only_then():
    for name, view in ALL.items():
        html = pages.render_page(view, "en", "key-1")
        assert ('http-equiv="refresh"' in html) == (phase(view) in {"qr", "processing", "unknown"}), name


def test_what_comes_from_outside_is_escaped_and_a_script_address_is_no_link():
    view = replace(
        samples.VIEWS["success"], merchant_name="<script>x</script>", return_url="javascript:alert(1)", order_id='"><b>'
    )
    html = pages.render_page(view, "en", "key-1")
    assert "<script>x" not in html
    assert "javascript:" not in html
    assert "<b>" not in html


def test_a_reason_that_we_do_not_know_is_still_a_sentence():
    view = replace(samples.VIEWS["failed"], payment=samples.payment("REFUSED", refused_reason="brand_new"))
    assert "微信支付没有接受这笔付款。" in pages.render_page(view, "zh-CN", "key-1")


def test_the_button_names_method_and_amount():
    assert ">微信支付 ¥96.00<" in pages.render_page(ALL["one-method"], "zh-CN", "k").replace("\n", "")
    assert "Pay ¥96.00 with WeChat Pay" in pages.render_page(ALL["ready"], "en", "k")
    assert "改用微信支付 · 扫码 ¥96.00" in pages.render_page(ALL["failed"], "zh-CN", "k")


def test_sandbox_pages_say_so_and_real_ones_do_not():
    assert "SANDBOX" in pages.render_page(ALL["ready"], "zh-CN", "k")
    assert "SANDBOX" not in pages.render_page(ALL["one-method"], "zh-CN", "k")


def test_the_policy_lets_the_form_lead_to_the_sandbox_only_in_a_sandbox():
    assert "form-action 'self' http://127.0.0.1:9;" in pages.content_security_policy(ALL["ready"])
    real = replace(ALL["ready"], is_sandbox=False)
    assert "form-action 'self' https:;" in pages.content_security_policy(real)
    assert kit.security_policy("http://a;b/", "javascript:x", None).count("form-action 'self';") == 1


def test_the_hint_of_the_sheet_stays_in_the_addresses_of_the_page():
    html = pages.render_page(ALL["processing"], "zh-CN", "k")
    assert 'data-poll="/v1/checkout/mer.ord.1?result=ok"' in html
    assert 'href="?lang=en&amp;result=ok"' in html


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (0.5, "还剩不到 1 分"),
        (29, "14:32 前付款 · 还剩 29 分"),
        (90, "还剩 1 小时 30 分"),
        (60 * 30, "11-23 20:03 前"),
        (60 * 24 * 5, "还剩 5 天"),
    ],
)
def test_the_clock_names_a_time_and_what_is_left(minutes, expected):
    view = replace(ALL["ready"], expires_at=samples.NOW + minutes * (samples.EXPIRES - samples.NOW) / 29)
    assert expected in pages.render_page(view, "zh-CN", "k")


def test_amounts_are_grouped_and_never_floats():
    assert amount_text(Money(99_999_999_999, "CNY")) == "¥999,999,999.99"
    assert amount_text(Money(5, "CNY")) == "¥0.05"
    assert amount_text(Money(-1000, "CNY")) == "−¥10.00"
    assert amount_text(Money(1286, "JPY")) == "JPY 1,286"


def test_the_code_is_a_plain_svg():
    svg = pages.qr_svg("weixin://wxpay/bizpayurl?pr=p4lpSuKzz")
    assert svg.startswith("<svg")
    assert "style" not in svg
    assert "class" not in svg


def test_the_script_stays_small():
    assert (pages.static_dir() / "page.js").stat().st_size < 3000

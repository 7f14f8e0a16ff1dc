"""Every page as text: both languages, nothing inline, nothing of a stranger's unescaped, no password written."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest

from console import samples
from shunfu import console
from shunfu.checkout.kit import Language
from shunfu.console import pages
from shunfu.kernel.errors import PROBLEMS
from shunfu.merchants.staff import Denial

DENIALS = [word for kind in get_args(Denial) for word in get_args(kind)]
FOLDER = Path(console.__file__).parent
LANGUAGES: tuple[Language, ...] = ("zh-CN", "en")
PAGES = {(language, name): html for language in LANGUAGES for name, html in samples.every(language).items()}
VOID = {"meta", "link", "input", "br", "img", "hr"}


class Reader(HTMLParser):
    """A page's elements, its ids and how they nest."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> is not what is open"


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def texts(name: str) -> dict[str, str]:
    return json.loads((FOLDER / "texts" / name).read_text("utf8"))


def test_both_languages_say_the_same_keys_with_the_same_places() -> None:
    zh, en = texts("zh.json"), texts("en.json")
    assert zh.keys() == en.keys()
    place = re.compile(r"\{(\w+)\}")
    odd = {"console.day"}  # a month is a number in one language and a name in the other
    assert [key for key in zh if key not in odd and set(place.findall(zh[key])) != set(place.findall(en[key]))] == []
    assert not [key for key, text in en.items() if re.search(r"[一-鿿]", text)]


def test_every_text_is_said_somewhere() -> None:
    sources = [*FOLDER.rglob("*.py"), *FOLDER.glob("templates/*.html")]
    text = "\n".join(path.read_text("utf8") for path in sources)
    stems = re.compile(r"console\.[a-z_.]+(?=\.?[{\"]|\" ~)")
    said = {found.rstrip(".") for found in stems.findall(text)}
    said |= {f"console.done.{word}" for word in re.findall(r"[\"=](\w+)\"", text)}
    said |= {f"console.no.{kind.code}" for kind in PROBLEMS}
    said |= {f"console.{where}.{word}" for where in ("no", "error") for word in DENIALS}
    unsaid = [key for key in texts("en.json") if not any(key == stem or key.startswith(f"{stem}.") for stem in said)]
    assert unsaid == []


@pytest.mark.parametrize(("language", "name"), PAGES)
def test_a_page_is_well_formed_and_obeys_the_policy(language: Language, name: str) -> None:
    reader = read(PAGES[language, name])
    assert ("html", {"lang": language}) in reader.elements
    for tag, attributes in reader.elements:
        assert tag != "style"
        is_own = attributes.get("src", "").startswith("/console/static/")
        assert tag != "script" or is_own, "a script stands in a file of ours"
        assert "style" not in attributes
        assert not [key for key in attributes if key.startswith("on")], attributes
        for key in ("href", "src", "action"):
            address = attributes.get(key)
            assert address is None or re.match(r"(/|\?|#)(?!/)", address), (tag, address)
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("language", "name"), PAGES)
def test_every_form_that_posts_carries_its_token(language: Language, name: str) -> None:
    for form in re.findall(r"<form[^>]*>.*?</form>", PAGES[language, name], re.DOTALL):
        is_post = 'method="post"' in form.partition(">")[0]
        assert is_post == ('<input type="hidden" name="form_token" value="token-0001">' in form)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "name", ["orders-hostile", "orders-none", "order-hostile", "refunds-hostile", "today", "sessions"]
)
def test_a_strangers_text_is_shown_and_never_runs(language: Language, name: str) -> None:
    html = PAGES[language, name]
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    if name != "orders-none":  # there it stands in the search box, whose value is no markup and no running text
        assert re.search(r"<bdi class=\"wrap\">[^<]*\u202e[^<]*</bdi>", html)
    assert "\u202e" not in re.sub(r"<bdi[^>]*>[^<]*</bdi>|<[^>]*>", "", html)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sandbox_is_marked_on_every_page_inside_and_only_there(language: Language) -> None:
    for name in ("today", "orders", "order", "payment", "refund", "refunds", "sessions"):
        assert 'class="sbx"' in PAGES[language, name], name
    assert "SBX-" in PAGES[language, "payment"]
    for name in ("today-live", "orders-older", "order-bare", "payment-captured"):
        assert "SBX-" not in PAGES[language, name], name
        assert 'class="sbx"' not in PAGES[language, name], name


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("login-wrong", {"login_name": "username", "password": "current-password"}),
        (
            "first-short",
            {
                "shop_name": "organization",
                "name": "name",
                "login_name": "username",
                "password": "new-password",
                "password_again": "new-password",
            },
        ),
        ("code-wrong", {"code": "one-time-code"}),
        ("authenticator", {"code": "one-time-code"}),
    ],
)
def test_a_door_asks_for_its_fields_and_keeps_no_secret(language: Language, name: str, fields: dict[str, str]) -> None:
    elements = read(PAGES[language, name]).elements
    inputs = {str(each["name"]): each for tag, each in elements if tag == "input" and each.get("type") != "hidden"}
    assert {field: each["autocomplete"] for field, each in inputs.items()} == fields
    labelled = {each.get("for") for tag, each in elements if tag == "label"}
    assert labelled == set(fields)
    assert [each for tag, each in elements if tag == "form"] == [{"method": "post", "class": "stack"}]
    for field in ("password", "password_again", "code"):
        assert field not in inputs or inputs[field]["value"] == ""
    assert "hunter2" not in PAGES[language, name]
    wrong = [each for each in inputs.values() if each.get("aria-invalid")]
    assert bool(wrong) == (name != "authenticator")
    assert all("error" in str(each["aria-describedby"]).split() for each in wrong)


def test_the_shops_name_is_asked_for_only_of_a_founder() -> None:
    asked, plain = samples.door("en"), replace(samples.door("en"), asks_shop=False)
    assert 'name="shop_name"' in pages.render_first_owner(asked)
    assert 'name="shop_name"' not in pages.render_first_owner(plain)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_authenticator_can_be_scanned_and_typed(language: Language) -> None:
    html = PAGES[language, "authenticator"]
    assert "<svg" in html.partition('class="qr"')[2]
    assert "ABCD EFGH IJKL MNOP QRST UVWX YZ23 4567" in html


def test_a_visitor_sees_no_way_to_what_the_role_may_not_see() -> None:
    frame = pages.Frame(samples.visitor(capabilities=frozenset({"orders:read"})), "en")
    html = pages.render_orders(frame, pages.Listing(), samples.rows(1), samples.label)
    assert 'href="/console/orders"' in html
    assert 'href="/console/refunds"' not in html
    assert ">Today</a>" not in html


def test_the_timeline_goes_both_ways_and_says_what_is_missing() -> None:
    html = PAGES["en", "payment"]
    for style in ("ev ev-ab", "ev ev-bc", "ev ev-cb ev-lost", "ev ev-cb", "ev ev-ba", "dec dec-u", "dec"):
        assert f'<div class="{style}">' in html, style
    assert "14:02:35.400" in html
    assert "HTTP 200 · trusted · USERPAYING · 131 ms" in html

"""What every staff page shares: texts, the frame around a page, status chips, and times in China. Pure.

Must not know: HTTP, the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from jinja2 import Environment

from shunfu.checkout.kit import Language, Say, either, environment, speaker
from shunfu.console.model import Visitor
from shunfu.kernel.plain import SHANGHAI, Words

_HERE = Path(__file__).parent
Tint = Literal["", "ok", "warn", "bad", "unk"]
Place = Literal["today", "orders", "refunds", "account"]


@dataclass(frozen=True, slots=True)
class Chip:
    """A status: icon, word and tint. `why` is the tint of the box that explains it."""

    text: str
    icon: str
    style: str
    why: str


@dataclass(frozen=True, slots=True)
class NavItem:
    """A link of a navigation or of a row of filters."""

    href: str
    text: str
    icon: str = ""
    is_here: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a list of facts; with `href` the text is an id of ours and leads there."""

    name: str
    text: str
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """Who looks, in which language, and the query that leads to this page in the other one."""

    visitor: Visitor
    language: Language
    other_language: str = ""

    @property
    def say(self) -> Say:
        """Says a text of ours in the page's language."""
        return speak(self.language)

    def word(self, words: Words) -> str:
        """A text of two languages in the page's."""
        return words.zh if self.language == "zh-CN" else words.en


_STYLES: Mapping[str, tuple[str, Tint]] = {
    "order.OPEN": ("clock", ""),
    "order.CLOSING": ("clock", "warn"),
    "order.PAID": ("check", "ok"),
    "order.CLOSED": ("x", ""),
    "payment.SENDING": ("send", ""),
    "payment.UNKNOWN": ("unk", "unk"),
    "payment.PENDING": ("clock", ""),
    "payment.REFUSED": ("x", "bad"),
    "payment.CLOSED": ("x", ""),
    "payment.CAPTURED": ("check", "ok"),
    "refund.REQUESTED": ("clock", "warn"),
    "refund.SENDING": ("send", ""),
    "refund.UNKNOWN": ("unk", "unk"),
    "refund.PROCESSING": ("undo", ""),
    "refund.ABNORMAL": ("alert", "bad"),
    "refund.CLOSED": ("x", ""),
    "refund.REFUSED": ("x", "bad"),
    "refund.REJECTED": ("x", ""),
    "refund.SUCCEEDED": ("check", "ok"),
}


def static_dir() -> Path:
    """The folder to serve under `/console/static`."""
    return _HERE / "static"


def speak(language: Language) -> Say:
    """A function that says a key of the staff pages in a language."""
    return speaker(language, _HERE / "texts")


def templates() -> Environment:
    """The staff pages' templates; escaping is on."""
    return environment(_HERE / "templates")


def state_chip(say: Say, kind: Literal["order", "payment", "refund"], state: str) -> Chip:
    """The chip of a state of an order, a payment or a refund."""
    icon, tint = _STYLES[f"{kind}.{state}"]
    return plain_chip(say(f"console.state.{kind}.{state}"), icon, tint)


def plain_chip(text: str, icon: str, tint: Tint) -> Chip:
    """A chip with these words."""
    return Chip(text, icon, f"st-{tint}" if tint else "", f"why-{tint or 'calm'}")


def role_text(say: Say, role: str) -> str:
    """What a role is called."""
    return either(say, f"console.role.{role}", "console.role.other")


def scene_text(say: Say, label: str, scene: str) -> str:
    """A method's name: its channel's label and the scene."""
    return f"{label} · {either(say, f'scene.{scene}', 'scene.other')}"


def second_text(moment: datetime) -> str:
    """`11-22 14:02:09` in Shanghai."""
    return moment.astimezone(SHANGHAI).strftime("%m-%d %H:%M:%S")


def render(frame: Frame, template: str, place: Place, **values: object) -> str:
    """A page inside the frame, as HTML. `values` must hold its `title`."""
    say, visitor = frame.say, frame.visitor
    nav = _nav(frame, place)
    account = NavItem("/console/sessions", say("console.account"), "person", is_here=place == "account")
    shown: dict[str, object] = {
        "say": say,
        "language": frame.language,
        "is_sandbox": visitor.mode == "test",
        "visitor": visitor,
        "role": role_text(say, visitor.role),
        "nav": nav,
        "tabs": [*nav, account],
        "crumb": None,
        "has_search": "orders:read" in visitor.caller.capabilities,
        "other_language": f"?{frame.other_language or 'lang=' + other_of(frame.language)}",
    }
    return templates().get_template(template).render(shown | values)


def other_of(language: Language) -> Language:
    """The language that a page offers besides its own."""
    return "zh-CN" if language == "en" else "en"


def _nav(frame: Frame, place: Place) -> list[NavItem]:
    capabilities = frame.visitor.caller.capabilities
    items = [("today", "/console", "home", TODAY_NEEDS)]
    items.append(("orders", "/console/orders", "list", frozenset({"orders:read"})))
    items.append(("refunds", "/console/refunds", "undo", frozenset({"refunds:read"})))
    return [
        NavItem(href, frame.say(f"console.{name}"), icon, is_here=name == place)
        for name, href, icon, needs in items
        if needs <= capabilities
    ]


TODAY_NEEDS = frozenset({"orders:read", "payments:read", "refunds:read"})
"""Who may see a little of everything."""

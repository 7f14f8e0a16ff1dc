"""What every staff page shares: texts, the frame around a page, status chips, and times in China. Pure.

Must not know: HTTP, the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Literal, TypeAlias, cast
from urllib.parse import urlencode

from jinja2 import Environment

from shunfu.checkout.kit import Language, Say, either, environment, speaker
from shunfu.console.model import Visitor
from shunfu.console.vendored import integrity
from shunfu.kernel.plain import SHANGHAI, Words

_HERE = Path(__file__).parent
TABS = 4
"""So many entries stand at the bottom of a phone, besides the one that leads to all others."""
Tint = Literal["", "ok", "warn", "bad", "unk"]
Label: TypeAlias = Callable[[str], Words]
"""What a channel is called."""


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
class MenuEntry:
    """A section's entry in the menu: where it leads, its text's key, and what a visitor must be allowed to see it.

    `group` is the key of the heading that it stands under; those of one group stand together.
    """

    name: str
    href: str
    text: str
    icon: str
    needs: frozenset[str]
    group: str = ""


Menu: TypeAlias = tuple[MenuEntry, ...]


@dataclass(frozen=True, slots=True)
class NavGroup:
    """Entries of the menu that stand together."""

    text: str
    items: Sequence[NavItem]


@dataclass(frozen=True, slots=True)
class Note:
    """What came of an act: the last part of a text's key, from the address of the page."""

    key: str
    is_good: bool

    def text(self, say: Say) -> str:
        """The sentence; whatever is not one of ours says no more than that."""
        kind, otherwise = ("done", "console.done.other") if self.is_good else ("no", "console.no.other")
        return either(say, f"console.{kind}.{self.key}", otherwise)


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a list of facts; with `href` the text is an id of ours and leads there."""

    name: str
    text: str
    href: str | None = None


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of a form. `options` (value, text) make it a choice; `lines` above one make it a box of lines."""

    name: str
    label: str
    value: str = ""
    hint: str = ""
    length: int = 80
    type: str = "text"
    options: Sequence[tuple[str, str]] = ()
    lines: int = 1
    is_needed: bool = True


@dataclass(frozen=True, slots=True)
class ActForm:
    """Something that the visitor can do here: where it is posted, its button, what it will do, what it asks."""

    action: str
    button: str
    text: str = ""
    fields: Sequence[FormField] = ()
    is_main: bool = False
    is_danger: bool = False
    hidden: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """Who looks, in which language, the query that leads to this page in the other one, and the whole menu.

    `form_id` is the id that gets what a form of this page makes: sent twice, it makes one.
    """

    visitor: Visitor
    language: Language
    other_language: str = ""
    menu: Menu = ()
    note: Note | None = None
    form_id: str = ""

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
    made = environment(_HERE / "templates")
    cast("dict[str, object]", made.globals)["integrity"] = integrity
    return made


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


def render(frame: Frame, template: str, place: str, **values: object) -> str:
    """A page inside the frame, as HTML. `values` must hold its `title`; `place` is its section's name."""
    say, visitor = frame.say, frame.visitor
    groups = nav_groups(frame, place)
    first = [item for group in groups for item in group.items][:TABS]
    more = NavItem("/console/more", say("console.more"), "more", is_here=not any(item.is_here for item in first))
    shown: dict[str, object] = {
        "say": say,
        "language": frame.language,
        "is_sandbox": visitor.mode == "test",
        "visitor": visitor,
        "role": role_text(say, visitor.role),
        "groups": groups,
        "tabs": [*first, more],
        "crumb": None,
        "note": frame.note,
        "note_text": frame.note.text(say) if frame.note else "",
        "has_search": "orders:read" in visitor.caller.capabilities,
        "other_language": f"?{frame.other_language or 'lang=' + other_of(frame.language)}",
    }
    return templates().get_template(template).render(shown | values)


def other_of(language: Language) -> Language:
    """The language that a page offers besides its own."""
    return "zh-CN" if language == "en" else "en"


def nav_groups(frame: Frame, place: str = "") -> list[NavGroup]:
    """The part of the menu that the visitor may open, in groups."""
    capabilities, say = frame.visitor.caller.capabilities, frame.say
    open_to = [entry for entry in frame.menu if entry.needs <= capabilities]
    return [
        NavGroup(
            say(group) if group else "",
            [NavItem(one.href, say(one.text), one.icon, is_here=one.name == place) for one in entries],
        )
        for group, entries in groupby(open_to, key=lambda entry: entry.group)
    ]


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list was asked for: a state, a search, whether it is its first page, and the cursor of the next one."""

    state: str | None = None
    needle: str = ""
    is_first: bool = True
    older: str | None = None

    def url(self, path: str, **more: str | None) -> str:
        """The list's address with its state and what is added; None leaves out."""
        query = {name: value for name, value in {"state": self.state, **more}.items() if value is not None}
        return f"{path}?{urlencode(query)}" if query else path

    def frame(self, path: str) -> dict[str, object]:
        """What a list's template needs besides its rows."""
        return {
            "export_query": f"?state={self.state}" if self.state else "",
            "is_filtered": bool(self.state or self.needle or not self.is_first),
            "newest_url": None if self.is_first else self.url(path),
            "older_url": self.url(path, cursor=self.older) if self.older else None,
        }


TODAY_NEEDS = frozenset({"orders:read", "payments:read", "refunds:read"})
"""Who may see a little of everything."""

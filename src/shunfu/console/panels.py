"""Pages made of panels: tables, facts, texts and acts, side by side. Pure.

Most sections need no template of their own: they say what stands where, and this says how it looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from shunfu.console.kit import ActForm, Chip, Fact, Frame, Listing, NavItem, render


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading; figures stand to the right."""

    text: str
    is_figure: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a table: a text of ours or a stranger's (always escaped), a link or a chip, a note below it."""

    text: str = ""
    href: str = ""
    chip: Chip | None = None
    note: str = ""
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Empty:
    """What a panel says when it has nothing to show: what belongs here, and what to do next."""

    icon: str
    title: str
    text: str
    href: str = ""
    button: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One box of a page: of its contents whatever is given is shown, in the order of the fields."""

    title: str
    count: str = ""
    text: str = ""
    facts: Sequence[Fact] = ()
    columns: Sequence[Column] = ()
    rows: Sequence[Sequence[Cell]] = ()
    code: str = ""
    acts: Sequence[ActForm] = ()
    empty: Empty | None = None
    links: Sequence[NavItem] = ()
    """Ways on, below everything else."""

    @property
    def is_empty(self) -> bool:
        """Whether it has nothing to show but its note about that."""
        return self.empty is not None and not (self.rows or self.facts or self.code)


@dataclass(frozen=True, slots=True)
class Why:
    """A box that says why something is as it is, in the colour of its chip."""

    title: str
    text: str
    chip: Chip


@dataclass(frozen=True, slots=True)
class PanelPage:
    """A page: what it is about, its panels in the wide column and those beside it, filters and pages of a list."""

    title: str
    lead: str = ""
    chip: Chip | None = None
    number: str = ""
    text: str = ""
    why: Why | None = None
    crumb: NavItem | None = None
    filters: Sequence[NavItem] = ()
    export: str = ""
    """Where the list can be had as a file, without the ending."""
    main: Sequence[Panel] = ()
    side: Sequence[Panel] = ()
    pages: Sequence[NavItem] = field(default_factory=tuple)


def render_panels(frame: Frame, place: str, page: PanelPage) -> str:
    """The page inside the frame, as HTML."""
    return render(frame, "panels.html", place, title=page.title, crumb=page.crumb, page=page)


def page_links(frame: Frame, listing: Listing, path: str) -> list[NavItem]:
    """The ways to the newest and to older rows of a list."""
    found: list[NavItem] = []
    if not listing.is_first:
        found.append(NavItem(listing.url(path), frame.say("console.newest")))
    if listing.older:
        found.append(NavItem(listing.url(path, cursor=listing.older), frame.say("console.older"), "next"))
    return found

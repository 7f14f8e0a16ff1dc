"""Which ways to pay work where the visitor is, and which one is chosen already. Pure; names no channel.

A wallet's own browser is known by what its channel says of it. A User-Agent proves nothing: it only changes what is
offered. Source of the order: docs/how-to/checkout.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from shunfu.checkout.model import MethodChoice
from shunfu.gateway.port import OwnBrowser, Scene
from shunfu.merchants import OpenAccount

PHONE_MARKS = ("mobile", "android", "iphone", "ipad", "harmony")
PAGE_KINDS = frozenset({"qr", "redirect", "form"})
"""What any page can open; where it may, the browser says."""


@dataclass(frozen=True, slots=True)
class Way:
    """A scene of one of the merchant's accounts."""

    account: OpenAccount
    scene: Scene

    @property
    def name(self) -> str:
        """`channel/scene`."""
        return f"{self.account.channel.name}/{self.scene.name}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page is open: its User-Agent, and the browsers of the channels that this installation knows, by name."""

    user_agent: str
    browsers: Sequence[tuple[str, OwnBrowser]] = ()

    @property
    def own(self) -> tuple[str, OwnBrowser] | None:
        """The channel whose own browser this is, or None."""
        return next(((name, one) for name, one in self.browsers if one.is_here(self.user_agent)), None)

    @property
    def is_phone(self) -> bool:
        """Whether it is a phone's or a tablet's browser."""
        return any(mark in self.user_agent.lower() for mark in PHONE_MARKS)


@dataclass(frozen=True, slots=True)
class Habit:
    """What speaks for a method: the live payment's, the shopper's last success, what is paid with most here."""

    pending: str | None
    last: str | None
    popular: Sequence[str]


def every_way(accounts: Sequence[OpenAccount]) -> list[Way]:
    """Every scene that the merchant's credentials open."""
    return [Way(account, scene) for account in accounts for scene in account.scenes]


def ways_in_browser(accounts: Sequence[OpenAccount], place: Place) -> list[Way]:
    """What works in this browser: in a wallet's only its own scene; on a phone a code is the last resort."""
    if place.own is not None:
        name, browser = place.own
        return [way for way in every_way(accounts) if _works_inside(way, name, browser, place.user_agent)]
    found: list[Way] = []
    for account in accounts:
        found += _on_phone(account) if place.is_phone else _on_desktop(account)
    return sorted(found, key=lambda way: place.is_phone and way.scene.invoke == "qr")


def ways_for_client(accounts: Sequence[OpenAccount], opens: Collection[str] | None, place: Place) -> list[Way]:
    """What a client can open that says which kinds it knows; all of them when it says nothing."""
    everything = every_way(accounts)
    if opens is None:
        return everything
    inside = [way for way in everything if way.scene.invoke in opens and way.scene.invoke not in PAGE_KINDS]
    pages = [way for way in ways_in_browser(accounts, place) if way.scene.invoke in opens and way not in inside]
    return [*inside, *pages]


def choices(ways: Sequence[Way], currency: str, habit: Habit) -> list[MethodChoice]:
    """The ways as the checkout shows them, one of them chosen already: never one that cannot be used."""
    usable = [way.name for way in ways if currency in way.account.channel.capabilities.currencies]
    default, why = _default(usable, habit)
    return [
        MethodChoice(
            method=way.name,
            scene=way.scene.name,
            labels=way.account.channel.label,
            icon="scan" if way.scene.invoke == "qr" else way.account.channel.icon,
            is_default=way.name == default,
            is_enabled=way.name in usable,
            reason=_reason(way, usable, why if way.name == default else None),
            invoke=way.scene.invoke,
        )
        for way in ways
    ]


def _works_inside(way: Way, name: str, browser: OwnBrowser, user_agent: str) -> bool:
    is_its_own = way.account.channel.name == name and way.scene.name == browser.scene
    is_known = not way.scene.needs_payer or way.account.channel.web_login is not None
    return is_its_own and is_known and browser.can_pay(user_agent)


def _on_phone(account: OpenAccount) -> list[Way]:
    scene = account.scene("h5") or next((one for one in account.scenes if one.invoke == "qr"), None)
    return [Way(account, scene)] if scene else []


def _on_desktop(account: OpenAccount) -> list[Way]:
    page = account.scene("page")
    code = next((scene for scene in account.scenes if scene.invoke == "qr"), None)
    return [Way(account, scene) for scene in (page, code) if scene]


def _default(usable: Sequence[str], habit: Habit) -> tuple[str | None, str | None]:
    """The method to have chosen already, and why: None where it is only the first."""
    wishes = [(habit.pending, "resume"), (habit.last, "last_used"), *((one, "popular") for one in habit.popular)]
    for wanted, why in wishes:
        found = _closest(usable, wanted, is_exact=why == "resume") if wanted else None
        if found is not None:
            return found, why
    return next(iter(usable), None), None


def _closest(usable: Sequence[str], wanted: str, *, is_exact: bool) -> str | None:
    """The method itself, or the same channel where only another scene of it works."""
    if wanted in usable:
        return wanted
    channel = wanted.partition("/")[0]
    return None if is_exact else next((name for name in usable if name.partition("/")[0] == channel), None)


def _reason(way: Way, usable: Sequence[str], why: str | None) -> str:
    if way.name not in usable:
        return "other_currency"
    if why is not None:
        return why
    if len(usable) == 1:
        return "only_method"
    return "scan_with_phone" if way.scene.invoke == "qr" else "available"

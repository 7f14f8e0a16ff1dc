"""What the demo shop sells: four goods with prices in fen, and a shopper's cart as counts of them.

A cart travels in a plain cookie, `beans.1-cup.2`, and is read strictly: anything odd is an empty cart, since prices are
never taken from it. Must not know: HTTP, the payment API.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shunfu.kernel.money import Money

CURRENCY = "CNY"
COUNT_MAX = 9
"""Most of one thing in a cart."""

Step = Literal["add", "remove"]

_CART = re.compile(r"[a-z]{1,12}\.[1-9](?:-[a-z]{1,12}\.[1-9]){0,7}")


@dataclass(frozen=True, slots=True)
class Good:
    """One thing to buy; its name and description are the texts `good.<key>` and `good.<key>_why`."""

    key: str
    kind: str
    price_minor: int
    palette: str

    @property
    def price(self) -> Money:
        """The price of one."""
        return Money(self.price_minor, CURRENCY)


GOODS: Mapping[str, Good] = {
    good.key: good
    for good in (
        Good("beans", "beans", 6800, "pa"),
        Good("drip", "drip", 2800, "pb"),
        Good("cup", "ware", 9600, "pc"),
        Good("can", "ware", 4500, "pd"),
    )
}
KINDS = ("beans", "drip", "ware")


@dataclass(frozen=True, slots=True)
class Line:
    """Some of one good."""

    good: Good
    quantity: int

    @property
    def amount(self) -> Money:
        """The line's amount."""
        return Money(self.good.price_minor * self.quantity, CURRENCY)


@dataclass(frozen=True, slots=True)
class Cart:
    """What a shopper has picked, in the catalogue's order."""

    lines: tuple[Line, ...] = ()

    @property
    def total(self) -> Money:
        """What the whole cart costs."""
        return Money(sum(line.amount.minor for line in self.lines), CURRENCY)

    @property
    def count(self) -> int:
        """How many things are in it."""
        return sum(line.quantity for line in self.lines)

    def cookie(self) -> str:
        """The cart as the text of its cookie; empty for an empty cart."""
        return "-".join(f"{line.good.key}.{line.quantity}" for line in self.lines)

    def changed(self, key: str, step: Step) -> Cart:
        """The cart with one more or one less of a good, within 0 and COUNT_MAX."""
        counts = {line.good.key: line.quantity for line in self.lines}
        counts[key] = max(0, min(COUNT_MAX, counts.get(key, 0) + (1 if step == "add" else -1)))
        return _cart(counts)


def read_cart(cookie: str | None) -> Cart:
    """The cart that a cookie's text writes; an empty one for any text that we did not write."""
    if cookie is None or _CART.fullmatch(cookie) is None:
        return Cart()
    pairs = [part.split(".") for part in cookie.split("-")]
    counts = {key: int(count) for key, count in pairs}
    is_ours = len(counts) == len(pairs) and counts.keys() <= GOODS.keys()
    return _cart(counts) if is_ours else Cart()


def _cart(counts: Mapping[str, int]) -> Cart:
    return Cart(tuple(Line(good, counts[key]) for key, good in GOODS.items() if counts.get(key, 0) > 0))

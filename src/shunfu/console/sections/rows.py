"""Lines of lists that several sections show: an order, a payment or a refund, and the filters above them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shunfu.console.kit import Chip, Frame, Listing, NavItem, second_text, state_chip
from shunfu.console.model import RefundRow
from shunfu.kernel.ids import public
from shunfu.kernel.money import Money


@dataclass(frozen=True, slots=True)
class Row:
    """An order, a payment or a refund in a list."""

    href: str
    number: str
    amount: Money
    at: str
    chip: Chip
    text: str = ""
    method: str = ""
    subject: str = ""
    reason: str = ""
    merchant_order_no: str | None = None


def refund_row(frame: Frame, one: RefundRow) -> Row:
    """A refund beside its order or payment."""
    return Row(
        href=f"/console/refunds/{public('rfd', one.refund_id)}",
        number=public("rfd", one.refund_id),
        amount=one.amount,
        at=second_text(one.created_at),
        chip=state_chip(frame.say, "refund", one.state),
        text=second_text(one.created_at),
    )


def filters(frame: Frame, listing: Listing, path: str, names: Mapping[str, str]) -> list[NavItem]:
    """Links to a list's states, by state, and to all of them."""
    items = [NavItem(path, frame.say("console.all"), is_here=listing.state is None and not listing.needle)]
    return items + [
        NavItem(f"{path}?state={state}", text, is_here=listing.state == state) for state, text in names.items()
    ]

"""Orders and refunds as lists, and one order, as HTML. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from shunfu.checkout.kit import moment_text
from shunfu.console.kit import Chip, Fact, Frame, NavItem, render, scene_text, second_text, state_chip
from shunfu.console.model import ORDER_FILTERS, REFUND_FILTERS, OrderRow, RefundRow
from shunfu.console.today_page import Label
from shunfu.console.usecases import WholeOrder
from shunfu.kernel.ids import public
from shunfu.kernel.money import Money
from shunfu.payments import Item, Order, Payment
from shunfu.refunds import Refund


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


@dataclass(frozen=True, slots=True)
class ItemLine:
    """A line of an order."""

    text: str
    amount: Money


def render_orders(frame: Frame, listing: Listing, rows: Sequence[OrderRow], label: Label) -> str:
    """A page of orders, as HTML."""
    say, path = frame.say, "/console/orders"
    return render(
        frame,
        "orders.html",
        "orders",
        title=say("console.orders"),
        has_search=False,
        needle=listing.needle,
        filters=_filters(frame, listing, path, "order"),
        rows=[_order_row(frame, one, label) for one in rows],
        is_filtered=bool(listing.state or listing.needle or not listing.is_first),
        newest_url=None if listing.is_first else listing.url(path),
        older_url=listing.url(path, cursor=listing.older) if listing.older else None,
    )


def render_refunds(frame: Frame, listing: Listing, refunds: Sequence[Refund], label: Label) -> str:
    """A page of refunds, as HTML."""
    say, path = frame.say, "/console/refunds"
    return render(
        frame,
        "refunds.html",
        "refunds",
        title=say("console.refunds"),
        filters=_filters(frame, listing, path, "refund"),
        rows=[
            Row(
                href=f"{path}/{public('rfd', one.refund_id)}",
                number=public("rfd", one.refund_id),
                amount=one.amount,
                at=second_text(one.created_at),
                chip=state_chip(say, "refund", one.state.value),
                method=frame.word(label(one.channel)),
                reason=one.reason,
            )
            for one in refunds
        ],
        is_filtered=bool(listing.state or not listing.is_first),
        newest_url=None if listing.is_first else listing.url(path),
        older_url=listing.url(path, cursor=listing.older) if listing.older else None,
    )


def render_order(frame: Frame, found: WholeOrder, label: Label) -> str:
    """One order with its payments and refunds, as HTML."""
    say, order = frame.say, found.order
    return render(
        frame,
        "order.html",
        "orders",
        title=say("console.order.title"),
        crumb=NavItem("/console/orders", say("console.orders")),
        order=order,
        number=public("ord", order.order_id),
        chip=state_chip(say, "order", order.state.value),
        created_at=moment_text(order.created_at),
        payments=[_payment_row(frame, one, label) for one in found.payments],
        shows_refunds="refunds:read" in frame.visitor.caller.capabilities,
        refunds=[refund_row(frame, one) for one in found.refunds],
        facts=_order_facts(frame, order),
        items=[_item(frame, one, order) for one in order.items],
    )


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


def _filters(frame: Frame, listing: Listing, path: str, kind: str) -> list[NavItem]:
    say = frame.say
    names: Sequence[str] = ORDER_FILTERS if kind == "order" else REFUND_FILTERS
    items = [NavItem(path, say("console.all"), is_here=listing.state is None and not listing.needle)]
    for name in names:
        subject = "payment" if kind == "order" and name == "UNKNOWN" else kind
        text = say(f"console.state.{subject}.{name}")
        items.append(NavItem(f"{path}?state={name}", text, is_here=listing.state == name))
    return items


def _order_row(frame: Frame, one: OrderRow, label: Label) -> Row:
    say, paid = frame.say, one.payment
    is_unknown = paid is not None and paid.state == "UNKNOWN" and one.state != "PAID"
    chip = state_chip(say, "payment", "UNKNOWN") if is_unknown else state_chip(say, "order", one.state)
    return Row(
        href=f"/console/orders/{public('ord', one.order_id)}",
        number=public("ord", one.order_id),
        amount=one.amount,
        at=second_text(one.created_at),
        chip=chip,
        method=scene_text(say, frame.word(label(paid.channel)), paid.scene) if paid else "—",
        subject=one.subject,
        merchant_order_no=one.merchant_order_no,
    )


def _payment_row(frame: Frame, one: Payment, label: Label) -> Row:
    method = scene_text(frame.say, frame.word(label(one.channel)), one.scene)
    return Row(
        href=f"/console/payments/{public('pay', one.payment_id)}",
        number=public("pay", one.payment_id),
        amount=one.amount,
        at=second_text(one.created_at),
        chip=state_chip(frame.say, "payment", one.state.value),
        text=f"{method} · {second_text(one.created_at)}",
    )


def _order_facts(frame: Frame, order: Order) -> list[Fact]:
    told = {
        "merchant_order_no": order.merchant_order_no,
        "subject": order.subject,
        "expires_at": moment_text(order.expires_at),
        "return_url": order.return_url,
    }
    return [Fact(frame.say(f"console.fact.{name}"), text) for name, text in told.items() if text]


def _item(frame: Frame, one: Item, order: Order) -> ItemLine:
    text = frame.say("console.item", name=one.name, quantity=one.quantity)
    return ItemLine(text, Money(one.amount_minor, order.amount.currency))

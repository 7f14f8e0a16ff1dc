"""Orders as a list, and one order, as HTML. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shunfu.checkout.kit import moment_text
from shunfu.console.kit import (
    ActForm,
    Fact,
    Frame,
    Label,
    Listing,
    NavItem,
    render,
    scene_text,
    second_text,
    state_chip,
)
from shunfu.console.model import ORDER_FILTERS, OrderRow
from shunfu.console.sections.rows import Row, filters, refund_row
from shunfu.console.usecases import WholeOrder
from shunfu.kernel.ids import public
from shunfu.kernel.money import Money
from shunfu.kernel.plain import amount_text
from shunfu.payments import Item, Order, OrderState, Payment


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
        filters=_filters(frame, listing, path),
        rows=[_order_row(frame, one, label) for one in rows],
        **listing.frame(path),
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
        acts=_acts(frame, order),
    )


def _acts(frame: Frame, order: Order) -> list[ActForm]:
    """What the visitor may do to an order."""
    if order.state is not OrderState.OPEN or "orders:write" not in frame.visitor.caller.capabilities:
        return []
    say, number = frame.say, public("ord", order.order_id)
    return [
        ActForm(f"/console/orders/{number}/close", say("console.act.close_order"), say("console.act.close_order.text"))
    ]


def _filters(frame: Frame, listing: Listing, path: str) -> list[NavItem]:
    say = frame.say
    names = {one: say(f"console.state.{'payment' if one == 'UNKNOWN' else 'order'}.{one}") for one in ORDER_FILTERS}
    return filters(frame, listing, path, names)


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
        text=" · ".join((method, second_text(one.created_at), *_discount(frame, one))),
    )


def _discount(frame: Frame, one: Payment) -> list[str]:
    """What an offer took off, if one did."""
    if not one.discount_minor:
        return []
    return [frame.say("console.discount", amount=amount_text(Money(one.discount_minor, one.amount.currency)))]


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

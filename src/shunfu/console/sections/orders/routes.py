"""Orders and payments over HTTP."""

from __future__ import annotations

from typing import cast

from fastapi import APIRouter, Request
from starlette.responses import Response

from shunfu.checkout.kit import Say
from shunfu.console.api import Asked, ConsoleTools, Done, Guard, Section, acted, part_of, shown, state_of
from shunfu.console.exports import Export, Rows, add_export, china_time
from shunfu.console.kit import Frame, Listing, MenuEntry
from shunfu.console.model import ORDER_FILTERS, OrderFilter
from shunfu.console.sections.orders.page import render_order, render_orders
from shunfu.console.sections.subject import render_payment
from shunfu.console.usecases import every_order, look_at_order, look_at_payment, page_of_orders, search_orders
from shunfu.kernel.ids import public
from shunfu.merchants.api import path_id
from shunfu.payments import ask_anew, close_order

PATH = "/console/orders"


def add_routes(router: APIRouter, tools: ConsoleTools) -> None:
    """The routes of orders and payments."""
    add_export(router, tools, _export(tools))
    _add_orders(router, tools)
    _add_payments(router, tools)


SECTION = Section(MenuEntry("orders", PATH, "console.orders", "list", frozenset({"orders:read"})), add_routes)


def _add_orders(router: APIRouter, tools: ConsoleTools) -> None:
    @router.get("/orders")
    async def orders(request: Request) -> Response:
        """Orders, newest first, or those that a search names."""

        async def draw(request: Request, frame: Frame) -> str:
            return await _draw_orders(tools, request, frame)

        return await shown(tools, request, frozenset({"orders:read"}), draw)

    @router.get("/orders/{order_id}")
    async def order(request: Request, order_id: str) -> Response:
        """One order with its payments and refunds."""

        async def draw(_: Request, frame: Frame) -> str:
            merchant_id = frame.visitor.caller.merchant_id
            found = await look_at_order(tools.payments, merchant_id, path_id("ord", order_id))
            return render_order(frame, found, tools.label)

        return await shown(tools, request, frozenset({"orders:read"}), draw)

    @router.post("/orders/{order_id}/close")
    async def close(request: Request, order_id: str) -> Response:
        """Ask for the order's close, at the channels too."""
        back = f"{PATH}/{order_id}"

        async def act(asked: Asked) -> Done:
            found = await close_order(tools.payments, asked.visitor.caller.merchant_id, path_id("ord", order_id))
            return Done(back, "order_closed" if found.order.state.value == "CLOSED" else "order_closing")

        return await acted(tools, request, Guard("orders:write", back), act)


def _add_payments(router: APIRouter, tools: ConsoleTools) -> None:
    @router.get("/payments/{payment_id}")
    async def payment(request: Request, payment_id: str) -> Response:
        """One payment: why, and the evidence."""

        async def draw(_: Request, frame: Frame) -> str:
            caller, wanted = frame.visitor.caller, path_id("pay", payment_id)
            found, refunds = await look_at_payment(tools.payments, caller.merchant_id, wanted, tools.teller)
            told = refunds if "refunds:read" in caller.capabilities else None
            return render_payment(frame, found, told, tools.label)

        return await shown(tools, request, frozenset({"payments:read"}), draw)

    @router.post("/payments/{payment_id}/ask")
    async def ask(request: Request, payment_id: str) -> Response:
        """Ask the channel about a payment, whatever its state; what it says is recorded."""
        back = f"/console/payments/{payment_id}"

        async def act(asked: Asked) -> Done:
            await ask_anew(tools.payments, asked.visitor.caller.merchant_id, path_id("pay", payment_id))
            return Done(back, "asked")

        return await acted(tools, request, Guard("payments:write", back), act)


async def _draw_orders(tools: ConsoleTools, request: Request, frame: Frame) -> str:
    merchant_id, database = frame.visitor.caller.merchant_id, tools.payments.database
    needle = request.query_params.get("q", "").strip()
    if needle:
        found = await search_orders(database, merchant_id, needle)
        return render_orders(frame, Listing(needle=needle), found, tools.label)
    part = part_of(tools, request, merchant_id, "orders", ORDER_FILTERS)
    found = await page_of_orders(database, merchant_id, part.before, cast("OrderFilter | None", part.state))
    rows, listing = part.cut(found, lambda order: order.order_id)
    return render_orders(frame, listing, rows, tools.label)


COLUMNS = ("order", "merchant_order_no", "amount", "currency", "status", "subject", "method", "time")


def _export(tools: ConsoleTools) -> Export:
    def columns(say: Say) -> list[str]:
        return [say(f"console.column.{name}") for name in COLUMNS]

    async def rows(request: Request, frame: Frame) -> Rows:
        merchant_id = frame.visitor.caller.merchant_id
        state = state_of(request, ORDER_FILTERS)
        async for one in every_order(tools.payments.database, merchant_id, cast("OrderFilter | None", state)):
            method = f"{one.payment.channel}/{one.payment.scene}" if one.payment else ""
            number, told = public("ord", one.order_id), (one.merchant_order_no or "", one.amount.major())
            yield (number, *told, one.amount.currency, one.state, one.subject, method, china_time(one.created_at))

    return Export("/orders/export", "orders", frozenset({"orders:read"}), columns, rows)

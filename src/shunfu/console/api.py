"""The console over HTTP: read-only pages for staff. Every page needs a visitor and a capability.

Must not know: how a visitor is recognised (`doors.py`), SQL.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeAlias, cast
from urllib.parse import quote, urlencode

import structlog
from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from shunfu.checkout.api import language_of as asked_language_of
from shunfu.checkout.kit import Language
from shunfu.console.kit import TODAY_NEEDS, other_of
from shunfu.console.model import ORDER_FILTERS, PAGE_ROWS, REFUND_FILTERS, OrderFilter, Visitor
from shunfu.console.pages import (
    Frame,
    Listing,
    render_order,
    render_orders,
    render_payment,
    render_refund,
    render_refunds,
    render_refused,
    render_today,
    static_dir,
)
from shunfu.console.usecases import look_at_order, look_at_payment, look_at_today, page_of_orders, search_orders
from shunfu.kernel.cursor import read_cursor, write_cursor
from shunfu.kernel.errors import Forbidden, Refusal, TransientFault
from shunfu.kernel.plain import Words
from shunfu.kernel.signing import Signer
from shunfu.merchants.api import path_id
from shunfu.payments import PaymentTools, Teller, channel_words
from shunfu.refunds import Named, RefundTools, list_refunds, read_refund_explained

__all__ = [
    "ConsoleTools",
    "PageRoute",
    "Recognise",
    "in_other",
    "language_of",
    "make_router",
    "page",
    "refused_page",
    "static_dir",
]

Recognise: TypeAlias = Callable[[Request], Awaitable[Visitor | None]]
"""Who looks, or None: nobody has logged in."""

Handler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]
LOG = structlog.stdlib.get_logger("console")
LANGUAGE_COOKIE = "lang"
LANGUAGE_SECONDS = 365 * 24 * 3600
HEADERS = {
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class ConsoleTools:
    """What the pages need. `teller` says what the merchant's server was told; `signer` binds cursors."""

    payments: PaymentTools
    refunds: RefundTools
    teller: Teller
    recognise: Recognise
    signer: Signer

    def label(self, channel: str) -> Words:
        """What a channel is called."""
        return channel_words(self.payments, channel)


Draw: TypeAlias = Callable[[Request, Frame], Awaitable[str]]
"""Reads and draws one page for a visitor."""


def make_router(tools: ConsoleTools) -> APIRouter:
    """The routes of Today, orders, payments and refunds."""
    router = APIRouter(prefix="/console", include_in_schema=False, route_class=PageRoute)
    _add_today(router, tools)
    _add_orders(router, tools)
    _add_refunds(router, tools)
    return router


def page(html: str, status: int = 200, request: Request | None = None) -> Response:
    """A page with the headers of every page; with its request, a language asked for by `?lang=` is remembered."""
    response = HTMLResponse(html, status, headers=HEADERS)
    if request is not None and request.query_params.get("lang"):
        language = asked_language_of(request)
        response.set_cookie(LANGUAGE_COOKIE, language, LANGUAGE_SECONDS, path="/console", httponly=True, samesite="lax")
    return response


def refused_page(request: Request, why: str, status: int) -> Response:
    """A page that says no, for instance `not_found`."""
    return page(render_refused(language_of(request), why), status)


def language_of(request: Request) -> Language:
    """`?lang=`, else what was asked for before, else Accept-Language, else Chinese."""
    kept = request.cookies.get(LANGUAGE_COOKIE)
    if request.query_params.get("lang") or kept not in {"zh-CN", "en"}:
        return asked_language_of(request)
    return cast("Language", kept)


def _add_today(router: APIRouter, tools: ConsoleTools) -> None:
    @router.get("")
    async def today(request: Request) -> Response:
        """What moved today, and what needs a person."""

        async def draw(_: Request, frame: Frame) -> str:
            merchant_id = frame.visitor.caller.merchant_id
            found = await look_at_today(tools.payments.database, merchant_id, tools.payments.now())
            return render_today(frame, found, tools.label)

        return await _shown(tools, request, TODAY_NEEDS, draw)


def _add_orders(router: APIRouter, tools: ConsoleTools) -> None:
    @router.get("/orders")
    async def orders(request: Request) -> Response:
        """Orders, newest first, or those that a search names."""

        async def draw(request: Request, frame: Frame) -> str:
            return await _draw_orders(tools, request, frame)

        return await _shown(tools, request, frozenset({"orders:read"}), draw)

    @router.get("/orders/{order_id}")
    async def order(request: Request, order_id: str) -> Response:
        """One order with its payments and refunds."""

        async def draw(_: Request, frame: Frame) -> str:
            merchant_id = frame.visitor.caller.merchant_id
            found = await look_at_order(tools.payments, merchant_id, path_id("ord", order_id))
            return render_order(frame, found, tools.label)

        return await _shown(tools, request, frozenset({"orders:read"}), draw)

    @router.get("/payments/{payment_id}")
    async def payment(request: Request, payment_id: str) -> Response:
        """One payment: why, and the evidence."""

        async def draw(_: Request, frame: Frame) -> str:
            caller, wanted = frame.visitor.caller, path_id("pay", payment_id)
            found, refunds = await look_at_payment(tools.payments, caller.merchant_id, wanted, tools.teller)
            shown = refunds if "refunds:read" in caller.capabilities else None
            return render_payment(frame, found, shown, tools.label)

        return await _shown(tools, request, frozenset({"payments:read"}), draw)


def _add_refunds(router: APIRouter, tools: ConsoleTools) -> None:
    @router.get("/refunds")
    async def refunds(request: Request) -> Response:
        """Refunds, newest first."""

        async def draw(request: Request, frame: Frame) -> str:
            return await _draw_refunds(tools, request, frame)

        return await _shown(tools, request, frozenset({"refunds:read"}), draw)

    @router.get("/refunds/{refund_id}")
    async def refund(request: Request, refund_id: str) -> Response:
        """One refund: why, and the evidence."""

        async def draw(_: Request, frame: Frame) -> str:
            named = Named(frame.visitor.caller.merchant_id, path_id("rfd", refund_id))
            return render_refund(frame, await read_refund_explained(tools.refunds, named), tools.label)

        return await _shown(tools, request, frozenset({"refunds:read"}), draw)


async def _draw_orders(tools: ConsoleTools, request: Request, frame: Frame) -> str:
    merchant_id, database = frame.visitor.caller.merchant_id, tools.payments.database
    needle = request.query_params.get("q", "").strip()
    if needle:
        found = await search_orders(database, merchant_id, needle)
        return render_orders(frame, Listing(needle=needle), found.rows, tools.label)
    state = _filter_of(request, ORDER_FILTERS)
    bound, cursor = f"console.orders|{state}", request.query_params.get("cursor")
    before = read_cursor(tools.signer, merchant_id, bound, cursor)
    found = await page_of_orders(database, merchant_id, before, cast("OrderFilter | None", state))
    older = write_cursor(tools.signer, merchant_id, bound, found.rows[-1].order_id) if found.is_more else None
    return render_orders(frame, Listing(state, "", cursor is None, older), found.rows, tools.label)


async def _draw_refunds(tools: ConsoleTools, request: Request, frame: Frame) -> str:
    merchant_id = frame.visitor.caller.merchant_id
    state = _filter_of(request, REFUND_FILTERS)
    bound, cursor = f"console.refunds|{state}", request.query_params.get("cursor")
    before = read_cursor(tools.signer, merchant_id, bound, cursor)
    found = await list_refunds(tools.refunds, merchant_id, before, state=state, limit=PAGE_ROWS + 1)
    rows, is_more = found[:PAGE_ROWS], len(found) > PAGE_ROWS
    older = write_cursor(tools.signer, merchant_id, bound, rows[-1].refund_id) if is_more else None
    return render_refunds(frame, Listing(state, "", cursor is None, older), rows, tools.label)


def _filter_of(request: Request, known: tuple[str, ...]) -> str | None:
    """The state asked for; a word that is none of ours filters nothing."""
    state = request.query_params.get("state")
    return state if state in known else None


async def _shown(tools: ConsoleTools, request: Request, needs: frozenset[str], draw: Draw) -> Response:
    """The page for whoever looks; else the way to the log-in. Raises Forbidden."""
    visitor = await tools.recognise(request)
    if visitor is None:
        return RedirectResponse(f"/console/login?next={quote(request.url.path, safe='')}", 303, headers=HEADERS)
    for capability in sorted(needs):
        visitor.caller.must(capability)
    language = language_of(request)
    return page(await draw(request, Frame(visitor, language, in_other(request, language))), 200, request)


class PageRoute(APIRoute):
    """A route whose refusals and faults are pages too."""

    def get_route_handler(self) -> Handler:
        """The handler around FastAPI's own."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except Forbidden:
                return refused_page(request, "forbidden", 403)
            except TransientFault as fault:
                LOG.warning("transient_fault", reason=str(fault))
                return refused_page(request, "unavailable", 503)
            except Refusal:  # an id or a cursor that is not this merchant's
                return refused_page(request, "not_found", 404)
            except HTTPException as error:  # a form that is none of ours
                return refused_page(request, "other", error.status_code)

        return handle


def in_other(request: Request, language: Language) -> str:
    """The query that leads to this page in the other language."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return urlencode([*kept, ("lang", other_of(language))])

"""Every section of the console, in the order of the menu: the one registration. A new one is a folder and a line."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from shunfu.console.api import ConsoleTools, PageRoute, Section, refused_page, shown
from shunfu.console.kit import Frame, Menu, nav_groups, render
from shunfu.console.sections import (
    alarms,
    audit,
    experience,
    jobs,
    keys,
    ledger,
    offers,
    orders,
    people,
    reconcile,
    refunds,
    settings,
    today,
    webhooks,
)

__all__ = ["MENU", "SECTIONS", "make_router"]

SECTIONS: Sequence[Section] = (
    today.SECTION,
    alarms.SECTION,
    orders.SECTION,
    refunds.SECTION,
    experience.SECTION,
    reconcile.SECTION,
    ledger.SECTION,
    offers.SECTION,
    webhooks.SECTION,
    keys.SECTION,
    jobs.SECTION,
    settings.SECTION,
    people.SECTION,
    audit.SECTION,
)
MENU: Menu = tuple(section.entry for section in SECTIONS)


def make_router(tools: ConsoleTools) -> APIRouter:
    """The routes of every section, of the menu as a page, and of whatever is none of them."""
    router = APIRouter(prefix="/console", include_in_schema=False, route_class=PageRoute)
    for section in SECTIONS:
        section.add_routes(router, tools)

    @router.get("/more")
    async def more(request: Request) -> Response:
        """The whole menu, for a screen that has no room beside the page."""

        async def draw(_: Request, frame: Frame) -> str:
            return render(frame, "more.html", "more", title=frame.say("console.more"), groups_here=nav_groups(frame))

        return await shown(tools, request, frozenset(), draw)

    @router.api_route("/{path:path}", methods=["GET", "POST"])
    async def nothing(request: Request, path: str) -> Response:
        """An address that is none of ours, or that only takes a form, says so as a page."""
        del path
        return refused_page(request, "not_found", 404)

    return router

"""A person's own sessions and sides over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from shunfu.console.api import HEADERS, page, refused_page
from shunfu.console.doors import HOME, OPEN, SESSIONS, Doors, to_login
from shunfu.console.model import SessionRow, SideRow
from shunfu.console.pages import render_sessions
from shunfu.kernel.ids import decode, parse_public, public
from shunfu.merchants import staff


def add_session_routes(router: APIRouter, doors: Doors) -> None:
    """The routes of sessions and of the side that is looked at."""

    @router.get("/sessions")
    async def show(request: Request) -> Response:
        """Where the person is logged in, and the sides that they may look at."""
        session = await doors.session(request)
        visitor = None if session is None else doors.visitor_of(session)
        if visitor is None or session is None:
            return to_login(request)
        rows = [
            SessionRow(one.session_id, one.created_at, one.seen_at, one.agent, one.session_id == visitor.session_id)
            for one in await staff.list_sessions(doors.staff, session)
        ]
        found = await staff.list_sides(doors.staff, session)
        mine = visitor.caller.merchant_id
        sides = [
            SideRow(public("mer", one.merchant_id), one.name, one.role, one.mode, one.merchant_id == mine)
            for one in found
        ]
        return page(render_sessions(doors.frame(request, visitor), rows, sides), request=request)

    @router.post("/sessions/{session_id}/end")
    async def end(request: Request, session_id: str) -> Response:
        """End one of the person's own sessions."""
        posted = await doors.posted(request, OPEN)
        if isinstance(posted, Response):
            return posted
        found = decode(session_id)
        if found is None or not await staff.end_session(doors.staff, posted[0], found):
            return refused_page(request, "not_found", 404)
        return RedirectResponse(SESSIONS, 303, headers=HEADERS)

    @router.post("/side")
    async def choose(request: Request) -> Response:
        """Look at another side, test or live, that the person works for."""
        posted = await doors.posted(request, OPEN)
        if isinstance(posted, Response):
            return posted
        session, fields = posted
        merchant_id = parse_public("mer", fields.get("merchant", ""))
        if merchant_id is None or not await staff.choose_side(doors.staff, session, merchant_id):
            return refused_page(request, "not_found", 404)
        return RedirectResponse(HOME, 303, headers=HEADERS)

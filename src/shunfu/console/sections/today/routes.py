"""Today over HTTP, and the same figures sent again as they change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from shunfu.console.api import HEADERS, ConsoleTools, Section, language_of, shown
from shunfu.console.kit import TODAY_NEEDS, Frame, MenuEntry
from shunfu.console.model import Today
from shunfu.console.sections.today.page import render_figures, render_today
from shunfu.console.usecases import look_at_today
from shunfu.kernel.errors import Unauthenticated

LOOKS_MAX = 600
"""A stream ends after half an hour; the page asks for another."""
OVER = "event: over\ndata: over\n\n"
"""The session has ended: the page asks for itself again, and so comes to the log-in."""
QUIET_LOOKS = 5
"""After so many looks without a change a line of comment shows that the stream lives."""


def add_routes(router: APIRouter, tools: ConsoleTools) -> None:
    """The console's first page, and its figures as a stream."""

    @router.get("")
    async def today(request: Request) -> Response:
        """What moved today, and what needs a person."""

        async def draw(_: Request, frame: Frame) -> str:
            merchant_id = frame.visitor.caller.merchant_id
            found = await look_at_today(tools.payments.database, merchant_id, tools.payments.now())
            return render_today(frame, found, tools.label)

        return await shown(tools, request, TODAY_NEEDS, draw)

    @router.get("/live")
    async def live(request: Request) -> Response:
        """The figures, each time they have changed, as server-sent events (WHATWG HTML 9.2)."""
        visitor = await tools.watch(request)
        if visitor is None:
            raise Unauthenticated
        for capability in sorted(TODAY_NEEDS):
            visitor.caller.must(capability)
        headers = {**HEADERS, "x-accel-buffering": "no"}
        return StreamingResponse(figures(tools, request), media_type="text/event-stream", headers=headers)


async def figures(tools: ConsoleTools, request: Request) -> AsyncIterator[str]:
    """Look again and again, for as long as the visitor's session lasts and may see them."""
    language, last, quiet = language_of(request), None, 0
    for _ in range(LOOKS_MAX):
        visitor = await tools.watch(request)
        if visitor is None or not visitor.caller.capabilities >= TODAY_NEEDS:
            yield OVER
            return
        found = await look_at_today(tools.payments.database, visitor.caller.merchant_id, tools.payments.now())
        told = _without_clock(found)
        if told != last:
            last, quiet = told, 0
            yield _event(render_figures(Frame(visitor, language), found, tools.label))
        elif (quiet := quiet + 1) % QUIET_LOOKS == 0:
            yield ": still here\n\n"
        await asyncio.sleep(tools.look_seconds)


def _without_clock(found: Today) -> Today:
    """What has to differ before the figures are sent again: time alone is no change."""
    return replace(found, now=found.now.min.replace(tzinfo=found.now.tzinfo))


def _event(html: str) -> str:
    """One message of the stream; each of its lines begins with `data:`."""
    return "".join(f"data: {line}\n" for line in html.splitlines() if line.strip()) + "\n"


SECTION = Section(MenuEntry("today", "/console", "console.today", "home", TODAY_NEEDS), add_routes)

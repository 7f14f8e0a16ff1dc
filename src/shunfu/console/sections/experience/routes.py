"""Experience over HTTP: one slice of visits at a time, and the same as a file."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from shunfu.checkout.kit import Say
from shunfu.console.api import ConsoleTools, Section, shown
from shunfu.console.exports import Export, Rows, add_export
from shunfu.console.kit import Frame, MenuEntry
from shunfu.console.sections.experience.page import KINDS, PATH, SPAN, SPANS, Experience, render_experience
from shunfu.telemetry import (
    STEPS,
    Slice,
    day_of,
    every_line,
    list_choices,
    read_counts,
    read_days,
    read_funnel,
    read_timings,
)

READ = frozenset({"payments:read"})
"""Whoever sees how payments end sees how they are begun."""
VALUE_MAX = 80
ENDS = ("changed", "cancelled", "recovered", "unknown", "failed")


def add_routes(router: APIRouter, tools: ConsoleTools) -> None:
    """The page of visits to the checkout."""
    add_export(router, tools, _export(tools))

    @router.get("/experience")
    async def experience(request: Request) -> Response:
        """Funnel, timings and days of a slice."""

        async def draw(request: Request, frame: Frame) -> str:
            span, asked = slice_of(tools, request, frame)
            return render_experience(frame, await look_at_experience(tools, asked, span), tools.label)

        return await shown(tools, request, READ, draw)


def slice_of(tools: ConsoleTools, request: Request, frame: Frame) -> tuple[str, Slice]:
    """What the address asks for: so many days up to today, and only visits of some kind. Anything else is left out."""
    asked = request.query_params
    span = asked.get("days", SPAN)
    if span not in SPANS:
        span = SPAN
    told = {kind: asked.get(kind, "") for kind in KINDS}
    only = {kind: value for kind, value in told.items() if value.isprintable() and 0 < len(value) <= VALUE_MAX}
    last = day_of(tools.payments.now())
    first = last - timedelta(days=int(span) - 1)
    return span, Slice(frame.visitor.caller.merchant_id, first, last, **only)


async def look_at_experience(tools: ConsoleTools, asked: Slice, span: str) -> Experience:
    """Everything of a slice, of one moment of the data."""
    async with tools.payments.database.reading() as reader:
        return Experience(
            asked=asked,
            span=span,
            funnel=await read_funnel(reader, asked),
            timings=await read_timings(reader, asked),
            days=await read_days(reader, asked),
            choices=await list_choices(reader, asked),
            counts=await read_counts(reader, asked),
        )


def _export(tools: ConsoleTools) -> Export:
    def columns(say: Say) -> list[str]:
        return [
            say("console.experience.day"),
            *(say(f"console.experience.by.{kind}") for kind in KINDS),
            *(say(f"console.experience.step.{name}") for name in STEPS),
            *(say(f"console.experience.end.{name}") for name in ENDS),
        ]

    async def rows(request: Request, frame: Frame) -> Rows:
        _, asked = slice_of(tools, request, frame)
        async for line in every_line(tools.payments.database, asked):
            funnel = line.funnel
            ends = funnel.changed, funnel.cancelled, funnel.recovered, funnel.unknown, funnel.failed
            kinds = line.method, line.system, line.host, line.host_version, line.version
            yield (line.day.isoformat(), *kinds, *funnel.steps, *ends)

    return Export("/experience/export", "experience", READ, columns, rows)


SECTION = Section(MenuEntry("experience", PATH, "console.experience", "chart", READ), add_routes)

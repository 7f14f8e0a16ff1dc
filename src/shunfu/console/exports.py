"""A list as a file: the rows that the page would show, all of them up to a bound, as CSV or as a workbook."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from shunfu.checkout.kit import Say
from shunfu.console.api import ConsoleTools, frame_for, to_login
from shunfu.console.kit import Frame
from shunfu.console.model import EXPORT_MAX
from shunfu.console.workbook import Cell, Sheet, csv_head, csv_line, workbook_bytes
from shunfu.kernel.plain import SHANGHAI

Rows: TypeAlias = AsyncIterator[Sequence[Cell]]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Export:
    """A list that can be had as a file: its address without ending, its name, who may, its headings and its rows."""

    path: str
    name: str
    needs: frozenset[str]
    columns: Callable[[Say], Sequence[str]]
    rows: Callable[[Request, Frame], Rows]


def add_export(router: APIRouter, tools: ConsoleTools, export: Export) -> None:
    """The routes of a list's files."""

    @router.get(f"{export.path}.csv")
    async def as_csv(request: Request) -> Response:
        """The list as CSV."""
        frame = await frame_for(tools, request, export.needs)
        if frame is None:
            return to_login(request)
        lines, name = _csv(export, request, frame), f"{export.name}.csv"
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=_headers(name))

    @router.get(f"{export.path}.xlsx")
    async def as_workbook(request: Request) -> Response:
        """The list as a workbook."""
        frame = await frame_for(tools, request, export.needs)
        if frame is None:
            return to_login(request)
        rows = [row async for row in _bounded(export.rows(request, frame))]
        sheet = Sheet(export.name, export.columns(frame.say), rows)
        made = await asyncio.to_thread(workbook_bytes, sheet)
        return Response(made, media_type=XLSX, headers=_headers(f"{export.name}.xlsx"))


def china_time(moment: datetime | None) -> str:
    """`2026-11-22 14:02:09` in China; nothing for None."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


async def _csv(export: Export, request: Request, frame: Frame) -> AsyncIterator[str]:
    yield csv_head(export.columns(frame.say))
    async for row in _bounded(export.rows(request, frame)):
        yield csv_line(row)


async def _bounded(rows: Rows) -> Rows:
    count = 0
    async for row in rows:
        count += 1
        if count > EXPORT_MAX:
            return
        yield row


def _headers(name: str) -> dict[str, str]:
    told = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return told | {"x-content-type-options": "nosniff"}

"""Reconciliation over HTTP: reading, asking for a run, and a repair that two people decide."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from shunfu.console.api import Asked, ConsoleTools, Done, Guard, Section, acted, part_of, shown
from shunfu.console.forms import is_line
from shunfu.console.kit import Frame, MenuEntry
from shunfu.console.model import PAGE_ROWS
from shunfu.console.sections.reconcile.page import PATH, STATES, Desk, render_break, render_reconcile, render_run
from shunfu.kernel.cursor import FIRST
from shunfu.kernel.errors import FieldError, InvalidField
from shunfu.kernel.ids import parse_public, public
from shunfu.kernel.plain import SHANGHAI
from shunfu.merchants.api import path_id
from shunfu.reconcile import (
    Break,
    BreakPage,
    ReconcileTools,
    Wish,
    Word,
    accept_break,
    approve_repair,
    list_breaks,
    list_runs,
    preview_repair,
    propose_repair,
    read_run,
    request_run,
)

READ = frozenset({"reconcile:read"})
RUNS_SHOWN = 14
NOTE_MAX = 200


def add_routes(router: APIRouter, tools: ConsoleTools) -> None:
    """The routes of reconciliation."""
    _add_reading(router, tools)
    _add_running(router, tools)
    _add_repairing(router, tools)


SECTION = Section(
    MenuEntry("reconcile", PATH, "console.reconcile", "scales", READ, "console.group.money"),
    add_routes,
)


def _add_reading(router: APIRouter, tools: ConsoleTools) -> None:
    @router.get("/reconcile")
    async def desk(request: Request) -> Response:
        """Breaks, newest first, and the newest runs."""

        async def draw(request: Request, frame: Frame) -> str:
            merchant_id = frame.visitor.caller.merchant_id
            part = part_of(tools, request, merchant_id, "breaks", STATES)
            asked = BreakPage(part.before, PAGE_ROWS + 1, part.state)
            breaks, listing = part.cut(
                await list_breaks(tools.reconcile, merchant_id, asked), lambda found: found.break_id
            )
            runs = await list_runs(tools.reconcile, merchant_id, FIRST, RUNS_SHOWN)
            async with tools.reconcile.database.reading() as reader:
                accounts = await tools.accounts.named(reader, merchant_id)
            yesterday = tools.reconcile.now().astimezone(SHANGHAI).date() - timedelta(days=1)
            return render_reconcile(frame, Desk(runs, breaks, accounts, yesterday), listing, tools.label)

        return await shown(tools, request, READ, draw)

    @router.get("/reconcile/runs/{run_id}")
    async def run(request: Request, run_id: str) -> Response:
        """One run and what it found last."""

        async def draw(_: Request, frame: Frame) -> str:
            merchant_id = frame.visitor.caller.merchant_id
            found = await read_run(tools.reconcile, merchant_id, path_id("rcn", run_id))
            asked = BreakPage(FIRST, PAGE_ROWS, None, found.run_id)
            return render_run(frame, found, await list_breaks(tools.reconcile, merchant_id, asked), tools.label)

        return await shown(tools, request, READ, draw)

    @router.get("/reconcile/breaks/{break_id}")
    async def one(request: Request, break_id: str) -> Response:
        """One break, and what its repair would do."""

        async def draw(_: Request, frame: Frame) -> str:
            found = path_id("brk", break_id)
            preview = await preview_repair(tools.reconcile, frame.visitor.caller.merchant_id, found)
            return render_break(frame, preview, tools.label)

        return await shown(tools, request, READ, draw)


def _add_running(router: APIRouter, tools: ConsoleTools) -> None:
    @router.post("/reconcile/runs")
    async def start(request: Request) -> Response:
        """Reconcile an account's day; the run waits for its statement and its turn."""

        async def act(asked: Asked) -> Done:
            caller, fields = asked.visitor.caller, asked.fields
            account_id, run_id = parse_public("acc", fields.get("account", "")), asked.made_id(tools)
            if account_id is None or run_id is None:
                raise InvalidField(errors=(FieldError("/account", "not_valid"),))
            day = _day(fields.get("day", ""))
            run = await request_run(tools.reconcile, Wish(caller.merchant_id, account_id, day, run_id, caller.subject))
            return Done(f"{PATH}/runs/{public('rcn', run.run_id)}", "run_requested")

        return await acted(tools, request, Guard("reconcile:write", PATH), act)


Deed = Callable[[ReconcileTools, Word], Awaitable[Break]]


def _add_repairing(router: APIRouter, tools: ConsoleTools) -> None:
    async def decide(request: Request, break_id: str, deed: Deed, told: tuple[str, str]) -> Response:
        needs, note = told
        back = f"{PATH}/breaks/{break_id}"

        async def act(asked: Asked) -> Done:
            reason = asked.fields.get("note", "").strip()
            if deed is accept_break and not is_line(reason, NOTE_MAX):
                raise InvalidField(errors=(FieldError("/note", "required"),))
            caller = asked.visitor.caller
            word = Word(caller.merchant_id, path_id("brk", break_id), caller.subject, reason or None)
            await deed(tools.reconcile, word)
            return Done(back, note)

        return await acted(tools, request, Guard(needs, back, is_grave=True), act)

    @router.post("/reconcile/breaks/{break_id}/propose")
    async def propose(request: Request, break_id: str) -> Response:
        """Propose the repair; somebody else approves it."""
        return await decide(request, break_id, propose_repair, ("reconcile:write", "repair_proposed"))

    @router.post("/reconcile/breaks/{break_id}/approve")
    async def approve(request: Request, break_id: str) -> Response:
        """Approve a repair that somebody else proposed; it is carried out at once."""
        return await decide(request, break_id, approve_repair, ("reconcile:approve", "repair_approved"))

    @router.post("/reconcile/breaks/{break_id}/accept")
    async def accept(request: Request, break_id: str) -> Response:
        """Let a difference stand, with a note that says why."""
        return await decide(request, break_id, accept_break, ("reconcile:approve", "break_accepted"))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidField(errors=(FieldError("/day", "bad_format"),)) from error

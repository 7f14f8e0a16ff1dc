"""Reconciliation over HTTP: parse, use-case, render."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.routing import APIRoute

from shunfu.kernel.caller import Caller
from shunfu.kernel.cursor import read_cursor, write_cursor
from shunfu.kernel.signing import Signer
from shunfu.merchants.api import CallerArgument, ResourceId, path_id
from shunfu.reconcile.render import render_break, render_preview, render_run, render_with_advice
from shunfu.reconcile.schemas import (
    BreakOut,
    BreakPage,
    BreakWithAdvice,
    EmptyIn,
    NoteIn,
    PreviewOut,
    RunIn,
    RunOut,
    RunPage,
    State,
)
from shunfu.reconcile.usecases import BreakPage as Page
from shunfu.reconcile.usecases import (
    ReconcileTools,
    Wish,
    Word,
    accept_break,
    account_for,
    approve_repair,
    list_breaks,
    list_runs,
    preview_repair,
    propose_repair,
    read_break,
    read_run,
    request_run,
)

RunPath = Annotated[str, Path(alias="run_id", examples=["rcn_01HZY3V9Q8M5T2K7R4W6X0J1BC"])]
BreakPath = Annotated[str, Path(alias="break_id", examples=["brk_01HZY3V9Q8M5T2K7R4W6X0J1BC"])]
Cursor = Annotated[str | None, Query(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=100)]


@dataclass(frozen=True, slots=True)
class ReconcileApi:
    """What the routes need: the use-cases' tools and the cursor's signer."""

    tools: ReconcileTools
    signer: Signer


def make_router(api: ReconcileApi, route_class: type[APIRoute]) -> APIRouter:
    """The /v1 routes of reconciliation."""
    router = APIRouter(prefix="/v1/reconcile", route_class=route_class, tags=["reconcile"])
    _add_runs(router, api)
    _add_reading(router, api)
    _add_repairing(router, api)
    return router


def _add_runs(router: APIRouter, api: ReconcileApi) -> None:
    @router.post("/runs", status_code=201, operation_id="request_reconcile_run")
    async def request(caller: CallerArgument, run_id: ResourceId, body: RunIn) -> RunOut:
        """Reconcile a channel's day. The run waits for its turn, and for its statement; read it again."""
        caller.must("reconcile:write")
        account_id = await account_for(
            api.tools, caller.merchant_id, body.channel, path_id("acc", body.account) if body.account else None
        )
        wish = Wish(caller.merchant_id, account_id, body.date, run_id, caller.subject, body.fee_permyriad)
        return render_run(await request_run(api.tools, wish))

    @router.get("/runs", operation_id="list_reconcile_runs")
    async def page(caller: CallerArgument, cursor: Cursor = None, limit: Limit = 20) -> RunPage:
        """A page of runs, newest first."""
        caller.must("reconcile:read")
        before = read_cursor(api.signer, caller.merchant_id, "reconcile_runs", cursor)
        found = await list_runs(api.tools, caller.merchant_id, before, limit + 1)
        items = found[:limit]
        is_more = len(found) > limit
        last = items[-1].run_id if is_more else None
        next_cursor = write_cursor(api.signer, caller.merchant_id, "reconcile_runs", last) if last else None
        return RunPage(items=[render_run(run) for run in items], next_cursor=next_cursor)

    @router.get("/runs/{run_id}", operation_id="read_reconcile_run")
    async def read(caller: CallerArgument, run: RunPath) -> RunOut:
        """Read a run, its counts and its equation."""
        caller.must("reconcile:read")
        return render_run(await read_run(api.tools, caller.merchant_id, path_id("rcn", run)))


def _add_reading(router: APIRouter, api: ReconcileApi) -> None:
    @router.get("/breaks", operation_id="list_breaks")
    async def page(
        caller: CallerArgument,
        cursor: Cursor = None,
        limit: Limit = 20,
        state: State | None = None,
        run: Annotated[str | None, Query(max_length=64, description="Only what this run found last, rcn_…")] = None,
    ) -> BreakPage:
        """A page of breaks, newest first."""
        caller.must("reconcile:read")
        bound = f"breaks|{state or ''}|{run or ''}"
        before = read_cursor(api.signer, caller.merchant_id, bound, cursor)
        run_id = path_id("rcn", run) if run else None
        found = await list_breaks(api.tools, caller.merchant_id, Page(before, limit + 1, state, run_id))
        items = found[:limit]
        is_more = len(found) > limit
        last = write_cursor(api.signer, caller.merchant_id, bound, items[-1].break_id) if is_more else None
        return BreakPage(items=[render_break(one) for one in items], next_cursor=last)

    @router.get("/breaks/{break_id}", operation_id="read_break")
    async def read(caller: CallerArgument, found: BreakPath) -> BreakWithAdvice:
        """Read a break and what can be done about it."""
        caller.must("reconcile:read")
        return render_with_advice(*await read_break(api.tools, caller.merchant_id, path_id("brk", found)))

    @router.get("/breaks/{break_id}/preview", operation_id="preview_repair")
    async def preview(caller: CallerArgument, found: BreakPath) -> PreviewOut:
        """See what the repair would change and post, before anybody approves it. Writes nothing."""
        caller.must("reconcile:read")
        return render_preview(await preview_repair(api.tools, caller.merchant_id, path_id("brk", found)))


def _add_repairing(router: APIRouter, api: ReconcileApi) -> None:
    @router.post("/breaks/{break_id}/propose", operation_id="propose_repair")
    async def propose(caller: CallerArgument, found: BreakPath, body: EmptyIn | None = None) -> BreakOut:
        """Propose a break's repair; another key approves it."""
        del body  # read only to refuse unknown members
        caller.must("reconcile:write")
        return render_break(await propose_repair(api.tools, _word(caller, found)))

    @router.post("/breaks/{break_id}/approve", operation_id="approve_repair")
    async def approve(caller: CallerArgument, found: BreakPath, body: EmptyIn | None = None) -> BreakOut:
        """Approve a proposed repair, which is carried out at once; not with the key that proposed it."""
        del body
        caller.must("reconcile:approve")
        return render_break(await approve_repair(api.tools, _word(caller, found)))

    @router.post("/breaks/{break_id}/accept", operation_id="accept_break")
    async def accept(caller: CallerArgument, found: BreakPath, body: NoteIn) -> BreakOut:
        """Let a difference stand, with a note that says why."""
        caller.must("reconcile:approve")
        return render_break(await accept_break(api.tools, _word(caller, found, body.note)))


def _word(caller: Caller, text: str, note: str | None = None) -> Word:
    return Word(caller.merchant_id, path_id("brk", text), caller.subject, note)

"""The audit log: who did what to what, and the proof that nobody changed it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from shunfu.checkout.kit import Say, either
from shunfu.console.api import Asked, ConsoleTools, Done, Guard, Section, acted, shown
from shunfu.console.exports import Export, Rows, add_export, china_time
from shunfu.console.kit import ActForm, Frame, MenuEntry, NavItem, second_text
from shunfu.console.model import EXPORT_ROWS, PAGE_ROWS
from shunfu.console.panels import Cell, Column, Empty, Panel, PanelPage, render_panels
from shunfu.kernel.errors import StateConflict
from shunfu.merchants import AuditRow, read_audit, verify_audit

PATH = "/console/audit"
READ = frozenset({"audit:read"})
_SEQUENCE = re.compile(r"[0-9]{1,18}")
_PAGES = {"ord": "orders", "pay": "payments", "rfd": "refunds", "brk": "reconcile/breaks", "rcn": "reconcile/runs"}


def render_audit(frame: Frame, rows: Sequence[AuditRow], older: int | None) -> str:
    """A page of the log, newest first; `older`: the number below which older rows begin."""
    say = frame.say
    lines = [
        (
            Cell(f"#{row.sequence}"),
            Cell(second_text(row.happened_at)),
            Cell(row.entry.actor, is_code=True),
            Cell(_action(frame, row), note=row.entry.action),
            Cell(row.entry.object, _page_of(row.entry.object), note=_detail(row), is_code=True),
            Cell(row.hash.hex()[:12], is_code=True),
        )
        for row in rows
    ]
    names = ("number", "when", "actor", "action", "object", "hash")
    columns = [Column(say(f"console.audit.column.{name}"), name == "number") for name in names]
    verify = ActForm(f"{PATH}/verify", say("console.audit.verify"), say("console.audit.verify.text"))
    page = PanelPage(
        title=say("console.audit"),
        export=f"{PATH}/export",
        main=(
            Panel(
                say("console.audit.rows"),
                columns=columns,
                rows=lines,
                empty=Empty("audit", say("console.audit.none"), say("console.audit.none.text")),
            ),
            Panel(say("console.audit.proof"), acts=(verify,)),
        ),
        pages=[] if older is None else [NavItem(f"{PATH}?before={older}", say("console.older"), "next")],
    )
    return render_panels(frame, "audit", page)


def _action(frame: Frame, row: AuditRow) -> str:
    return either(frame.say, f"console.audit.action.{row.entry.action}", "console.audit.action")


def _detail(row: AuditRow) -> str:
    return " · ".join(f"{name} {value}" for name, value in row.entry.detail.items() if value is not None)


def _page_of(name: str) -> str:
    place = _PAGES.get(name.partition("_")[0])
    return f"/console/{place}/{name}" if place else ""


def add_routes(router: APIRouter, tools: ConsoleTools) -> None:
    """The routes of the audit log."""
    add_export(router, tools, _export(tools))

    @router.get("/audit")
    async def audit(request: Request) -> Response:
        """Rows, newest first."""

        async def draw(request: Request, frame: Frame) -> str:
            told = request.query_params.get("before", "")
            before = (int(told),) if _SEQUENCE.fullmatch(told) else ()
            async with tools.payments.database.reading() as reader:
                rows = await read_audit(reader, frame.visitor.caller.merchant_id, PAGE_ROWS + 1, *before)
            older = rows[PAGE_ROWS - 1].sequence if len(rows) > PAGE_ROWS else None
            return render_audit(frame, rows[:PAGE_ROWS], older)

        return await shown(tools, request, READ, draw)

    @router.post("/audit/verify")
    async def verify(request: Request) -> Response:
        """Read the whole chain, and say whether it is whole."""

        async def act(asked: Asked) -> Done:
            async with tools.payments.database.reading() as reader:
                proof = await verify_audit(reader, asked.visitor.caller.merchant_id)
            if not proof.is_whole:
                raise StateConflict("The audit log's chain is broken.")
            return Done(PATH, "audit_whole")

        return await acted(tools, request, Guard("audit:read", PATH), act)


COLUMNS = ("number", "time", "who", "action", "about", "detail", "before", "after", "hash")


def _export(tools: ConsoleTools) -> Export:
    def columns(say: Say) -> list[str]:
        return [say(f"console.column.{name}") for name in COLUMNS]

    async def rows(request: Request, frame: Frame) -> Rows:
        del request
        merchant_id, before = frame.visitor.caller.merchant_id, (1 << 63) - 1
        while found := await _rows_below(tools, merchant_id, before):
            for one in found:
                entry = one.entry
                hashes = [(told or b"").hex() for told in (entry.before, entry.after, one.hash)]
                told = entry.actor, entry.action, entry.object, _detail(one)
                yield (one.sequence, china_time(one.happened_at), *told, *hashes)
            before = found[-1].sequence

    return Export("/audit/export", "audit", READ, columns, rows)


async def _rows_below(tools: ConsoleTools, merchant_id: UUID, before: int) -> Sequence[AuditRow]:
    async with tools.payments.database.reading() as reader:
        return await read_audit(reader, merchant_id, EXPORT_ROWS, before)


SECTION = Section(MenuEntry("audit", PATH, "console.audit", "audit", READ, "console.group.people"), add_routes)

"""Jobs that failed or gave up, and running them again."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from shunfu.console.api import Asked, ConsoleTools, Done, Guard, Section, acted, part_of, shown
from shunfu.console.kit import ActForm, Chip, Frame, Listing, MenuEntry, plain_chip, second_text
from shunfu.console.model import JobFault
from shunfu.console.panels import Cell, Column, Empty, Panel, PanelPage, page_links, render_panels
from shunfu.console.sections.rows import filters
from shunfu.console.usecases import list_faults, look_at_fault, run_again
from shunfu.kernel.ids import public
from shunfu.merchants.api import path_id

PATH = "/console/jobs"
READ = frozenset({"jobs:read"})
STATES = ("dead", "waiting")


def render_jobs(frame: Frame, faults: Sequence[JobFault], listing: Listing) -> str:
    """Jobs that gave up or failed, newest first."""
    say = frame.say
    rows = [
        (
            Cell(one.kind, f"{PATH}/{public('job', one.job_id)}", is_code=True, note=one.key),
            Cell(chip=_chip(frame, one)),
            Cell(str(one.attempts)),
            Cell(second_text(one.run_at)),
            Cell(one.error[:200]),
        )
        for one in faults
    ]
    names = ("kind", "state", "attempts", "when", "error")
    columns = [Column(say(f"console.jobs.column.{name}"), name == "attempts") for name in names]
    empty = Empty("check", say("console.jobs.none"), say("console.jobs.none.text"))
    page = PanelPage(
        title=say("console.jobs"),
        filters=filters(frame, listing, PATH, {state: say(f"console.job.{state}") for state in STATES}),
        main=(Panel(say("console.jobs.faults"), columns=columns, rows=rows, empty=empty),),
        pages=page_links(frame, listing, PATH),
    )
    return render_panels(frame, "jobs", page)


def render_job(frame: Frame, fault: JobFault) -> str:
    """One job: what went wrong, and running it again."""
    say, number = frame.say, public("job", fault.job_id)
    acts = ()
    if "jobs:write" in frame.visitor.caller.capabilities:
        acts = (ActForm(f"{PATH}/{number}/run", say("console.jobs.run"), say("console.jobs.run.text"), is_main=True),)
    page = PanelPage(
        title=say("console.jobs.one"),
        lead=fault.kind,
        chip=_chip(frame, fault),
        number=number,
        text=say("console.jobs.tried", attempts=fault.attempts, at=second_text(fault.run_at)),
        main=(
            Panel(say("console.jobs.error"), code=fault.error or "—"),
            Panel(say("console.jobs.key"), code=fault.key),
        ),
        side=(Panel(say("console.acts"), acts=acts),) if acts else (),
    )
    return render_panels(frame, "jobs", page)


def _chip(frame: Frame, fault: JobFault) -> Chip:
    if fault.state == "dead":
        return plain_chip(frame.say("console.job.dead"), "x", "bad")
    return plain_chip(frame.say("console.job.waiting"), "clock", "warn")


def add_routes(router: APIRouter, tools: ConsoleTools) -> None:
    """The routes of jobs."""

    @router.get("/jobs")
    async def jobs(request: Request) -> Response:
        """Jobs that gave up or failed, newest first."""

        async def draw(request: Request, frame: Frame) -> str:
            merchant_id = frame.visitor.caller.merchant_id
            part = part_of(tools, request, merchant_id, "jobs", STATES)
            found = await list_faults(tools.payments.database, merchant_id, part.before, part.state)
            return render_jobs(frame, *part.cut(found, lambda fault: fault.job_id))

        return await shown(tools, request, READ, draw)

    @router.get("/jobs/{job_id}")
    async def job(request: Request, job_id: str) -> Response:
        """One job and what went wrong."""

        async def draw(_: Request, frame: Frame) -> str:
            merchant_id = frame.visitor.caller.merchant_id
            return render_job(frame, await look_at_fault(tools.payments.database, merchant_id, path_id("job", job_id)))

        return await shown(tools, request, READ, draw)

    @router.post("/jobs/{job_id}/run")
    async def again(request: Request, job_id: str) -> Response:
        """Let a job run again at once."""

        async def act(asked: Asked) -> Done:
            await run_again(tools.payments, asked.visitor.caller, path_id("job", job_id))
            return Done(PATH, "job_runs")

        return await acted(tools, request, Guard("jobs:write", PATH), act)


SECTION = Section(MenuEntry("jobs", PATH, "console.jobs", "job", READ, "console.group.setup"), add_routes)

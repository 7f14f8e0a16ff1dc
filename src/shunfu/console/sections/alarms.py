"""Alarms: what needs a person, until somebody has seen to it, beside the figures that raise them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from fastapi import APIRouter, Request
from starlette.responses import Response

from shunfu.checkout.kit import either
from shunfu.console.api import Asked, ConsoleTools, Done, Guard, Section, acted, part_of, shown
from shunfu.console.kit import TODAY_NEEDS, ActForm, Chip, Fact, Frame, Listing, MenuEntry, plain_chip, second_text
from shunfu.console.model import PAGE_ROWS, Today
from shunfu.console.panels import Cell, Column, Empty, Panel, PanelPage, page_links, render_panels
from shunfu.console.sections.rows import filters
from shunfu.console.usecases import look_at_today
from shunfu.inspections import ALARM_STATES, Alarm, AlarmState, acknowledge_alarm, list_alarms, read_alarm
from shunfu.kernel.ids import public
from shunfu.merchants.api import path_id

PATH = "/console/alarms"
_PAGES = {
    "pay": "payments/{}",
    "rfd": "refunds/{}",
    "rcn": "reconcile/runs/{}",
    "whk": "webhooks/endpoints/{}",
    "key": "keys/{}",
    "acc": "keys/accounts/{}",
}


def render_alarms(frame: Frame, alarms: Sequence[Alarm], listing: Listing, today: Today) -> str:
    """Alarms, newest first, and the figures behind them."""
    say = frame.say
    rows = [
        (
            Cell(_text(frame, one), f"{PATH}/{public('alm', one.alarm_id)}", note=one.told),
            Cell(one.subject, page_of(one.subject), is_code=True),
            Cell(second_text(one.raised_at)),
            Cell(chip=_chip(frame, one), note=one.acknowledged_by or ""),
        )
        for one in alarms
    ]
    columns = [Column(say(f"console.alarms.column.{name}")) for name in ("alarm", "subject", "when", "state")]
    empty = Empty("check", say("console.alarms.empty"), say("console.alarms.empty.text"))
    figures = [
        Fact(say("console.unknown"), str(today.unknown)),
        Fact(say("console.alarms.waiting_refunds"), str(today.waiting_refunds)),
        Fact(say("console.alarms.jobs"), str(len(today.jobs))),
        Fact(say("console.alarms.standing"), str(len(today.alarms))),
    ]
    page = PanelPage(
        title=say("console.alarms"),
        filters=filters(frame, listing, PATH, {state: say(f"console.alarms.state.{state}") for state in ALARM_STATES}),
        main=(Panel(say("console.alarms"), columns=columns, rows=rows, empty=empty),),
        side=(Panel(say("console.alarms.figures"), facts=figures),),
        pages=page_links(frame, listing, PATH),
    )
    return render_panels(frame, "alarms", page)


def render_alarm(frame: Frame, alarm: Alarm) -> str:
    """One alarm: what it means, what it is about, and saying that one has seen to it."""
    say, number = frame.say, public("alm", alarm.alarm_id)
    facts = [
        Fact(say("console.alarms.column.when"), second_text(alarm.raised_at)),
        Fact(say("console.alarms.code"), alarm.alarm),
    ]
    facts += [Fact(say("console.alarms.told"), alarm.told)] if alarm.told else []
    place = page_of(alarm.subject)
    facts += [Fact(say("console.alarms.column.subject"), alarm.subject, place or None)] if alarm.subject else []
    if alarm.acknowledged_at:
        facts.append(Fact(say("console.alarms.seen_by"), alarm.acknowledged_by or ""))
        facts.append(Fact(say("console.alarms.seen_at"), second_text(alarm.acknowledged_at)))
    act = ActForm(f"{PATH}/{number}/seen", say("console.alarms.see"), say("console.alarms.see.text"), is_main=True)
    may_see_to_it = alarm.is_open and "alarms:write" in frame.visitor.caller.capabilities
    page = PanelPage(
        title=say("console.alarms.one"),
        lead=_text(frame, alarm),
        chip=_chip(frame, alarm),
        number=number,
        main=(Panel(say("console.facts"), facts=facts),),
        side=(Panel(say("console.acts"), acts=(act,)),) if may_see_to_it else (),
    )
    return render_panels(frame, "alarms", page)


def page_of(subject: str) -> str:
    """The page of what an alarm is about, or nothing where there is none."""
    place = _PAGES.get(subject.partition("_")[0])
    return f"/console/{place.format(subject)}" if place else ""


def _text(frame: Frame, alarm: Alarm) -> str:
    return either(frame.say, f"console.alarm.{alarm.alarm}", "console.alarm.other")


def _chip(frame: Frame, alarm: Alarm) -> Chip:
    if alarm.is_open:
        return plain_chip(frame.say("console.alarms.state.open"), "alert", "warn")
    return plain_chip(frame.say("console.alarms.state.seen"), "check", "")


def add_routes(router: APIRouter, tools: ConsoleTools) -> None:
    """The routes of alarms."""
    database = tools.payments.database

    @router.get("/alarms")
    async def alarms(request: Request) -> Response:
        """Alarms, newest first."""

        async def draw(request: Request, frame: Frame) -> str:
            merchant_id = frame.visitor.caller.merchant_id
            part = part_of(tools, request, merchant_id, "alarms", ALARM_STATES)
            state = cast("AlarmState | None", part.state)
            async with database.reading() as reader:
                found = await list_alarms(reader, merchant_id, part.before, state, PAGE_ROWS + 1)
            today = await look_at_today(database, merchant_id, tools.payments.now())
            rows, listing = part.cut(found, lambda alarm: alarm.alarm_id)
            return render_alarms(frame, rows, listing, today)

        return await shown(tools, request, TODAY_NEEDS, draw)

    @router.get("/alarms/{alarm_id}")
    async def one(request: Request, alarm_id: str) -> Response:
        """One alarm."""

        async def draw(_: Request, frame: Frame) -> str:
            key = frame.visitor.caller.merchant_id, path_id("alm", alarm_id)
            return render_alarm(frame, await read_alarm(database, key))

        return await shown(tools, request, TODAY_NEEDS, draw)

    @router.post("/alarms/{alarm_id}/seen")
    async def seen(request: Request, alarm_id: str) -> Response:
        """Say that one has seen to it."""

        async def act(asked: Asked) -> Done:
            caller = asked.visitor.caller
            key = caller.merchant_id, path_id("alm", alarm_id)
            await acknowledge_alarm(database, tools.payments.source, key, caller.subject)
            return Done(f"{PATH}/{alarm_id}", "alarm_seen")

        return await acted(tools, request, Guard("alarms:write", f"{PATH}/{alarm_id}"), act)


SECTION = Section(MenuEntry("alarms", PATH, "console.alarms", "alert", TODAY_NEEDS), add_routes)

"""Runs and breaks as HTML. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast
from uuid import UUID

from shunfu.checkout.kit import either
from shunfu.console.kit import (
    ActForm,
    Chip,
    Fact,
    FormField,
    Frame,
    Label,
    Listing,
    NavItem,
    Tint,
    plain_chip,
    second_text,
)
from shunfu.console.panels import Cell, Column, Empty, Panel, PanelPage, Why, page_links, render_panels
from shunfu.console.sections.rows import filters
from shunfu.kernel.ids import public
from shunfu.kernel.money import Money
from shunfu.kernel.plain import amount_text
from shunfu.reconcile import Break, BreakState, Preview, Run

PATH = "/console/reconcile"
STATES = tuple(state.value for state in BreakState)
_BREAKS: Mapping[str, tuple[str, Tint]] = {
    "OPEN": ("alert", "warn"),
    "PROPOSED": ("clock", "warn"),
    "APPROVED": ("clock", ""),
    "REPAIRED": ("check", "ok"),
    "ACCEPTED": ("minus", ""),
    "RESOLVED": ("check", "ok"),
}
_RUNS: Mapping[str, tuple[str, Tint]] = {
    "WAITING": ("clock", ""),
    "RUNNING": ("clock", ""),
    "DONE": ("check", "ok"),
    "FAILED": ("x", "bad"),
}
UNSETTLED = frozenset({BreakState.OPEN, BreakState.PROPOSED})


@dataclass(frozen=True, slots=True)
class Desk:
    """What the section's first page shows: runs, breaks, and the accounts whose days can be reconciled."""

    runs: Sequence[Run]
    breaks: Sequence[Break]
    accounts: Sequence[tuple[UUID, str]]
    yesterday: date


def render_reconcile(frame: Frame, desk: Desk, listing: Listing, label: Label) -> str:
    """Breaks, newest first, the newest runs, and a form for another run."""
    say, can_run = frame.say, "reconcile:write" in frame.visitor.caller.capabilities
    names = {state: say(f"console.reconcile.state.{state}") for state in STATES}
    side = [_runs(frame, desk.runs, label)]
    if can_run and desk.accounts:
        side.append(_new_run(frame, desk, label))
    page = PanelPage(
        title=say("console.reconcile"),
        filters=filters(frame, listing, PATH, names),
        main=(_breaks(frame, desk.breaks, label),),
        side=side,
        pages=page_links(frame, listing, PATH),
    )
    return render_panels(frame, "reconcile", page)


def render_run(frame: Frame, run: Run, breaks: Sequence[Break], label: Label) -> str:
    """One run: its equation, its counts, and the breaks that it found last."""
    say = frame.say
    facts = [
        Fact(say("console.reconcile.account"), run.channel_account),
        Fact(say("console.reconcile.requested_by"), run.requested_by),
        Fact(say("console.reconcile.requested_at"), second_text(run.requested_at)),
        Fact(say("console.reconcile.ended_at"), _when(run.ended_at)),
    ]
    if run.reason:
        facts.append(Fact(say("console.reconcile.reason"), run.reason))
    page = PanelPage(
        title=say("console.reconcile.run"),
        lead=f"{frame.word(label(run.channel))} · {run.day.isoformat()}",
        chip=_run_chip(frame, run),
        number=public("rcn", run.run_id),
        crumb=NavItem(PATH, say("console.reconcile")),
        main=(_equation(frame, run), _breaks(frame, breaks, label)),
        side=(Panel(say("console.facts"), facts=facts),),
    )
    return render_panels(frame, "reconcile", page)


def render_break(frame: Frame, preview: Preview, label: Label) -> str:
    """One break: both sides, what its repair would change and post, and what the visitor may do."""
    say, found = frame.say, preview.found
    chip = _break_chip(frame, found)
    facts = [
        Fact(say("console.reconcile.channel"), f"{frame.word(label(found.channel))} · {found.day.isoformat()}"),
        Fact(say("console.reconcile.found_at"), second_text(found.found_at)),
        Fact(say("console.reconcile.run"), public("rcn", found.last_run_id), f"{PATH}/runs/{_run_of(found)}"),
    ]
    told = {"proposed_by": found.proposed_by, "decided_by": found.decided_by, "note": found.note}
    facts += [Fact(say(f"console.reconcile.{name}"), text) for name, text in told.items() if text]
    page = PanelPage(
        title=say("console.reconcile.break"),
        lead=say(f"console.reconcile.kind.{found.kind.value}"),
        chip=chip,
        number=public("brk", found.break_id),
        crumb=NavItem(PATH, say("console.reconcile")),
        why=Why(say("console.reconcile.advice"), frame.word(preview.proposal.words), chip),
        main=(_sides(frame, found), _changes(frame, preview), _postings(frame, preview)),
        side=(*_break_acts(frame, preview), Panel(say("console.facts"), facts=facts)),
    )
    return render_panels(frame, "reconcile", page)


def _breaks(frame: Frame, breaks: Sequence[Break], label: Label) -> Panel:
    say = frame.say
    rows = [
        (
            Cell(say(f"console.reconcile.kind.{one.kind.value}"), f"{PATH}/breaks/{public('brk', one.break_id)}"),
            Cell(_difference(one)),
            Cell(chip=_break_chip(frame, one)),
            Cell(one.day.isoformat(), note=frame.word(label(one.channel))),
            Cell(one.subject.text, is_code=True),
        )
        for one in breaks
    ]
    columns = [Column(say(f"console.reconcile.column.{name}"), name == "difference") for name in _BREAK_COLUMNS]
    empty = Empty("scales", say("console.reconcile.none"), say("console.reconcile.none.text"))
    return Panel(say("console.reconcile.breaks"), columns=columns, rows=rows, empty=empty)


_BREAK_COLUMNS = ("kind", "difference", "state", "day", "subject")


def _runs(frame: Frame, runs: Sequence[Run], label: Label) -> Panel:
    say = frame.say
    rows = [
        (
            Cell(one.day.isoformat(), f"{PATH}/runs/{public('rcn', one.run_id)}", note=frame.word(label(one.channel))),
            Cell(chip=_run_chip(frame, one)),
        )
        for one in runs
    ]
    columns = [Column(say("console.reconcile.column.day")), Column(say("console.reconcile.column.state"))]
    empty = Empty("clock", say("console.reconcile.no_runs"), say("console.reconcile.no_runs.text"))
    return Panel(say("console.reconcile.runs"), columns=columns, rows=rows, empty=empty)


def _new_run(frame: Frame, desk: Desk, label: Label) -> Panel:
    say = frame.say
    options = [
        (public("acc", account_id), f"{frame.word(label(channel))} · …{str(account_id)[-4:]}")
        for account_id, channel in desk.accounts
    ]
    fields = (
        FormField("account", say("console.reconcile.account"), options=options),
        FormField("day", say("console.reconcile.day"), desk.yesterday.isoformat(), type="date", length=10),
    )
    hidden = (("form_id", frame.form_id),)
    text = say("console.reconcile.start.text")
    act = ActForm(f"{PATH}/runs", say("console.reconcile.start"), text, fields, hidden=hidden)
    return Panel(say("console.reconcile.new"), acts=(act,))


def _equation(frame: Frame, run: Run) -> Panel:
    """The two sides of the day, down to what is left unexplained."""
    say = frame.say
    if not run.summary:
        empty = Empty("clock", say("console.reconcile.unfinished"), say("console.reconcile.unfinished.text"))
        return Panel(say("console.reconcile.equation"), empty=empty)
    told = cast("dict[str, object]", run.summary["equation"])
    currency = str(told["currency"])
    rows = [
        (Cell(say(f"console.reconcile.sum.{name}")), Cell(_money(cast("int", told[f"{name}_minor"]), currency)))
        for name in SUMS
    ]
    differences = cast("dict[str, int]", told["differences"])
    rows[-1:-1] = [
        (Cell(say(f"console.reconcile.kind.{kind}")), Cell(_money(minor, currency)))
        for kind, minor in differences.items()
    ]
    columns = (Column(say("console.reconcile.what")), Column(say("console.amount"), is_figure=True))
    lines = f"{cast('int', run.summary['lines']):,}"
    return Panel(
        say("console.reconcile.equation"), say("console.reconcile.lines", lines=lines), columns=columns, rows=rows
    )


SUMS = (
    "statement_gross",
    "statement_fee",
    "other",
    "statement_net",
    "ledger_captured",
    "ledger_refunded",
    "ledger_fee",
    "ledger_net",
    "unexplained",
)
"""The sums of a day's equation, from the statement down to what nothing explains."""


def _sides(frame: Frame, found: Break) -> Panel:
    say, ours, theirs = frame.say, found.ours, found.theirs
    rows: list[tuple[Cell, Cell, Cell]] = []

    def line(name: str, left: str, right: str, href: str = "") -> None:
        if left or right:
            rows.append((Cell(say(f"console.reconcile.side.{name}")), Cell(left or "—", href), Cell(right or "—")))

    mine = ""
    if ours is not None:
        prefix, place = ("pay", "payments") if ours.side == "payment" else ("rfd", "refunds")
        mine = public(prefix, ours.subject_id)
        line("number", mine, theirs.channel_no if theirs else "", f"/console/{place}/{mine}")
    else:
        line("number", "", theirs.channel_no if theirs else "")
    line("state", ours.state if ours else "", theirs.state if theirs else "")
    line(
        "amount",
        _money(ours.moved_minor, ours.currency) if ours else "",
        _money(theirs.amount_minor, theirs.currency) if theirs else "",
    )
    expected = found.expected_fee_minor
    line(
        "fee",
        _money(expected, found.currency) if expected is not None else "",
        _money(theirs.fee_minor, theirs.currency) if theirs else "",
    )
    line("when", _when(ours.happened_at if ours else None), _when(theirs.happened_at if theirs else None))
    line("day", "", (theirs.day or "") if theirs else "")
    columns = [Column(say(f"console.reconcile.side.{name}")) for name in ("what", "ours", "theirs")]
    return Panel(say("console.reconcile.sides"), _difference(found), columns=columns, rows=rows)


def _changes(frame: Frame, preview: Preview) -> Panel:
    say = frame.say
    rows = [
        (
            Cell(say(f"console.reconcile.what.{one.what}")),
            Cell(f"− {_state(frame, one.what, one.before)}"),
            Cell(f"+ {_state(frame, one.what, one.after)}" if one.after else say("console.reconcile.asked_then")),
        )
        for one in preview.changes
    ]
    columns = [Column(say(f"console.reconcile.change.{name}")) for name in ("what", "before", "after")]
    empty = Empty("minus", say("console.reconcile.no_change"), say("console.reconcile.no_change.text"))
    return Panel(say("console.reconcile.changes"), columns=columns, rows=rows, empty=empty)


def _postings(frame: Frame, preview: Preview) -> Panel:
    say = frame.say
    legs = preview.posting.legs if preview.posting else ()
    rows = [
        (Cell(leg.debit.code, is_code=True), Cell(leg.credit.code, is_code=True), Cell(amount_text(leg.amount)))
        for leg in legs
    ]
    columns = [Column(say(f"console.reconcile.leg.{name}"), name == "amount") for name in ("debit", "credit", "amount")]
    empty = Empty("book", say("console.reconcile.no_posting"), say("console.reconcile.no_posting.text"))
    return Panel(say("console.reconcile.postings"), columns=columns, rows=rows, empty=empty)


def _break_acts(frame: Frame, preview: Preview) -> tuple[Panel, ...]:
    """Propose; approve what somebody else proposed; or let it stand, with a note."""
    say, caller, found = frame.say, frame.visitor.caller, preview.found
    path, acts = f"{PATH}/breaks/{public('brk', found.break_id)}", list[ActForm]()
    if found.state is BreakState.OPEN and "reconcile:write" in caller.capabilities and preview.proposal.deed != "none":
        acts.append(ActForm(f"{path}/propose", say("console.act.propose"), say("console.act.propose.text")))
    if found.state is BreakState.PROPOSED and "reconcile:approve" in caller.capabilities:
        if found.proposed_by == caller.subject:
            acts.append(ActForm("", "", say("console.act.own_repair")))
        else:
            told = say("console.act.approve_repair.text")
            acts.append(ActForm(f"{path}/approve", say("console.act.approve_repair"), told, is_main=True))
    if found.state in UNSETTLED and "reconcile:approve" in caller.capabilities:
        note = FormField("note", say("console.reconcile.note"), hint=say("console.reconcile.note.hint"), length=200)
        acts.append(ActForm(f"{path}/accept", say("console.act.accept"), say("console.act.accept.text"), (note,)))
    return (Panel(say("console.acts"), acts=acts),) if acts else ()


def _run_of(found: Break) -> str:
    return public("rcn", found.last_run_id)


def _state(frame: Frame, what: str, state: str) -> str:
    return either(frame.say, f"console.state.{what}.{state}", "console.reconcile.state.other")


def _break_chip(frame: Frame, found: Break) -> Chip:
    icon, tint = _BREAKS[found.state.value]
    return plain_chip(frame.say(f"console.reconcile.state.{found.state.value}"), icon, tint)


def _run_chip(frame: Frame, run: Run) -> Chip:
    icon, tint = _RUNS[run.state.value]
    return plain_chip(frame.say(f"console.reconcile.run.{run.state.value}"), icon, tint)


def _difference(found: Break) -> str:
    return _money(found.difference_minor, found.currency)


def _money(minor: int, currency: str) -> str:
    return amount_text(Money(minor, currency))


def _when(moment: datetime | None) -> str:
    return second_text(moment) if moment else "—"

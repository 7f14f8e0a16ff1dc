"""Breaks: what a run found, kept by what it is about, and what people have made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import cast
from uuid import UUID

from shunfu.db import Reader, Record, Transaction, named_queries
from shunfu.gateway.wire import Json
from shunfu.kernel.clock import rfc3339
from shunfu.kernel.errors import TransientFault
from shunfu.kernel.plain import Words
from shunfu.reconcile.model import BreakKind, BreakState, Found, Ours, Side, Subject, SubjectKind, Theirs
from shunfu.reconcile.proposals import Deed, Proposal

SQL = named_queries("shunfu.reconcile")
BATCH = 1000
ON_ANOTHER_DAY = "The other side has it on a neighbouring day."
GONE = "A later run did not find it again."


@dataclass(frozen=True, slots=True)
class Break:
    """A break as it is kept. `proposal` is there from PROPOSED on; `decided_by` approved or accepted it."""

    merchant_id: UUID
    break_id: UUID
    account_id: UUID
    channel: str
    day: date
    kind: BreakKind
    subject: Subject
    opened_run_id: UUID
    last_run_id: UUID
    ours: Ours | None
    theirs: Theirs | None
    expected_fee_minor: int | None
    difference_minor: int
    currency: str
    state: BreakState
    proposal: Proposal | None
    proposed_by: str | None
    decided_by: str | None
    note: str | None
    found_at: datetime
    repaired_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """Whose breaks a run found: the account's day, the run, and when."""

    merchant_id: UUID
    account_id: UUID
    channel: str
    day: date
    run_id: UUID
    now: datetime


async def keep_breaks(tx: Transaction, by: Finding, found: Sequence[tuple[UUID, Found]]) -> None:
    """Keep what a run found, each under its id unless it is known; those that are gone are over."""
    for start in range(0, len(found), BATCH):
        chunk = found[start : start + BATCH]
        crossing = [one.kind is BreakKind.CROSSING_MIDNIGHT for _, one in chunk]
        await tx.execute(
            SQL["keep_breaks"],
            by.merchant_id,
            by.account_id,
            by.channel,
            by.day,
            by.run_id,
            by.now,
            [break_id for break_id, _ in chunk],
            [one.kind.value for _, one in chunk],
            [one.subject.kind for _, one in chunk],
            [one.subject.text for _, one in chunk],
            [ours_to_json(one) for _, one in chunk],
            [theirs_to_json(one.theirs) for _, one in chunk],
            [one.difference_minor for _, one in chunk],
            [one.currency for _, one in chunk],
            [(BreakState.RESOLVED if is_over else BreakState.OPEN).value for is_over in crossing],
            [ON_ANOTHER_DAY if is_over else None for is_over in crossing],
        )
    await tx.execute(SQL["resolve_gone"], by.merchant_id, by.account_id, by.day, by.run_id, GONE, by.now)


async def count_open(reader: Reader, day: tuple[UUID, UUID, date], run_id: UUID) -> tuple[int, int]:
    """How many breaks of a (merchant, account, day) somebody has to deal with, and how many of those a run opened."""
    row = await reader.fetch_row(SQL["count_open"], *day, run_id)
    assert row is not None, "an aggregate always has a row"
    return row["open"], row["fresh"]


async def get_break(reader: Reader, merchant_id: UUID, break_id: UUID) -> Break | None:
    """One break, or None."""
    row = await reader.fetch_row(SQL["get_break"], merchant_id, break_id)
    return _break(row, merchant_id) if row else None


async def lock_break(tx: Transaction, merchant_id: UUID, break_id: UUID) -> Break | None:
    """One break, locked until the transaction ends, or None."""
    row = await tx.fetch_row(SQL["lock_break"], merchant_id, break_id)
    return _break(row, merchant_id) if row else None


@dataclass(frozen=True, slots=True)
class BreakPage:
    """Which breaks: those below an id, in a state or all, found last by a run or by any."""

    before: UUID
    limit: int
    state: str | None = None
    run_id: UUID | None = None


async def list_breaks(reader: Reader, merchant_id: UUID, page: BreakPage) -> Sequence[Break]:
    """A page of breaks, newest first."""
    rows = await reader.fetch(SQL["list_breaks"], merchant_id, page.before, page.state, page.run_id, page.limit)
    return [_break(row, merchant_id) for row in rows]


async def move_break(tx: Transaction, moved: tuple[Break, Break], now: datetime) -> None:
    """Compare and set a break, from (before) to (after). Raises TransientFault when somebody else moved it."""
    before, after = moved
    proposal = proposal_to_json(after.proposal) if after.proposal else None
    saved = await tx.execute(
        SQL["move_break"],
        before.merchant_id,
        before.break_id,
        before.state.value,
        after.state.value,
        proposal,
        after.proposed_by,
        after.decided_by,
        after.note,
        after.repaired_at,
        now,
    )
    if saved != 1:
        raise TransientFault("The break was moved by somebody else; try again.")


def ours_to_json(found: Found) -> dict[str, Json] | None:
    """Our side as it is kept, with the fee that we expected where that is what differs."""
    ours = found.ours
    if ours is None:
        return None
    return {
        "side": ours.side,
        "id": str(ours.subject_id),
        "state": ours.state,
        "amount_minor": ours.amount_minor,
        "currency": ours.currency,
        "channel_no": ours.channel_no,
        "happened_at": rfc3339(ours.happened_at) if ours.happened_at else None,
        "is_this_account": ours.is_this_account,
        "expected_fee_minor": found.expected_fee_minor,
    }


def theirs_to_json(theirs: Theirs | None) -> dict[str, Json] | None:
    """The statement's side as it is kept."""
    if theirs is None:
        return None
    return {
        "amount_minor": theirs.amount_minor,
        "fee_minor": theirs.fee_minor,
        "currency": theirs.currency,
        "state": theirs.state,
        "is_settled": theirs.is_settled,
        "happened_at": rfc3339(theirs.happened_at) if theirs.happened_at else None,
        "channel_no": theirs.channel_no,
        "line_no": theirs.line_no,
        "lines": theirs.lines,
        "day": theirs.day,
    }


def proposal_to_json(proposal: Proposal) -> dict[str, Json]:
    """A proposal as it is kept: what was proposed, in the words of that day."""
    return {"deed": proposal.deed, "zh": proposal.words.zh, "en": proposal.words.en}


def _break(row: Record, merchant_id: UUID) -> Break:
    told = dict(row)
    ours, theirs, proposal = told.pop("ours"), told.pop("theirs"), told.pop("proposal")
    subject = Subject(cast("SubjectKind", told.pop("subject_kind")), told.pop("subject"))
    return Break(
        merchant_id=merchant_id,
        kind=BreakKind(told.pop("kind")),
        state=BreakState(told.pop("state")),
        subject=subject,
        ours=_ours(ours) if ours else None,
        theirs=_theirs(theirs) if theirs else None,
        expected_fee_minor=ours["expected_fee_minor"] if ours else None,
        proposal=_proposal(proposal) if proposal else None,
        **told,
    )


def _ours(body: dict[str, Json]) -> Ours:
    moment = cast("str | None", body["happened_at"])
    return Ours(
        side=cast("Side", body["side"]),
        subject_id=UUID(cast("str", body["id"])),
        state=cast("str", body["state"]),
        amount_minor=cast("int", body["amount_minor"]),
        currency=cast("str", body["currency"]),
        channel_no=cast("str | None", body["channel_no"]),
        happened_at=datetime.fromisoformat(moment) if moment else None,
        is_this_account=cast("bool", body["is_this_account"]),
    )


def _theirs(body: dict[str, Json]) -> Theirs:
    moment = cast("str | None", body["happened_at"])
    theirs = Theirs(
        amount_minor=cast("int", body["amount_minor"]),
        fee_minor=cast("int", body["fee_minor"]),
        currency=cast("str", body["currency"]),
        state=cast("str", body["state"]),
        is_settled=cast("bool", body["is_settled"]),
        happened_at=datetime.fromisoformat(moment) if moment else None,
        channel_no=cast("str", body["channel_no"]),
        line_no=cast("int", body["line_no"]),
    )
    return replace(theirs, lines=cast("int", body["lines"]), day=cast("str | None", body["day"]))


def _proposal(body: dict[str, Json]) -> Proposal:
    return Proposal(cast("Deed", body["deed"]), Words(cast("str", body["zh"]), cast("str", body["en"])))

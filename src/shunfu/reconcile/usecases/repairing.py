"""Repair a break: propose, look ahead, let another person approve, and hand the line to the room that decides.

A repair sets no state. It brings evidence to the payments' or the refunds' transition function, or lets that room ask
the channel; so it may be carried out twice, by twenty at once, or again after a crash.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from shunfu.db import Transaction
from shunfu.kernel.errors import NotFoundHere, StateConflict
from shunfu.kernel.ids import public
from shunfu.merchants import AuditEntry, write_audit
from shunfu.reconcile.model import BreakState
from shunfu.reconcile.proposals import Proposal, propose
from shunfu.reconcile.store import breaks
from shunfu.reconcile.store.breaks import Break, BreakPage
from shunfu.reconcile.usecases.deeds import Outcome, carry_out, is_unknown_there
from shunfu.reconcile.usecases.tools import REPAIR_JOB, ReconcileTools

SOON = timedelta(seconds=60)
"""When the job looks after a repair that was approved, should this process not live to carry it out."""


@dataclass(frozen=True, slots=True)
class Word:
    """Somebody's word on a break: who, on which, and a note."""

    merchant_id: UUID
    break_id: UUID
    subject: str
    note: str | None = None


async def read_break(tools: ReconcileTools, merchant_id: UUID, break_id: UUID) -> tuple[Break, Proposal]:
    """A break and what can be done about it now. Raises NotFoundHere."""
    async with tools.database.glancing() as reader:
        found = _there(await breaks.get_break(reader, merchant_id, break_id))
    return found, await advice(tools, found)


async def list_breaks(tools: ReconcileTools, merchant_id: UUID, page: BreakPage) -> list[Break]:
    """A page of breaks, newest first."""
    async with tools.database.reading() as reader:
        return list(await breaks.list_breaks(reader, merchant_id, page))


def plain_advice(found: Break) -> Proposal:
    """What can be done about a break by its two sides alone, for reports."""
    return propose(found.kind, found.subject, (found.ours, found.theirs), is_unknown_there=False)


async def advice(tools: ReconcileTools, found: Break) -> Proposal:
    """What can be done about a break as the books stand now."""
    is_unknown = await is_unknown_there(tools, found)
    return propose(found.kind, found.subject, (found.ours, found.theirs), is_unknown_there=is_unknown)


async def propose_repair(tools: ReconcileTools, word: Word) -> Break:
    """Propose the repair of an open break. Raises NotFoundHere, and StateConflict when there is none or it is late."""
    seen, proposal = await read_break(tools, word.merchant_id, word.break_id)
    if proposal.deed == "none" and seen.state is BreakState.OPEN:
        raise StateConflict(f"No repair is made by itself here. {proposal.words.en}")

    async def story(tx: Transaction) -> Break:
        found = _there(await breaks.lock_break(tx, word.merchant_id, word.break_id))
        if found.state is BreakState.PROPOSED and found.proposed_by == word.subject:
            return found
        if found.state is not BreakState.OPEN or found.updated_at != seen.updated_at:
            raise StateConflict(f"Only an open break can be repaired; this one is {found.state.value}.")
        after = replace(found, state=BreakState.PROPOSED, proposal=proposal, proposed_by=word.subject)
        after = replace(after, decided_by=None, note=word.note)
        await _move(tools, tx, (found, after), word.subject)
        return after

    return await tools.database.transact(story)


async def approve_repair(tools: ReconcileTools, word: Word) -> Break:
    """Approve a proposed repair and carry it out. Raises NotFoundHere, and StateConflict for the proposer.

    Whoever comes second finds it approved, and gets it as it stands.
    """

    async def story(tx: Transaction) -> tuple[Break, bool]:
        found = _there(await breaks.lock_break(tx, word.merchant_id, word.break_id))
        if found.state in {BreakState.APPROVED, BreakState.REPAIRED}:
            return found, False
        if found.state is not BreakState.PROPOSED:
            raise StateConflict("Nothing is proposed here that could be approved.")
        if found.proposed_by == word.subject:
            raise StateConflict("Whoever proposed a repair cannot approve it; another key must.")
        after = replace(found, state=BreakState.APPROVED, decided_by=word.subject)
        await _move(tools, tx, (found, after), word.subject)
        job = tools.job(REPAIR_JOB, word.merchant_id, word.break_id, tools.now() + SOON)
        await tools.payments.jobs.enqueue(tx, job)
        return after, True

    found, is_first = await tools.database.transact(story)
    return await _repaired(tools, found) if is_first else found


async def repair(tools: ReconcileTools, merchant_id: UUID, break_id: UUID) -> datetime | None:
    """The job's look after an approved repair: when to come again, or None when there is nothing left to do."""
    found, _ = await read_break(tools, merchant_id, break_id)
    if found.state is BreakState.APPROVED:
        found = await _repaired(tools, found)
    return tools.now() + 5 * SOON if found.state is BreakState.APPROVED else None


async def accept_break(tools: ReconcileTools, word: Word) -> Break:
    """Let a difference stand, with a note that says why. Raises NotFoundHere and StateConflict."""
    assert word.note, "the door asks for a note"

    async def story(tx: Transaction) -> Break:
        found = _there(await breaks.lock_break(tx, word.merchant_id, word.break_id))
        if found.state is BreakState.ACCEPTED and found.note == word.note:
            return found
        if found.state not in {BreakState.OPEN, BreakState.PROPOSED}:
            raise StateConflict(f"Only an open break can be accepted; this one is {found.state.value}.")
        after = replace(found, state=BreakState.ACCEPTED, decided_by=word.subject, note=word.note)
        await _move(tools, tx, (found, after), word.subject)
        return after

    return await tools.database.transact(story)


async def _repaired(tools: ReconcileTools, approved: Break) -> Break:
    """Carry an approved repair out and note how it went; without an answer it stays approved."""
    outcome = await carry_out(tools, approved)
    if outcome is Outcome.UNANSWERED:
        return approved

    async def story(tx: Transaction) -> Break:
        found = _there(await breaks.lock_break(tx, approved.merchant_id, approved.break_id))
        if found.state is not BreakState.APPROVED:
            return found
        if outcome is Outcome.REPAIRED:
            after = replace(found, state=BreakState.REPAIRED, repaired_at=tools.now(), note=outcome.value)
        else:
            after = replace(found, state=BreakState.OPEN, note=outcome.value)
            after = replace(after, proposal=None, proposed_by=None, decided_by=None)
        await _move(tools, tx, (found, after), approved.decided_by or "")
        return after

    return await tools.database.transact(story)


async def _move(tools: ReconcileTools, tx: Transaction, moved: tuple[Break, Break], actor: str) -> None:
    """Save a break's move and its line in the audit log."""
    before, after = moved
    proposal = after.proposal or before.proposal
    await breaks.move_break(tx, moved, tools.now())
    detail: dict[str, str | int | bool | None] = {
        "kind": after.kind.value,
        "day": after.day.isoformat(),
        "subject": f"{after.subject.kind}:{after.subject.text}",
        "difference_minor": after.difference_minor,
        "state_before": before.state.value,
        "state_after": after.state.value,
        "deed": proposal.deed if proposal else None,
    }
    action = "break.reopened" if after.state is BreakState.OPEN else f"break.{after.state.value.lower()}"
    entry = AuditEntry(after.merchant_id, actor, action, public("brk", after.break_id), detail=detail)
    await write_audit(tx, tools.source, entry)


def _there(found: Break | None) -> Break:
    if found is None:
        raise NotFoundHere
    return found

"""Reconcile an account's day: hold its run, gather the statements, match, and say how it ended.

A crash leaves the run RUNNING under a lease; whoever comes next goes on with it from the beginning of the statement.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID

from shunfu.db import Transaction
from shunfu.kernel.errors import NotFoundHere, StateConflict
from shunfu.kernel.ids import public
from shunfu.merchants import AuditEntry, OpenAccount, write_audit
from shunfu.reconcile.events import RunFailed
from shunfu.reconcile.model import RunState
from shunfu.reconcile.store import runs
from shunfu.reconcile.store.runs import NewRun, Run
from shunfu.reconcile.usecases.finishing import match
from shunfu.reconcile.usecases.gathering import Supply, gather
from shunfu.reconcile.usecases.loading import LEASE
from shunfu.reconcile.usecases.tools import RUN_JOB, ReconcileTools, Watch, unwatched
from shunfu.reconcile.usecases.work import Stopped, Work


@dataclass(frozen=True, slots=True)
class Wish:
    """A wish to reconcile an account's day. `run_id` is the id the run gets, unless the day has an unfinished one.

    `fee_permyriad` is the agreed rate, in hundredths of a percent, if fees shall be compared with one.
    """

    merchant_id: UUID
    account_id: UUID
    day: date
    run_id: UUID
    requested_by: str
    fee_permyriad: int | None = None
    supply: Supply = field(default_factory=Supply)


async def reconcile_day(tools: ReconcileTools, wish: Wish, watch: Watch = unwatched) -> Run:
    """Reconcile an account's day now and return its run: DONE, WAITING for its statement, or FAILED.

    Raises StateConflict while somebody else does, and TransientFault when the database is out of reach.
    """
    account = await _account(tools, wish)
    run, before = await tools.database.transact(lambda tx: _begin(tools, tx, account, wish))
    work = Work(tools, wish.merchant_id, account, run, watch)
    try:
        await match(work, await gather(work, wish.supply))
    except Stopped as stopped:
        await _stop(work, stopped, before)
    return await read_run(tools, wish.merchant_id, run.run_id)


async def request_run(tools: ReconcileTools, wish: Wish) -> Run:
    """Save a waiting run and the job that carries it out. Raises NotFoundHere, and StateConflict while it runs."""
    account = await _account(tools, wish)

    async def story(tx: Transaction) -> Run:
        run = await _unfinished(tools, tx, account, wish)
        await tools.payments.jobs.enqueue(tx, tools.job(RUN_JOB, wish.merchant_id, run.run_id, tools.now()))
        detail = {"day": wish.day.isoformat(), "channel": run.channel}
        entry = AuditEntry(wish.merchant_id, wish.requested_by, "run.requested", public("rcn", run.run_id))
        await write_audit(tx, tools.source, replace(entry, detail=detail))
        return run

    return await tools.database.transact(story)


async def carry_out_run(tools: ReconcileTools, merchant_id: UUID, run_id: UUID) -> Run:
    """Reconcile what a saved run asks for; a run that is done stays as it is."""
    run = await read_run(tools, merchant_id, run_id)
    if run.state is RunState.DONE:
        return run
    wish = Wish(merchant_id, run.account_id, run.day, run_id, run.requested_by, run.fee_permyriad)
    return await reconcile_day(tools, wish)


async def read_run(tools: ReconcileTools, merchant_id: UUID, run_id: UUID) -> Run:
    """One run. Raises NotFoundHere."""
    async with tools.database.glancing() as reader:
        run = await runs.get_run(reader, merchant_id, run_id)
    if run is None:
        raise NotFoundHere
    return run


async def _account(tools: ReconcileTools, wish: Wish) -> OpenAccount:
    """The account of a wish: its id came from a caller. Raises NotFoundHere when it is not this merchant's."""
    async with tools.database.reading() as reader:
        account = await tools.payments.accounts.open(reader, wish.merchant_id, wish.account_id)
    if account is None:
        raise NotFoundHere("This merchant has no such account.")
    return account


async def _begin(tools: ReconcileTools, tx: Transaction, account: OpenAccount, wish: Wish) -> tuple[Run, RunState]:
    """Hold the day's unfinished run, made if there is none; with the state it was in."""
    run = await _unfinished(tools, tx, account, wish)
    now = tools.now()
    attempt = await runs.begin_run(tx, run, _new(account, wish), (now, now + LEASE))
    return replace(run, state=RunState.RUNNING, attempt=attempt, fee_permyriad=wish.fee_permyriad), run.state


async def _unfinished(tools: ReconcileTools, tx: Transaction, account: OpenAccount, wish: Wish) -> Run:
    """The day's unfinished run, locked. Raises StateConflict while somebody holds it."""
    await runs.add_run(tx, _new(account, wish), tools.now())
    run = await runs.lock_unfinished(tx, wish.merchant_id, wish.account_id, wish.day)
    assert run is not None, "it was made a moment ago, and none is ever deleted"
    if run.lease_until is not None and run.lease_until > tools.now():
        raise StateConflict("This day is being reconciled at this moment; read its run.")
    return run


async def _stop(work: Work, stopped: Stopped, before: RunState) -> None:
    """The run ends without a result; a failure calls a person, once until the run has ended otherwise."""
    now = work.tools.now()
    event = RunFailed(
        merchant_id=work.merchant_id,
        happened_at=now,
        run_id=work.run.run_id,
        account_id=work.run.account_id,
        day=work.run.day.isoformat(),
        reason=stopped.reason,
    )

    async def story(tx: Transaction) -> None:
        await runs.end_run(tx, work.merchant_id, work.run, (stopped.state, stopped.reason), now)
        if stopped.state is RunState.FAILED and before is not RunState.FAILED:
            await work.tools.payments.outbox.publish(tx, event)

    await work.tools.database.transact(story)


def _new(account: OpenAccount, wish: Wish) -> NewRun:
    return NewRun(
        merchant_id=wish.merchant_id,
        run_id=wish.run_id,
        account_id=wish.account_id,
        channel=account.channel.name,
        channel_account=account.identity.account,
        day=wish.day,
        requested_by=wish.requested_by,
        fee_permyriad=wish.fee_permyriad,
    )

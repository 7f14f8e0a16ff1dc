"""When an account's days are reconciled by themselves: each day once its statement is there, none left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

from shunfu.db import Reader, Transaction
from shunfu.kernel.errors import StateConflict
from shunfu.kernel.ids import PLATFORM
from shunfu.merchants import OpenAccount
from shunfu.payments import account_by_id
from shunfu.reconcile.days import DAY, days_due, latest_ready, ready_at, window_of
from shunfu.reconcile.model import RunState
from shunfu.reconcile.store import breaks, runs
from shunfu.reconcile.store.runs import Run
from shunfu.reconcile.usecases.gathering import Supply
from shunfu.reconcile.usecases.running import Wish, reconcile_day
from shunfu.reconcile.usecases.tools import DAILY_JOB, ReconcileTools

AUTOMATIC = "shunfu"
"""Who asked for a run that asked for itself."""
DAYS_MAX = 7
"""How far back days that were missed are made up for; older ones are a person's to ask for."""
LATER = timedelta(minutes=30)


async def begin_daily(tools: ReconcileTools, tx: Transaction, merchant_id: UUID, account_id: UUID) -> None:
    """Give an account its daily job; one that has it is only looked at now."""
    await tools.payments.jobs.enqueue(tx, tools.job(DAILY_JOB, merchant_id, account_id, tools.now()))


async def reconcile_due(tools: ReconcileTools, merchant_id: UUID, account_id: UUID) -> datetime:
    """Reconcile the oldest day of an account that is due, and look again at the one before; when to come again."""
    now = tools.now()
    async with tools.database.reading() as reader:
        account = await account_by_id(tools.payments, reader, merchant_id, account_id)
        due = await _due(reader, merchant_id, account, now)
        fee_permyriad = await runs.last_fee(reader, merchant_id, account_id)
    capabilities = account.channel.capabilities
    if not due:
        return ready_at(latest_ready(now, capabilities) + DAY, capabilities)
    wish = _wish(tools, (merchant_id, account_id), due[0], fee_permyriad)
    run = await _unless_held(tools, wish)
    if run is None or run.state is not RunState.DONE:
        return now + LATER
    await _look_again(tools, merchant_id, account_id, due[0] - DAY)
    return now


async def _due(reader: Reader, merchant_id: UUID, account: OpenAccount, now: datetime) -> list[date]:
    """The days whose statement is there and that are not reconciled, from the account's first payment on."""
    first = await runs.first_captured(reader, merchant_id, account.account_id)
    if first is None:
        return []
    capabilities = account.channel.capabilities
    days = days_due(now, capabilities, window_of(first.date(), capabilities).day_of(first), DAYS_MAX)
    done = await runs.days_done(reader, merchant_id, account.account_id, days[0]) if days else set[date]()
    return [day for day in days if day not in done]


async def _look_again(tools: ReconcileTools, merchant_id: UUID, account_id: UUID, day: date) -> None:
    """Compare a day once more, without fetching, when it has breaks that the day after it may explain."""
    async with tools.database.reading() as reader:
        open_breaks, _ = await breaks.count_open(reader, (merchant_id, account_id, day), PLATFORM)
        last = await runs.last_of_day(reader, merchant_id, account_id, day)
    if open_breaks and last:
        wish = _wish(tools, (merchant_id, account_id), day, last.fee_permyriad)
        await _unless_held(tools, replace(wish, supply=Supply(is_fetched=False)))


async def _unless_held(tools: ReconcileTools, wish: Wish) -> Run | None:
    """The run's end, or None when somebody else is at that day."""
    try:
        return await reconcile_day(tools, wish)
    except StateConflict:
        return None


def _wish(tools: ReconcileTools, account: tuple[UUID, UUID], day: date, fee_permyriad: int | None) -> Wish:
    return Wish(*account, day, tools.source.new_id(), AUTOMATIC, fee_permyriad)

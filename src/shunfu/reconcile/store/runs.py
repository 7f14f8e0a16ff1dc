"""Runs: one comparison of an account's day, held by a lease that the attempt's number fences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast
from uuid import UUID

from shunfu.db import Reader, Record, Transaction, named_queries
from shunfu.gateway.wire import Json
from shunfu.kernel.errors import TransientFault
from shunfu.reconcile.model import RunState

SQL = named_queries("shunfu.reconcile")
LOST = "Somebody else goes on with this reconciliation; look at its run."


@dataclass(frozen=True, slots=True)
class Run:
    """One comparison. `attempt` counts from 1 once it has begun; `summary` is there once it is DONE."""

    run_id: UUID
    account_id: UUID
    channel: str
    channel_account: str
    day: date
    state: RunState
    attempt: int
    lease_until: datetime | None
    requested_by: str
    fee_permyriad: int | None
    statement_id: UUID | None
    funds_statement_id: UUID | None
    summary: dict[str, Json] | None
    fee_posted_minor: int
    settled_posted_minor: int
    reason: str | None
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewRun:
    """A wish to compare an account's day. `run_id` is the id it gets, unless the day has an unfinished run."""

    merchant_id: UUID
    run_id: UUID
    account_id: UUID
    channel: str
    channel_account: str
    day: date
    requested_by: str
    fee_permyriad: int | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """What a good run leaves: the statements it compared, its summary, and what it posted."""

    statement_id: UUID
    funds_statement_id: UUID | None
    summary: dict[str, Json]
    fee_posted_minor: int
    settled_posted_minor: int


def _run(row: Record) -> Run:
    told = dict(row)
    return Run(state=RunState(told.pop("state")), **told)


async def add_run(tx: Transaction, new: NewRun, now: datetime) -> None:
    """Save a waiting run, unless the account's day has an unfinished one."""
    await tx.execute(
        SQL["add_run"],
        new.merchant_id,
        new.run_id,
        new.account_id,
        new.channel,
        new.channel_account,
        new.day,
        new.requested_by,
        new.fee_permyriad,
        now,
    )


async def lock_unfinished(tx: Transaction, merchant_id: UUID, account_id: UUID, day: date) -> Run | None:
    """The account's day's run that has not ended well, locked, or None."""
    row = await tx.fetch_row(SQL["lock_unfinished_run"], merchant_id, account_id, day)
    return _run(row) if row else None


async def begin_run(tx: Transaction, run: Run, new: NewRun, times: tuple[datetime, datetime]) -> int:
    """Hold a run from now until the lease's end, for the newest wish; the attempt's number. The caller locked it."""
    attempt = await tx.fetch_value(
        SQL["begin_run"], new.merchant_id, run.run_id, run.attempt, *times, new.requested_by, new.fee_permyriad
    )
    assert attempt is not None, "a locked run does not change"
    return cast("int", attempt)


async def renew_run(tx: Transaction, merchant_id: UUID, run: Run, until: datetime) -> None:
    """Hold a run for longer. Raises TransientFault when somebody else has taken it over."""
    if await tx.execute(SQL["renew_run"], merchant_id, run.run_id, run.attempt, until) != 1:
        raise TransientFault(LOST)


async def end_run(tx: Transaction, merchant_id: UUID, run: Run, ended: tuple[RunState, str], now: datetime) -> None:
    """End a run without a result: (WAITING or FAILED, why). Raises TransientFault when somebody has taken it over."""
    state, reason = ended
    if await tx.execute(SQL["end_run"], merchant_id, run.run_id, run.attempt, state.value, reason, now) != 1:
        raise TransientFault(LOST)


async def finish_run(tx: Transaction, merchant_id: UUID, run: Run, ending: Ending, now: datetime) -> None:
    """End a run well. Raises TransientFault when somebody else has taken it over."""
    finished = await tx.execute(
        SQL["finish_run"],
        merchant_id,
        run.run_id,
        run.attempt,
        ending.statement_id,
        ending.funds_statement_id,
        ending.summary,
        ending.fee_posted_minor,
        ending.settled_posted_minor,
        now,
    )
    if finished != 1:
        raise TransientFault(LOST)


async def get_run(reader: Reader, merchant_id: UUID, run_id: UUID) -> Run | None:
    """One run, or None."""
    row = await reader.fetch_row(SQL["get_run"], merchant_id, run_id)
    return _run(row) if row else None


async def list_runs(reader: Reader, merchant_id: UUID, before: UUID, limit: int) -> Sequence[Run]:
    """Runs with an id below `before`, newest first."""
    return [_run(row) for row in await reader.fetch(SQL["list_runs"], merchant_id, before, limit)]


@dataclass(frozen=True, slots=True)
class Compared:
    """What a good run compared: its two statements, and the agreed fee that it looked for."""

    statement_id: UUID
    funds_statement_id: UUID | None
    fee_permyriad: int | None


async def last_of_day(reader: Reader, merchant_id: UUID, account_id: UUID, day: date) -> Compared | None:
    """What a day's newest good run compared, or None."""
    row = await reader.fetch_row(SQL["last_done_of_day"], merchant_id, account_id, day)
    return Compared(**dict(row)) if row else None


async def days_done(reader: Reader, merchant_id: UUID, account_id: UUID, since: date) -> set[date]:
    """The days of an account that are reconciled, from one on, at most 100."""
    return {row["day"] for row in await reader.fetch(SQL["days_done"], merchant_id, account_id, since)}


async def last_fee(reader: Reader, merchant_id: UUID, account_id: UUID) -> int | None:
    """The agreed fee that the last reconciled day of an account was compared with, or None."""
    return cast("int | None", await reader.fetch_value(SQL["last_fee"], merchant_id, account_id))


@dataclass(frozen=True, slots=True)
class Posted:
    """What the runs of a day have posted so far, in minor units, and by how many postings."""

    fee_minor: int
    settled_minor: int
    fee_postings: int
    settled_postings: int


async def posted_of_day(reader: Reader, merchant_id: UUID, account_id: UUID, day: date) -> Posted:
    """What the runs of a day have posted so far."""
    row = await reader.fetch_row(SQL["posted_of_day"], merchant_id, account_id, day)
    assert row is not None, "an aggregate always has a row"
    return Posted(**dict(row))


async def first_captured(reader: Reader, merchant_id: UUID, account_id: UUID) -> datetime | None:
    """When an account's first payment was captured, or None."""
    return cast("datetime | None", await reader.fetch_value(SQL["first_captured"], merchant_id, account_id))

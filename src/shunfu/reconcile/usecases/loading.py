"""Take a statement in whole or not at all: lines by COPY in one transaction, read in a thread beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from shunfu.db import Transaction
from shunfu.gateway.statement import StatementFile, StatementLine, StatementOf
from shunfu.reconcile.events import StatementChanged
from shunfu.reconcile.intake import Batch, Intake
from shunfu.reconcile.store import runs, statements
from shunfu.reconcile.store.statements import Origin, Statement, Sums
from shunfu.reconcile.usecases.work import Work

LEASE = timedelta(seconds=120)
RENEW_AFTER = LEASE / 6


@dataclass(frozen=True, slots=True)
class Arrived:
    """A statement as it came: its file, or None when the channel says that there is none."""

    of: StatementOf
    file: StatementFile | None
    origin: Origin

    @property
    def content(self) -> bytes:
        """The file's bytes."""
        return self.file.content if self.file else b""


class _KnownLinesError(Exception):
    """The lines are those of a statement that we have; what was written of them is rolled back."""

    def __init__(self, known: Statement) -> None:
        super().__init__()
        self.known = known


async def load(work: Work, arrived: Arrived) -> Statement:
    """Keep a statement, or find it among those that the day has. Raises StatementDamaged, and then keeps nothing."""
    known = await stored(work, arrived.of)
    file_digest = sha256(arrived.content).digest()
    same = next(
        (one for one in known if one.sha256 == file_digest and _is_none(one.origin) == _is_none(arrived.origin)), None
    )
    if same is not None:
        return same

    async def story(tx: Transaction) -> Statement:
        intake = Intake(_lines(work, arrived), (work.merchant_id, work.tools.source.new_id()), arrived.of.kind)
        await _append(work, tx, intake)
        statement = _statement(work, arrived, intake, file_digest)
        same = next((one for one in known if one.lines_sha256 == statement.lines_sha256), None)
        if same is not None:
            raise _KnownLinesError(same)
        await statements.add_statement(tx, work.merchant_id, statement)
        if known:
            await work.tools.payments.outbox.publish(tx, _changed(work, statement))
        return statement

    try:
        return await work.tools.database.labour(story, work.tools.labour)
    except _KnownLinesError as found:
        return found.known


async def stored(work: Work, of: StatementOf) -> Sequence[Statement]:
    """The statements that the run's account has of a day, newest first."""
    async with work.tools.database.reading() as reader:
        return await statements.list_statements(reader, work.merchant_id, work.account.account_id, of.day, of.kind)


async def renew(work: Work, lease: timedelta = LEASE) -> None:
    """Hold the run for longer. Raises TransientFault when somebody else has taken it over."""
    until = work.tools.now() + lease
    await work.tools.database.transact(lambda tx: runs.renew_run(tx, work.merchant_id, work.run, until))


def _is_none(origin: Origin) -> bool:
    return origin == "none"


def _lines(work: Work, arrived: Arrived) -> Iterator[StatementLine]:
    if arrived.file is None:
        return iter(())
    return work.account.channel.statements.read_statement(work.account.settings, arrived.file)


async def _append(work: Work, tx: Transaction, intake: Intake) -> None:
    renewed_at = work.tools.now()
    async with aclosing(_batches(intake)) as batches:
        async for batch in batches:
            if batch.rows:
                await statements.append_lines(tx, batch.rows)
            work.watch("read", intake.count)
            renewed_at = await _renew_in_time(work, renewed_at)


async def _renew_in_time(work: Work, renewed_at: datetime) -> datetime:
    now = work.tools.now()
    if now - renewed_at < RENEW_AFTER:
        return renewed_at
    await renew(work)
    return now


async def _batches(intake: Intake) -> AsyncGenerator[Batch]:
    """The batches of a statement; while one is written, the next is read."""
    ahead = asyncio.create_task(asyncio.to_thread(intake.take))
    try:
        while (batch := await ahead).lines:
            ahead = asyncio.create_task(asyncio.to_thread(intake.take))
            yield batch
    finally:
        ahead.cancel()
        await asyncio.gather(ahead, return_exceptions=True)


def _statement(work: Work, arrived: Arrived, intake: Intake, file_digest: bytes) -> Statement:
    return Statement(
        statement_id=intake.statement_id,
        account_id=work.account.account_id,
        channel=work.account.channel.name,
        day=arrived.of.day,
        kind=arrived.of.kind,
        origin=arrived.origin,
        sha256=file_digest,
        lines_sha256=intake.digest,
        bytes=len(arrived.content),
        lines=intake.count,
        currency=intake.currency or min(work.capabilities.currencies),
        sums=Sums(intake.by_kind(), intake.by_word()),
        balance_minor=intake.balance_minor,
        fetched_at=work.tools.now(),
    )


def _changed(work: Work, statement: Statement) -> StatementChanged:
    return StatementChanged(
        merchant_id=work.merchant_id,
        happened_at=statement.fetched_at,
        run_id=work.run.run_id,
        account_id=statement.account_id,
        day=statement.day.isoformat(),
        statement_id=statement.statement_id,
    )

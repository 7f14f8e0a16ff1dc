"""Bring a day's statements together: from the channel, from a file, or those that are kept already."""

from __future__ import annotations

from dataclasses import dataclass

from shunfu.gateway.evidence import Refused, Unknown
from shunfu.gateway.statement import (
    DOWNLOAD_BYTES_MAX,
    NoStatement,
    StatementDamaged,
    StatementFile,
    StatementKind,
    StatementNotReady,
    StatementOf,
)
from shunfu.kernel.clock import rfc3339
from shunfu.reconcile.days import ready_at
from shunfu.reconcile.model import RunState
from shunfu.reconcile.store import runs
from shunfu.reconcile.store.statements import Statement
from shunfu.reconcile.usecases.loading import Arrived, load, renew, stored
from shunfu.reconcile.usecases.work import Stopped, Work


@dataclass(frozen=True, slots=True)
class Supply:
    """Where the statement of trades comes from: a file's bytes, the channel, or what is kept already."""

    content: bytes | None = None
    is_fetched: bool = True


@dataclass(frozen=True, slots=True)
class Gathered:
    """A day's statements. Without a statement of funds `funds_note` says why."""

    trade: Statement
    funds: Statement | None
    funds_note: str | None


async def gather(work: Work, supply: Supply) -> Gathered:
    """The day's statements, taken in. Raises Stopped while there is none, or when one cannot be had or read."""
    if supply.content is not None:
        return Gathered(await _from_file(work, supply.content), None, "a file of trades was given")
    if not supply.is_fetched:
        return await _kept(work)
    ready = ready_at(work.run.day, work.capabilities)
    if work.tools.now() < ready:
        raise Stopped(RunState.WAITING, f"The statement of {work.run.day} is there from {rfc3339(ready)}.")
    trade = await _fetched(work, "trade")
    try:
        return Gathered(trade, await _fetched(work, "funds"), None)
    except Stopped as stopped:
        if stopped.state is RunState.WAITING:
            raise
        return Gathered(trade, None, stopped.reason)


async def _from_file(work: Work, content: bytes) -> Statement:
    if len(content) > DOWNLOAD_BYTES_MAX:
        raise Stopped(RunState.FAILED, f"The file is longer than {DOWNLOAD_BYTES_MAX >> 20} MiB.")
    of = StatementOf(work.run.day, "trade")
    return await _loaded(work, Arrived(of, StatementFile(of, content), "file"))


async def _kept(work: Work) -> Gathered:
    """Those that the day's last good run compared; when there was none, the newest."""
    trades = await stored(work, StatementOf(work.run.day, "trade"))
    funds = await stored(work, StatementOf(work.run.day, "funds"))
    if not trades:
        raise Stopped(RunState.FAILED, f"No statement of {work.run.day} is kept; fetch it.")
    async with work.tools.database.reading() as reader:
        last = await runs.last_of_day(reader, work.merchant_id, work.account.account_id, work.run.day)
    if last is not None:
        trades = [one for one in trades if one.statement_id == last.statement_id]
        funds = [one for one in funds if one.statement_id == last.funds_statement_id]
    return Gathered(trades[0], funds[0] if funds else None, None if funds else "none is kept")


async def _fetched(work: Work, kind: StatementKind) -> Statement:
    await renew(work)
    of = StatementOf(work.run.day, kind)
    channel, moment = work.account.channel, work.tools.payments.moment()
    flow = channel.statements.fetch_statement(work.account.settings, of, moment)
    match await work.tools.payments.driver.run(channel, flow):
        case StatementFile() as file:
            work.watch("fetch", len(file.content))
            return await _loaded(work, Arrived(of, file, "fetched"))
        case NoStatement():
            return await _loaded(work, Arrived(of, None, "none"))
        case StatementNotReady(code):
            raise Stopped(RunState.WAITING, f"The channel is still making the statement of {kind} ({code}).")
        case Refused(reason, code):
            raise Stopped(RunState.FAILED, f"The channel refuses the statement of {kind}: {reason} ({code}).")
        case Unknown(why):
            raise Stopped(RunState.FAILED, f"The statement of {kind} did not arrive: {why}.")


async def _loaded(work: Work, arrived: Arrived) -> Statement:
    try:
        return await load(work, arrived)
    except StatementDamaged as damage:
        raise Stopped(RunState.FAILED, f"The statement of {arrived.of.kind} is damaged: {damage}.") from damage

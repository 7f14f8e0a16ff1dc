"""End a run well: keep its breaks, post what the channel kept and paid out, and show that everything adds up."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from shunfu.db import Transaction
from shunfu.gateway.wire import Json
from shunfu.kernel.money import Money
from shunfu.ledger import (
    FEE,
    REFUND,
    REFUND_OVER,
    REFUND_SURPLUS,
    SETTLEMENT,
    channel_receivable,
    fee,
    post,
    settlement,
)
from shunfu.reconcile.equation import Equation, sums_by_kind
from shunfu.reconcile.events import BreaksFound
from shunfu.reconcile.model import Found
from shunfu.reconcile.store import breaks, pairs, runs
from shunfu.reconcile.store.breaks import Finding
from shunfu.reconcile.store.pairs import Compared
from shunfu.reconcile.store.runs import Ending
from shunfu.reconcile.store.statements import Statement
from shunfu.reconcile.summary import Counted, Funds, Result, summarise
from shunfu.reconcile.usecases.comparing import compare
from shunfu.reconcile.usecases.gathering import Gathered
from shunfu.reconcile.usecases.loading import renew
from shunfu.reconcile.usecases.work import Work

MATCH_LEASE = timedelta(seconds=300)
LAST_MOMENT = timedelta(microseconds=1)
REFUNDS = (REFUND, REFUND_SURPLUS, REFUND_OVER)
RECIPES = {FEE: fee, SETTLEMENT: settlement}


@dataclass(frozen=True, slots=True)
class _Due:
    """What a recipe has to post so that the ledger has the day's total; `is_first`: nothing was posted before."""

    recipe: str
    amount_minor: int
    is_first: bool


async def match(work: Work, gathered: Gathered) -> dict[str, Json]:
    """Compare, post and finish in one transaction; the run's summary. Raises Stopped, and then keeps nothing."""
    await renew(work, MATCH_LEASE)

    async def story(tx: Transaction) -> dict[str, Json]:
        found = await compare(tx, work, gathered)
        finding = _finding(work)
        await breaks.keep_breaks(tx, finding, [(work.tools.source.new_id(), one) for one in found])
        due = await _due(tx, work, gathered)
        for one in due:
            await _post(tx, work, one, gathered.trade.currency)
        equation = await _equation(tx, work, gathered.trade, found)
        day = (work.merchant_id, work.run.account_id, work.run.day)
        open_breaks, fresh = await breaks.count_open(tx, day, work.run.run_id)
        result = _result(gathered, found, open_breaks, (equation, due))
        summary = summarise(result)
        funds_id = gathered.funds.statement_id if gathered.funds else None
        ending = Ending(
            gathered.trade.statement_id, funds_id, summary, result.fee_posted_minor, result.settled_posted_minor
        )
        await runs.finish_run(tx, work.merchant_id, work.run, ending, finding.now)
        await _alarm(tx, work, fresh, equation)
        return summary

    return await work.tools.database.labour(story, work.tools.labour)


async def _due(tx: Transaction, work: Work, gathered: Gathered) -> Sequence[_Due]:
    """What the day's totals are more than what its runs have posted; a statement of funds is needed for payouts."""
    posted = await runs.posted_of_day(tx, work.merchant_id, work.account.account_id, work.run.day)
    fees = gathered.trade.sums.of().fee_minor - posted.fee_minor
    due = [_Due(FEE, fees, posted.fee_postings == 0)]
    if gathered.funds is not None:
        settled = -gathered.funds.sums.of("withdrawal").amount_minor - posted.settled_minor
        due.append(_Due(SETTLEMENT, settled, posted.settled_postings == 0))
    return [one for one in due if one.amount_minor]


async def _post(tx: Transaction, work: Work, due: _Due, currency: str) -> None:
    """The first posting of a day is known by account and day; one that corrects it also by its run."""
    run = work.run
    words = [due.recipe, str(run.account_id), run.day.isoformat(), *([] if due.is_first else [str(run.run_id)])]
    reference = UUID(bytes=hashlib.sha256("|".join(words).encode()).digest()[:16], version=5)
    amount, channel = Money(due.amount_minor, currency), (run.channel, run.channel_account)
    posting = RECIPES[due.recipe](reference, amount, channel, work.window.end - LAST_MOMENT)
    await post(tx, work.tools.source, work.merchant_id, posting)


async def _equation(tx: Transaction, work: Work, trade: Statement, found: Sequence[Found]) -> Equation:
    run = work.run
    account = channel_receivable(run.channel, run.channel_account, trade.currency)
    of = Compared(work.merchant_id, run.account_id, trade.statement_id, work.window, run.fee_permyriad)
    moved = await pairs.ledger_of_day(tx, of, account.id_for(work.merchant_id))
    back = -sum(moved.get(recipe, 0) for recipe in REFUNDS)
    ours = {recipe: minor for recipe, minor in moved.items() if recipe not in {*REFUNDS, FEE, SETTLEMENT}}
    sums = trade.sums
    gross = sums.of("payment", "refund").amount_minor
    return Equation(
        currency=trade.currency,
        statement_gross_minor=gross,
        statement_fee_minor=sums.of().fee_minor,
        other_minor=sums.of().amount_minor - gross,
        ledger_captured_minor=sum(ours.values()),
        ledger_refunded_minor=back,
        ledger_fee_minor=-moved.get(FEE, 0),
        differences=sums_by_kind(found),
    )


def _result(
    gathered: Gathered, found: Sequence[Found], open_breaks: int, sums: tuple[Equation, Sequence[_Due]]
) -> Result:
    equation, due = sums
    posted = {one.recipe: one.amount_minor for one in due}
    trade, funds = gathered.trade, gathered.funds
    others = trade.sums.of("fee", "transfer", "withdrawal", "other")
    return Result(
        counted=Counted(trade.lines, trade.sums.of("payment"), trade.sums.of("refund"), others),
        found=found,
        open_breaks=open_breaks,
        equation=equation,
        fee_posted_minor=posted.get(FEE, 0),
        settled_posted_minor=posted.get(SETTLEMENT, 0),
        funds=Funds(funds.lines, -funds.sums.of("withdrawal").amount_minor, funds.balance_minor) if funds else None,
        funds_note=gathered.funds_note,
    )


async def _alarm(tx: Transaction, work: Work, fresh: int, equation: Equation) -> None:
    """Call a person for breaks that are open since this run, and when the equation does not hold."""
    alarms = ["reconcile_breaks"] * (fresh > 0) + ["reconcile_unexplained"] * (equation.unexplained_minor != 0)
    for alarm in alarms:
        event = BreaksFound(
            merchant_id=work.merchant_id,
            happened_at=work.tools.now(),
            run_id=work.run.run_id,
            account_id=work.run.account_id,
            day=work.run.day.isoformat(),
            breaks=fresh,
            alarm=alarm,
        )
        await work.tools.payments.outbox.publish(tx, event)


def _finding(work: Work) -> Finding:
    run = work.run
    return Finding(work.merchant_id, run.account_id, run.channel, run.day, run.run_id, work.tools.now())

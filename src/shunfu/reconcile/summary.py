"""What a run has to say once it is done, as it is kept and shown: plain values, amounts in minor units. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shunfu.gateway.wire import Json
from shunfu.reconcile.equation import Equation, Tally
from shunfu.reconcile.model import Found


@dataclass(frozen=True, slots=True)
class Counted:
    """A statement's lines by what they are: settled payments and refunds, the rest, and all of them."""

    lines: int
    payments: Tally
    refunds: Tally
    others: Tally


@dataclass(frozen=True, slots=True)
class Funds:
    """The statement of funds: lines, what went to the bank (positive), and the last balance, in minor units."""

    lines: int
    withdrawn_minor: int
    balance_minor: int | None


@dataclass(frozen=True, slots=True)
class Result:
    """A finished comparison. `open_breaks` are those that somebody has to deal with. Posted: by this run."""

    counted: Counted
    found: Sequence[Found]
    open_breaks: int
    equation: Equation
    fee_posted_minor: int
    settled_posted_minor: int
    funds: Funds | None
    funds_note: str | None


def summarise(result: Result) -> dict[str, Json]:
    """A result as JSON values."""
    counted = result.counted
    return {
        "lines": counted.lines,
        "payments": _tally(counted.payments),
        "refunds": _tally(counted.refunds),
        "others": _tally(counted.others),
        "breaks": _breaks(result.found),
        "open_breaks": result.open_breaks,
        "equation": _equation(result.equation),
        "posted": {"fee_minor": result.fee_posted_minor, "settled_minor": result.settled_posted_minor},
        "funds": _funds(result.funds),
        "funds_note": result.funds_note,
    }


def _tally(tally: Tally) -> dict[str, Json]:
    return {"lines": tally.lines, "amount_minor": tally.amount_minor, "fee_minor": tally.fee_minor}


def _breaks(found: Sequence[Found]) -> dict[str, Json]:
    counts: dict[str, tuple[int, int]] = {}
    for one in found:
        count, difference = counts.get(one.kind.value, (0, 0))
        counts[one.kind.value] = (count + 1, difference + one.difference_minor)
    return {kind: {"count": count, "difference_minor": minor} for kind, (count, minor) in sorted(counts.items())}


def _equation(equation: Equation) -> dict[str, Json]:
    return {
        "currency": equation.currency,
        "statement_gross_minor": equation.statement_gross_minor,
        "statement_fee_minor": equation.statement_fee_minor,
        "other_minor": equation.other_minor,
        "statement_net_minor": equation.statement_net_minor,
        "ledger_captured_minor": equation.ledger_captured_minor,
        "ledger_refunded_minor": equation.ledger_refunded_minor,
        "ledger_fee_minor": equation.ledger_fee_minor,
        "ledger_net_minor": equation.ledger_net_minor,
        "differences": {kind.value: minor for kind, minor in sorted(equation.differences.items())},
        "unexplained_minor": equation.unexplained_minor,
    }


def _funds(funds: Funds | None) -> dict[str, Json] | None:
    if funds is None:
        return None
    return {
        "lines": funds.lines,
        "withdrawn_minor": funds.withdrawn_minor,
        "balance_minor": funds.balance_minor,
    }

"""What `shunfu reconcile` says: lines for people, JSON for programs, and a workbook for the accountant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import cast

from shunfu.app.commands import Report
from shunfu.app.reconciling import Reconciled
from shunfu.console.workbook import Cell, Sheet, write_workbook
from shunfu.gateway.wire import Json
from shunfu.kernel.ids import public
from shunfu.kernel.money import Money
from shunfu.kernel.plain import amount_text
from shunfu.reconcile import Break, plain_advice

SHOWN = 50
"""So many breaks of an account are printed; all of them are in JSON and in the workbook."""

SUMMARY_COLUMNS = (
    *("merchant", "account", "channel", "date", "state", "reason", "lines", "payments", "payments_minor", "refunds"),
    *("refunds_minor", "fees_minor", "breaks", "open_breaks", "posted_fee_minor", "posted_settled_minor", "currency"),
)
BREAK_COLUMNS = (
    *("id", "account", "channel", "date", "kind", "subject_kind", "subject", "state", "difference_minor", "difference"),
    *("currency", "ours_state", "ours_minor", "theirs_state", "theirs_minor", "theirs_line", "theirs_channel_no"),
    *("advice_zh", "advice_en", "note"),
)
EQUATION_COLUMNS = ("account", "channel", "date", "term", "minor", "amount", "currency")


def as_json(day: date, found: Sequence[Reconciled]) -> Report:
    """The whole report as JSON values; amounts are minor units."""
    return {
        "date": day.isoformat(),
        "ok": all(one.is_clean for one in found),
        "accounts": [_account_json(one) for one in found],
    }


def break_json(found: Break) -> dict[str, Json]:
    """One break as JSON values."""
    advice = plain_advice(found)
    return {
        "id": public("brk", found.break_id),
        "kind": found.kind.value,
        "subject_kind": found.subject.kind,
        "subject": found.subject.text,
        "state": found.state.value,
        "difference_minor": found.difference_minor,
        "currency": found.currency,
        "ours_state": found.ours.state if found.ours else None,
        "ours_minor": found.ours.moved_minor if found.ours else None,
        "theirs_state": found.theirs.state if found.theirs else None,
        "theirs_minor": found.theirs.amount_minor if found.theirs else None,
        "theirs_line": found.theirs.line_no if found.theirs else None,
        "deed": advice.deed,
        "advice": dict[str, Json](advice.words.by_language()),
        "note": found.note,
    }


def _account_json(one: Reconciled) -> dict[str, Json]:
    return {
        "merchant": public("mer", one.account.merchant_id),
        "account": public("acc", one.account.account_id),
        "channel": one.account.channel,
        "run": public("rcn", one.run.run_id) if one.run else None,
        "state": one.state,
        "reason": one.reason,
        "summary": one.run.summary if one.run else None,
        "breaks": [break_json(found) for found in one.breaks],
    }


def print_lines(found: Sequence[Reconciled]) -> Iterator[str]:
    """A few lines for each account: how it ended, the equation, and the breaks with what to do."""
    for one in found:
        yield f"{one.account.channel} {public('acc', one.account.account_id)}: {one.state}"
        if one.reason:
            yield f"  {one.reason}"
        summary = one.run.summary if one.run else None
        if summary is not None:
            yield f"  {summary['lines']:,} lines, {summary['open_breaks']} open breaks"
            yield from (f"  {term:<24}{amount:>16}" for term, _, amount, _ in _equation_terms(summary))
        yield from _break_lines(one.breaks)


def _break_lines(breaks: Sequence[Break]) -> Iterator[str]:
    told: set[str] = set()
    for found in breaks[:SHOWN]:
        difference = _amount(found.difference_minor, found.currency)
        yield f"  {found.state.value:<9}{found.kind.value:<18}{found.subject.text:<28}{difference:>12}"
        yield f"           {public('brk', found.break_id)}"
        words = plain_advice(found).words
        if words.en not in told:
            told.add(words.en)
            yield f"           {words.zh}"
            yield f"           {words.en}"
    if len(breaks) > SHOWN:
        yield f"  … and {len(breaks) - SHOWN} more: --format json or --xlsx has them all"


def write_report(path: Path, day: date, found: Sequence[Reconciled]) -> None:
    """A workbook of three sheets. Raises SetupFault when the file cannot be written."""
    sheets = (
        Sheet("summary", SUMMARY_COLUMNS, _summary_rows(day, found)),
        Sheet("breaks", BREAK_COLUMNS, _break_rows(found)),
        Sheet("equation", EQUATION_COLUMNS, _equation_rows(day, found)),
    )
    write_workbook(path, sheets)


def _summary_rows(day: date, found: Sequence[Reconciled]) -> Iterator[tuple[Cell, ...]]:
    for one in found:
        head = (public("mer", one.account.merchant_id), public("acc", one.account.account_id), one.account.channel)
        summary = one.run.summary if one.run else None
        if summary is None:
            yield (*head, day.isoformat(), one.state, one.reason)
            continue
        payments, refunds = _object(summary["payments"]), _object(summary["refunds"])
        equation, posted = _object(summary["equation"]), _object(summary["posted"])
        yield (
            *(*head, day.isoformat(), one.state, one.reason, _whole(summary["lines"])),
            *(_whole(payments["lines"]), _whole(payments["amount_minor"])),
            *(_whole(refunds["lines"]), _whole(refunds["amount_minor"]), _whole(equation["statement_fee_minor"])),
            *(len(one.breaks), _whole(summary["open_breaks"])),
            *(_whole(posted["fee_minor"]), _whole(posted["settled_minor"]), cast("str", equation["currency"])),
        )


def _break_rows(found: Sequence[Reconciled]) -> Iterator[tuple[Cell, ...]]:
    for one in found:
        for each in one.breaks:
            words = plain_advice(each).words
            ours, theirs = each.ours, each.theirs
            yield (
                *(public("brk", each.break_id), public("acc", each.account_id), each.channel, each.day.isoformat()),
                *(each.kind.value, each.subject.kind, each.subject.text, each.state.value, each.difference_minor),
                *(_amount(each.difference_minor, each.currency), each.currency),
                *((ours.state, ours.moved_minor) if ours else (None, None)),
                *((theirs.state, theirs.amount_minor, theirs.line_no, theirs.channel_no) if theirs else (None,) * 4),
                *(words.zh, words.en, each.note),
            )


def _equation_rows(day: date, found: Sequence[Reconciled]) -> Iterator[tuple[Cell, ...]]:
    for one in found:
        summary = one.run.summary if one.run else None
        if summary is not None:
            head = (public("acc", one.account.account_id), one.account.channel, day.isoformat())
            yield from ((*head, *term) for term in _equation_terms(summary))


def _equation_terms(summary: Mapping[str, Json]) -> Iterator[tuple[str, int, str, str]]:
    """The equation's terms with their signs: what stands before `= statement net` adds up to it."""
    equation = _object(summary["equation"])
    currency = cast("str", equation["currency"])
    terms = [
        ("ledger captured", _whole(equation["ledger_captured_minor"])),
        ("ledger refunded", -_whole(equation["ledger_refunded_minor"])),
        ("ledger fees", -_whole(equation["ledger_fee_minor"])),
        *((f"break {kind}", _whole(minor)) for kind, minor in _object(equation["differences"]).items()),
        ("other movements", _whole(equation["other_minor"])),
        ("unexplained", _whole(equation["unexplained_minor"])),
        ("= statement net", _whole(equation["statement_net_minor"])),
    ]
    yield from ((name, minor, _amount(minor, currency), currency) for name, minor in terms)


def _amount(minor: int, currency: str) -> str:
    return amount_text(Money(minor, currency))


def _object(value: Json) -> dict[str, Json]:
    return cast("dict[str, Json]", value)


def _whole(value: Json) -> int:
    return cast("int", value)

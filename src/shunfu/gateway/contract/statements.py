"""What every channel promises about statements: whole or not at all, and equal to what happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from shunfu.gateway.contract.check import AnyRig
from shunfu.gateway.contract.rig import AMOUNT_MINOR, NOW
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.faults import Faults
from shunfu.gateway.refund import RefundSucceeded
from shunfu.gateway.statement import (
    NoStatement,
    StatementDamaged,
    StatementFile,
    StatementLine,
    StatementNotReady,
)


def _statement_tells_what_happened(rig: AnyRig) -> None:
    number, other, refund_number = _a_day(rig)
    lines = _lines(rig, rig.statement())
    payments = {line.number: line for line in lines if line.kind == "payment"}
    refunds = {line.refund_number: line for line in lines if line.kind == "refund"}
    assert set(payments) == {number, other}
    assert set(refunds) == {refund_number}
    paid, back = payments[number], refunds[refund_number]
    assert (paid.amount_minor, paid.currency) == (AMOUNT_MINOR, "CNY")
    assert 0 < paid.fee_minor < AMOUNT_MINOR // 50
    assert paid.channel_transaction_no
    assert paid.happened_at.tzinfo is not None
    assert abs(paid.happened_at - NOW) < timedelta(hours=1)
    assert back.amount_minor == -100
    assert back.number == number or back.channel_transaction_no == paid.channel_transaction_no


def _statement_adds_up_to_the_balance(rig: AnyRig) -> None:
    before = rig.sandbox.verbs.balance_minor(rig.stage.state)
    _a_day(rig)
    gained = rig.sandbox.verbs.balance_minor(rig.stage.state) - before
    assert sum(line.amount_minor - line.fee_minor for line in _lines(rig, rig.statement())) == gained


def _day_without_trades_has_no_lines(rig: AnyRig) -> None:
    _next_morning(rig)
    answer = rig.statement()
    assert isinstance(answer, NoStatement) or not _lines(rig, answer)


def _statement_is_not_there_before_its_hour(rig: AnyRig) -> None:
    rig.paid()
    rig.due()
    assert isinstance(rig.statement(), NoStatement | StatementNotReady)


def _damaged_rows_show(rig: AnyRig) -> None:
    """The sandbox's own damage is readable: a break is for reconciliation to find, not for the reader."""
    number, other, _ = _a_day(rig)
    honest = _lines(rig, rig.statement())
    rig.fault(Faults(rows_missing=1))
    assert len(_lines(rig, rig.statement())) == len(honest) - 1
    assert rig.stage.faults == Faults(), "rows_missing is not used up"
    rig.fault(Faults(rows_extra=1))
    extra = _lines(rig, rig.statement())
    assert len(extra) == len(honest) + 1
    assert {line.number for line in extra if line.kind == "payment"} > {number, other}
    rig.fault(Faults(rows_altered=1))
    altered = _lines(rig, rig.statement())
    assert len(altered) == len(honest)
    assert altered != honest


def _spoiled_file_never_raises_anything_else(rig: AnyRig) -> None:
    """A file cut short is damaged, or it reads as the whole; a changed one is damaged or reads as something."""
    _a_day(rig)
    answer = rig.statement()
    assert isinstance(answer, StatementFile), answer
    honest, content = _lines(rig, answer), answer.content
    for cut in range(0, len(content), max(1, len(content) // 30)):
        file = replace(answer, content=content[:cut])
        assert _is_damaged(rig, file) or _lines(rig, file) == honest, cut
    for position in range(0, len(content), max(1, len(content) // 60)):
        spoiled = bytearray(content)
        spoiled[position] ^= 0x10
        _is_damaged(rig, replace(answer, content=bytes(spoiled)))


def _statement_faults_are_unknown(rig: AnyRig) -> None:
    _a_day(rig)
    for name in ("reply_lost", "gateway_error", "system_error", "too_many", "reply_bad_signature"):
        rig.fault_once(name)
        assert isinstance(rig.statement(), Unknown | StatementNotReady), name
        assert _lines(rig, rig.statement()), f"after {name}"


def _a_day(rig: AnyRig) -> tuple[str, str, str]:
    """Two payments and a refund of one yuan, and it is the next morning."""
    number, other = rig.paid(serial=1), rig.paid(serial=2)
    rig.advance(120)
    refund = rig.a_refund(number, 100)
    rig.refund(refund)
    rig.advance(1800)
    rig.due()
    assert isinstance(rig.query_refund(refund), RefundSucceeded)
    _next_morning(rig)
    return number, other, refund.number


def _next_morning(rig: AnyRig) -> None:
    rig.now = NOW + timedelta(hours=24)
    rig.due()


def _lines(rig: AnyRig, answer: object) -> list[StatementLine]:
    assert isinstance(answer, StatementFile), answer
    return list(rig.channel.statements.read_statement(rig.settings, answer))


def _is_damaged(rig: AnyRig, file: StatementFile) -> bool:
    try:
        list(rig.channel.statements.read_statement(rig.settings, file))
    except StatementDamaged:
        return True
    return False


ONCE = (
    _statement_tells_what_happened,
    _statement_adds_up_to_the_balance,
    _day_without_trades_has_no_lines,
    _statement_is_not_there_before_its_hour,
    _damaged_rows_show,
    _spoiled_file_never_raises_anything_else,
    _statement_faults_are_unknown,
)

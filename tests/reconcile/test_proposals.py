"""What is proposed for each kind of break, in both languages, and the fee that a line should have."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args
from uuid import UUID

import pytest

from shunfu.reconcile.equation import Equation
from shunfu.reconcile.model import BreakKind, Line, Ours, Side, Subject, Theirs, expected_fee, fee_share
from shunfu.reconcile.proposals import Deed, propose

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ONE = UUID(int=1)


def ours(side: Side = "payment", state: str = "PENDING", **changes: object) -> Ours:
    told = {"amount_minor": 100, "currency": "CNY", "channel_no": None, "happened_at": None, **changes}
    return Ours(side, ONE, state, **told)


def theirs(amount_minor: int = 100, *, is_settled: bool = True) -> Theirs:
    return Theirs(amount_minor, 0, "CNY", "SUCCESS", is_settled, NOW, "4200", 1)


KNOWN, LINE = ours(), theirs()
CASES: list[tuple[BreakKind, Ours | None, Theirs | None, bool, Deed]] = [
    (BreakKind.MISSING_HERE, KNOWN, LINE, False, "apply_payment"),
    (BreakKind.MISSING_HERE, ours("refund", "PROCESSING"), theirs(-100), False, "apply_refund"),
    (BreakKind.MISSING_HERE, KNOWN, theirs(101), False, "none"),
    (BreakKind.MISSING_HERE, ours(is_this_account=False), LINE, False, "none"),
    (BreakKind.MISSING_HERE, None, LINE, False, "none"),
    (BreakKind.STATUS, ours(state="CLOSED"), LINE, False, "apply_payment"),
    (BreakKind.STATUS, ours("refund", "CLOSED"), theirs(-100), False, "apply_refund"),
    (BreakKind.STATUS, ours(state="CAPTURED"), theirs(is_settled=False), False, "ask_payment"),
    (BreakKind.STATUS, ours("refund", "SUCCEEDED"), theirs(-100, is_settled=False), False, "ask_refund"),
    (BreakKind.MISSING_THERE, ours(state="CAPTURED"), None, False, "ask_payment"),
    (BreakKind.MISSING_THERE, ours("refund", "SUCCEEDED"), None, False, "ask_refund"),
    (BreakKind.MISSING_THERE, ours("refund", "SUCCEEDED"), None, True, "ask_refund"),
    (BreakKind.MISSING_THERE, ours("refund", "PROCESSING"), None, False, "ask_refund"),
    (BreakKind.MISSING_THERE, ours("refund", "PROCESSING"), None, True, "close_refund"),
    (BreakKind.AMOUNT, ours(state="CAPTURED"), theirs(101), False, "none"),
    (BreakKind.FEE, ours(state="CAPTURED"), LINE, False, "none"),
    (BreakKind.DUPLICATE, ours(state="CAPTURED"), LINE, False, "none"),
    (BreakKind.CROSSING_MIDNIGHT, ours(state="CAPTURED"), LINE, False, "none"),
]


@pytest.mark.parametrize(("kind", "one", "other", "is_unknown", "deed"), CASES)
def test_the_deed_follows_from_both_sides(
    kind: BreakKind, one: Ours | None, other: Theirs | None, is_unknown: bool, deed: Deed
) -> None:
    subject = Subject(one.side if one else "number", "X")
    proposal = propose(kind, subject, (one, other), is_unknown_there=is_unknown)
    assert proposal.deed == deed
    assert proposal.words.en.endswith((".", "nothing to do."))
    assert "。" in proposal.words.zh


def test_every_deed_and_every_kind_has_its_case() -> None:
    assert {case[4] for case in CASES} == set(get_args(Deed))
    assert {case[0] for case in CASES} == set(BreakKind)


def line(side: Side, amount_minor: int, fee_minor: int) -> Line:
    return Line(1, side, ONE, "X", "4200", amount_minor, fee_minor, "CNY", "SUCCESS", True, NOW)


@pytest.mark.parametrize(
    ("side", "amount_minor", "fee_minor", "permyriad", "expected"),
    [
        ("payment", 2800, 17, 60, None),
        ("payment", 2800, 16, 60, 17),
        ("payment", 2800, 0, 60, 17),
        ("payment", 1, 0, 60, None),
        ("payment", 83, 0, 60, None),
        ("payment", 84, 1, 60, None),
        ("payment", 2800, 2800, None, None),
        ("payment", 2800, 2801, None, 0),
        ("payment", 2800, -1, None, 0),
        ("refund", -1400, -8, 60, None),
        ("refund", -1400, -9, 60, None),
        ("refund", -1400, -10, 60, -8),
        ("refund", -1400, 0, 60, None),
        ("refund", -1400, 1, 60, -8),
        ("refund", -1400, -1400, None, None),
        ("refund", -1400, -1401, None, 0),
        ("refund", -1400, 1, None, 0),
    ],
)
def test_the_fee_that_a_line_should_have(
    side: Side, amount_minor: int, fee_minor: int, permyriad: int | None, expected: int | None
) -> None:
    assert expected_fee(line(side, amount_minor, fee_minor), permyriad) == expected


def test_fees_are_rounded_half_up() -> None:
    assert [fee_share(amount, 60) for amount in (0, 83, 84, 250, 251, 10_000)] == [0, 0, 1, 2, 2, 60]
    assert fee_share(2500, 2) == 1


def test_an_equation_shows_what_nothing_explains() -> None:
    equation = Equation("CNY", 1100, 7, -50, 1000, 0, 7, {BreakKind.MISSING_HERE: 100})
    assert equation.statement_net_minor == 1043
    assert equation.ledger_net_minor == 993
    assert equation.unexplained_minor == 0
    assert Equation("CNY", 1100, 7, -50, 1000, 0, 7).unexplained_minor == 100

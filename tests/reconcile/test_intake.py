"""What passes into the database is bounded: a statement with ever new words is damage, not memory."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from reconcile.desk import NOON
from shunfu.gateway.statement import StatementDamaged, StatementLine
from shunfu.reconcile.intake import WORDS_MAX, Intake

IDS = (UUID(int=1), UUID(int=2))


def movements(words: int) -> Iterator[StatementLine]:
    for number in range(words):
        yield StatementLine("other", f"n{number}", "", "", "", 1, 0, "CNY", f"word {number}", NOON)


def test_a_thousand_kinds_of_movement_are_enough() -> None:
    intake = Intake(movements(WORDS_MAX), IDS, "trade")
    assert intake.take().lines == WORDS_MAX
    assert len(intake.by_word()) == WORDS_MAX
    with pytest.raises(StatementDamaged, match="kinds of movement"):
        Intake(movements(WORDS_MAX + 1), IDS, "trade").take()

"""The checks by name, and `check`, which runs them all. Nothing of the product is imported here or below."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from checker import money, offers, states, telling
from checker.facts import Facts, facts_from_rows, number_of, snapshot_of

Check = Callable[[Facts], Iterator[str]]

CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        money.books_balance,
        money.snapshots_agree,
        money.posted_once,
        money.channels_agree,
        money.refunds_within_captured,
        money.paid_once_or_given_back,
        money.numbers_used_once,
        offers.discounts_add_up,
        offers.offers_within_stock,
        offers.redemptions_end_as_their_payments,
        states.never_back,
        states.evidence_leads_there,
        states.final_by_evidence,
        states.nothing_in_between,
        states.lives_again,
        telling.one_answer_a_key,
        telling.answers_hold,
        telling.nothing_acknowledged_is_lost,
        telling.sequences_without_gaps,
        telling.facts_told_once,
        telling.webhooks_tell_all,
        telling.webhooks_are_true,
        telling.receiver_ends_in_our_state,
    )
}
"""What must hold, by name; the docstring says it in words."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold."""

    check: str
    what: str

    def __str__(self) -> str:
        return f"{self.check}: {self.what}"


def check(facts: Facts) -> list[Finding]:
    """Everything that does not hold; an empty list is the proof."""
    return [Finding(name, what) for name, looks in CHECKS.items() for what in looks(facts)]


__all__ = ["CHECKS", "Facts", "Finding", "check", "facts_from_rows", "number_of", "snapshot_of"]

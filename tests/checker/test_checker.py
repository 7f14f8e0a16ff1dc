"""The checker itself: sound facts pass, and for each check there are lies that it must catch."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from checker import samples
from checker.check import CHECKS, check
from checker.facts import facts_from_rows, number_of

FOLDER = Path(__file__).parent
Lie = Callable[[Any], object]


def row(facts: Any, table: str, index: int = 0) -> dict[str, Any]:
    return facts["tables"][table][index]


def drop(facts: Any, table: str, index: int) -> None:
    del facts["tables"][table][index]


def again(facts: Any, table: str, index: int, **changes: Any) -> None:
    facts["tables"][table].append({**row(facts, table, index), **changes})


LIES: dict[str, list[Lie]] = {
    "books_balance": [
        lambda facts: row(facts, "transfers").update(amount_minor=0),
        lambda facts: row(facts, "transfers").update(debit_account_id=samples.SALES),
        lambda facts: row(facts, "transfers").update(credit_account_id=UUID(int=999)),
        lambda facts: row(facts, "transfers").update(currency="USD"),
    ],
    "snapshots_agree": [
        lambda facts: facts["snapshots"][0].update(credit_minor=1),
        lambda facts: facts["snapshots"][0].update(receivable_minor=1),
        lambda facts: facts["snapshots"][0].update(captured_minor=1),
    ],
    "posted_once": [
        lambda facts: drop(facts, "transfers", 0),
        lambda facts: again(facts, "transfers", 0),
        lambda facts: row(facts, "transfers", 1).update(recipe="capture"),
        lambda facts: row(facts, "transfers", 2).update(amount_minor=301),
        lambda facts: row(facts, "refunds", 2).update(state="SUCCEEDED"),
    ],
    "channels_agree": [
        lambda facts: facts["channels"]["one"]["movements"].pop(),
        lambda facts: facts["channels"]["one"]["movements"][0].update(amount_minor=999),
        lambda facts: facts["channels"]["one"]["orders"][0].update(transaction_no="other"),
        lambda facts: row(facts, "payments").update(state="CLOSED"),
        lambda facts: facts["channels"]["one"]["movements"].append(facts["channels"]["one"]["movements"][0]),
    ],
    "refunds_within_captured": [
        lambda facts: row(facts, "payments").update(refunded_minor=299),
        lambda facts: row(facts, "payments").update(refund_reserved_minor=1),
        lambda facts: row(facts, "payments", 1).update(captured_minor=999),
        lambda facts: again(facts, "refunds", 1, refund_id=UUID(int=39), is_over=True),
    ],
    "paid_once_or_given_back": [
        lambda facts: row(facts, "payments", 1).update(is_surplus=False),
        lambda facts: row(facts, "orders").update(state="CLOSED"),
        lambda facts: row(facts, "refunds", 1).update(state="CLOSED"),
        lambda facts: again(facts, "refunds", 1, refund_id=UUID(int=39), state="CLOSED"),
        lambda facts: row(facts, "refunds").update(is_automatic=True),
        lambda facts: drop(facts, "refunds", 1),
    ],
    "numbers_used_once": [
        lambda facts: facts["channels"]["one"]["orders"][0].update(number=number_of(UUID(int=999))),
        lambda facts: facts["channels"]["one"]["refunds"][0].update(amount_minor=301),
        lambda facts: facts["channels"]["one"]["movements"].append(facts["channels"]["one"]["movements"][2]),
        lambda facts: row(facts, "payments").update(channel="two"),
        lambda facts: row(facts, "refunds").update(refund_id=samples.PAYING),
    ],
    "discounts_add_up": [
        lambda facts: row(facts, "payments").update(discount_minor=99),
        lambda facts: row(facts, "payments").update(amount_minor=1100),
        lambda facts: row(facts, "orders").update(amount_minor=1000),
        lambda facts: row(facts, "payments").update(offer_id=None),
        lambda facts: row(facts, "offer_redemptions").update(saving_minor=99),
        lambda facts: drop(facts, "offer_redemptions", 0),
        lambda facts: again(facts, "offer_redemptions", 1, payment_id=UUID(int=999)),
    ],
    "offers_within_stock": [
        lambda facts: row(facts, "offers").update(used=0),
        lambda facts: row(facts, "offers").update(held=1),
        lambda facts: row(facts, "offers").update(stock=0),
        lambda facts: row(facts, "offers").update(per_shopper_max=0),
        lambda facts: row(facts, "offer_redemptions").update(shopper_id=None),
    ],
    "redemptions_end_as_their_payments": [
        lambda facts: row(facts, "offer_redemptions", 1).update(state="USED"),
        lambda facts: row(facts, "offer_redemptions").update(state="HELD"),
        lambda facts: row(facts, "payments").update(state="PENDING"),
        lambda facts: row(facts, "payments", 1).update(is_surplus=False),
    ],
    "never_back": [
        lambda facts: facts["moves"].append(
            {"table": "payments", "id": samples.PAYING, "before": "CAPTURED", "after": "PENDING"}
        ),
        lambda facts: facts["moves"][0].update(after="PAID"),
        lambda facts: facts["moves"].pop(1),
        lambda facts: row(facts, "orders").update(state="CLOSED"),
    ],
    "evidence_leads_there": [
        lambda facts: drop(facts, "payment_evidence", 0),
        lambda facts: row(facts, "payment_evidence").update(state_before="CLOSED"),
        lambda facts: facts["tables"].update(payment_evidence=[]),
        lambda facts: row(facts, "refunds", 2).update(state="REQUESTED"),
    ],
    "final_by_evidence": [
        lambda facts: (
            row(facts, "payment_evidence", 1).update(kind="not_paid", state_after="PENDING")
            or row(facts, "payment_evidence", 2).update(kind="unknown")
        ),
        lambda facts: row(facts, "refund_evidence", 4).update(kind="unknown"),
        lambda facts: drop(facts, "refund_evidence", 5),
    ],
    "nothing_in_between": [
        lambda facts: row(facts, "orders").update(state="CLOSING"),
        lambda facts: row(facts, "payments").update(state="UNKNOWN"),
        lambda facts: row(facts, "refunds").update(state="PROCESSING"),
        lambda facts: row(facts, "jobs").update(state="dead", last_error="boom"),
    ],
    "lives_again": [
        lambda facts: facts["probe"].update(seconds=None),
        lambda facts: facts["probe"].update(seconds=61.0),
    ],
    "one_answer_a_key": [
        lambda facts: facts["answers"][1].update(body="{}"),
        lambda facts: facts["answers"][1].update(status=200),
        lambda facts: facts["answers"][1].update(request_sha256="00"),
        lambda facts: row(facts, "idempotency_keys").update(status=409),
    ],
    "answers_hold": [lambda facts: drop(facts, "orders", 0)],
    "nothing_acknowledged_is_lost": [
        lambda facts: drop(facts, "notifications", 0),
        lambda facts: row(facts, "notifications").update(verdict="refused"),
        lambda facts: facts["heard"][0].update(fault="wrong_amount"),
        lambda facts: row(facts, "payment_evidence", 1).update(notification_id=None),
    ],
    "sequences_without_gaps": [
        lambda facts: drop(facts, "events", 2),
        lambda facts: row(facts, "events", 2)["body"].update(sequence=4),
        lambda facts: row(facts, "orders").update(sequence=7),
        lambda facts: row(facts, "events")["body"].update(order_id=str(UUID(int=999))),
    ],
    "facts_told_once": [
        lambda facts: row(facts, "events", 1).update(name="Other"),
        lambda facts: row(facts, "events", 0).update(name="SurplusCaptured"),
        lambda facts: again(facts, "events", 3),
        lambda facts: row(facts, "refunds", 2).update(state="SUCCEEDED"),
    ],
    "webhooks_tell_all": [
        lambda facts: drop(facts, "webhook_messages", 3),
        lambda facts: facts["webhooks"].pop(),
    ],
    "webhooks_are_true": [
        lambda facts: facts["webhooks"][0].update(is_known=False),
        lambda facts: facts["webhooks"][0].update(sequence=9),
        lambda facts: facts["webhooks"][0].update(id="evt_0"),
        lambda facts: facts["webhooks"].append({**facts["webhooks"][0], "body": '{"data": {}}'}),
    ],
    "receiver_ends_in_our_state": [
        lambda facts: facts["webhooks"].pop(1),
        lambda facts: row(facts, "refunds", 2).update(state="CLOSED"),
        lambda facts: facts["webhooks"][-1].update(state="ABNORMAL"),
    ],
}
CASES = [(name, index) for name, lies in LIES.items() for index in range(len(lies))]


def test_sound_facts_hold() -> None:
    assert check(samples.sound()) == []


@pytest.mark.parametrize(("name", "index"), CASES)
def test_a_lie_is_caught(name: str, index: int) -> None:
    facts = samples.sound()
    LIES[name][index](facts)
    assert name in {finding.check for finding in check(facts)}


def test_every_check_has_a_lie_and_says_what_it_looks_for() -> None:
    assert set(LIES) == set(CHECKS)
    assert all(one.__doc__ for one in CHECKS.values())


def test_less_is_asked_of_facts_that_are_not_settled() -> None:
    facts = dict(samples.sound(), is_settled=False)
    row(facts, "refunds", 1).update(state="PROCESSING")
    names = {finding.check for finding in check(facts)}
    assert not names & {"nothing_in_between", "webhooks_tell_all"}
    assert "posted_once" in names


def test_facts_without_a_part_are_not_checked_about_it() -> None:
    facts = facts_from_rows(samples.sound()["tables"])
    assert check(facts) == []


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(ValueError, match="channel"):
        facts_from_rows({}, channel={})


def test_the_checker_imports_nothing_of_the_product() -> None:
    names = set[str]()
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import():
                    names |= {alias.name.partition(".")[0] for alias in node.names}
                case ast.ImportFrom():
                    names.add((node.module or "").partition(".")[0])
                case _:
                    pass
    assert names <= {
        "__future__", "ast", "checker", "collections", "dataclasses", "hashlib", "json", "pathlib", "pytest", "typing",
        "uuid",
    }  # fmt: skip

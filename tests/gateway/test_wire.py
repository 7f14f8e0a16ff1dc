"""Evidence and payment sheets survive the trip through JSON, so that a room later reads what a channel proved."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shunfu.gateway.evidence import (
    EVIDENCE_KINDS,
    Accepted,
    Closed,
    Evidence,
    Invoke,
    NotFound,
    NotPaid,
    Paid,
    Refused,
    Unknown,
)
from shunfu.gateway.wire import evidence_from_json, evidence_to_json, invoke_from_json, invoke_to_json
from shunfu.kernel.money import MAX_MINOR, Money

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 10**12).map(lambda milliseconds: EPOCH + timedelta(milliseconds=milliseconds))
MONEY = st.builds(Money, st.integers(0, MAX_MINOR), st.sampled_from(["CNY", "JPY", "KWD"]))
REASONS = st.sampled_from(
    [
        "invalid_request",
        "configuration",
        "not_permitted",
        "risk",
        "number_reused",
        "payer",
        "order_closed",
        "too_frequent",
    ]
)
INVOKES = st.builds(
    Invoke,
    st.sampled_from(["wechat_request_payment", "qr", "redirect"]),
    st.dictionaries(TEXT, TEXT, max_size=5),
    MOMENTS,
    st.none() | TEXT,
)
BY_KIND: dict[type, st.SearchStrategy[Evidence]] = {
    Refused: st.builds(Refused, REASONS, TEXT),
    Unknown: st.builds(Unknown, TEXT),
    NotPaid: st.builds(NotPaid, TEXT),
    Paid: st.builds(Paid, MONEY, TEXT, TEXT, TEXT, MOMENTS),
    Closed: st.builds(Closed, TEXT),
    NotFound: st.builds(NotFound, TEXT),
}


def through_json(body: object) -> dict[str, object]:
    return json.loads(json.dumps(body, ensure_ascii=False, allow_nan=False))


def test_every_kind_of_evidence_is_tried() -> None:
    assert set(BY_KIND) | {Accepted} == set(EVIDENCE_KINDS)


@given(st.one_of(*BY_KIND.values()))
def test_evidence_to_json_and_back(evidence: Evidence) -> None:
    assert evidence_from_json(through_json(evidence_to_json(evidence))) == evidence


@given(INVOKES)
def test_a_payment_sheet_to_json_and_back(invoke: Invoke) -> None:
    assert invoke_from_json(through_json(invoke_to_json(invoke))) == invoke


@given(INVOKES)
def test_accepted_says_nothing_of_the_sheet(invoke: Invoke) -> None:
    assert evidence_to_json(Accepted(invoke)) == {"kind": "accepted"}


def test_the_stored_form_of_paid_does_not_change() -> None:
    paid = Paid(Money(8600, "CNY"), "1900000001", "wx1", "4200", datetime(2026, 11, 22, 6, 29, 35, 120_000, UTC))
    assert evidence_to_json(paid) == {
        "kind": "paid",
        "amount_minor": 8600,
        "currency": "CNY",
        "account": "1900000001",
        "app": "wx1",
        "channel_transaction_no": "4200",
        "happened_at": "2026-11-22T06:29:35.120Z",
    }


@pytest.mark.parametrize("kind", ["accepted", "", "PAID", None, 1])
def test_other_kinds_are_a_bug(kind: object) -> None:
    with pytest.raises(AssertionError):
        evidence_from_json({"kind": kind})

"""What to make of a verified message: our number, our account, our amount, or it is refused; no I/O."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shunfu.gateway.evidence import Closed, Evidence, NotPaid, Paid, Unknown
from shunfu.gateway.port import Genuine, Identity, Spurious
from shunfu.gateway.refund import (
    RefundAbnormal,
    RefundClosed,
    RefundEvidence,
    RefundProcessing,
    RefundReport,
    RefundSucceeded,
)
from shunfu.kernel.money import Money
from shunfu.notifications.model import Expected, Judgement, Ours, heard, judge

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
US = Identity("1900000001", "wx1")
AMOUNT, BACK = Money(8600, "CNY"), Money(2800, "CNY")
PAID = Paid(AMOUNT, US.account, US.app, "4200001", NOW)
RETURNED = RefundSucceeded(BACK, "5030001", NOW)
ACCEPTED = Judgement("accepted", "verified")
EVENT = Genuine("id-1", "nonce-1", "TRANSACTION.SUCCESS", "number", PAID, NOW)
OURS = Ours(Expected(AMOUNT), Expected(BACK))


def about_payment(evidence: Evidence | None) -> Genuine:
    return replace(EVENT, evidence=evidence)


def about_refund(evidence: RefundEvidence) -> Genuine:
    return replace(EVENT, evidence=None, refund=RefundReport("refund-number", evidence))


@pytest.mark.parametrize("evidence", [PAID, Closed("CLOSED"), NotPaid("NOTPAY"), None])
def test_what_is_ours_is_accepted(evidence: Evidence | None) -> None:
    assert judge(about_payment(evidence), US, OURS) == ACCEPTED


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (replace(PAID, account="1900000002"), "other_account"),
        (replace(PAID, app="wx2"), "other_app"),
        (replace(PAID, amount=Money(8600, "JPY")), "other_currency"),
        (replace(PAID, amount=Money(8601, "CNY")), "other_amount"),
        (replace(PAID, amount=Money(8599, "CNY")), "other_amount"),
        (Unknown("no amount"), "unreadable_payment"),
    ],
)
def test_money_that_is_not_ours_is_refused(evidence: Evidence, reason: str) -> None:
    assert judge(about_payment(evidence), US, OURS) == Judgement("refused", reason)


@pytest.mark.parametrize("evidence", [RETURNED, RefundClosed("CLOSED"), RefundAbnormal("5"), RefundProcessing("5")])
def test_a_refund_of_ours_is_accepted(evidence: RefundEvidence) -> None:
    assert judge(about_refund(evidence), US, OURS) == ACCEPTED


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (replace(RETURNED, amount=Money(2801, "CNY")), "other_amount"),
        (replace(RETURNED, amount=Money(2799, "CNY")), "other_amount"),
        (replace(RETURNED, amount=Money(2800, "JPY")), "other_amount"),
        (Unknown("no amount"), "unreadable_refund"),
    ],
)
def test_a_refund_of_another_amount_is_refused(evidence: RefundEvidence, reason: str) -> None:
    assert judge(about_refund(evidence), US, OURS) == Judgement("refused", reason)


@pytest.mark.parametrize("message", [about_payment(PAID), about_refund(RETURNED), about_refund(RefundClosed("CLOSED"))])
def test_a_number_that_is_not_ours_is_refused(message: Genuine) -> None:
    assert judge(message, US, Ours()) == Judgement("refused", "unknown_number")


def test_what_is_not_verified_is_never_accepted() -> None:
    assert judge(Spurious("bad_signature"), US, OURS) == Judgement("refused", "bad_signature")
    assert judge(Spurious("bad_signature", is_probe=True), US, OURS) == Judgement("probe", "bad_signature")


def test_what_the_channel_is_told() -> None:
    assert heard(EVENT, ACCEPTED) == "accepted"
    assert heard(EVENT, Judgement("duplicate", "seen_before")) == "accepted"
    assert heard(EVENT, Judgement("refused", "other_amount")) == "refused"
    assert heard(EVENT, Judgement("refused", "nonce_reused")) == "distrusted"
    assert heard(Spurious("bad_signature"), Judgement("refused", "bad_signature")) == "distrusted"

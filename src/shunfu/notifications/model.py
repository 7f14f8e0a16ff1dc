"""What to make of a message: verified or not, ours or not. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from shunfu.gateway.evidence import Evidence, Paid, Unknown
from shunfu.gateway.port import Genuine, Heard, Identity, Spurious
from shunfu.gateway.refund import RefundEvidence, RefundSucceeded
from shunfu.kernel.money import Money

Verdict = Literal["accepted", "duplicate", "refused", "probe"]
KEPT_STRANGE_BYTES = 4096
"""Of a message that nobody is proven to have sent, so much of the body is kept; its hash covers all of it."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a message arrived: `/notifications/{channel}/{merchant}/{account}`."""

    channel: str
    merchant_id: UUID
    account_id: UUID


@dataclass(frozen=True, slots=True)
class Expected:
    """What one of our numbers may be paid with, or give back: the amount we asked for."""

    amount: Money


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a message and why, in one short code."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class KeptNotification:
    """A message as it is kept: headers without credentials, and of the body its SHA-256 (32 bytes)."""

    notification_id: UUID
    channel: str
    account_id: UUID
    verdict: Verdict
    reason: str
    external_id: str | None
    event_type: str | None
    happened_at: datetime
    recorded_at: datetime
    headers: dict[str, str]
    body_sha256: bytes


@dataclass(frozen=True, slots=True)
class Ours:
    """What we expect of the numbers in a message: the payment's and the refund's, None where we have no such number."""

    payment: Expected | None = None
    refund: Expected | None = None


def judge(reading: Genuine | Spurious, identity: Identity, ours: Ours) -> Judgement:
    """Accept only a verified message whose payee, number, amount and currency are ours (rules S06, attacks A15-A20)."""
    if isinstance(reading, Spurious):
        return Judgement("probe" if reading.is_probe else "refused", reading.reason)
    if reading.refund is not None:
        return _judge_refund(reading.refund.evidence, ours.refund)
    expected = ours.payment
    if reading.evidence is None:
        return Judgement("accepted", "verified")
    if expected is None:
        return Judgement("refused", "unknown_number")
    if isinstance(reading.evidence, Unknown):
        return Judgement("refused", "unreadable_payment")
    return _judge_money(reading.evidence, identity, expected)


def _judge_refund(evidence: RefundEvidence, expected: Expected | None) -> Judgement:
    """Money that went back must be one of our refunds, in its amount."""
    if expected is None:
        return Judgement("refused", "unknown_number")
    if isinstance(evidence, Unknown):
        return Judgement("refused", "unreadable_refund")
    if isinstance(evidence, RefundSucceeded) and evidence.amount != expected.amount:
        return Judgement("refused", "other_amount")
    return Judgement("accepted", "verified")


def _judge_money(evidence: Evidence, identity: Identity, expected: Expected) -> Judgement:
    """Money must be paid to us, in our amount; what moves none is evidence as it is."""
    if not isinstance(evidence, Paid):
        return Judgement("accepted", "verified")
    paid = evidence
    if paid.account != identity.account:
        return Judgement("refused", "other_account")
    if not identity.is_app(paid.app):
        return Judgement("refused", "other_app")
    if paid.amount.currency != expected.amount.currency:
        return Judgement("refused", "other_currency")
    if paid.amount.minor != expected.amount.minor:
        return Judgement("refused", "other_amount")
    return Judgement("accepted", "verified")


def heard(reading: Genuine | Spurious, judgement: Judgement) -> Heard:
    """What to tell the channel: a duplicate was taken the first time; a spent nonce proves nothing (attack A10)."""
    if judgement.verdict in {"accepted", "duplicate"}:
        return "accepted"
    is_distrusted = isinstance(reading, Spurious) or judgement.reason == "nonce_reused"
    return "distrusted" if is_distrusted else "refused"

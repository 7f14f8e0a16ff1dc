"""What to make of a message: verified or not, ours or not. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from shunfu.gateway.evidence import Evidence, Paid, Unknown
from shunfu.gateway.port import Genuine, Heard, Identity, Spurious
from shunfu.kernel.money import Money

Verdict = Literal["accepted", "duplicate", "refused", "probe"]
KEPT_HEADERS_MAX = 40
KEPT_HEADER_CHARACTERS = 512
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
    """What one of our numbers may be paid with: the amount we asked for."""

    amount: Money


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a message and why, in one short code."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class KeptNotification:
    """A message as it is kept, without its body."""

    notification_id: UUID
    channel: str
    account_id: UUID
    verdict: Verdict
    reason: str
    external_id: str | None
    event_type: str | None
    happened_at: datetime
    recorded_at: datetime


def judge(reading: Genuine | Spurious, identity: Identity, expected: Expected | None) -> Judgement:
    """Accept only a verified message whose payee, number, amount and currency are ours (rules S06, attacks A15-A20)."""
    if isinstance(reading, Spurious):
        return Judgement("probe" if reading.is_probe else "refused", reading.reason)
    if reading.evidence is None:
        return Judgement("accepted", "verified")
    if expected is None:
        return Judgement("refused", "unknown_number")
    if isinstance(reading.evidence, Unknown):
        return Judgement("refused", "unreadable_payment")
    return _judge_money(reading.evidence, identity, expected)


def _judge_money(evidence: Evidence, identity: Identity, expected: Expected) -> Judgement:
    """Money must be paid to us, in our amount; what moves none is evidence as it is."""
    if not isinstance(evidence, Paid):
        return Judgement("accepted", "verified")
    paid = evidence
    if paid.account != identity.account:
        return Judgement("refused", "other_account")
    if paid.app != identity.app:
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


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """A bounded copy of the headers without those that carry credentials."""
    secret = {"authorization", "cookie", "proxy-authorization"}
    kept = [(name[:64], value[:KEPT_HEADER_CHARACTERS]) for name, value in headers.items() if name not in secret]
    return {name: _storable(value) for name, value in kept[:KEPT_HEADERS_MAX]}


def _storable(text: str) -> str:
    """Text that PostgreSQL takes: no NUL, no lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()

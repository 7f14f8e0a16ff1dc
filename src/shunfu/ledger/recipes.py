"""Turns a business fact into balanced postings. Each account code says whose money it is and where it stands."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shunfu.kernel.money import Money
from shunfu.ledger.model import Account, Leg, Posting

CAPTURE = "capture"
CAPTURE_SURPLUS = "capture_surplus"


def channel_receivable(channel: str, account: str, currency: str) -> Account:
    """What a channel holds for us and will settle: an asset, grows by debit."""
    return Account(f"channel_receivable:{channel}:{account}", currency, "debit")


def sales(currency: str) -> Account:
    """What shoppers paid for orders, before fees and refunds: grows by credit."""
    return Account("sales", currency, "credit")


def owed_to_shoppers(currency: str) -> Account:
    """Money that was paid too often or too late and goes back: a liability, grows by credit."""
    return Account("owed_to_shoppers", currency, "credit")


def capture(payment_id: UUID, amount: Money, channel: tuple[str, str], happened_at: datetime) -> Posting:
    """A payment paid its order. `channel` is the channel's name and our account there."""
    legs = (Leg(channel_receivable(*channel, amount.currency), sales(amount.currency), amount),)
    return Posting(CAPTURE, payment_id, happened_at, legs)


def capture_surplus(payment_id: UUID, amount: Money, channel: tuple[str, str], happened_at: datetime) -> Posting:
    """Money arrived that no order is waiting for; it is owed back from this moment."""
    legs = (Leg(channel_receivable(*channel, amount.currency), owed_to_shoppers(amount.currency), amount),)
    return Posting(CAPTURE_SURPLUS, payment_id, happened_at, legs)

"""Turns a business fact into balanced postings. Each account code says whose money it is and where it stands."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shunfu.kernel.money import Money
from shunfu.ledger.model import Account, Leg, Posting

CAPTURE = "capture"
CAPTURE_SURPLUS = "capture_surplus"
REFUND = "refund"
REFUND_SURPLUS = "refund_surplus"
REFUND_OVER = "refund_over"
FEE = "fee"
SETTLEMENT = "settlement"


def channel_receivable(channel: str, account: str, currency: str) -> Account:
    """What a channel holds for us and will settle: an asset, grows by debit."""
    return Account(f"channel_receivable:{channel}:{account}", currency, "debit")


def sales(currency: str) -> Account:
    """What shoppers paid for orders, before fees and refunds: grows by credit."""
    return Account("sales", currency, "credit")


def owed_to_shoppers(currency: str) -> Account:
    """Money that was paid too often or too late and goes back: a liability, grows by credit."""
    return Account("owed_to_shoppers", currency, "credit")


def over_refunded(currency: str) -> Account:
    """Money that went back although nothing was left to give back: somebody must claim it; grows by debit."""
    return Account("over_refunded", currency, "debit")


def fees(currency: str) -> Account:
    """What channels kept for their service, less what they gave back: grows by debit."""
    return Account("fees", currency, "debit")


def bank(channel: str, account: str, currency: str) -> Account:
    """What a channel paid out to the merchant's bank: an asset, grows by debit."""
    return Account(f"bank:{channel}:{account}", currency, "debit")


def capture(payment_id: UUID, amount: Money, channel: tuple[str, str], happened_at: datetime) -> Posting:
    """A payment paid its order. `channel` is the channel's name and our account there."""
    legs = (Leg(channel_receivable(*channel, amount.currency), sales(amount.currency), amount),)
    return Posting(CAPTURE, payment_id, happened_at, legs)


def capture_surplus(payment_id: UUID, amount: Money, channel: tuple[str, str], happened_at: datetime) -> Posting:
    """Money arrived that no order is waiting for; it is owed back from this moment."""
    legs = (Leg(channel_receivable(*channel, amount.currency), owed_to_shoppers(amount.currency), amount),)
    return Posting(CAPTURE_SURPLUS, payment_id, happened_at, legs)


def refund_paid(refund_id: UUID, amount: Money, channel: tuple[str, str], happened_at: datetime) -> Posting:
    """Money of a payment that paid its order went back to the shopper."""
    return _back(REFUND, refund_id, sales(amount.currency), (amount, channel, happened_at))


def refund_surplus(refund_id: UUID, amount: Money, channel: tuple[str, str], happened_at: datetime) -> Posting:
    """Money that was owed back from the moment it came has gone back."""
    return _back(REFUND_SURPLUS, refund_id, owed_to_shoppers(amount.currency), (amount, channel, happened_at))


def refund_over(refund_id: UUID, amount: Money, channel: tuple[str, str], happened_at: datetime) -> Posting:
    """A refund that had ended without money succeeded after all, and nothing was left for it."""
    return _back(REFUND_OVER, refund_id, over_refunded(amount.currency), (amount, channel, happened_at))


def _back(recipe: str, refund_id: UUID, from_whom: Account, fact: tuple[Money, tuple[str, str], datetime]) -> Posting:
    amount, channel, happened_at = fact
    legs = (Leg(from_whom, channel_receivable(*channel, amount.currency), amount),)
    return Posting(recipe, refund_id, happened_at, legs)


def fee(reference_id: UUID, amount: Money, channel: tuple[str, str], happened_at: datetime) -> Posting:
    """What a channel kept of a day's money; a negative amount is what it gave back."""
    return _from_channel(FEE, reference_id, fees(amount.currency), (amount, channel, happened_at))


def settlement(reference_id: UUID, amount: Money, channel: tuple[str, str], happened_at: datetime) -> Posting:
    """What a channel paid out to the bank in a day; a negative amount is what came back or was booked too much."""
    return _from_channel(SETTLEMENT, reference_id, bank(*channel, amount.currency), (amount, channel, happened_at))


def _from_channel(
    recipe: str, reference_id: UUID, to: Account, fact: tuple[Money, tuple[str, str], datetime]
) -> Posting:
    """Out of what the channel holds into another account, or back for a negative amount; the one is never zero."""
    amount, channel, happened_at = fact
    holds = channel_receivable(*channel, amount.currency)
    debit, credit = (to, holds) if amount.minor > 0 else (holds, to)
    legs = (Leg(debit, credit, Money(abs(amount.minor), amount.currency)),)
    return Posting(recipe, reference_id, happened_at, legs)

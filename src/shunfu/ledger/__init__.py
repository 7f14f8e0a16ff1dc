"""Ledger: accounts, transfers, entries; recipes turn business facts into balanced postings."""

from shunfu.ledger.days import DAYS_MAX, LedgerDay, day_of
from shunfu.ledger.model import Balance, Posting, Proof
from shunfu.ledger.recipes import (
    CAPTURE,
    CAPTURE_SURPLUS,
    FEE,
    REFUND,
    REFUND_OVER,
    REFUND_SURPLUS,
    SETTLEMENT,
    capture,
    capture_surplus,
    channel_receivable,
    fee,
    refund_over,
    refund_paid,
    refund_surplus,
    settlement,
)
from shunfu.ledger.recount import ViewDifference
from shunfu.ledger.usecases import (
    every_day,
    post,
    posted_amounts,
    prove,
    read_balances,
    read_days,
    recount_views,
)

__all__ = [
    "CAPTURE",
    "CAPTURE_SURPLUS",
    "DAYS_MAX",
    "FEE",
    "REFUND",
    "REFUND_OVER",
    "REFUND_SURPLUS",
    "SETTLEMENT",
    "Balance",
    "LedgerDay",
    "Posting",
    "Proof",
    "ViewDifference",
    "capture",
    "capture_surplus",
    "channel_receivable",
    "day_of",
    "every_day",
    "fee",
    "post",
    "posted_amounts",
    "prove",
    "read_balances",
    "read_days",
    "recount_views",
    "refund_over",
    "refund_paid",
    "refund_surplus",
    "settlement",
]

"""Ledger: accounts, transfers, entries; recipes turn business facts into balanced postings."""

from shunfu.ledger.model import Balance, Posting, Proof
from shunfu.ledger.recipes import CAPTURE, CAPTURE_SURPLUS, capture, capture_surplus
from shunfu.ledger.usecases import post, posted_amounts, prove

__all__ = [
    "CAPTURE",
    "CAPTURE_SURPLUS",
    "Balance",
    "Posting",
    "Proof",
    "capture",
    "capture_surplus",
    "post",
    "posted_amounts",
    "prove",
]

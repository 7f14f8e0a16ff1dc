"""UnionPay's times: all in Beijing, most without a year; and the txnTime that belongs to a number of ours.

UnionPay knows a transaction by merId, orderId and txnTime together, and a query must name all three. A room asks about
a number and nothing else, so the time is taken from the number itself: our numbers are UUIDv7 in Crockford base 32,
whose first 48 bits are the Unix milliseconds of its making. So every repetition and every query of a number has the
same txnTime, with no table to keep, for payments and refunds alike. Must not know: clocks, messages.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from shunfu.kernel.ids import decode

BEIJING = timezone(timedelta(hours=8))
_FULL = re.compile(r"[0-9]{14}", re.ASCII)
_SHORT = re.compile(r"[0-9]{10}", re.ASCII)
_HALF_A_YEAR = timedelta(days=180)


def made_at(number: str) -> datetime | None:
    """When a number of ours was made, to the second, or None when it is not one of ours."""
    value = decode(number)
    if value is None or value.version != 7:
        return None
    try:
        return datetime.fromtimestamp((value.int >> 80) // 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def txn_time(number: str) -> str | None:
    """The `txnTime` of a number of ours (`yyyyMMddHHmmss`), or None when it is not one of ours."""
    moment = made_at(number)
    return None if moment is None else full(moment)


def full(moment: datetime) -> str:
    """`yyyyMMddHHmmss` in Beijing."""
    return moment.astimezone(BEIJING).strftime("%Y%m%d%H%M%S")


def parse_full(text: str) -> datetime | None:
    """The moment in `yyyyMMddHHmmss`, in UTC, or None."""
    if _FULL.fullmatch(text) is None:
        return None
    parts = [int(text[begin : begin + 2]) for begin in (4, 6, 8, 10, 12)]
    try:
        return datetime(int(text[:4]), *parts, tzinfo=BEIJING).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_short(text: str, near: datetime) -> datetime | None:
    """The moment in `MMddHHmmss` that is nearest to this one, in UTC, or None: UnionPay leaves the year out."""
    if _SHORT.fullmatch(text) is None:
        return None
    year = near.astimezone(BEIJING).year
    found = parse_full(f"{year:04d}{text}")
    if found is not None and abs(found - near) < _HALF_A_YEAR:
        return found
    others = (parse_full(f"{one:04d}{text}") for one in (year - 1, year + 1))
    return min((one for one in (*others, found) if one), key=lambda one: abs(one - near), default=None)

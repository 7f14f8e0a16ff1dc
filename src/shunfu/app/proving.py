"""The proof of the books' views: against a second count of the transfers, and by day against payments and refunds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from uuid import UUID

from shunfu.db import Reader, named_queries
from shunfu.ledger import every_day, recount_views

SQL = named_queries("shunfu.app")
FAULTS_MAX = 100

Days = dict[tuple[date, str, str], Counter[str]]
"""By day, channel and currency: minor units by word."""


async def prove_views(reader: Reader, merchant_id: UUID) -> list[str]:
    """What the views of a merchant's books show wrongly, at most 100 lines; an empty list is the proof."""
    faults = [
        f"{one.view}: {one.line}: shown {one.shown or 'nothing'}, recounted {one.recounted or 'nothing'}"
        for one in await recount_views(reader, merchant_id)
    ]
    faults += _differ(await _by_ledger(reader, merchant_id), await _by_rooms(reader, merchant_id))
    return faults[:FAULTS_MAX]


async def _by_ledger(reader: Reader, merchant_id: UUID) -> Days:
    days: Days = {}
    async for day in every_day(reader, merchant_id):
        back = day.refunded_minor + day.surplus_refunded_minor + day.over_refunded_minor
        sums = {"captured": day.captured_minor, "surplus": day.surplus_minor, "refunded": back}
        days[day.day, day.channel, day.currency] = Counter(sums)
    return days


async def _by_rooms(reader: Reader, merchant_id: UUID) -> Days:
    days: Days = {}
    for row in await reader.fetch(SQL["captured_by_day"], merchant_id):
        sums = {"captured": row["captured_minor"], "surplus": row["surplus_minor"]}
        days.setdefault((row["day_cn"], row["channel"], row["currency"]), Counter()).update(sums)
    for row in await reader.fetch(SQL["refunded_by_day"], merchant_id):
        sums = {"refunded": row["refunded_minor"]}
        days.setdefault((row["day_cn"], row["channel"], row["currency"]), Counter()).update(sums)
    return days


def _differ(ledger: Days, rooms: Days) -> Iterator[str]:
    for key in sorted(ledger.keys() | rooms.keys()):
        posted, known = ledger.get(key, Counter()), rooms.get(key, Counter())
        day, channel, currency = key
        for word in ("captured", "surplus", "refunded"):
            if posted[word] != known[word]:
                yield f"{day} {channel} {currency}: {word} is {posted[word]} in the ledger and {known[word]} elsewhere"

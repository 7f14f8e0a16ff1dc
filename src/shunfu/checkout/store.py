"""What the checkout reads by itself: which methods a merchant's shoppers pay with, kept for a minute by a process."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from uuid import UUID

from shunfu.db import Reader, named_queries

SQL = named_queries("shunfu.checkout")
FRESH = timedelta(seconds=60)
MERCHANTS_MAX = 10_000


class Popular:
    """The methods of a merchant, the one with the most successes lately first. One a process; a minute old at most."""

    def __init__(self) -> None:
        self._kept: OrderedDict[UUID, tuple[datetime, tuple[str, ...]]] = OrderedDict()

    async def ranked(self, reader: Reader, merchant_id: UUID, now: datetime) -> tuple[str, ...]:
        """Methods as `channel/scene`, at most ten."""
        kept = self._kept.get(merchant_id)
        if kept is not None and timedelta(0) <= now - kept[0] < FRESH:
            return kept[1]
        rows = await reader.fetch(SQL["methods_lately"], merchant_id)
        ranked = tuple(f"{row['channel']}/{row['scene']}" for row in rows)
        self._kept[merchant_id] = (now, ranked)
        self._kept.move_to_end(merchant_id)
        if len(self._kept) > MERCHANTS_MAX:
            self._kept.popitem(last=False)
        return ranked

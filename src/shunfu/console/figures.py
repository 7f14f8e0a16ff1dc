"""The installation's figures at one moment, over all merchants, for alarms and monitoring. No ids, no names.

Every figure is bounded in work: by a partial index that holds only what is open, or by the last hour of each merchant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shunfu.console.model import first_id
from shunfu.db import JobFigure, Reader, job_figures, named_queries
from shunfu.merchants import list_merchants

SQL = named_queries("shunfu.console")
RECENT = timedelta(hours=1)
ROWS_MAX = 200
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class CountFigure:
    """How many are in a state, by method (`channel/scene`) or channel; `oldest_at` None where age says nothing."""

    of: str
    state: str
    count: int
    oldest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """`recent`: payments begun within the hour; `unknown`, `refunds`: whatever is open now; `jobs`: due or dead."""

    at: datetime
    recent: tuple[CountFigure, ...]
    unknown: tuple[CountFigure, ...]
    refunds: tuple[CountFigure, ...]
    jobs: tuple[JobFigure, ...]


async def read_figures(reader: Reader, now: datetime) -> Figures:
    """All figures at an instant, of at most 1,000 merchants."""
    merchants = [one.merchant_id for one in await list_merchants(reader, NOBODY)]
    since = first_id(now - RECENT)
    recent = await reader.fetch(SQL["recent_payments_of_all"], merchants, since, ROWS_MAX)
    unknown = await reader.fetch(SQL["unknown_payments_of_all"], ROWS_MAX)
    refunds = await reader.fetch(SQL["open_refunds_of_all"], ROWS_MAX)
    return Figures(
        at=now,
        recent=tuple(CountFigure(row["method"], row["state"], row["times"]) for row in recent),
        unknown=tuple(CountFigure(row["method"], "UNKNOWN", row["times"], row["oldest_at"]) for row in unknown),
        refunds=tuple(CountFigure(row["channel"], row["state"], row["times"], row["oldest_at"]) for row in refunds),
        jobs=await job_figures(reader, now),
    )


__all__ = ["CountFigure", "Figures", "JobFigure", "read_figures"]

"""A channel's day: which instants belong to it, and when its statement is there. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

from shunfu.gateway.port import Capabilities

DAY = timedelta(days=1)
NOON = 12


@dataclass(frozen=True, slots=True)
class Window:
    """The instants of one channel day: `begin` is in it, `end` is the next day's."""

    day: date
    begin: datetime
    end: datetime

    def has(self, moment: datetime) -> bool:
        """Whether this instant belongs to the day."""
        return self.begin <= moment < self.end

    def day_of(self, moment: datetime) -> date:
        """The channel day of any instant."""
        return self.day + timedelta(days=(moment - self.begin) // DAY)


def window_of(day: date, capabilities: Capabilities) -> Window:
    """A day's instants: from the channel's cut to the next one; a cut after noon lies in the evening before."""
    cut = capabilities.statement_cut_hour
    begin = _at(day, cut, capabilities) - (DAY if cut > NOON else timedelta())
    return Window(day, begin.astimezone(UTC), (begin + DAY).astimezone(UTC))


def ready_at(day: date, capabilities: Capabilities) -> datetime:
    """From when the statement of a day can be fetched."""
    return _at(day + DAY, capabilities.statement_ready_hour, capabilities).astimezone(UTC)


def latest_ready(now: datetime, capabilities: Capabilities) -> date:
    """The last day whose statement is there by now."""
    zone = timezone(timedelta(hours=capabilities.statement_utc_offset_hours))
    return (now.astimezone(zone) - timedelta(hours=capabilities.statement_ready_hour)).date() - DAY


def days_due(now: datetime, capabilities: Capabilities, since: date, days_max: int) -> list[date]:
    """The days from `since` whose statement is there, oldest first; of many only the last `days_max`."""
    latest = latest_ready(now, capabilities)
    count = min((latest - since).days + 1, days_max)
    return [latest - timedelta(days=back) for back in reversed(range(max(0, count)))]


def _at(day: date, hour: int, capabilities: Capabilities) -> datetime:
    zone = timezone(timedelta(hours=capabilities.statement_utc_offset_hours))
    return datetime.combine(day, time(hour), zone)

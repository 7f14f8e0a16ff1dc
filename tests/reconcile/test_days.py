"""A channel's day: where it begins and ends, when its statement is there, and which days are due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from flows.world import CHANNEL
from shunfu.driver import discover
from shunfu.reconcile.days import DAY, days_due, latest_ready, ready_at, window_of

SOME_DAY = date(2026, 11, 21)
BASE = replace(
    discover().channels[CHANNEL].capabilities,
    statement_utc_offset_hours=8,
    statement_cut_hour=0,
    statement_ready_hour=10,
)


@pytest.mark.parametrize(
    ("cut", "offset", "begin"),
    [
        (0, 8, datetime(2026, 11, 20, 16, tzinfo=UTC)),
        (23, 8, datetime(2026, 11, 20, 15, tzinfo=UTC)),
        (4, 8, datetime(2026, 11, 20, 20, tzinfo=UTC)),
        (0, 0, datetime(2026, 11, 21, tzinfo=UTC)),
        (22, -5, datetime(2026, 11, 21, 3, tzinfo=UTC)),
    ],
)
def test_a_day_begins_at_the_channels_cut(cut: int, offset: int, begin: datetime) -> None:
    window = window_of(SOME_DAY, replace(BASE, statement_cut_hour=cut, statement_utc_offset_hours=offset))
    assert (window.begin, window.end) == (begin, begin + DAY)
    assert window.has(begin)
    assert not window.has(begin + DAY)
    assert not window.has(begin - timedelta(microseconds=1))


@pytest.mark.parametrize("cut", [0, 4, 23])
def test_days_follow_each_other_without_a_gap(cut: int) -> None:
    capabilities = replace(BASE, statement_cut_hour=cut)
    window = window_of(SOME_DAY, capabilities)
    assert window_of(SOME_DAY + DAY, capabilities).begin == window.end
    for moment, day in (
        (window.begin, SOME_DAY),
        (window.end, SOME_DAY + DAY),
        (window.begin - timedelta(microseconds=1), SOME_DAY - DAY),
        (window.begin + timedelta(days=40), SOME_DAY + 40 * DAY),
    ):
        assert window.day_of(moment) == day
        assert window_of(day, capabilities).has(moment)


def test_a_statement_is_there_from_its_hour_on() -> None:
    ready = ready_at(SOME_DAY, BASE)
    assert ready == datetime(2026, 11, 22, 2, tzinfo=UTC)
    assert latest_ready(ready, BASE) == SOME_DAY
    assert latest_ready(ready - timedelta(seconds=1), BASE) == SOME_DAY - DAY


def test_the_days_that_are_due_are_the_last_ones_oldest_first() -> None:
    now = ready_at(SOME_DAY, BASE)
    assert days_due(now, BASE, SOME_DAY - 2 * DAY, 7) == [SOME_DAY - 2 * DAY, SOME_DAY - DAY, SOME_DAY]
    assert days_due(now, BASE, SOME_DAY - 100 * DAY, 2) == [SOME_DAY - DAY, SOME_DAY]
    assert days_due(now, BASE, SOME_DAY + DAY, 7) == []

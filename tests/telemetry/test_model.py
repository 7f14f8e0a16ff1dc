"""What of a batch is believed, on which day a visit began, and what is kept how long: no I/O."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime
from typing import get_args

import pytest

from shunfu.kernel.ids import PLATFORM
from shunfu.telemetry import MEASURES, STEPS, Event, Funnel, Slice
from shunfu.telemetry.model import (
    DAYS_MAX,
    FIELDS_MAX,
    PROVES,
    TAPS_MAX,
    VISIT_MS_MAX,
    VITAL_MAX,
    EventName,
    Part,
    Step,
    day_begun,
    day_of,
    doubt,
    first_kept_day,
    fold,
    judge,
)

NOW = datetime(2026, 11, 28, 16, 0, 1, tzinfo=UTC)
"""One second after midnight in China."""


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (Event("open", 0), None),
        (Event("paid", VISIT_MS_MAX), None),
        (Event("open", -1), "at_ms"),
        (Event("paid", VISIT_MS_MAX + 1), "at_ms"),
        (Event("paid", 2**63 - 1), "at_ms"),
        (Event("sheet", 5, measure=0), None),
        (Event("sheet", 5, measure=-1), "duration_ms"),
        (Event("sheet", 5, measure=VISIT_MS_MAX + 1), "duration_ms"),
        (Event("pay_tap", 5, taps=TAPS_MAX, fields=FIELDS_MAX), None),
        (Event("pay_tap", 5, taps=-1), "taps"),
        (Event("pay_tap", 5, taps=TAPS_MAX + 1), "taps"),
        (Event("pay_tap", 5, fields=-1), "fields"),
        (Event("pay_tap", 5, fields=FIELDS_MAX + 1), "fields"),
        (Event("vital", 5, measure=VITAL_MAX, code="lcp"), None),
        (Event("vital", 5, measure=0, code="cls"), None),
        (Event("vital", 5, measure=VITAL_MAX + 1, code="lcp"), "vital"),
        (Event("vital", 5, measure=-1, code="inp"), "vital"),
        (Event("vital", 5, measure=None, code="inp"), "vital"),
        (Event("vital", 5, measure=10, code="fid"), "vital"),
    ],
)
def test_what_is_believed(event: Event, reason: str | None) -> None:
    assert doubt(event) == reason


def test_a_batch_is_parted_and_keeps_its_order() -> None:
    good = [Event("open", 0), Event("ready", 500)]
    judged = judge([good[0], Event("ready", -1), Event("paid", -9), Event("pay_tap", 1, taps=-1), good[1]])
    assert judged.kept == tuple(good)
    assert judged.left_out == {"at_ms": 2, "taps": 1}


@pytest.mark.parametrize(("last_ms", "day"), [(0, 29), (999, 29), (1000, 29), (1001, 28), (VISIT_MS_MAX, 28)])
def test_a_visit_belongs_to_the_day_in_china_on_which_it_began(last_ms: int, day: int) -> None:
    assert day_begun(NOW, [Event("open", 0), Event("paid", last_ms)]) == date(2026, 11, day)
    assert day_begun(NOW, []) == day_of(NOW) == date(2026, 11, 29)


def test_days_are_kept_as_long_as_set() -> None:
    assert first_kept_day(NOW, 1) == date(2026, 11, 29)
    assert first_kept_day(NOW, 90) == date(2026, 9, 1)


def test_a_batch_in_figures() -> None:
    """The first of what is waited for, the last of what is done, the most of what is counted."""
    events = [
        Event("open", 0),
        Event("first_screen", 400),
        Event("first_screen", 300),
        Event("method_change", 900, method="pigeon/native", taps=1),
        Event("pay_tap", 1000, method="pigeon/h5", taps=2, fields=1),
        Event("cancel", 1500),
        Event("pay_tap", 2000, taps=3),
        Event("paid", 5000, taps=3),
        Event("paid", 6000),
        Event("vital", 6000, measure=15, code="cls"),
        Event("vital", 7000, measure=12, code="cls"),
        Event("result_view", 7000),
    ]
    assert fold(events) == Part(
        step=6,
        has_result=True,
        has_changed=True,
        method="pigeon/h5",
        method_ms=1000,
        taps=3,
        fields=1,
        first_screen_ms=300,
        tap_ms=2000,
        cancel_ms=1500,
        paid_ms=5000,
        cls_milli=15,
    )
    assert fold([]) == Part()
    assert fold([Event("unknown", 5), Event("failed", 6)]) == Part(step=5, has_unknown=True, has_failed=True)


@pytest.mark.parametrize("name", get_args(EventName))
def test_every_event_proves_a_step(name: EventName) -> None:
    """Only `paid` proves that money came, and what is no step of the funnel by itself proves the one it follows."""
    step = fold([Event(name, 1)]).step
    assert step == PROVES.get(name, 1)
    if name in STEPS[:-1]:
        assert step == STEPS.index(name) + 1
    assert (step == 6) == (name == "paid")


def test_steps_are_events_and_fields_of_the_funnel() -> None:
    assert get_args(Step) == STEPS
    assert set(STEPS) <= set(get_args(EventName))
    assert tuple(field.name for field in fields(Funnel))[: len(STEPS)] == ("visits", *STEPS[1:])
    assert Funnel(7, 6, 5, 4, 3, 2, 1).steps == (7, 6, 5, 4, 3, 2, 1)
    assert len({one.name for one in MEASURES}) == len(MEASURES)


@pytest.mark.parametrize("length", [0, DAYS_MAX + 1])
def test_a_slice_has_some_days_and_not_too_many(length: int) -> None:
    first = date(2026, 1, 1)
    with pytest.raises(AssertionError):
        Slice(PLATFORM, first, date.fromordinal(first.toordinal() + length - 1))

"""Figures on a real database: small visits computed by hand, and any visits against the definitions in plain Python."""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from db.support import MERCHANT, OTHER, rows, run_apart, sql
from shunfu.db import Database, PoolSettings, Urls
from shunfu.telemetry import (
    Batch,
    Day,
    Event,
    Funnel,
    Slice,
    TelemetryTools,
    Timing,
    delete_old,
    every_line,
    list_choices,
    read_counts,
    read_days,
    read_funnel,
    read_timings,
)
from telemetry.support import KEEP_DAYS, TODAY, batch, days, room, take, told

WHOLE = ("open", "first_screen", "ready", "pay_tap", "sheet", "ok", "paid", "result_view")


async def test_a_funnel_by_hand(database: Database) -> None:
    """Four visits: paid and seen, cancelled and then paid, unknown, and one that left; the last stands for ten."""
    _, tools = room(database)
    again = ("open", "first_screen", "ready", "method_change", "pay_tap", "sheet", "cancel", "pay_tap", "sheet", "paid")
    await take(
        tools,
        batch(1, told(*WHOLE)),
        batch(2, told(*again)),
        batch(3, told("open", "first_screen", "ready", "pay_tap", "unknown", "result_view")),
        batch(4, told("open", "first_screen"), weight=10),
    )
    async with database.reading() as reader:
        found = await read_funnel(reader, days())
        assert await read_funnel(reader, days(merchant_id=OTHER)) == Funnel()
        assert await read_funnel(reader, days(TODAY + timedelta(1), TODAY + timedelta(1))) == Funnel()
    assert found == Funnel(
        visits=13,
        first_screen=13,
        ready=3,
        pay_tap=3,
        sheet=3,
        paid=2,
        result_view=1,
        changed=1,
        cancelled=1,
        recovered=1,
        unknown=1,
        failed=0,
    )


async def test_what_was_lost_on_the_way_is_implied_by_what_came(database: Database) -> None:
    """A visit of which only the end arrived has opened all the same; a cancel after the money recovers nothing."""
    _, tools = room(database)
    await take(tools, batch(1, [Event("paid", 900), Event("cancel", 950), Event("failed", 960)]))
    async with database.reading() as reader:
        found = await read_funnel(reader, days())
    assert found.steps == (1, 1, 1, 1, 1, 1, 0)
    assert (found.cancelled, found.recovered, found.failed) == (1, 0, 1)


async def test_timings_by_hand(database: Database) -> None:
    """Five paid visits; the third was drawn as one in ten, and so is most of what there is."""
    _, tools = room(database)
    for number, weight in enumerate((1, 1, 10, 1, 1), 1):
        events = [
            Event("open", 0),
            Event("first_screen", number * 100),
            Event("ready", number * 200),
            Event("pay_tap", 1000, taps=1, fields=0),
            Event("cancel", 1500),
            Event("pay_tap", 2000, taps=2, fields=number),
            Event("paid", 2000 + number * 1000),
            Event("vital", 5000, measure=number * 10, code="cls"),
            Event("vital", 5000, measure=1000, code="lcp"),
        ]
        await take(tools, batch(number, events, weight=weight))
    await take(tools, batch(6, [Event("open", 0), Event("pay_tap", 10, taps=40, fields=40)]))
    async with database.reading() as reader:
        found = await read_timings(reader, days())
    assert dict(found) == {
        "first_screen": Timing("first_screen", 14, 300, 300, 500),
        "ready": Timing("ready", 14, 600, 600, 1000),
        "pay": Timing("pay", 14, 3000, 3000, 5000),
        "checkout": Timing("checkout", 14, 5000, 5000, 7000),
        "taps": Timing("taps", 14, 2, 2, 2),
        "fields": Timing("fields", 14, 3, 3, 5),
        "cls": Timing("cls", 14, 30, 30, 50),
        "lcp": Timing("lcp", 14, 1000, 1000, 1000),
    }
    assert found["pay"].at(50) == 3000


async def test_visits_are_told_apart(database: Database) -> None:
    """HarmonyOS is a system of its own; a visit's method is the one that was chosen last."""
    _, tools = room(database)
    await take(
        tools,
        batch(1, told("open", "ready", "pay_tap"), system="harmony"),
        batch(2, told("open", "ready"), system="android", host_version="8.0.61", version="1.1.0"),
        batch(
            3,
            [*told("open", "ready"), Event("method_change", 900, method="pigeon/native")],
            system="ios",
            host="web",
        ),
    )
    for only, count in (
        ({"system": "harmony"}, 1),
        ({"system": "android"}, 1),
        ({"system": "harmony", "host": "web"}, 0),
        ({"host": "wechat"}, 2),
        ({"host_version": "8.0.61"}, 1),
        ({"version": "1.1.0"}, 1),
        ({"method": "pigeon/native"}, 1),
        ({"method": "wechatpay/native"}, 2),
    ):
        async with database.reading() as reader:
            assert (await read_funnel(reader, days(**only))).visits == count, only
    async with database.reading() as reader:
        found = await list_choices(reader, days())
    assert found == {
        "host": ["wechat", "web"],
        "host_version": ["8.0.60", "8.0.61"],
        "method": ["wechatpay/native", "pigeon/native"],
        "system": ["android", "harmony", "ios"],
        "version": ["1.0.0", "1.1.0"],
    }


async def test_days_and_lines(database: Database) -> None:
    clock, tools = room(database)
    await take(tools, batch(1, told(*WHOLE)))
    clock.instant += timedelta(days=2)
    await take(tools, batch(2, told("open")), batch(3, told("open", "first_screen", step_ms=300), system="ios"))
    last = TODAY + timedelta(days=2)
    async with database.reading() as reader:
        assert await read_days(reader, days(last=last)) == [Day(TODAY, 1, 1, 100), Day(last, 2, 0, 300)]
    lines = [line async for line in every_line(database, days(last=last))]
    assert [(line.day, line.system, line.funnel.steps) for line in lines] == [
        (TODAY, "harmony", (1,) * 7),
        (last, "harmony", (1, 0, 0, 0, 0, 0, 0)),
        (last, "ios", (1, 1, 0, 0, 0, 0, 0)),
    ]


async def test_a_batch_is_taken_once_and_parts_come_in_any_order(database: Database) -> None:
    _, tools = room(database)
    first, second = batch(1, told(*WHOLE[:3]), seq=0), batch(1, [Event("paid", 5000), Event("paid", -1)], seq=1)
    assert await take(tools, second, second, first, first, second) == 4
    async with database.reading() as reader:
        assert (await read_funnel(reader, days())).steps == (1, 1, 1, 1, 1, 1, 0)
        assert await read_counts(reader, days()) == {"at_ms": 1}
    longer = batch(1, told(*WHOLE), seq=0)
    assert await take(tools, longer) == 0, "what has the number of a batch that was taken adds nothing to it"
    assert await take(tools, first, merchant_id=OTHER) == 3, "a visit is one merchant's"


async def test_a_visit_over_midnight_is_one_visit_of_the_day_that_it_began(database: Database) -> None:
    clock, tools = room(database)
    clock.instant += timedelta(hours=15, minutes=59, seconds=59)
    await take(tools, batch(1, told("open", "ready")))
    clock.instant += timedelta(seconds=30)
    await take(tools, batch(1, [Event("paid", 5000)], seq=1), batch(2, told("open")))
    async with database.reading() as reader:
        found = await read_days(reader, days(last=TODAY + timedelta(days=1)))
    assert [(day.day, day.visits, day.paid) for day in found] == [(TODAY, 1, 1), (TODAY + timedelta(days=1), 1, 0)]


NAMES = st.lists(st.sampled_from((*WHOLE, "method_change", "cancel", "unknown", "failed")), min_size=1, max_size=8)
VISITS = st.lists(st.tuples(NAMES, st.integers(1, 20), st.integers(0, 3000)), min_size=1, max_size=12)


def test_no_funnel_grows_and_percentiles_are_those_of_statistics(database_urls: Urls, app_role: str | None) -> None:
    """Any events, weights and times, in batches of any order: docs/how-to/telemetry.md in plain Python."""
    shop, merchants = PoolSettings(database_urls.app_url, role=app_role), itertools.count(1)

    @settings(max_examples=40, deadline=None)
    @given(visits=VISITS)
    def hold(visits: list[tuple[list[str], int, int]]) -> None:
        run_apart(_check(shop, UUID(int=next(merchants)), visits))

    hold()


async def _check(shop: PoolSettings, merchant_id: UUID, visits: list[tuple[list[str], int, int]]) -> None:
    database = await Database.connect(shop)
    try:
        _, tools = room(database)
        batches: list[Batch] = []
        for number, (names, weight, screen_ms) in enumerate(visits):
            events = [*told(*names), Event("first_screen", screen_ms)]
            batches.append(batch(number, events, weight=weight))
        await take(tools, *batches, merchant_id=merchant_id)
        asked = days(merchant_id=merchant_id)
        async with database.reading() as reader:
            funnel, timings = await read_funnel(reader, asked), await read_timings(reader, asked)
        steps = funnel.steps
        assert list(steps) == sorted(steps, reverse=True), "a funnel grew"
        assert funnel.visits == funnel.first_screen == sum(weight for _, weight, _ in visits)
        assert funnel.paid == sum(weight for names, weight, _ in visits if "paid" in names)
        assert funnel.recovered <= min(funnel.cancelled, funnel.paid)
        expected = _first_screens(visits)
        _agrees(timings["first_screen"], expected)
        await _in_any_order(tools, visits, asked, (funnel, timings))
    finally:
        await database.close()


async def _in_any_order(
    tools: TelemetryTools, visits: list[tuple[list[str], int, int]], asked: Slice, found: tuple[object, object]
) -> None:
    """Each event in a batch of its own, the last one first and each twice: the figures are the same."""
    for number, (names, weight, screen_ms) in enumerate(visits):
        events = [*told(*names), Event("first_screen", screen_ms)]
        parts = [batch(number, [event], seq=seq, weight=weight) for seq, event in enumerate(events)]
        await take(tools, *[part for part in reversed(parts) for _ in range(2)], merchant_id=OTHER)
    theirs = replace(asked, merchant_id=OTHER)
    async with tools.database.reading() as reader:
        assert (await read_funnel(reader, theirs), await read_timings(reader, theirs)) == found
    for table in ("telemetry_visits", "telemetry_counts"):
        await tools.database.single(sql(f"DELETE FROM {table} WHERE merchant_id = $1"), OTHER)


def _first_screens(visits: list[tuple[list[str], int, int]]) -> list[int]:
    """What each visit's first screen took, as often as it counts."""
    found: list[int] = []
    for names, weight, screen_ms in visits:
        named = [place * 100 for place, name in enumerate(names) if name == "first_screen"]
        found += [min([screen_ms, *named])] * weight
    return sorted(found)


def _agrees(timing: Timing, values: list[int]) -> None:
    assert timing.visits == len(values)
    assert timing.p50 == statistics.median_low(values)
    for percentile, found in ((75, timing.p75), (95, timing.p95)):
        place = (len(values) - 1) * percentile / 100
        around = values[math.floor(place)], values[math.ceil(place)]
        assert found in around, "a percentile is one of the measured values"
        if len(values) > 1:
            exact = statistics.quantiles(values, n=100, method="inclusive")[percentile - 1]
            assert around[0] - 1e-6 <= exact <= around[1] + 1e-6
        assert found == values[math.ceil(len(values) * percentile / 100) - 1]


async def test_visits_and_counts_end_with_the_days_that_are_kept(database: Database) -> None:
    """Ninety days: the first of them is still there, the one before it is gone; another merchant's are left alone."""
    clock, tools = room(database)
    await take(tools, batch(1, [*told("open"), Event("ready", -5)]))
    await take(tools, batch(1, told("open")), merchant_id=OTHER)
    clock.instant += timedelta(days=1)
    await take(tools, batch(2, [*told("open"), Event("ready", -5)]))
    clock.instant += timedelta(days=KEEP_DAYS - 1)
    await delete_old(tools, MERCHANT)
    second = TODAY + timedelta(days=1)
    assert await rows(database, "SELECT day FROM telemetry_visits WHERE merchant_id = $1", MERCHANT) == [(second,)]
    assert await rows(database, "SELECT day FROM telemetry_counts") == [(second,)]
    assert await rows(database, "SELECT day FROM telemetry_visits WHERE merchant_id = $1", OTHER) == [(TODAY,)]

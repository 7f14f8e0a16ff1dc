"""The console's page of visits: the figures of the data, filters, files, and what it says when nothing was told."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from io import BytesIO, StringIO
from zipfile import ZipFile

import pytest

from console.desk import Desk, make_desk, merchant_of, plain
from shunfu.console.sections.experience.page import value_text
from shunfu.db import Database
from shunfu.telemetry import MEASURES, Event, take_batch
from telemetry.support import batch, told

WHOLE = ("open", "first_screen", "ready", "pay_tap", "sheet", "ok", "paid", "result_view")
PATH = "/console/experience"


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await make_desk(database)


async def tell(desk: Desk) -> None:
    """Two visits of ours, one of another merchant's."""
    tools, world = desk.world.house.telemetry, desk.world
    ours = merchant_of(world.api_key)
    paid = [*told(*WHOLE), Event("pay_tap", 300, taps=1, fields=0)]
    await take_batch(tools, ours, batch(1, paid, weight=3))
    await take_batch(tools, ours, batch(2, told("open", "ready", method="alipay/h5"), system="ios", host="web"))
    await take_batch(tools, merchant_of(world.other_key), batch(3, told("open")))


def steps(page: str) -> list[tuple[str, int]]:
    """The bars: what each says, and its length of a thousand."""
    found = re.findall(r'<svg class="bar"[^>]* aria-label="([^"]+)"><rect[^>]*/><rect class="f1" width="(\d+)"', page)
    return [(name, int(width)) for name, width in found]


async def test_the_page_shows_the_figures_of_the_data(desk: Desk) -> None:
    await tell(desk)
    page = await desk.text(f"{PATH}?lang=en", "viewer")
    assert steps(page) == [
        ("Opened 100%", 1000),
        ("Saw the first screen 100%", 1000),
        ("Could pay 100%", 1000),
        ("Tapped pay 75%", 750),
        ("Reached the channel 75%", 750),
        ("Paid 75%", 750),
        ("Saw the result 75%", 750),
    ]
    words = plain(page)
    assert "Open to first screen 100 ms 100 ms 100 ms 3 p75 ≤ 1.20 s Too few" in words
    assert "Taps of who paid 1 1 1 3 p50 ≤ 1 Too few" in words
    assert "2026-01-01 4 3 75% 100" in words


async def test_a_day_without_a_visit_is_a_day(desk: Desk) -> None:
    await tell(desk)
    desk.world.clock.instant += timedelta(days=2)
    await tell(desk)  # the same visits again: they are of the first day
    ours = merchant_of(desk.world.api_key)
    await take_batch(desk.world.house.telemetry, ours, batch(9, told("open")))
    words = plain(await desk.text(f"{PATH}?lang=en", "viewer"))
    assert "2026-01-01 4 3 75% 100 2026-01-02 0 0 — — 2026-01-03 1 0 0% —" in words


async def test_a_filter_narrows_and_is_kept_in_the_form_and_the_file(desk: Desk) -> None:
    await tell(desk)
    page = await desk.text(f"{PATH}?lang=en&days=28&system=ios", "viewer")
    assert steps(page)[0][0] == "Opened 100%"
    assert steps(page)[3][0] == "Tapped pay 0%"
    assert '<option value="ios" selected>iOS</option>' in page
    assert '<option value="28" selected>Last 28 days</option>' in page
    assert f'{PATH}/export.csv?days=28&amp;system=ios"' in page
    assert "HarmonyOS" in page, "the other choices are still there"
    nothing = plain(await desk.text(f"{PATH}?lang=en&system=ios&host=wechat", "viewer"))
    assert "No visit is like that" in nothing
    for strange in ("days=0", "days=9999", "days=x", "system=", f"system={'x' * 81}", "host=%00", "host=%E2%80%AE"):
        assert steps(await desk.text(f"{PATH}?{strange}", "viewer"))[0][1] == 1000, strange


async def test_who_was_told_nothing_learns_how_to_tell(desk: Desk) -> None:
    page = await desk.text(f"{PATH}?lang=en", "viewer")
    assert "POST /v1/telemetry" in page
    assert "Nothing has been told of checkout yet" in plain(page)
    assert "export.csv" not in page


async def test_only_who_may_read_payments_sees_it_and_only_their_own(desk: Desk) -> None:
    await tell(desk)
    for target in (PATH, f"{PATH}/export.csv", f"{PATH}/export.xlsx"):
        assert (await desk.get(target, "nothing")).status == 403
        assert (await desk.get(target, "nobody")).status == 303
    theirs = await desk.text(f"{PATH}?lang=en", "theirs")
    assert steps(theirs)[:2] == [("Opened 100%", 1000), ("Saw the first screen 0%", 0)]


async def test_the_same_as_a_file(desk: Desk) -> None:
    await tell(desk)
    said = await desk.get(f"{PATH}/export.csv?lang=en&days=28", "viewer")
    assert said.headers["content-disposition"] == 'attachment; filename="experience.csv"'
    head, *lines = csv.reader(StringIO(said.body.decode("utf-8-sig")))
    assert head[:6] == ["Day", "Method", "System", "Inside of", "Its version", "Component version"]
    assert [line[:6] + line[6:8] + line[11:13] for line in lines] == [
        ["2026-01-01", "alipay/h5", "ios", "web", "8.0.60", "1.0.0", "1", "1", "0", "0"],
        ["2026-01-01", "wechatpay/native", "harmony", "wechat", "8.0.60", "1.0.0", "3", "3", "3", "3"],
    ]
    assert all(len(line) == len(head) for line in lines)
    only = await desk.get(f"{PATH}/export.csv?system=harmony", "viewer")
    assert len(list(csv.reader(StringIO(only.body.decode("utf-8-sig"))))) == 2
    book = await desk.get(f"{PATH}/export.xlsx", "viewer")
    assert "xl/worksheets/sheet1.xml" in ZipFile(BytesIO(book.body)).namelist()


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("first_screen", 0, "0 ms"),
        ("first_screen", 999, "999 ms"),
        ("first_screen", 1000, "1.00 s"),
        ("first_screen", 61_239, "61.23 s"),
        ("taps", 12, "12"),
        ("cls", 15, "0.015"),
        ("cls", 1250, "1.250"),
    ],
)
def test_values_in_words(name: str, value: int, text: str) -> None:
    def say(key: str, /, **values: object) -> str:
        units = {"console.experience.milliseconds": "{value} ms", "console.experience.seconds": "{value} s"}
        return units[key].format_map(values)

    measure = next(one for one in MEASURES if one.name == name)
    assert value_text(say, measure, value) == text

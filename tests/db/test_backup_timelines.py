"""Names in the archive: which way leads to a timeline, and what lacks on it."""

import math
from datetime import UTC, datetime

import pytest

from shunfu.db.backup.timelines import (
    SEGMENT_BYTES,
    Stretch,
    leads_through,
    leads_to,
    lineage,
    missing_segments,
    newest_segment,
    position,
    segment_name,
    segment_of,
    timeline_at,
    timelines_in,
)

HISTORY = "1\t0/3000110\tbefore 2026-11-28 06:45:22.495360+00\n\n2\t0/5000098\tno recovery target specified\n"


STOPPED = datetime(2026, 11, 28, 6, 45, 22, 495360, UTC).timestamp()


def names(timeline: int, *segments: int) -> set[str]:
    return {segment_name(timeline, segment) for segment in segments}


def test_positions_and_names() -> None:
    assert position("0/2000028") == 0x2000028
    assert position("1A/FF000000") == 0x1AFF000000
    assert segment_of(position("0/2000028")) == 2
    assert segment_name(1, 2) == "000000010000000000000002"
    assert segment_name(2, 255) == "0000000200000000000000FF"
    assert segment_name(3, 256) == "000000030000000100000000"
    assert segment_of(position("1/0")) == 256
    assert SEGMENT_BYTES == 1 << 24


def test_timelines_of_an_archive() -> None:
    assert timelines_in([]) == (1,)
    found = ["00000003.history", "00000002.history", "000000010000000000000002.00000028.backup", "x.history"]
    assert timelines_in(found) == (1, 2, 3)


def test_a_lineage_is_read_from_its_history() -> None:
    way = lineage(3, HISTORY)
    assert [(part.timeline, part.begin, part.end, part.forked_at) for part in way] == [
        (1, 0, 0x3000110, STOPPED),
        (2, 3, 0x5000098, math.inf),
        (3, 5, None, math.inf),
    ]
    assert lineage(1, "") == (Stretch(1, 0, None, math.inf),)


@pytest.mark.parametrize(
    ("timeline", "moment", "is_on"),
    [
        (1, STOPPED - 1, True),
        (1, STOPPED, False),
        (2, STOPPED + 1, True),
        (2, STOPPED + 1e9, True),
        (3, STOPPED + 1e9, True),
        (4, STOPPED, False),
    ],
)
def test_a_way_goes_on_from_what_was_there_before_its_forks(timeline: int, moment: float, is_on: bool) -> None:
    assert leads_to(lineage(3, HISTORY), timeline, moment) is is_on


def test_a_fork_for_a_reason_that_is_not_ours_is_not_gone_on_from() -> None:
    way = lineage(2, '1\t0/3000110\tat restore point "mine"\n')
    assert not leads_to(way, 1, 0.0)
    assert leads_through(way, 1, 0x3000110)


@pytest.mark.parametrize(
    ("timeline", "place", "is_on"),
    [
        (1, "0/2000120", True),
        (1, "0/3000110", True),
        (1, "0/3000111", False),
        (2, "0/5000098", True),
        (2, "0/6000000", False),
        (3, "0/9000000", True),
        (4, "0/1000000", False),
    ],
)
def test_a_way_leads_through_what_lies_before_its_forks(timeline: int, place: str, is_on: bool) -> None:
    assert leads_through(lineage(3, HISTORY), timeline, position(place)) is is_on


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        (names(1, 2) | names(2, 3, 4) | names(3, 5, 6), []),
        (names(1, 2, 3, 4, 5) | names(2, 3, 4, 5) | names(3, 5, 6), []),
        (names(1, 2, 3) | names(2, 4) | names(3, 5, 6), [(2, 3)]),
        (names(1, 2) | names(2, 3) | names(3, 5, 6), [(2, 4)]),
        (names(2, 3, 4) | names(3, 6), [(1, 2), (3, 5)]),
        (names(1, 2) | names(2, 3, 4), []),
        (names(1, 2) | names(2, 3), [(2, 4)]),
    ],
)
def test_what_lacks_on_a_way(there: set[str], missing: list[tuple[int, int]]) -> None:
    assert missing_segments(lineage(3, HISTORY), 2, there) == tuple(segment_name(*each) for each in missing)


def test_the_newest_segment_is_of_the_last_timeline() -> None:
    way = lineage(3, HISTORY)
    assert newest_segment(way, names(1, 9) | names(3, 5, 256)) == 256
    assert newest_segment(way, names(1, 9)) == 4
    assert newest_segment(way, {"000000030000000000000007.partial"}) == 4


@pytest.mark.parametrize(("moment", "timeline"), [(0.0, 1), (99.9, 1), (100.0, 2), (150.0, 2), (999.0, 3)])
def test_the_timeline_that_the_server_was_on(moment: float, timeline: int) -> None:
    assert timeline_at({1: 0.0, 2: 100.0, 3: 200.0}, moment) == timeline

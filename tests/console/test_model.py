"""The small sums behind the pages, as tables of cases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from shunfu.console.model import Needle, day_span, first_id, rate_permille, rate_text, read_needle
from shunfu.kernel.ids import encode, make_id, public

ORDER = UUID("019aa000-0000-7000-8000-00000000000a")


@pytest.mark.parametrize(
    ("captured", "ended", "text"),
    [(0, 1, "0%"), (1, 1, "100%"), (1, 3, "33.3%"), (2, 3, "66.7%"), (1, 9_999, "0.1%"), (9_999, 10_000, "99.9%")],
)
def test_a_rate_says_all_or_none_only_when_it_is_so(captured: int, ended: int, text: str) -> None:
    assert rate_text(rate_permille(captured, ended)) == text


@pytest.mark.parametrize(
    ("now", "start"),
    [
        (datetime(2026, 11, 22, 15, 59, 59, tzinfo=UTC), datetime(2026, 11, 21, 16, tzinfo=UTC)),
        (datetime(2026, 11, 22, 16, 0, 0, tzinfo=UTC), datetime(2026, 11, 22, 16, tzinfo=UTC)),
    ],
)
def test_a_day_is_one_in_china(now: datetime, start: datetime) -> None:
    assert day_span(now) == (start, start + timedelta(days=1))


def test_the_first_id_of_a_moment_stands_between_earlier_and_later_ones() -> None:
    start = datetime(2026, 11, 22, 16, tzinfo=UTC)
    milliseconds = int(start.timestamp() * 1000)
    before = make_id(milliseconds - 1, b"\xff" * 10, 0xFFF)
    at = make_id(milliseconds, b"\0" * 10, 0)
    assert before < first_id(start) <= at


@pytest.mark.parametrize(
    ("text", "needle"),
    [
        (public("ord", ORDER), Needle(ORDER, public("ord", ORDER))),
        (f"  SBX-{public('pay', ORDER)} ", Needle(ORDER, public("pay", ORDER))),
        (encode(ORDER), Needle(ORDER, encode(ORDER))),
        ("SF1122-0417", Needle(None, "SF1122-0417")),
        ("'; DROP TABLE orders; --", Needle(None, "'; DROP TABLE orders; --")),
        ("", None),
        ("   ", None),
        ("a\0b", None),
        ("\u202eabc", None),
        ("x" * 129, None),
    ],
)
def test_what_a_person_looks_for(text: str, needle: Needle | None) -> None:
    assert read_needle(text) == needle

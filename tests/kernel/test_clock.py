"""Time is written one way, the clock is ours in tests, and ids and nonces come from the source."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.support import START, manual
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy, rfc3339

SHANGHAI = timezone(timedelta(hours=8))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 22, 6, 29, 35, 120_000, UTC), "2026-11-22T06:29:35.120Z"),
        (datetime(2026, 11, 22, 14, 29, 35, tzinfo=SHANGHAI), "2026-11-22T06:29:35.000Z"),
        (datetime(2026, 1, 1, 7, 59, 59, 999_999, SHANGHAI), "2025-12-31T23:59:59.999Z"),
        (datetime(2026, 1, 1, 0, 0, tzinfo=timezone(timedelta(hours=-12))), "2026-01-01T12:00:00.000Z"),
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01T00:00:00.000Z"),
    ],
)
def test_rfc3339(moment: datetime, text: str) -> None:
    assert rfc3339(moment) == text


@given(
    st.datetimes(
        datetime(1970, 1, 2),  # noqa: DTZ001  hypothesis adds the zone itself
        datetime(2999, 1, 1),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, SHANGHAI, timezone(timedelta(hours=-3, minutes=-30))]),
    )
)
def test_rfc3339_is_the_same_instant_to_the_millisecond(moment: datetime) -> None:
    text = rfc3339(moment)
    back = datetime.fromisoformat(text)
    assert text.endswith("Z")
    assert len(text) == 24
    assert timedelta() <= moment - back < timedelta(milliseconds=1)


def test_a_manual_clock_stands_still_until_it_is_moved() -> None:
    clock, source = manual()
    assert source.now() == START == source.now()
    clock.advance(1.5)
    assert source.now() == START + timedelta(seconds=1.5)


def test_ids_of_a_source_sort_by_its_clock() -> None:
    clock, source = manual()
    made = []
    for _ in range(20):
        made.append(source.new_id())
        clock.advance(0.001)
    assert made == sorted(made)
    assert made[0].int >> 80 == int(START.timestamp() * 1000)


def test_no_two_ids_or_nonces_are_equal() -> None:
    _, source = manual()
    assert len({source.new_id() for _ in range(1000)}) == 1000
    nonces = {source.nonce() for _ in range(1000)}
    assert len(nonces) == 1000
    assert all(len(nonce) == 32 and set(nonce) <= set("0123456789ABCDEF") for nonce in nonces)


def test_the_system_source_tells_utc() -> None:
    source = Source(SystemClock(), SystemEntropy())
    assert source.now().utcoffset() == timedelta()
    assert abs(source.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert len(source.entropy.take(10)) == 10

"""A bucket gives what it holds, fills steadily, forgets when there are too many, and bears any clock."""

from __future__ import annotations

import pytest

from shunfu.app.http.rates import Buckets, Rate


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_full_bucket_then_a_steady_drip() -> None:
    hand = Hand()
    buckets = Buckets(Rate("key", 60, burst=5), hand)
    assert [buckets.take("a") for _ in range(5)] == [0.0] * 5
    assert buckets.take("a") == pytest.approx(1.0, abs=1e-3)
    assert buckets.take("b") == 0.0
    hand.seconds += 0.5
    assert buckets.take("a") == pytest.approx(0.5, abs=1e-3)
    hand.seconds += 0.5
    assert buckets.take("a") == 0.0
    assert buckets.take("a") > 0
    hand.seconds += 3600
    assert [buckets.take("a") for _ in range(6)].count(0.0) == 5


@pytest.mark.parametrize("per_minute", [1, 7, 30, 3000, 1_000_000])
def test_a_minute_gives_just_that_many(per_minute: int) -> None:
    hand = Hand()
    buckets = Buckets(Rate("key", per_minute, burst=1), hand)
    taken, tries = 0, min(per_minute * 4, 2000)
    for _ in range(tries):
        taken += buckets.take("a") == 0.0
        hand.seconds += 60 / (per_minute * 4)
    assert taken == pytest.approx(tries / 4, rel=0.02, abs=1)


def test_looking_takes_nothing() -> None:
    buckets = Buckets(Rate("failures", 1), Hand())
    assert [buckets.wait_seconds("a") for _ in range(100)] == [0.0] * 100
    assert len(buckets) == 0


def test_nothing_is_refused_without_a_limit() -> None:
    buckets = Buckets(Rate("key", 0), Hand())
    assert {buckets.take("a") for _ in range(10_000)} == {0.0}
    assert len(buckets) == 0


def test_memory_is_bounded_and_the_busy_are_remembered() -> None:
    buckets = Buckets(Rate("address", 1), Hand(), keys_max=100)
    for number in range(10_000):
        buckets.take(number)
        buckets.take("busy")
    assert len(buckets) <= 100
    assert buckets.take(9_999) > 0
    assert buckets.take(0) == 0.0


def test_a_clock_that_steps_back_does_not_shut_anybody_out_for_long() -> None:
    hand = Hand()
    buckets = Buckets(Rate("key", 60, burst=2), hand)
    buckets.take("a")
    hand.seconds -= 86_400
    assert buckets.wait_seconds("a") <= 1.001
    hand.seconds += 1.01
    assert buckets.take("a") == 0.0

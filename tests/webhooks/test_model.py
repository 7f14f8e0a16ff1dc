"""The timetable of tries, what follows from an answer, secrets in rotation, and what is kept of an answer. No I/O."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shunfu.webhooks.model import (
    JITTER_STEPS,
    RETRY_SECONDS,
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointState,
    KeptSecret,
    Sent,
    disable,
    enable,
    harmless,
    judge,
    pause,
    rotate,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO, THREE = UUID(int=1), UUID(int=2), UUID(int=3)
MIDDLE = (JITTER_STEPS - 1) // 2
ENDPOINT = Endpoint(ONE, TWO, "https://a.example", ("*",), "", EndpointState.ENABLED, (), NOW)
DELIVERY = Delivery(ONE, TWO, THREE, "ord_1", 1, DeliveryState.WAITING, False, 0, NOW)
OK, DOWN, GONE = Sent(204, "ok", 1), Sent(500, "status", 1), Sent(410, "gone", 1)


def test_ten_tries_in_three_days() -> None:
    assert RETRY_SECONDS[0] == 0
    assert len(RETRY_SECONDS) == 10
    assert timedelta(seconds=sum(RETRY_SECONDS)) == timedelta(hours=75, minutes=35, seconds=5)


@pytest.mark.parametrize("attempts", range(1, 10))
def test_a_pause_is_within_a_tenth_of_the_timetable(attempts: int) -> None:
    shortest, longest = pause(attempts, 0), pause(attempts, JITTER_STEPS - 1)
    assert shortest == timedelta(milliseconds=900 * RETRY_SECONDS[attempts])
    assert longest == timedelta(milliseconds=1100 * RETRY_SECONDS[attempts])
    assert pause(attempts, MIDDLE) != pause(attempts, 0)


@given(st.integers(1, 9), st.integers(0, JITTER_STEPS - 1))
def test_no_jitter_leaves_the_tenth(attempts: int, jitter: int) -> None:
    wait = pause(attempts, jitter)
    assert wait is not None
    assert 0.9 <= wait.total_seconds() / RETRY_SECONDS[attempts] <= 1.1


def test_after_the_last_try_there_is_no_pause() -> None:
    assert pause(10, 0) is None


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
def test_2xx_is_success(code: int) -> None:
    judged = judge(replace(ENDPOINT, failing_since=NOW, warned_at=NOW), DELIVERY, Sent(code, "ok", 1), (NOW, 0))
    assert judged.delivery.state is DeliveryState.DELIVERED
    assert (judged.delivery.attempts, judged.delivery.delivered_at) == (1, NOW)
    assert (judged.endpoint.failing_since, judged.endpoint.warned_at, judged.alarm) == (None, None, None)


@pytest.mark.parametrize("code", [None, 100, 199, 300, 301, 302, 307, 308, 400, 401, 404, 409, 429, 500, 502, 503])
def test_anything_else_is_tried_again(code: int | None) -> None:
    judged = judge(ENDPOINT, DELIVERY, Sent(code, "x", 1), (NOW, MIDDLE))
    assert judged.delivery.state is DeliveryState.WAITING
    assert timedelta(seconds=4.5) <= judged.delivery.next_at - NOW <= timedelta(seconds=5.5)
    assert judged.endpoint == replace(ENDPOINT, failing_since=NOW)
    assert (judged.delivery.last_status, judged.delivery.last_reason) == (code, "x")


def test_the_first_failure_is_remembered_until_a_success() -> None:
    since = NOW - timedelta(hours=2)
    judged = judge(replace(ENDPOINT, failing_since=since), DELIVERY, DOWN, (NOW, 0))
    assert judged.endpoint.failing_since == since
    assert judged.alarm is None


@pytest.mark.parametrize(("asked", "waits"), [(0, 5), (60, 60), (3600, 3600), (999_999, 86400)])
def test_a_receiver_may_ask_for_a_longer_pause_up_to_a_day(asked: int, waits: int) -> None:
    judged = judge(ENDPOINT, DELIVERY, Sent(429, "status", 1, b"", asked), (NOW, MIDDLE))
    assert round((judged.delivery.next_at - NOW).total_seconds()) == waits


def test_the_tenth_failure_gives_the_message_up() -> None:
    judged = judge(ENDPOINT, replace(DELIVERY, attempts=9), DOWN, (NOW, 0))
    assert (judged.delivery.state, judged.delivery.attempts) == (DeliveryState.GIVEN_UP, 10)
    assert judged.endpoint.is_enabled, "it has not failed for three days"


@pytest.mark.parametrize(
    ("hours", "attempts", "warned", "alarm"),
    [
        (23, 3, False, None),
        (24, 3, False, "failing"),
        (24, 3, True, None),
        (71, 9, True, None),
        (72, 8, True, None),
        (72, 9, True, "disabled"),
        (72, 9, False, "disabled"),
    ],
)
def test_a_warning_after_a_day_and_the_end_after_three(
    hours: int, attempts: int, warned: bool, alarm: str | None
) -> None:
    endpoint = replace(
        ENDPOINT, failing_since=NOW - timedelta(hours=hours), warned_at=NOW - timedelta(hours=1) if warned else None
    )
    judged = judge(endpoint, replace(DELIVERY, attempts=attempts), DOWN, (NOW, 0))
    assert judged.alarm == alarm
    assert judged.endpoint.is_enabled == (alarm != "disabled")
    if alarm == "disabled":
        assert (judged.endpoint.disabled_reason, judged.endpoint.disabled_at) == ("failing", NOW)
    if alarm == "failing":
        assert judged.endpoint.warned_at == NOW


def test_410_disables_at_once_and_what_waits_stays() -> None:
    judged = judge(ENDPOINT, DELIVERY, GONE, (NOW, 0))
    assert (judged.alarm, judged.endpoint.disabled_reason) == ("disabled", "gone")
    assert judged.delivery.state is DeliveryState.WAITING


def test_an_endpoint_that_is_off_is_not_switched_off_again() -> None:
    off = disable(ENDPOINT, "asked", NOW - timedelta(days=9))
    judged = judge(off, replace(DELIVERY, attempts=9), GONE, (NOW, 0))
    assert judged.alarm is None
    assert judged.endpoint == replace(off, failing_since=NOW)


def test_enabling_forgets_what_was() -> None:
    broken = disable(replace(ENDPOINT, failing_since=NOW, warned_at=NOW), "failing", NOW)
    assert enable(broken) == ENDPOINT


def secret(number: int, made_at: datetime, ends_at: datetime | None = None) -> KeptSecret:
    return KeptSecret(UUID(int=number), {"n": str(number)}, made_at, ends_at)


def test_rotation_keeps_the_old_secret_for_its_time() -> None:
    endpoint = replace(ENDPOINT, secrets=(secret(1, NOW),))
    later = NOW + timedelta(days=1)
    rotated = rotate(endpoint, secret(2, later), timedelta(hours=24))
    ends = later + timedelta(hours=24)
    assert rotated.secrets == (secret(2, later), secret(1, NOW, ends))
    assert len(rotated.secrets_in_force(ends - timedelta(seconds=1))) == 2
    assert rotated.secrets_in_force(ends) == (secret(2, later),)


def test_a_leaked_secret_ends_at_once_and_no_rotation_prolongs_another() -> None:
    soon = NOW + timedelta(hours=1)
    endpoint = replace(ENDPOINT, secrets=(secret(2, NOW), secret(1, NOW, soon)))
    assert rotate(endpoint, secret(3, NOW), timedelta(0)).secrets == (secret(3, NOW),)
    longer = rotate(endpoint, secret(3, NOW), timedelta(hours=24)).secrets
    assert [kept.ends_at for kept in longer] == [None, NOW + timedelta(hours=24), soon]


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (b"ok", "ok"),
        (b"x" * 1000, "x" * 512),
        (b"a\r\nb\x1b[31m\0c", "a  b [31m c"),
        (b"\xff\xfe", "��"),
        (b"secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw;", "secret=***;"),
        (b"Bearer sk_test_01HZY3V9Q8_x-Y end", "Bearer *** end"),
        ("好的".encode(), "好的"),
    ],
)
def test_what_is_kept_of_an_answer_is_harmless(answer: bytes, kept: str) -> None:
    assert harmless(answer) == kept

"""Staff by themselves: roles, passwords, the lock that wrong guesses close, tokens, and codes by RFC 6238."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from shunfu.merchants.model import ALL_CAPABILITIES, hash_secret
from shunfu.merchants.staff.codes import matching_step, provisioning_uri, secret_text
from shunfu.merchants.staff.model import (
    CAPABILITIES,
    IDLE,
    LOCK_SECONDS_MAX,
    is_login_name,
    is_running,
    judge_password,
    locked_until,
    read_token,
)
from shunfu.merchants.staff.passwords import Passwords

OWN_TO_PEOPLE = {"staff", "alarms", "jobs", "settings", "keys", "audit"}
"""What no API key can do anything about."""
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
RFC_SECRET = b"12345678901234567890"
"""RFC 6238, Appendix B."""


def test_only_an_owner_manages_staff_and_a_viewer_changes_nothing() -> None:
    assert [role for role, may in CAPABILITIES.items() if "staff:write" in may] == ["owner"]
    assert all(capability.endswith(":read") for capability in CAPABILITIES["viewer"])
    for role, may in CAPABILITIES.items():
        assert {one for one in may if one.partition(":")[0] not in OWN_TO_PEOPLE} <= ALL_CAPABILITIES, role
        assert not (role != "owner" and {"refunds:write", "refunds:approve"} <= may), "who asks does not approve"


@pytest.mark.parametrize(
    ("password", "verdict"),
    [
        ("eleven char", "password_short"),
        ("x" * 129, "password_short"),
        ("aaaaaaaaaaaaaaaa", "password_plain"),
        ("mei.chen@shop!", "password_plain"),
        ("咖啡店咖啡店咖啡店咖啡店", "password_plain"),
        ("correct horse battery", None),
        ("山前有一匹会付款的白马呀", None),
    ],
)
def test_a_password_is_long_and_no_name(password: str, verdict: str | None) -> None:
    assert judge_password(password, names=("mei.chen@shop", "", "咖啡店")) == verdict


def test_the_sixth_wrong_guess_costs_a_minute_and_each_more_the_double_up_to_a_quarter_of_an_hour() -> None:
    waits = [locked_until(count, NOW) for count in range(1, 13)]
    assert waits[:5] == [None] * 5
    seconds = [(wait - NOW).total_seconds() for wait in waits if wait]
    assert seconds == [60, 120, 240, 480, *([LOCK_SECONDS_MAX] * 3)]
    assert locked_until(10_000, NOW) == NOW + timedelta(seconds=LOCK_SECONDS_MAX)


def test_a_session_ends_by_age_and_by_idleness() -> None:
    ends = NOW + timedelta(hours=1)
    assert is_running(NOW, ends, NOW)
    assert not is_running(NOW, ends, NOW + IDLE)
    assert not is_running(ends, ends, ends)


@pytest.mark.parametrize("text", ["", "x" * 69, "0" * 26 + "a" * 42, "0" * 26 + "a" * 44, "O" * 26 + "a" * 43])
def test_what_is_no_token_is_none(text: str) -> None:
    assert read_token(text) is None


def test_a_token_is_its_id_and_its_secret() -> None:
    token = read_token("0" * 25 + "7" + "a" * 43)
    assert token is not None
    assert (token.token_id.int, token.text()) == (7, "0" * 25 + "7" + "a" * 43)
    assert token.matches(hash_secret("a" * 43))
    assert not token.matches(hash_secret("b" * 43))


def test_login_names() -> None:
    assert is_login_name("mei.chen+pay@shop.example")
    assert not any(map(is_login_name, ("Mei", "ab", "mei chen", "mei\n", "梅", "m" * 65)))


@pytest.mark.parametrize(("seconds", "code"), [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")])
def test_codes_of_the_rfc(seconds: int, code: str) -> None:
    assert matching_step(RFC_SECRET, code, datetime.fromtimestamp(seconds, UTC), None) == seconds // 30


@pytest.mark.parametrize(("shift", "is_taken"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_clock_may_be_half_a_minute_wrong(shift: int, is_taken: bool) -> None:
    found = matching_step(RFC_SECRET, "081804", datetime.fromtimestamp(1111111109 + shift, UTC), None)
    assert (found is not None) == is_taken


def test_a_code_is_used_once_and_none_before_it_afterwards() -> None:
    now = datetime.fromtimestamp(59, UTC)
    assert matching_step(RFC_SECRET, "287082", now, 1) is None
    assert matching_step(RFC_SECRET, "287082", now, 2) is None
    assert matching_step(RFC_SECRET, "287082", now, 0) == 1


@pytest.mark.parametrize("code", ["", "28708", "2870820", "28708a", "２８７０８２", "287083"])
def test_what_is_no_code_is_wrong(code: str) -> None:
    assert matching_step(RFC_SECRET, code, datetime.fromtimestamp(59, UTC), None) is None


def test_what_an_authenticator_scans() -> None:
    assert secret_text(RFC_SECRET) == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert provisioning_uri(RFC_SECRET, "mei@shop").startswith("otpauth://totp/Shunfu:mei%40shop?secret=GEZDGNBV")


@pytest.mark.parametrize(
    ("password", "verdict"),
    [
        ("passwordpassword", "password_common"),
        ("qwertyuiop123", "password_common"),
        ("1234567890qwerty", "password_common"),
        ("shunfushunfu1", "password_common"),
        ("P@ssw0rd2026", "password_common"),
        ("woaini1314520", "password_common"),
        ("zhoumei-zhoumei-2", "password_plain"),
        ("x" * 128, "password_plain"),
        ("correct horse battery", None),
        ("山前有一匹会付款的白马呀", None),
        ("ab3!" * 32, "password_plain"),
        ("ab3!xY" * 20, "password_common"),
    ],
)
async def test_what_everybody_tries_first_is_refused(password: str, verdict: str | None) -> None:
    found = await Passwords().judge(password, names=("zhoumei", "周梅"))
    assert found == verdict


async def test_a_long_password_is_judged_quickly() -> None:
    """zxcvbn takes the square of the length: only a beginning of bounded length is judged."""
    began = time.monotonic()
    for password in ("ab" * 64, "aB3!" * 32, "password" * 16):
        await Passwords().judge(password, names=("password" * 8,))
    assert time.monotonic() - began < 5

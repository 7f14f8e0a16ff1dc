"""The room's rules without I/O: tokens, whose an identity is, what replaces what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shunfu.kernel.secret import Secret
from shunfu.shoppers.model import (
    Address,
    ConsentFact,
    Consents,
    Identity,
    Invoice,
    PresentedSession,
    Profile,
    StoredSession,
    changed,
    hash_secret,
    latest,
    make_identity,
    merged_profile,
    newer_consents,
    phone_text,
    profile_from_json,
    profile_to_json,
    read_token,
    resolve,
    write_token,
)

MERCHANT, SESSION = UUID(int=7), UUID(int=70)
SECRET = "s" * 43
NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = Secret(b"k" * 32)
FRESH = UUID(int=99)
UUIDS = st.integers(0, (1 << 128) - 1).map(lambda number: UUID(int=number))


@given(UUIDS, UUIDS, st.text("abcXYZ019_-", min_size=43, max_size=43))
def test_a_token_is_read_as_it_was_written(merchant_id: UUID, session_id: UUID, secret: str) -> None:
    token = write_token(merchant_id, session_id, secret)
    assert len(token) == 99
    assert read_token(token) == PresentedSession(merchant_id, session_id, secret)


TOKEN = write_token(MERCHANT, SESSION, SECRET)


@pytest.mark.parametrize(
    "text",
    [
        *("", "shs_", TOKEN[:-1], f"{TOKEN}x", f" {TOKEN}", f"{TOKEN}\n", TOKEN.upper(), TOKEN.replace("shs_", "sk_")),
        TOKEN[:4] + "8" + TOKEN[5:],  # no 128 bits
        TOKEN[:4] + "I" + TOKEN[5:],
        TOKEN[:-1] + "=",
        TOKEN[:-1] + "é",
    ],
)
def test_what_is_no_token(text: str) -> None:
    assert read_token(text) is None


def test_a_session_admits_its_own_secret_until_it_ends() -> None:
    stored = StoredSession(UUID(int=1), hash_secret(SECRET), NOW + timedelta(hours=2), None)
    mine = PresentedSession(MERCHANT, SESSION, SECRET)
    assert stored.admits(mine, NOW)
    assert not stored.admits(replace(mine, secret="t" * 43), NOW)
    assert stored.admits(mine, stored.ends_at - timedelta(microseconds=1))
    assert not stored.admits(mine, stored.ends_at), "the end itself is over"
    assert not replace(stored, ended_at=NOW).admits(mine, NOW)


def identity(value: str, kind: str = "app", channel: str = "pay", app: str = "app-1") -> Identity:
    assert kind in {"app", "union"}
    return make_identity(KEY, "app" if kind == "app" else "union", (channel, app), Secret(value))


def test_an_identity_is_found_by_all_of_it_and_only_with_the_key() -> None:
    one = identity("somebody")
    assert one.lookup == identity("somebody").lookup
    others = [
        identity("somebody else"),
        identity("somebody", channel="paid"),
        identity("somebody", app="app-2"),
        identity("somebody", "union"),
        make_identity(Secret(b"o" * 32), "app", ("pay", "app-1"), Secret("somebody")),
        identity("y", app="app-1\0somebod"),
    ]
    assert len({one.lookup, *(other.lookup for other in others)}) == 7
    assert "somebody" not in repr(one)


APP, UNION = identity("openid"), identity("unionid", "union", app="")
OLD, NEW = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("told", "known", "shopper", "merged", "missing"),
    [
        ([APP], {}, None, (), {APP.lookup}),
        ([APP, UNION], {}, None, (), {APP.lookup, UNION.lookup}),
        ([APP], {APP.lookup: NEW}, NEW, (), set[bytes]()),
        ([APP, UNION], {APP.lookup: NEW}, NEW, (), {UNION.lookup}),
        ([APP, UNION], {UNION.lookup: NEW}, NEW, (), {APP.lookup}),
        ([APP, UNION], {APP.lookup: NEW, UNION.lookup: NEW}, NEW, (), set[bytes]()),
        ([APP, UNION], {APP.lookup: NEW, UNION.lookup: OLD}, OLD, (NEW,), set[bytes]()),
        ([APP, UNION], {APP.lookup: OLD, UNION.lookup: NEW}, OLD, (NEW,), set[bytes]()),
    ],
)
def test_whose_a_log_in_is(
    told: list[Identity], known: dict[bytes, UUID], shopper: UUID | None, merged: tuple[UUID, ...], missing: set[bytes]
) -> None:
    found = resolve(told, known, FRESH)
    assert (found.shopper_id, found.is_new) == (shopper or FRESH, shopper is None)
    assert found.merged_ids == merged
    assert {one.lookup for one in found.missing} == missing


ADDRESS = Address("陈梅", "13912345678", "云南省", "昆明市", "", "翠湖南路 1 号", is_default=True)
PROFILE = Profile((ADDRESS,), "13800138000", True, (Invoice("company", "山前", "91530100MA6K5H1X0Q"),))


def test_a_phone_stays_verified_only_while_it_is_the_same() -> None:
    wish = replace(PROFILE, is_phone_verified=False, addresses=())
    assert PROFILE.replaced_by(wish) == replace(wish, is_phone_verified=True)
    assert not PROFILE.replaced_by(replace(wish, phone="13800138001")).is_phone_verified
    assert not PROFILE.replaced_by(replace(wish, phone=None)).is_phone_verified
    assert not replace(PROFILE, is_phone_verified=False).replaced_by(wish).is_phone_verified
    assert not Profile().replaced_by(replace(wish, is_phone_verified=True)).is_phone_verified, (
        "nobody vouches for itself"
    )
    assert Profile().with_verified("1").is_phone_verified


def test_a_profile_comes_out_of_its_seal_as_it_went_in() -> None:
    for profile in (PROFILE, Profile()):
        assert profile_from_json(profile_to_json(profile)) == profile


def test_the_survivors_profile_counts() -> None:
    assert merged_profile(PROFILE, Profile()) is PROFILE
    assert merged_profile(None, PROFILE) is PROFILE
    assert merged_profile(None, None) is None


def fact(kind: str, minutes: int, *, is_given: bool = True) -> ConsentFact:
    assert kind in {"telemetry", "personalisation"}
    at = NOW + timedelta(minutes=minutes)
    return ConsentFact("telemetry" if kind == "telemetry" else "personalisation", is_given, at)


def test_the_last_answer_counts_and_saying_it_again_is_none() -> None:
    before = latest([fact("telemetry", 1)])
    assert before == Consents(telemetry=True, personalisation=None)
    assert changed(before, {"telemetry": True}) == []
    assert changed(before, {"telemetry": False, "personalisation": False}) == [
        ("telemetry", False),
        ("personalisation", False),
    ]


def test_of_two_who_are_one_the_newer_answer_counts() -> None:
    ours = [fact("telemetry", 1)]
    theirs = [fact("telemetry", 2, is_given=False), fact("personalisation", 0)]
    assert newer_consents(ours, theirs) == theirs
    assert newer_consents(theirs, ours) == []
    assert newer_consents([], ours) == ours


def test_a_number_from_abroad_keeps_its_country() -> None:
    assert phone_text("13800138000", "86") == "13800138000"
    assert phone_text("2025550123", "1") == "+12025550123"

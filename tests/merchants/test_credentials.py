"""API keys and checkout tokens as texts: exact forms, one side, an end, and no way to bend one into another."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from merchants.support import MERCHANT, OTHER, SIGNER
from shunfu.kernel.errors import Unauthenticated
from shunfu.kernel.ids import encode
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import Signer
from shunfu.merchants import identify_checkout, write_checkout_token
from shunfu.merchants.model import (
    ALL_CAPABILITIES,
    CHECKOUT_CAPABILITIES,
    ApiKey,
    PresentedKey,
    hash_secret,
    read_api_key,
    write_api_key,
)
from shunfu.merchants.tokens import CheckoutToken, read_checkout_token

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = "s" * 42 + "A"
KEY_ID, ORDER = UUID(int=9), UUID(int=10)
STORED = ApiKey(KEY_ID, hash_secret(SECRET), ALL_CAPABILITIES, None, None, "test")
PRESENTED = PresentedKey("test", MERCHANT, KEY_ID, SECRET)
GOOD = write_api_key("test", MERCHANT, KEY_ID, SECRET)
SECRETS = st.text("ABCXYZabcxyz0189_-", min_size=43, max_size=43)
MODES = st.sampled_from(["test", "live"])


@given(MODES, st.uuids(), st.uuids(), SECRETS)
def test_a_key_to_text_and_back(mode: Literal["test", "live"], merchant: UUID, key: UUID, secret: str) -> None:
    text = write_api_key(mode, merchant, key, secret)
    assert read_api_key(text) == PresentedKey(mode, merchant, key, secret)


def test_a_key_names_its_side_and_merchant() -> None:
    assert f"sk_test_{encode(MERCHANT)}_{encode(KEY_ID)}_{SECRET}" == GOOD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sk_",
        GOOD[:-1],
        GOOD + "A",
        GOOD + "\n",
        " " + GOOD,
        GOOD.upper(),
        GOOD.replace("sk_", "pk_"),
        GOOD.replace("test", "prod"),
        GOOD.replace("test", "TEST"),
        GOOD.replace("_", "-"),
        GOOD.replace(encode(KEY_ID), encode(KEY_ID)[:-1] + "U"),
        GOOD.replace(encode(KEY_ID), "8" + encode(KEY_ID)[1:]),
        GOOD.replace(encode(MERCHANT), "Z" * 26),
        GOOD[:-1] + "=",
        GOOD[:-1] + "文",
        GOOD[:-1] + "\0",
        "sk_test_" * 10_000,
    ],
)
def test_text_that_is_no_key(text: str) -> None:
    assert read_api_key(text) is None


@pytest.mark.parametrize(
    ("presented", "stored", "is_good"),
    [
        (PRESENTED, STORED, True),
        (replace(PRESENTED, secret="s" * 42 + "B"), STORED, False),
        (replace(PRESENTED, mode="live"), STORED, False),
        (PRESENTED, replace(STORED, mode="live"), False),
        (PRESENTED, replace(STORED, revoked_at=NOW), False),
        (PRESENTED, replace(STORED, revoked_at=NOW + timedelta(days=1)), False),
        (PRESENTED, replace(STORED, expires_at=NOW + timedelta(milliseconds=1)), True),
        (PRESENTED, replace(STORED, expires_at=NOW), False),
        (PRESENTED, replace(STORED, expires_at=NOW - timedelta(days=1)), False),
        (PRESENTED, replace(STORED, secret_sha256=b""), False),
        (PRESENTED, replace(STORED, secret_sha256=hash_secret(SECRET)[:-1]), False),
        (PRESENTED, replace(STORED, secret_sha256=SECRET.encode()), False),
    ],
)
def test_a_key_matches(presented: PresentedKey, stored: ApiKey, *, is_good: bool) -> None:
    assert presented.matches(stored, NOW) is is_good


def test_secrets_are_compared_in_constant_time() -> None:
    """The comparison is hmac.compare_digest over digests of equal length, whatever was presented."""
    assert "compare_digest" in PresentedKey.matches.__code__.co_names
    assert len(hash_secret("")) == len(hash_secret("x" * 10_000)) == 32


@given(st.uuids(), st.uuids(), st.integers(1, 10**9))
def test_a_token_to_text_and_back(merchant: UUID, order: UUID, seconds: int) -> None:
    ends = NOW + timedelta(seconds=seconds)
    token = write_checkout_token(SIGNER, merchant, order, ends)
    assert len(token) == 84
    assert read_checkout_token(SIGNER, token, NOW) == CheckoutToken(merchant, order, int(ends.timestamp()))


@pytest.mark.parametrize(
    ("seconds", "is_good"), [(-3600, True), (-1, True), (-0.001, True), (0, False), (0.001, False), (10**8, False)]
)
def test_a_token_ends(seconds: float, *, is_good: bool) -> None:
    token = write_checkout_token(SIGNER, MERCHANT, ORDER, NOW)
    told = read_checkout_token(SIGNER, token, NOW + timedelta(seconds=seconds))
    assert (told is not None) is is_good


TOKEN = write_checkout_token(SIGNER, MERCHANT, ORDER, NOW + timedelta(hours=1))


@given(st.integers(0, 83), st.characters())
def test_every_character_of_a_token_counts(place: int, character: str) -> None:
    assume(TOKEN[place] != character)
    assert read_checkout_token(SIGNER, TOKEN[:place] + character + TOKEN[place + 1 :], NOW) is None


def test_a_token_of_one_merchant_is_not_anothers() -> None:
    other = write_checkout_token(SIGNER, OTHER, ORDER, NOW + timedelta(hours=1))
    assert read_checkout_token(SIGNER, encode(OTHER) + TOKEN[26:], NOW) is None
    assert read_checkout_token(SIGNER, other[:62] + TOKEN[62:], NOW) is None
    told = read_checkout_token(SIGNER, other, NOW)
    assert told is not None
    assert told.merchant_id == OTHER


def test_a_tag_for_another_purpose_makes_no_token() -> None:
    assert read_checkout_token(SIGNER, TOKEN[:62] + SIGNER.tag("cursor", TOKEN[:62]), NOW) is None


@pytest.mark.parametrize(
    "token",
    ["", TOKEN[:-1], TOKEN + "A", TOKEN + "\n", TOKEN.lower(), "0" * 84, TOKEN * 1000, "文" * 84, "\ud800" * 84],
)
def test_a_wrong_token_is_one_answer(token: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        identify_checkout(SIGNER, token, NOW)
    with pytest.raises(Unauthenticated) as ended:
        identify_checkout(SIGNER, TOKEN, NOW + timedelta(days=1))
    assert str(caught.value) == str(ended.value)


def test_another_installations_token_is_refused() -> None:
    with pytest.raises(Unauthenticated):
        identify_checkout(Signer(Secret(b"t" * 32)), TOKEN, NOW)


def test_a_token_is_good_for_looking_and_paying_only() -> None:
    caller, order_id = identify_checkout(SIGNER, TOKEN, NOW)
    assert (caller.merchant_id, caller.kind, order_id) == (MERCHANT, "checkout", ORDER)
    assert caller.capabilities == CHECKOUT_CAPABILITIES
    assert not CHECKOUT_CAPABILITIES & ALL_CAPABILITIES

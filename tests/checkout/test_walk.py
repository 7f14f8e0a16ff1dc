"""The state of a walk: letters and digits, one tap, ten minutes, one browser."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from shunfu.checkout.walk import LIFE, Tap, is_same_browser, read_state, write_state
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import Signer

NOW = datetime(2026, 11, 28, 6, 3, tzinfo=UTC)
NONCE = "593BEC0C930BF1AFEB40B4A08C8FB242"
SIGNER = Signer(Secret(b"s" * 32))
TAP = Tap(UUID(int=1), UUID(int=2), "wechatpay/jsapi", 8600, UUID(int=3))


def test_a_state_is_what_platforms_take_and_comes_back_as_its_nonce() -> None:
    state = write_state(SIGNER, TAP, NONCE, NOW)
    assert re.fullmatch("[0-9A-Za-z]{1,128}", state)
    assert read_state(SIGNER, TAP, state, NOW) == NONCE
    assert read_state(SIGNER, TAP, state, NOW + LIFE - timedelta(seconds=1)) == NONCE


@pytest.mark.parametrize(
    "change",
    [
        {"merchant_id": UUID(int=9)},
        {"order_id": UUID(int=9)},
        {"method": "wechatpay/h5"},
        {"amount_minor": 8500},
        {"amount_minor": None},
        {"offer_id": None},
    ],
)
def test_a_state_is_of_one_tap(change: dict[str, object]) -> None:
    assert read_state(SIGNER, replace(TAP, **change), write_state(SIGNER, TAP, NONCE, NOW), NOW) is None


def test_a_state_ends_and_is_not_to_be_changed() -> None:
    state = write_state(SIGNER, TAP, NONCE, NOW)
    assert read_state(SIGNER, TAP, state, NOW + LIFE) is None
    for spoiled in ("", "x", state[:-1], state + "0", "A" + state[1:], state[:32] + "9999999999" + state[42:]):
        assert read_state(SIGNER, TAP, spoiled, NOW) is None
    assert read_state(Signer(Secret(b"t" * 32)), TAP, state, NOW) is None


def test_only_the_browser_that_left_comes_back() -> None:
    assert is_same_browser(NONCE, NONCE)
    for other in ("", NONCE[:-1], NONCE.lower(), "é" * 32):
        assert not is_same_browser(NONCE, other)

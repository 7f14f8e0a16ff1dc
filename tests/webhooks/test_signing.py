"""Signatures: the specification's own vector, a verifier written from its text, and what a secret looks like."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shunfu.kernel.secret import Secret
from shunfu.webhooks.signing import headers, read_secret, sign, write_secret
from webhooks.verifier import is_genuine

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BODY = '{"type":"order.paid","data":{"备注":"咖啡"}}'.encode()


def key_of(text: str) -> Secret[bytes]:
    key = read_secret(text)
    assert key is not None
    return key


def test_the_published_vector() -> None:
    """From the tests of the specification's own libraries; computed here once more with the standard library."""
    signed = sign(key_of(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    content = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert signed == "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def test_the_headers_of_one_try_are_accepted_by_a_receiver() -> None:
    told = headers([key_of(SECRET)], "evt_1", NOW, BODY)
    assert set(told) == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    assert told["webhook-id"] == "evt_1"
    assert told["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert is_genuine(SECRET, told, BODY, NOW.timestamp())


@pytest.mark.parametrize("change", ["id", "timestamp", "body", "secret", "late", "version"])
def test_a_receiver_refuses_what_was_changed(change: str) -> None:
    told = dict(headers([key_of(SECRET)], "evt_1", NOW, BODY))
    secret, body, now = SECRET, BODY, NOW.timestamp()
    match change:
        case "id":
            told["webhook-id"] = "evt_2"
        case "timestamp":
            told["webhook-timestamp"] = str(int(told["webhook-timestamp"]) + 1)
        case "body":
            body += b" "
        case "secret":
            secret = write_secret(Secret(b"k" * 32)).reveal()
        case "late":
            now += 301
        case _:
            told["webhook-signature"] = told["webhook-signature"].replace("v1,", "v2,")
    assert not is_genuine(secret, told, body, now)


def test_several_secrets_give_a_signature_each() -> None:
    secrets = [write_secret(Secret(bytes([number]) * 32)).reveal() for number in range(3)]
    told = headers([key_of(secret) for secret in secrets], "evt_1", NOW, BODY)
    assert len(told["webhook-signature"].split(" ")) == 3
    assert all(is_genuine(secret, told, BODY, NOW.timestamp()) for secret in secrets)
    assert not is_genuine(SECRET, told, BODY, NOW.timestamp())


@given(st.binary(min_size=24, max_size=64), st.binary(max_size=200))
def test_any_secret_and_body_verify(key: bytes, body: bytes) -> None:
    text = write_secret(Secret(key)).reveal()
    assert key_of(text).reveal() == key
    assert is_genuine(text, headers([Secret(key)], "evt_1", NOW, body), body, NOW.timestamp())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_!!!",
        "whsec_" + "A" * 28,
        "whsec_" + "A" * 92,
        "whsec_é",
    ],
)
def test_what_is_no_secret(text: str) -> None:
    assert read_secret(text) is None


def test_an_id_with_a_full_stop_is_never_signed() -> None:
    """`a.1` with the body `2` must not have the signature of `a` with the timestamp 1."""
    with pytest.raises(AssertionError):
        sign(key_of(SECRET), "evt.1", 1, b"")

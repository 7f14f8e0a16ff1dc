"""What we sign is believed only for its purpose, whole, under its key; a tag and its base 64 have one writing each."""

import hashlib
import hmac

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import TAG_BYTES, Signer, from_text, to_text

SIGNER = Signer(Secret(b"k" * 32))
PURPOSES = st.sampled_from(["cursor", "checkout", "a", "aa", ""])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)


@given(st.binary(max_size=100))
def test_bytes_to_text_and_back(value: bytes) -> None:
    text = to_text(value)
    assert "=" not in text
    assert from_text(text) == value


@given(st.text(max_size=60) | st.text("AQgw-_=+/\n ", max_size=8))
def test_only_the_writing_that_we_use_is_read(text: str) -> None:
    value = from_text(text)
    assert value is None or to_text(value) == text


@pytest.mark.parametrize(
    "text", ["A", "AB", "QR", "QQ==", "QQ=", "Q Q", "QQ\n", "QUJ+", "QUJ/", "ＱＱ", "\ud800A", "=", "A" * 5]
)
def test_text_that_is_not_canonical_is_none(text: str) -> None:
    assert from_text(text) is None


def test_the_tag_is_hmac_sha_256_cut_to_128_bits() -> None:
    expected = hmac.new(b"k" * 32, "checkout\0文".encode(), hashlib.sha256).digest()[:TAG_BYTES]
    assert SIGNER.tag("checkout", "文") == to_text(expected)
    assert len(SIGNER.tag("checkout", "文")) == 22


@given(PURPOSES, TEXTS)
def test_our_own_tag_is_genuine(purpose: str, text: str) -> None:
    assert SIGNER.is_genuine(purpose, text, SIGNER.tag(purpose, text))


@given(PURPOSES, PURPOSES, TEXTS)
def test_a_tag_is_good_for_one_purpose(purpose: str, other: str, text: str) -> None:
    assume(purpose != other)
    assert not SIGNER.is_genuine(other, text, SIGNER.tag(purpose, text))


def test_purpose_and_text_do_not_flow_into_each_other() -> None:
    assert not SIGNER.is_genuine("a", "bc", SIGNER.tag("ab", "c"))


@given(TEXTS, TEXTS)
def test_a_tag_is_good_for_one_text(text: str, other: str) -> None:
    assume(text != other)
    assert not SIGNER.is_genuine("cursor", other, SIGNER.tag("cursor", text))


@given(TEXTS)
def test_another_key_makes_another_tag(text: str) -> None:
    assert not Signer(Secret(b"l" * 32)).is_genuine("cursor", text, SIGNER.tag("cursor", text))


@given(st.integers(0, 21), st.characters())
def test_every_character_of_the_tag_counts(place: int, character: str) -> None:
    tag = SIGNER.tag("cursor", "x")
    assume(tag[place] != character)
    assert not SIGNER.is_genuine("cursor", "x", tag[:place] + character + tag[place + 1 :])


@pytest.mark.parametrize("tag", ["", "A", "=" * 22, "A" * 22, "A" * 100_000, "\0" * 22, "文" * 22, "\ud800" * 22])
def test_hostile_tags_are_refused(tag: str) -> None:
    assert not SIGNER.is_genuine("cursor", "x", tag)


@pytest.mark.parametrize("tail", ["=", "==", "\n", " ", "A"])
def test_a_tag_with_something_behind_it_is_refused(tail: str) -> None:
    assert not SIGNER.is_genuine("cursor", "x", SIGNER.tag("cursor", "x") + tail)


def test_the_key_does_not_print() -> None:
    assert "kkk" not in repr(SIGNER)

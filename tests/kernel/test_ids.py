"""Ids survive the trip to text and back, sort by time in both forms, and nothing that only looks like one is taken."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shunfu.kernel.ids import ALPHABET, PLATFORM, decode, encode, make_id, parse_public, public

UUIDS = st.uuids() | st.integers(0, (1 << 128) - 1).map(lambda number: UUID(int=number))
MILLISECONDS = st.integers(0, (1 << 48) - 1)
ENTROPY = st.binary(min_size=10, max_size=16)
GOOD = encode(UUID(int=0x0198_7654_3210_7ABC_8DEF_0123_4567_89AB))


@given(UUIDS)
def test_text_and_back(value: UUID) -> None:
    text = encode(value)
    assert len(text) == 26
    assert set(text) <= set(ALPHABET)
    assert decode(text) == value
    assert parse_public("ord", public("ord", value)) == value


@given(st.text(ALPHABET, min_size=26, max_size=26))
def test_one_id_has_one_text(text: str) -> None:
    value = decode(text)
    assert value is None or encode(value) == text
    assert (value is None) == (text[0] > "7")


@given(UUIDS, UUIDS)
def test_texts_sort_as_ids_do(first: UUID, second: UUID) -> None:
    assert (encode(first) < encode(second)) == (first < second)


@given(MILLISECONDS, MILLISECONDS, ENTROPY, ENTROPY)
def test_a_later_id_sorts_after(first: int, second: int, one: bytes, other: bytes) -> None:
    early, late = make_id(min(first, second), one), make_id(max(first, second), other)
    if first != second:
        assert early < late
        assert encode(early) < encode(late)


@given(MILLISECONDS, ENTROPY)
def test_made_ids_are_uuid_version_7(now: int, entropy: bytes) -> None:
    made = make_id(now, entropy)
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == now


@given(MILLISECONDS, st.binary(min_size=10, max_size=10))
def test_74_random_bits_reach_the_id(now: int, entropy: bytes) -> None:
    flipped = bytes([*entropy[:-1], entropy[-1] ^ 1])
    assert make_id(now, entropy) != make_id(now, flipped)


@pytest.mark.parametrize(("now", "entropy"), [(-1, bytes(10)), (1 << 48, bytes(10)), (0, bytes(9))])
def test_an_id_is_not_made_from_too_little(now: int, entropy: bytes) -> None:
    with pytest.raises(AssertionError):
        make_id(now, entropy)


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD[:-1],
        GOOD + "0",
        GOOD + "\n",
        " " + GOOD[1:],
        GOOD.lower(),
        "8" + GOOD[1:],
        "Z" * 26,
        *(GOOD[:-1] + letter for letter in "ILOU-_ \0"),
        "０" * 26,
        "٠" * 26,
        GOOD[:-1] + "\ud800",
        "0" * 100_000,
        str(PLATFORM),
    ],
)
def test_hostile_text_is_no_id(text: str) -> None:
    assert decode(text) is None
    assert parse_public("ord", f"ord_{text}") is None


@pytest.mark.parametrize(
    "text", ["", GOOD, f"_{GOOD}", f"pay_{GOOD}", f"ORD_{GOOD}", f"ord-{GOOD}", f"ord__{GOOD}", f"ord_ord_{GOOD}"]
)
def test_another_prefix_is_refused(text: str) -> None:
    assert parse_public("ord", text) is None


def test_the_platform_is_the_nil_uuid() -> None:
    assert encode(PLATFORM) == "0" * 26
    assert decode("0" * 26) == PLATFORM

"""An envelope opens at its own place under its own key, whole; anything else is EnvelopeBroken and never plaintext."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import assume, given
from hypothesis import strategies as st

from merchants.support import CANARY, KEY, OTHER, OTHER_KEY, PLACE
from shunfu.kernel.signing import from_text, to_text
from shunfu.merchants.envelope import EnvelopeBroken, Key, Place, seal, sealing_key_id, unseal

NONCE = bytes(range(12))
SEALED = seal(KEY, PLACE, CANARY.encode(), NONCE)
PLACES = st.builds(Place, st.uuids(), st.sampled_from(["a", "channel_accounts"]), st.sampled_from(["b"]), st.uuids())


@given(PLACES, st.binary(max_size=200), st.binary(min_size=12, max_size=12))
def test_sealed_and_opened(place: Place, plaintext: bytes, nonce: bytes) -> None:
    sealed = json.loads(json.dumps(seal(KEY, place, plaintext, nonce)))
    assert unseal(KEY, place, sealed) == plaintext


def test_the_format_is_version_1() -> None:
    assert sorted(SEALED) == ["a", "c", "k", "n", "v"]
    assert SEALED["v"] == 1
    assert SEALED["k"] == str(KEY.key_id)
    assert SEALED["n"] == to_text(NONCE)
    assert SEALED["a"] == f"{PLACE.merchant_id}|channel_accounts|sealed|{PLACE.row_id}|1"
    ciphertext = from_text(str(SEALED["c"]))
    assert ciphertext is not None
    assert len(ciphertext) == len(CANARY) + 16
    assert AESGCM(b"k" * 32).decrypt(NONCE, ciphertext, str(SEALED["a"]).encode()) == CANARY.encode()
    assert CANARY not in json.dumps(SEALED)


@given(st.sampled_from("ackn"), st.data())
def test_a_changed_character_anywhere_breaks_it(field: str, data: st.DataObject) -> None:
    text = str(SEALED[field])
    place = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.characters(exclude_categories=["Cs"]))
    assume(text[place] != character)
    changed = {**SEALED, field: text[:place] + character + text[place + 1 :]}
    with pytest.raises(EnvelopeBroken):
        unseal(KEY, PLACE, changed)


@given(st.integers(0, len(CANARY) + 15), st.integers(1, 255))
def test_a_changed_byte_of_the_ciphertext_breaks_it(place: int, flip: int) -> None:
    ciphertext = bytearray(from_text(str(SEALED["c"])) or b"")
    ciphertext[place] ^= flip
    with pytest.raises(EnvelopeBroken):
        unseal(KEY, PLACE, {**SEALED, "c": to_text(bytes(ciphertext))})


@pytest.mark.parametrize("field", ["v", "k", "n", "c", "a"])
@pytest.mark.parametrize("value", [None, "", 0, 2, "1", [], {}, "A" * 10_000, "\ud800", "文"])
def test_a_field_of_another_kind_breaks_it(field: str, value: object) -> None:
    with pytest.raises(EnvelopeBroken):
        unseal(KEY, PLACE, {**SEALED, field: value})


@pytest.mark.parametrize("field", ["v", "k", "n", "c", "a"])
def test_a_missing_field_breaks_it(field: str) -> None:
    with pytest.raises(EnvelopeBroken):
        unseal(KEY, PLACE, {name: value for name, value in SEALED.items() if name != field})


@pytest.mark.parametrize(
    "place",
    [
        replace(PLACE, merchant_id=OTHER),
        replace(PLACE, row_id=UUID(int=71)),
        replace(PLACE, table="data_keys"),
        replace(PLACE, column="wrapped"),
    ],
)
@pytest.mark.parametrize("is_relabelled", [False, True])
def test_it_does_not_open_elsewhere(place: Place, *, is_relabelled: bool) -> None:
    """Also when the copied envelope says that it belongs there."""
    copied = {**SEALED, "a": place.text()} if is_relabelled else SEALED
    with pytest.raises(EnvelopeBroken):
        unseal(KEY, place, copied)


@pytest.mark.parametrize("key", [OTHER_KEY, Key(OTHER_KEY.key_id, KEY.value), Key(KEY.key_id, OTHER_KEY.value)])
def test_another_key_does_not_open_it(key: Key) -> None:
    with pytest.raises(EnvelopeBroken):
        unseal(key, PLACE, SEALED)
    with pytest.raises(EnvelopeBroken):
        unseal(KEY, PLACE, {**SEALED, "k": str(OTHER_KEY.key_id)})


@pytest.mark.parametrize("nonce", [b"", bytes(11), bytes(13), bytes(16)])
def test_a_nonce_is_twelve_bytes(nonce: bytes) -> None:
    with pytest.raises(AssertionError):
        seal(KEY, PLACE, b"", nonce)


@pytest.mark.parametrize("envelope", [{}, {"k": None}, {"k": "x"}, {"k": 1}])
def test_an_envelope_names_its_key(envelope: dict[str, object]) -> None:
    assert sealing_key_id(SEALED) == KEY.key_id
    with pytest.raises(EnvelopeBroken):
        sealing_key_id(envelope)


def test_the_fault_does_not_tell_the_plaintext() -> None:
    with pytest.raises(EnvelopeBroken) as caught:
        unseal(OTHER_KEY, PLACE, SEALED)
    assert CANARY not in str(caught.value)
    assert "kkk" not in repr(KEY)

"""The key file is the owner's alone, is never replaced, and says what to do when it cannot be used."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from db.support import manual
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.signing import to_text
from shunfu.merchants import make_key_file, read_key_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A key file that was just made."""
    made = tmp_path / "keys.json"
    make_key_file(made, manual()[1])
    return made


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = tmp_path / "new folder" / "keys.json"
        make_key_file(path, manual()[1])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    ring = read_key_file(path)
    assert list(ring.keys) == [ring.active]
    assert len(ring.keys[ring.active].value.reveal()) == 32
    assert len(ring.signer.key.reveal()) == 32
    assert ring.signer.key.reveal() != ring.keys[ring.active].value.reveal()


def test_two_installations_share_no_key(tmp_path: Path, path: Path) -> None:
    other = tmp_path / "other.json"
    make_key_file(other, manual()[1])
    first, second = read_key_file(path), read_key_file(other)
    assert first.active != second.active
    assert first.signer.key.reveal() != second.signer.key.reveal()


def test_it_is_read_the_same_again(path: Path) -> None:
    first, second = read_key_file(path), read_key_file(path)
    assert first.keys[first.active].value.reveal() == second.keys[second.active].value.reveal()
    assert first.signer.tag("a", "b") == second.signer.tag("a", "b")


def test_it_is_never_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        make_key_file(path, manual()[1])
    assert path.read_bytes() == before


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    link, target = tmp_path / "keys.json", tmp_path / "elsewhere"
    link.symlink_to(target)
    with pytest.raises(FileExistsError):
        make_key_file(link, manual()[1])
    assert not target.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o601, 0o610, 0o666])
def test_one_that_others_can_read_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(SetupFault, match="chmod 600"):
        read_key_file(path)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_one_for_its_owner_is_taken(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert read_key_file(path).keys


def test_a_missing_one_says_so(tmp_path: Path) -> None:
    with pytest.raises(SetupFault, match="is missing"):
        read_key_file(tmp_path / "keys.json")


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupFault):
        read_key_file(tmp_path)


KEY = to_text(b"k" * 32)
NAME = "01900000-0000-7000-8000-000000000001"
GOOD: dict[str, object] = {"version": 1, "active": NAME, "keys": {NAME: KEY}, "signing": KEY}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\0",
        b"{",
        b"[]",
        b"1",
        b"null",
        json.dumps(GOOD).encode()[:-10],
        *(json.dumps({key: value for key, value in GOOD.items() if key != gone}).encode() for gone in GOOD),
        *(
            json.dumps({**GOOD, **change}).encode()
            for change in (
                {"version": 2},
                {"version": "1"},
                {"active": "01900000-0000-7000-8000-000000000002"},
                {"active": "x"},
                {"keys": {}},
                {"keys": [KEY]},
                {"keys": {"x": KEY}},
                {"keys": {NAME: to_text(b"k" * 31)}},
                {"keys": {NAME: to_text(b"k" * 33)}},
                {"keys": {NAME: KEY + "="}},
                {"keys": {NAME: None}},
                {"signing": ""},
                {"signing": None},
                {"signing": to_text(b"k" * 16)},
            )
        ),
    ],
)
def test_a_damaged_one_is_refused_without_printing_it(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(SetupFault, match="damaged") as caught:
        read_key_file(path)
    assert KEY not in str(caught.value)


def test_the_table_begins_from_a_good_one(path: Path) -> None:
    path.write_text(json.dumps(GOOD))
    assert str(read_key_file(path).active) == NAME


def test_a_ring_does_not_print_its_keys(path: Path) -> None:
    told = json.loads(path.read_text())
    shown = repr(read_key_file(path))
    assert told["signing"] not in shown
    assert repr(read_key_file(path).signer.key.reveal()) not in shown

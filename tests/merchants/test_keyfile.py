"""The key file is the owner's alone, is never replaced, and says what to do when it cannot be used."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from db.support import START, manual
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.ids import PLATFORM
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import to_text
from shunfu.merchants import (
    KeyRing,
    key_text,
    lock_key_file,
    make_key_file,
    new_key,
    read_key_file,
    read_key_text,
    replace_key_file,
)
from shunfu.merchants.envelope import EnvelopeBroken, Place


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
AGED = {"key": KEY, "made": "2026-11-01T00:00:00Z"}
GOOD_2: dict[str, object] = {
    "version": 2,
    "active": NAME,
    "keys": {NAME: AGED},
    "signing": [{**AGED, "until": None}, {"key": to_text(b"o" * 32), "made": None, "until": "2026-12-01T00:00:00Z"}],
}


BROKEN_1: tuple[dict[str, object], ...] = (
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
BROKEN_2: tuple[dict[str, object], ...] = (
    {"version": 1},
    {"version": 3},
    {"active": "01900000-0000-7000-8000-000000000002"},
    {"keys": {NAME: KEY}},
    {"keys": {NAME: {"key": KEY}}},
    {"keys": {NAME: {**AGED, "key": to_text(b"k" * 31)}}},
    {"keys": {NAME: {**AGED, "made": "yesterday"}}},
    {"keys": {NAME: {**AGED, "made": "2026-11-01T00:00:00"}}},
    {"signing": []},
    {"signing": KEY},
    {"signing": [AGED]},
    {"signing": [{**AGED, "until": 5}]},
)


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
        *(json.dumps({**GOOD, **change}).encode() for change in BROKEN_1),
        *(json.dumps({key: value for key, value in GOOD_2.items() if key != gone}).encode() for gone in GOOD_2),
        *(json.dumps({**GOOD_2, **change}).encode() for change in BROKEN_2),
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
    ring = read_key_file(path)
    texts = [one["key"] for one in (*told["signing"], *told["keys"].values())]
    assert len(texts) == 2
    for shown in (repr(ring), repr(ring.contents), repr(ring.signer), str(key_text(ring.contents))):
        assert not any(text in shown for text in texts)
        assert repr(ring.signer.key.reveal()) not in shown


def test_the_second_version_begins_from_a_good_one_too(path: Path) -> None:
    path.write_text(json.dumps(GOOD_2))
    ring = read_key_file(path)
    assert str(ring.active) == NAME
    assert ring.made(ring.active) == datetime(2026, 11, 1, tzinfo=UTC)
    assert len(ring.signer.older) == 1
    tag = ring.signer.tag("a", "b")
    path.write_text(json.dumps({**GOOD_2, "signing": [GOOD_2["signing"][0]]}))  # pyright: ignore[reportIndexIssue]
    assert read_key_file(path).signer.tag("a", "b") == tag, "the first signs"


def test_a_key_of_the_first_version_tells_its_age_by_its_id(path: Path) -> None:
    path.write_text(json.dumps({**GOOD, "active": str(uuid := manual()[1].new_id()), "keys": {str(uuid): KEY}}))
    ring = read_key_file(path)
    made = ring.made(uuid)
    assert made is not None
    assert abs(made - START) < timedelta(seconds=1)
    path.write_text(json.dumps({**GOOD, "active": str(UUID(int=1)), "keys": {str(UUID(int=1)): KEY}}))
    assert read_key_file(path).made(UUID(int=1)) is None


def test_what_is_written_is_read_back(path: Path) -> None:
    contents = read_key_file(path).contents
    again = read_key_text(key_text(contents), "it")
    assert key_text(again).reveal() == key_text(contents).reveal()
    assert again.made == contents.made


def test_a_text_that_is_none_says_where_it_was_and_not_what(path: Path) -> None:
    with pytest.raises(SetupFault, match="SHUNFU_KEYS") as caught:
        read_key_text(Secret("{" + KEY), "SHUNFU_KEYS")
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_it_is_replaced_whole_and_stays_its_owners(path: Path) -> None:
    source = manual()[1]
    before = read_key_file(path).contents
    path.with_name(f"{path.name}.{os.getpid()}.new").write_text("what a crash left")
    replace_key_file(path, before, before.with_key(new_key(source), source.now()))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert set(before.keys) < set(read_key_file(path).keys)


def test_one_that_cannot_be_replaced_stays_as_it_was(tmp_path: Path, path: Path) -> None:
    folder = tmp_path / "gone" / "keys.json"
    contents = read_key_file(path).contents
    with pytest.raises(SetupFault, match="is missing"):
        replace_key_file(folder, contents, contents)
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    beside.mkdir()
    before = path.read_bytes()
    with pytest.raises(SetupFault, match="cannot be written"):
        replace_key_file(path, contents, contents)
    assert path.read_bytes() == before


def test_a_change_of_stale_contents_is_refused_and_loses_no_key(path: Path) -> None:
    source = manual()[1]
    before = read_key_file(path).contents
    first, second = new_key(source), new_key(source)
    replace_key_file(path, before, before.with_key(first, source.now()))
    with pytest.raises(SetupFault, match="changed by another command"):
        replace_key_file(path, before, before.with_key(second, source.now()))
    assert set(read_key_file(path).keys) == {*before.keys, first.key_id}


def test_one_command_at_a_time_holds_the_key_file(path: Path) -> None:
    with lock_key_file(path):
        with pytest.raises(SetupFault, match="at work"), lock_key_file(path):
            pass
        assert stat.S_IMODE(path.with_name(f"{path.name}.lock").stat().st_mode) == 0o600
    with lock_key_file(path):
        pass
    folder = path.parent / "gone"
    with pytest.raises(SetupFault, match="cannot be opened"), lock_key_file(folder / "keys.json"):
        pass


def test_the_key_that_wraps_is_never_dropped(path: Path) -> None:
    contents = read_key_file(path).contents
    with pytest.raises(AssertionError):
        contents.without_keys(frozenset({contents.active}))


async def test_a_ring_follows_its_file(path: Path) -> None:
    source = manual()[1]
    old, server = read_key_file(path), read_key_file(path)
    link = server.signer
    place, nonce = Place(PLATFORM, "t", "c", UUID(int=1)), b"n" * 12
    early = await old.wrap(place, b"early", nonce)
    replace_key_file(path, old.contents, old.contents.with_key(new_key(source), source.now()))
    late = await server.wrap(place, b"late", nonce)
    assert late["k"] != early["k"], "a ring looks before it wraps"
    assert await old.unwrap(place, late) == b"late", "and when an envelope names a key that it does not know"
    assert await server.unwrap(place, early) == b"early"
    assert server.signer is link
    fixed = KeyRing(old.contents.without_keys(frozenset()).keys, old.active, old.signer)
    replace_key_file(path, old.contents, old.contents.with_key(new_key(source), source.now()))
    assert not fixed.refresh()
    with pytest.raises(EnvelopeBroken, match="key file"):
        await fixed.unwrap(place, await server.wrap(place, b"later", nonce))


def test_a_ring_that_cannot_read_its_file_wraps_nothing(path: Path) -> None:
    ring = read_key_file(path)
    path.write_text("{")
    with pytest.raises(SetupFault, match="damaged"):
        asyncio.run(ring.wrap(Place(PLATFORM, "t", "c", UUID(int=1)), b"x", b"n" * 12))
    path.unlink()
    with pytest.raises(SetupFault, match="missing"):
        ring.refresh()

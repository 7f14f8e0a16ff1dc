"""The installation's key file: key encryption keys and signing keys, JSON, mode 0600, made at set-up.

Losing it loses every stored credential; `doctor` says so. Never in the same backup as the database.
Version 2: `active` names the key that wraps now, `keys` are {id: {key, made}}, `signing` is a list of {key, made,
until}: the first signs, the others are believed until they are dropped. Version 1 had no times and one signing key;
it is still read. The same text can stand in an environment variable.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from uuid import UUID

from shunfu.kernel.clock import Source, rfc3339
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import Signer, from_text, to_text
from shunfu.merchants.envelope import KEY_BYTES, Key

TEXT_MAX = 1 << 20
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs tokens and cursors. `until`: since a newer one signs, it is believed until then at least."""

    value: Secret[bytes]
    made: datetime | None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyContents:
    """What a key file holds. `made` knows the age of the key encryption keys; the first of `signing` signs."""

    keys: Mapping[UUID, Key]
    active: UUID
    signing: tuple[SigningKey, ...]
    made: Mapping[UUID, datetime]

    def signer(self) -> Signer:
        """Signs under the newest key and believes all of them."""
        first, *others = (one.value for one in self.signing)
        return Signer(first, tuple(others))

    def with_key(self, key: Key, made: datetime) -> KeyContents:
        """One more key encryption key, which wraps from now on."""
        return replace(
            self,
            keys={**self.keys, key.key_id: key},
            active=key.key_id,
            made={**self.made, key.key_id: made},
        )

    def without_keys(self, gone: frozenset[UUID]) -> KeyContents:
        """These key encryption keys dropped, never the active one."""
        assert self.active not in gone, "what wraps now is not dropped"
        keys = {key_id: key for key_id, key in self.keys.items() if key_id not in gone}
        return replace(self, keys=keys, made={key_id: at for key_id, at in self.made.items() if key_id in keys})

    def with_waiting(self, fresh: KeyContents) -> KeyContents:
        """The keys of fresh contents added last: they open and are believed, but neither wrap nor sign yet."""
        return replace(
            self,
            keys={**self.keys, **fresh.keys},
            signing=(*self.signing, fresh.signing[0]),
            made={**self.made, **fresh.made},
        )

    @property
    def waiting_key(self) -> UUID | None:
        """The key encryption key that was added and does not wrap yet: it stands last, and is not active."""
        last = list(self.keys)[-1]
        return None if last == self.active else last

    @property
    def has_waiting_signing_key(self) -> bool:
        """Whether a signing key was added that does not sign yet: it stands last, and no newer one replaced it."""
        return len(self.signing) > 1 and self.signing[-1].until is None

    def with_last_signing(self, until: datetime) -> KeyContents:
        """Signs with the key that waited, and believes the one before until a time."""
        assert self.has_waiting_signing_key, "a key that still has its time before it"
        former, *older, fresh = self.signing
        return replace(self, signing=(fresh, replace(former, until=until), *older))


def new_contents(source: Source) -> KeyContents:
    """A fresh key of each kind."""
    key = new_key(source)
    now = source.now()
    signing = SigningKey(Secret(source.entropy.take(KEY_BYTES)), now)
    return KeyContents({key.key_id: key}, key.key_id, (signing,), {key.key_id: now})


def new_key(source: Source) -> Key:
    """A fresh key encryption key."""
    return Key(source.new_id(), Secret(source.entropy.take(KEY_BYTES)))


def make_key_file(path: Path, source: Source) -> None:
    """Write a new key file that only its owner can read. Raises FileExistsError rather than replace one."""
    write_new_key_file(path, new_contents(source))


def write_new_key_file(path: Path, contents: KeyContents) -> None:
    """Write contents to a path where no file is. Raises FileExistsError rather than replace one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = _draft(path, contents)
    try:
        os.link(draft, path)  # whole or not at all, and never in place of another
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def replace_key_file(path: Path, before: KeyContents, contents: KeyContents) -> None:
    """Put contents in place of a key file, whole or not at all, brought to the disk before it counts.

    Raises SetupFault when the file no longer holds `before`, which the change is based on: no other's key is lost.
    The owner stays the same, so that root may do it for the user whom the server runs as.
    """
    if key_text(read_key_contents(path)).reveal() != key_text(before).reveal():
        raise SetupFault(f"The key file {path} was changed by another command meanwhile. Run this again.")
    draft = _draft(path, contents)
    try:
        owner = path.stat()
        if (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(draft, owner.st_uid, owner.st_gid)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise SetupFault(f"The key file {path} cannot be replaced ({error.strerror}). Run as its owner.") from error
    _sync_folder(path.parent)


def read_key_contents(path: Path) -> KeyContents:
    """Read the key file. Raises SetupFault when it is missing, readable by others, or not a key file."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise SetupFault(
            f"The key file {path} is missing. Restore it from its backup; new data needs `shunfu up` to make one."
        ) from error
    except OSError as error:
        raise SetupFault(f"The key file {path} cannot be read ({error.strerror}). Run as its owner.") from error
    if mode & 0o077:
        raise SetupFault(f"The key file {path} can be read by others (mode {mode:04o}). Run: chmod 600 {path}")
    try:
        return _parse(json.loads(content[:TEXT_MAX]))
    except _UNREADABLE:
        raise SetupFault(f"The key file {path} is damaged. Restore it from its backup.") from None


def read_key_text(text: Secret[str], where: str) -> KeyContents:
    """Read a key file's text from elsewhere. Raises SetupFault, which names `where` and never shows the text."""
    try:
        return _parse(json.loads(text.reveal()[:TEXT_MAX]))
    except _UNREADABLE:
        raise SetupFault(f"{where} does not hold the text of a key file.") from None


def key_text(contents: KeyContents) -> Secret[str]:
    """The text of a key file, version 2."""
    keys = {
        str(key_id): {"key": to_text(key.value.reveal()), "made": _written(contents.made.get(key_id))}
        for key_id, key in contents.keys.items()
    }
    signing = [
        {"key": to_text(one.value.reveal()), "made": _written(one.made), "until": _written(one.until)}
        for one in contents.signing
    ]
    return Secret(json.dumps({"version": 2, "active": str(contents.active), "keys": keys, "signing": signing}))


def _draft(path: Path, contents: KeyContents) -> Path:
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        draft.unlink(missing_ok=True)  # what a crash left
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key_text(contents).reveal())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        with suppress(OSError):  # the first error is the one to tell
            draft.unlink(missing_ok=True)
        raise SetupFault(f"A key file cannot be written beside {path} ({error.strerror}).") from error
    return draft


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parse(told: object) -> KeyContents:
    content = cast("dict[str, object]", told)
    if content["version"] not in {1, 2}:
        raise ValueError("unknown key file version")
    read = _keys_1 if content["version"] == 1 else _keys_2
    keys, made, signing = read(content)
    active = UUID(str(content["active"]))
    if active not in keys or not signing:
        raise ValueError("the active key is not in the file")
    return KeyContents(keys, active, signing, made)


Parsed = tuple[dict[UUID, Key], dict[UUID, datetime], tuple[SigningKey, ...]]


def _keys_1(content: dict[str, object]) -> Parsed:
    """Version 1: a key's age is told by its id, which was made with it."""
    keys = {
        UUID(key_id): Key(UUID(key_id), Secret(_key_bytes(text)))
        for key_id, text in cast("dict[str, str]", content["keys"]).items()
    }
    made = {key_id: at for key_id in keys if (at := _made_by_id(key_id)) is not None}
    signing = SigningKey(Secret(_key_bytes(str(content["signing"]))), min(made.values(), default=None))
    return keys, made, (signing,)


def _keys_2(content: dict[str, object]) -> Parsed:
    told = cast("dict[str, dict[str, str | None]]", content["keys"])
    keys = {UUID(name): Key(UUID(name), Secret(_key_bytes(str(one["key"])))) for name, one in told.items()}
    made = {UUID(name): at for name, one in told.items() if (at := _time(one["made"])) is not None}
    signing = tuple(
        SigningKey(Secret(_key_bytes(str(one["key"]))), _time(one["made"]), _time(one["until"]))
        for one in cast("list[dict[str, str | None]]", content["signing"])
    )
    return keys, made, signing


def _made_by_id(key_id: UUID) -> datetime | None:
    """RFC 9562 section 5.7: the first 48 bits of such an id are milliseconds."""
    return datetime.fromtimestamp((key_id.int >> 80) / 1000, UTC) if key_id.version == 7 else None


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    told = datetime.fromisoformat(text)
    if told.tzinfo is None:
        raise ValueError("a time without a zone")
    return told


def _written(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)


def _key_bytes(text: str) -> bytes:
    value = from_text(text)
    if value is None or len(value) != KEY_BYTES:
        raise ValueError("a key is 32 bytes")
    return value

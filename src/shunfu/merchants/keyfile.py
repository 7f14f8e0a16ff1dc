"""The installation's key file: key encryption keys and the signing key, JSON, mode 0600, made at set-up.

Losing it loses every stored credential; `doctor` says so. Never in the same backup as the database.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from uuid import UUID

from shunfu.kernel.clock import Source
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import Signer, from_text, to_text
from shunfu.merchants.envelope import KEY_BYTES, Key


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Key encryption keys by id, which of them seals now, and the signer for tokens and cursors."""

    keys: dict[UUID, Key]
    active: UUID
    signer: Signer


def make_key_file(path: Path, source: Source) -> None:
    """Write a new key file that only its owner can read. Raises FileExistsError rather than replace one."""
    key_id = source.new_id()
    content = {
        "version": 1,
        "active": str(key_id),
        "keys": {str(key_id): to_text(source.entropy.take(KEY_BYTES))},
        "signing": to_text(source.entropy.take(KEY_BYTES)),
    }
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{key_id}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # whole or not at all, and never in place of another
    finally:
        draft.unlink()


def read_key_file(path: Path) -> KeyRing:
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
        return _parse(cast("dict[str, object]", json.loads(content)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SetupFault(f"The key file {path} is damaged. Restore it from its backup.") from error


def _parse(content: dict[str, object]) -> KeyRing:
    if content["version"] != 1:
        raise ValueError("unknown key file version")
    keys = {
        UUID(key_id): Key(UUID(key_id), Secret(_key_bytes(text)))
        for key_id, text in cast("dict[str, str]", content["keys"]).items()
    }
    active = UUID(str(content["active"]))
    if active not in keys:
        raise ValueError("the active key is not in the file")
    return KeyRing(keys, active, Signer(Secret(_key_bytes(str(content["signing"])))))


def _key_bytes(text: str) -> bytes:
    value = from_text(text)
    if value is None or len(value) != KEY_BYTES:
        raise ValueError("a key is 32 bytes")
    return value

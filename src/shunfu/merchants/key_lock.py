"""One command at a time changes a key file: a lock on a file beside it, which ends with the process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from shunfu.kernel.errors import SetupFault


@contextmanager
def lock_key_file(path: Path) -> Generator[None]:
    """Hold `<key file>.lock` for oneself. Raises SetupFault while another command holds it, without waiting."""
    file = path.with_name(f"{path.name}.lock")
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SetupFault(f"{file} cannot be opened ({error.strerror}). Run as the key file's owner.") from error
    try:
        _take(descriptor, file)
        _give_to_owner(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, file: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise SetupFault(f"Another `shunfu keys` command is at work (it holds {file}). Run this after it.") from error


def _give_to_owner(descriptor: int, path: Path) -> None:
    """What root has made the key file's owner can lock the next time, too."""
    owner = path.stat()
    if os.geteuid() == 0 and os.fstat(descriptor).st_uid != owner.st_uid:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)

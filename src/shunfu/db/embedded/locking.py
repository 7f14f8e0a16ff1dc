"""A file that one process holds: the server's, so that two never run on one folder, and the backups'.

The lock ends with the process, however it ends.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from shunfu.kernel.errors import SetupFault


def lock_out_others(file: Path, deed: str) -> IO[str]:
    """Lock a file until the answer is closed; when another holds it, `SetupFault` with its id and deed."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    stream = os.fdopen(descriptor, "r+")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = stream.read().strip() or "unknown"
        stream.close()
        raise SetupFault(f"process {holder} already {deed}") from error
    stream.truncate(0)
    stream.write(str(os.getpid()))
    stream.flush()
    return stream


def is_held(file: Path) -> bool:
    """Whether a process holds the lock. FileNotFoundError and PermissionError are the caller's to explain."""
    descriptor = os.open(file, os.O_RDWR | os.O_NOFOLLOW)
    with os.fdopen(descriptor) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False

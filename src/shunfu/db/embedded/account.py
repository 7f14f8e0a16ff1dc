"""Whose the server's files are: choose the user, make folders and files, and prove that the user can reach them.

Never makes a user and never changes a folder that we did not make.
"""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from shunfu.db.embedded.settings import EmbeddedSettings
from shunfu.kernel.errors import SetupFault


@dataclass(frozen=True, slots=True)
class Account:
    """The user that the server runs as. `is_other`: we are root and it is not us."""

    name: str
    uid: int
    gid: int
    is_other: bool


def choose_account(settings: EmbeddedSettings) -> Account:
    """The user for the server; `SetupFault` when none fits or the wish cannot be granted."""
    if os.geteuid() != 0:
        me = pwd.getpwuid(os.geteuid())
        if settings.user not in {None, me.pw_name}:
            raise SetupFault(
                f"only root can run PostgreSQL as {settings.user}; leave the user out to run it as {me.pw_name}"
            )
        return Account(me.pw_name, me.pw_uid, me.pw_gid, is_other=False)
    return _choose_for_root(settings)


def _choose_for_root(settings: EmbeddedSettings) -> Account:
    if settings.user is not None:
        candidates = (settings.user,)
    else:
        candidates = ("postgres", "nobody") if settings.allow_nobody else ("postgres",)
    for name in candidates:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid == 0:
            raise SetupFault("PostgreSQL refuses to run as root: name another user with --user")
        if name == "nobody" and not settings.allow_nobody:
            raise SetupFault(
                "the user nobody is shared by many programs and must not own payments: name another with --user"
            )
        return Account(name, entry.pw_uid, entry.pw_gid, is_other=True)
    raise SetupFault(f"this system has no user {' or '.join(candidates)}: name an existing one with --user")


def make_folder(folder: Path, account: Account | None = None) -> None:
    """Make a folder of ours: 0755 and ours, or, with an account, 0700 and its own. An existing one is checked only."""
    if not folder.exists():
        parents = [parent for parent in reversed(folder.parents) if not parent.exists()]
        for each in (*parents, folder):
            each.mkdir(mode=0o755)
            each.chmod(0o755)  # whatever the umask says: the server's user must be able to pass
        if account is not None:
            folder.chmod(0o700)
            os.chown(folder, account.uid, account.gid)
        return
    status = folder.lstat()
    owner = account.uid if account is not None else os.geteuid()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner:
        raise SetupFault(
            f"{folder} must be a folder that belongs to user {owner}, not to {status.st_uid}: move it away"
        )
    if account is not None and stat.S_IMODE(status.st_mode) & 0o077:
        raise SetupFault(f"{folder} must be closed to other users: chmod 700 {folder}")


def owner_of(folder: Path) -> Account:
    """Whose a folder is; `SetupFault` when we are neither root nor that user, or the user has no name."""
    status = folder.stat()
    try:
        name = pwd.getpwuid(status.st_uid).pw_name
    except KeyError as error:
        raise SetupFault(f"{folder} belongs to user {status.st_uid}, who does not exist here: chown it") from error
    is_other = status.st_uid != os.geteuid()
    if is_other and os.geteuid() != 0:
        raise SetupFault(f"{folder} belongs to {name}: run this as that user")
    return Account(name, status.st_uid, status.st_gid, is_other)


def write_private(file: Path, text: str, account: Account | None = None) -> None:
    """Write a file anew, mode 0600 and flushed: ours, or the account's."""
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        if account is not None:
            os.fchown(descriptor, account.uid, account.gid)
        stream.write(text)
        stream.flush()
        os.fsync(descriptor)


def flush_folder(folder: Path) -> None:
    """Make the names in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_reachable(folder: Path, account: Account) -> None:
    """`SetupFault` naming the first folder on the way that the server's user may not enter."""
    if not account.is_other:
        return
    resolved = folder.resolve()
    for parent in (*reversed(resolved.parents), resolved):
        if parent.exists() and not _may_enter(parent.stat(), account):
            raise SetupFault(
                f"the user {account.name}, who runs PostgreSQL, may not enter {parent} and so cannot use {folder}: "
                f"choose a folder elsewhere (such as /var/lib/shunfu), or run Shunfu as an ordinary user"
            )


def _may_enter(status: os.stat_result, account: Account) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)

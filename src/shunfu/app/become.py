"""Becoming the user who owns an installation, before anything of it is touched."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import shunfu
from shunfu.app.settings import Settings
from shunfu.kernel.errors import SetupFault


def become(settings: Settings) -> None:
    """As root: make the data folder the user's and become that user; nothing of the server ever runs as root."""
    if os.geteuid() != 0:
        if settings.user not in {None, pwd.getpwuid(os.geteuid()).pw_name}:
            raise SetupFault(f"Only root can become {settings.user}; leave --user out.")
        return
    if settings.user is None:
        raise SetupFault("`shunfu up` does not run as root: name the user to become, `shunfu up --user NAME`.")
    try:
        account = pwd.getpwnam(settings.user)
    except KeyError as error:
        raise SetupFault(f"There is no user {settings.user!r} on this system.") from error
    if account.pw_uid == 0 or settings.user == "nobody":
        raise SetupFault(f"The user {settings.user} must not own payments: name one that only Shunfu uses.")
    if not settings.data_folder.exists():
        settings.data_folder.mkdir(mode=0o700, parents=True)
        os.chown(settings.data_folder, account.pw_uid, account.pw_gid)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    os.environ["HOME"] = account.pw_dir
    if not os.access(settings.data_folder, os.W_OK | os.X_OK):
        raise SetupFault(f"{settings.user} cannot write in {settings.data_folder}. Choose another --data, or chown it.")
    for needed in (Path(os.__file__), Path(shunfu.__file__)):
        if not os.access(needed, os.R_OK):
            raise SetupFault(f"{settings.user} cannot read {needed.parent}. Install where that user can read, as /opt.")

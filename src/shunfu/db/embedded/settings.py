"""What an embedded server needs to be told, where its parts lie, and the addresses it gives back."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from shunfu.kernel.errors import SetupFault

PORT = 5432
SOCKET_NAME = f".s.PGSQL.{PORT}"
MAX_SOCKET_PATH_BYTES = 99
"""Below the 104 (macOS) and 108 (Linux) bytes of sockaddr_un, with room for PostgreSQL's `.lock` beside it."""

DATABASE = "shunfu"


def default_folder() -> Path:
    """Where `up` keeps its database: /var/lib/shunfu/postgres as root, else in the user's data folder (XDG)."""
    if os.geteuid() == 0:
        return Path("/var/lib/shunfu/postgres")
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "shunfu" / "postgres"


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """`folder` holds everything of one server and is made if missing.

    `user`: whose the server process and its data are when we are root (None: `postgres` if the system has it).
    `allow_nobody`: fall back to `nobody`; for demo and tests only. `binaries`: where root keeps a copy of the server
    (None: beside the data). `socket_folder`: None chooses. `is_disposable`: skip the flush after initdb; for tests.
    `backups`: where the write-ahead log is archived and base backups lie (None: it is not archived).
    `archive_timeout_seconds`: the most that a lost disk may cost.
    """

    folder: Path
    user: str | None = None
    allow_nobody: bool = False
    binaries: Path | None = None
    socket_folder: Path | None = None
    is_disposable: bool = False
    backups: Path | None = None
    archive_timeout_seconds: int = 60

    @property
    def data(self) -> Path:
        """The cluster; belongs to the server's user."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server prints; belongs to us."""
        return self.folder / "postgres.log"

    @property
    def passwords(self) -> Path:
        """The passwords of the roles, mode 0600; belongs to us."""
        return self.folder / "passwords.json"

    @property
    def restoring(self) -> Path:
        """Where a restore is prepared, beside the data that it will take the place of."""
        return self.folder / "restoring"

    @property
    def lock(self) -> Path:
        """Locked by the one supervisor that lives."""
        return self.folder / "supervisor.lock"

    def sockets(self) -> Path:
        """The folder of the socket: `run` in our folder, or a short one under /tmp when that would be too long.

        `SetupFault` when `socket_folder` was given and is too long.
        """
        wanted = self.socket_folder or self.folder / "run"
        if len(os.fsencode(wanted / SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES:
            return wanted
        if self.socket_folder is not None:
            raise SetupFault(
                f"the socket path {wanted / SOCKET_NAME} is longer than {MAX_SOCKET_PATH_BYTES} bytes, more than Unix "
                f"sockets hold: choose a shorter socket folder"
            )
        digest = hashlib.sha256(os.fsencode(self.folder.absolute())).hexdigest()[:12]
        return Path("/tmp") / f"shunfu-{os.geteuid()}-{digest}"  # noqa: S108  its owner and mode are checked before use


@dataclass(frozen=True, slots=True)
class Urls:
    """Addresses with passwords in them: keep them out of logs. `admin_url` is the superuser's."""

    app_url: str
    migration_url: str
    admin_url: str

    def __repr__(self) -> str:
        return "Urls(…)"

    def with_database(self, name: str) -> Urls:
        """The same three users in another database of the same server."""
        return replace(
            self,
            app_url=other_database(self.app_url, name),
            migration_url=other_database(self.migration_url, name),
            admin_url=other_database(self.admin_url, name),
        )


def other_database(url: str, name: str) -> str:
    """The same address with another database name."""
    parts = urlsplit(url)
    # urlunsplit would drop the empty host of a socket address
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/{name}{query}"

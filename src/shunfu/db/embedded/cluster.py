"""A cluster on disk: make it once, check it at each start, give it its roles and its database."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, cast

from shunfu.db.driver import session
from shunfu.db.durability import MUST_NOT_BE_OFF, refuse_unsafe
from shunfu.db.embedded.account import Account, flush_folder, make_folder, write_private
from shunfu.db.embedded.binaries import Binaries
from shunfu.db.embedded.settings import DATABASE, PORT, EmbeddedSettings, Urls
from shunfu.db.roles import APP, OWNER
from shunfu.kernel.errors import SetupFault

ADMIN = "shunfu_admin"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""All that the server's programs see of our environment: no credentials, no locale."""


class Identity(TypedDict, total=False):
    """Keyword arguments of Popen that choose the user of a process."""

    user: int
    group: int
    extra_groups: list[str | int]


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster of one user, handled with one set of programs."""

    settings: EmbeddedSettings
    account: Account
    binaries: Binaries

    def run(self, command: Sequence[str], place: Path = Path("/")) -> subprocess.CompletedProcess[str]:
        """Run one of the programs to its end as the server's user, in a folder that this user may enter."""
        return subprocess.run(  # noqa: S603  our own programs
            command,
            capture_output=True,
            text=True,
            check=False,
            env=ENVIRONMENT,
            cwd=place,
            stdin=subprocess.DEVNULL,
            **identity_of(self.account),
        )

    def ensure(self) -> None:
        """Make the cluster if there is none; `SetupFault` when there is one that we must not run."""
        if not self.settings.data.exists():
            self._create()
        make_folder(self.settings.data, self.account)
        self.require_fitting()

    def require_fitting(self) -> None:
        """`SetupFault` when this data is of another PostgreSQL, or its settings would lose money."""
        self._require_version()
        self._require_safe_settings()

    def urls(self) -> Urls:
        """The addresses of the three roles."""
        return urls_of(self.settings)

    def _create(self) -> None:
        """`initdb` into a draft that is renamed when it is complete: a cut-short one is never taken for data."""
        draft = self.settings.data.with_name("data.new")
        if draft.exists():
            shutil.rmtree(draft)
        make_folder(draft, self.account)
        password_file = self.settings.folder / "initdb.password"
        password = make_passwords(self.settings.passwords)[ADMIN]
        write_private(password_file, password, self.account)
        try:
            answer = self.run(
                [
                    *(self.binaries.program("initdb"), "-D", str(draft), "-U", ADMIN, "-A", "scram-sha-256"),
                    *("--pwfile", str(password_file), "-E", "UTF8", "--locale=C"),
                    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums"),
                    *(["--no-sync"] if self.settings.is_disposable else []),
                ]
            )
        finally:
            password_file.unlink()
        if answer.returncode != 0:
            raise SetupFault(f"initdb could not make a database in {self.settings.folder}: {_tail(answer.stderr)}")
        draft.rename(self.settings.data)
        flush_folder(self.settings.folder)

    def _require_version(self) -> None:
        version = (self.settings.data / "PG_VERSION").read_text().strip()
        if version != self.binaries.major:
            raise SetupFault(
                f"the data in {self.settings.data} was made by PostgreSQL {version}, and this Shunfu brings "
                f"{self.binaries.major}: dump it with the Shunfu that made it and load the dump into a fresh folder"
            )

    def _require_safe_settings(self) -> None:
        values: dict[str, str] = {}
        for name in MUST_NOT_BE_OFF:
            answer = self.run([self.binaries.program("postgres"), "-D", str(self.settings.data), "-C", name])
            if answer.returncode != 0:
                raise SetupFault(f"PostgreSQL cannot read its settings in {self.settings.data}: {_tail(answer.stderr)}")
            values[name] = answer.stdout.strip()
        refuse_unsafe(values)


async def ensure_login_roles(urls: Urls) -> None:
    """Make the two login roles and the database where they are missing. Harmless to repeat."""
    admin_url = urls.with_database("postgres").admin_url
    async with session(admin_url) as connection:
        for role, url in ((OWNER, urls.migration_url), (APP, urls.app_url)):
            if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
                password = url.partition("@")[0].rpartition(":")[2]  # ours, from a URL-safe alphabet
                await connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
        await connection.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC")
        await connection.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO {APP}")


def identity_of(account: Account) -> Identity:
    """What Popen needs to become that user; nothing when it is us."""
    if not account.is_other:
        return Identity()
    return Identity(user=account.uid, group=account.gid, extra_groups=[])


def make_passwords(file: Path) -> dict[str, str]:
    """Fresh passwords by role, written to a file of ours. Their alphabet is that of URLs: no quoting anywhere."""
    passwords = {role: secrets.token_urlsafe(24) for role in (ADMIN, OWNER, APP)}
    write_private(file, json.dumps(passwords))
    return passwords


def read_passwords(file: Path) -> dict[str, str]:
    """The passwords by role; `SetupFault` when the file is lost."""
    try:
        return cast("dict[str, str]", json.loads(file.read_text()))
    except (OSError, ValueError) as error:
        raise SetupFault(f"the database's passwords in {file} cannot be read ({error}): restore the file") from error


def _tail(text: str) -> str:
    return " / ".join(text.strip().splitlines()[-3:]) or "no message"


def urls_of(settings: EmbeddedSettings) -> Urls:
    """The addresses of the three roles of a cluster that was made before."""
    passwords = read_passwords(settings.passwords)
    place = f"host={settings.sockets()}&port={PORT}"
    app, owner, admin = (f"postgresql://{role}:{passwords[role]}@/{DATABASE}?{place}" for role in (APP, OWNER, ADMIN))
    return Urls(app_url=app, migration_url=owner, admin_url=admin)

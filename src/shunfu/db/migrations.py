"""Migrations: numbered SQL files of all rooms, forward only, each applied once.

Two runners at once are safe: each holds a row lock on entry 0 of `schema_migrations` while it works, which every
PostgreSQL-like engine has, so that neither an advisory lock nor LOCK TABLE is needed.
Must not know: what a migration does. Rows of business tables are not touched here.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise

import asyncpg

from shunfu.db.driver import Connection, session
from shunfu.db.roles import OWNER, SCHEMA, ensure_roles
from shunfu.kernel.errors import SetupFault

_FILE = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
_ALONE = "-- transaction: none"
_TABLE = f"""
CREATE TABLE IF NOT EXISTS {SCHEMA}.schema_migrations (
    number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL);
GRANT SELECT ON {SCHEMA}.schema_migrations TO shunfu_app;
INSERT INTO {SCHEMA}.schema_migrations VALUES (0, 'lock', '', now()) ON CONFLICT DO NOTHING;
"""  # noqa: S608  constants only
_RUNNER = {"search_path": SCHEMA, "lock_timeout": "5s", "statement_timeout": "0"}
_WAIT_FOR_OTHER_RUNNER = {"lock_timeout": "15min", "statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. `sha256` is over its text, hexadecimal."""

    number: int
    name: str
    text: str
    sha256: str

    @property
    def is_alone(self) -> bool:
        """Whether it must run outside a transaction, as CREATE INDEX CONCURRENTLY does; then it is one statement."""
        return self.text.startswith(_ALONE)


@dataclass(frozen=True, slots=True)
class Applied:
    """What a run did: the last number before and after, and the names of the files in between."""

    before: int
    after: int
    names: tuple[str, ...]


def schema_packages(root: str = "shunfu") -> tuple[str, ...]:
    """The packages of every room that has a `schema` folder."""
    rooms = [room for room in resources.files(root).iterdir() if room.joinpath("schema").is_dir()]
    return tuple(sorted(f"{root}.{room.name}" for room in rooms))


def collect(packages: Sequence[str]) -> tuple[Migration, ...]:
    """The migrations of these packages by number; `SetupFault` unless they run 0001, 0002, … without gap or double."""
    found: list[Migration] = []
    for package in packages:
        for file in resources.files(package).joinpath("schema").iterdir():
            if matched := _FILE.fullmatch(file.name):
                text = file.read_text("utf-8")
                digest = hashlib.sha256(text.encode()).hexdigest()
                found.append(Migration(int(matched["number"]), matched["name"], text, digest))
    found.sort(key=lambda migration: migration.number)
    if found and found[0].number != 1:
        raise SetupFault(f"migrations must begin with 0001, not {found[0].number:04}")
    for one, next_one in pairwise(found):
        if next_one.number != one.number + 1:
            raise SetupFault(f"migration {next_one.number:04}_{next_one.name} cannot follow {one.number:04}_{one.name}")
    return tuple(found)


async def pending(url: str, migrations: Sequence[Migration]) -> tuple[Migration, ...]:
    """What is not applied yet; `SetupFault` when an applied file was changed. A newer database is no fault here."""
    async with session(url) as connection:
        if await connection.fetchval("SELECT to_regclass($1)", f"{SCHEMA}.schema_migrations") is None:
            return tuple(migrations)
        return _missing(migrations, await _applied(connection))


async def migrate(url: str, migrations: Sequence[Migration]) -> Applied:
    """Apply what is missing, one transaction a file. `SetupFault` when roles are missing and cannot be made, an applied
    file was changed, or the database is newer than this code.
    """
    async with session(url, settings=_RUNNER) as connection, session(url, settings=_WAIT_FOR_OTHER_RUNNER) as lock:
        await ensure_roles(connection)
        await connection.execute(f"SET ROLE {OWNER}")
        await lock.execute(f"SET ROLE {OWNER}")
        await _ensure_table(connection)
        async with lock.transaction():
            await lock.execute(f"SELECT FROM {SCHEMA}.schema_migrations WHERE number = 0 FOR UPDATE")
            return await _apply_missing(connection, migrations)


async def _ensure_table(connection: Connection) -> None:
    for _ in range(5):
        try:
            async with connection.transaction():
                await connection.execute(_TABLE)
        except (asyncpg.UniqueViolationError, asyncpg.DuplicateObjectError, asyncpg.InternalServerError):
            await asyncio.sleep(0.2)  # another runner made it at this moment
        else:
            return
    raise SetupFault("the table schema_migrations cannot be made; look at the server's log")


async def _applied(connection: Connection) -> dict[int, str]:
    rows = await connection.fetch(f"SELECT number, sha256 FROM {SCHEMA}.schema_migrations WHERE number > 0")  # noqa: S608
    return {row["number"]: row["sha256"] for row in rows}


def _missing(migrations: Sequence[Migration], applied: dict[int, str]) -> tuple[Migration, ...]:
    for migration in migrations:
        if applied.get(migration.number, migration.sha256) != migration.sha256:
            raise SetupFault(
                f"migration {migration.number:04}_{migration.name} was changed after it was applied: "
                f"restore the file and write the change as a new migration"
            )
    return tuple(migration for migration in migrations if migration.number not in applied)


async def _apply_missing(connection: Connection, migrations: Sequence[Migration]) -> Applied:
    applied = await _applied(connection)
    before, newest = max(applied, default=0), migrations[-1].number if migrations else 0
    if before > newest:
        raise SetupFault(
            f"the database is at migration {before:04}, this Shunfu knows {newest:04}: install a newer Shunfu"
        )
    missing = _missing(migrations, applied)
    for migration in missing:
        await _apply(connection, migration)
    return Applied(before, max(before, newest), tuple(f"{each.number:04}_{each.name}" for each in missing))


async def _apply(connection: Connection, migration: Migration) -> None:
    insert = f"INSERT INTO {SCHEMA}.schema_migrations VALUES ($1, $2, $3, clock_timestamp())"  # noqa: S608
    row = (migration.number, migration.name, migration.sha256)
    try:
        if migration.is_alone:
            await connection.execute(migration.text)
            await connection.execute(insert, *row)
            return
        async with connection.transaction():
            await connection.execute(migration.text)
            await connection.execute(insert, *row)
    except asyncpg.LockNotAvailableError as error:
        raise SetupFault(
            f"migration {migration.number:04}_{migration.name} waited 5 s for a table in use and applied nothing: "
            f"run it again at a quieter moment"
        ) from error

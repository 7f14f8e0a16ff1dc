"""Questions to a server: does it archive, how far is its schema, how many rows has it. Names no table."""

from __future__ import annotations

from dataclasses import dataclass

from shunfu.db.driver import session
from shunfu.db.faults import translating
from shunfu.db.roles import SCHEMA

_ARCHIVING = """
SELECT current_setting('archive_mode') = 'on' AS is_on,
       coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) AS is_failing,
       (SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready') AS waiting
FROM pg_stat_archiver
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY tablename"


@dataclass(frozen=True, slots=True)
class Archiving:
    """What a server says of its archive. `waiting`: files that it keeps until they are archived."""

    is_on: bool
    is_failing: bool
    waiting: int


async def archiving(admin_url: str) -> Archiving:
    """Whether a server archives its log, and whether the last try failed."""
    async with session(admin_url) as connection:
        with translating("ask about the archive"):
            row = await connection.fetchrow(_ARCHIVING)
    assert row is not None, "pg_stat_archiver has one row"
    return Archiving(row["is_on"], row["is_failing"], row["waiting"])


async def last_migration(admin_url: str) -> int:
    """The number of the last migration; 0 for a database without any."""
    table = f"{SCHEMA}.schema_migrations"
    async with session(admin_url) as connection:
        with translating("ask for the last migration"):
            if await connection.fetchval("SELECT to_regclass($1)", table) is None:
                return 0
            return int(str(await connection.fetchval(f"SELECT max(number) FROM {table}")))  # noqa: S608  our own table


async def count_rows(url: str) -> dict[str, int]:
    """How many rows each table of the schema has."""
    counts: dict[str, int] = {}
    async with session(url) as connection:
        with translating("count the rows"):
            for row in await connection.fetch(_TABLES, SCHEMA):
                table: str = row["tablename"]
                found = await connection.fetchval(f'SELECT count(*) FROM {SCHEMA}."{table}"')  # noqa: S608  our own table
                counts[table] = int(str(found))
    return counts

"""Migrations: once each, in order, never changed, by two runners at once, and as the same schema however they came."""

import asyncio
import hashlib
import sys
from pathlib import Path

import pytest

from db.support import fetch
from shunfu.db import Database, Migration, PoolSettings, Urls, collect, migrate, pending, schema_packages
from shunfu.db.driver import Connection, session
from shunfu.db.embedded.settings import other_database
from shunfu.kernel.errors import SetupFault

ROOMS = collect(schema_packages())

SHAPE = """
SELECT table_name || '.' || column_name, data_type, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = 'shunfu'
UNION ALL
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '' FROM pg_constraint
WHERE connamespace = 'shunfu'::regnamespace
UNION ALL
SELECT tablename, indexname, indexdef, '' FROM pg_indexes WHERE schemaname = 'shunfu'
UNION ALL
SELECT relname, relkind::text, relacl::text, pg_get_userbyid(relowner) FROM pg_class
WHERE relnamespace = 'shunfu'::regnamespace
ORDER BY 1, 2, 3, 4
"""


def make(number: int, text: str, name: str = "test") -> Migration:
    return Migration(number, name, text, hashlib.sha256(text.encode()).hexdigest())


async def shape(url: str) -> list[tuple[object, ...]]:
    async with session(url) as connection:
        return [tuple(row.values()) for row in await connection.fetch(SHAPE)]


async def test_the_second_run_does_nothing(empty_database_urls: Urls) -> None:
    url = empty_database_urls.migration_url
    assert await pending(url, ROOMS) == ROOMS
    first = await migrate(url, ROOMS)
    assert (first.before, first.after, len(first.names)) == (0, len(ROOMS), len(ROOMS))
    assert await pending(url, ROOMS) == ()
    second = await migrate(url, ROOMS)
    assert (second.before, second.after, second.names) == (len(ROOMS), len(ROOMS), ())


async def test_the_application_may_look_at_what_is_pending(database_urls: Urls) -> None:
    assert await pending(database_urls.app_url, ROOMS) == ()


async def test_step_by_step_and_at_once_are_the_same(empty_database_urls: Urls, database_urls: Urls) -> None:
    for count in range(1, len(ROOMS) + 1):
        await migrate(empty_database_urls.migration_url, ROOMS[:count])
    stepped = await shape(empty_database_urls.admin_url)
    assert stepped == await shape(database_urls.admin_url)
    assert len(stepped) > 20


async def test_a_changed_file_is_refused(empty_database_urls: Urls) -> None:
    url = empty_database_urls.migration_url
    await migrate(url, [make(1, "CREATE TABLE a (n int)")])
    changed = [make(1, "CREATE TABLE a (n bigint)")]
    with pytest.raises(SetupFault, match="0001_test was changed"):
        await migrate(url, changed)
    with pytest.raises(SetupFault, match="0001_test was changed"):
        await pending(url, changed)


async def test_a_newer_database_is_refused(empty_database_urls: Urls) -> None:
    url = empty_database_urls.migration_url
    both = [make(1, "CREATE TABLE a (n int)"), make(2, "CREATE TABLE b (n int)")]
    await migrate(url, both)
    with pytest.raises(SetupFault, match="database is at migration 0002, this Shunfu knows 0001"):
        await migrate(url, both[:1])
    assert await pending(url, both[:1]) == ()


async def test_a_broken_file_leaves_nothing_of_itself(empty_database_urls: Urls) -> None:
    url = empty_database_urls.migration_url
    broken = [make(1, "CREATE TABLE a (n int)"), make(2, "CREATE TABLE b (n int); SELECT 1 / 0")]
    with pytest.raises(Exception, match="division by zero"):
        await migrate(url, broken)
    assert [each.number for each in await pending(url, broken)] == [2]
    async with session(empty_database_urls.admin_url) as connection:
        assert await connection.fetchval("SELECT to_regclass('shunfu.b')") is None


async def test_two_runners_at_once_apply_each_file_once(empty_database_urls: Urls) -> None:
    url = empty_database_urls.migration_url
    slow = [make(n, f"SELECT pg_sleep(0.1); CREATE TABLE t{n} (n int)") for n in (1, 2, 3)]
    answers = await asyncio.gather(*(migrate(url, slow) for _ in range(3)))
    assert sorted(len(each.names) for each in answers) == [0, 0, 3]


async def test_a_file_may_run_outside_a_transaction(empty_database_urls: Urls) -> None:
    url = empty_database_urls.migration_url
    files = [
        make(1, "CREATE TABLE a (n int)"),
        make(2, "-- transaction: none\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a_n ON a (n);"),
    ]
    assert (await migrate(url, files)).after == 2


async def test_a_table_in_use_is_waited_for_only_shortly(empty_database_urls: Urls) -> None:
    url = empty_database_urls.migration_url
    files = [make(1, "CREATE TABLE a (n int)"), make(2, "SET LOCAL lock_timeout = '100ms'; ALTER TABLE a ADD m int")]
    await migrate(url, files[:1])
    async with session(empty_database_urls.admin_url) as user, user.transaction():
        await user.execute("SELECT FROM shunfu.a")
        with pytest.raises(SetupFault, match="0002_test waited"):
            await migrate(url, files)
    assert (await migrate(url, files)).names == ("0002_test",)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("0002_b.sql",), "must begin with 0001"),
        (("0001_a.sql", "0003_c.sql"), "0003_c cannot follow 0001_a"),
        (("0001_a.sql", "0001_b.sql"), "cannot follow"),
    ],
)
def test_gaps_and_doubles_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: tuple[str, ...], message: str
) -> None:
    package = f"room_{tmp_path.name}"
    (tmp_path / package / "schema").mkdir(parents=True)
    (tmp_path / package / "__init__.py").write_text("")
    for name in files:
        (tmp_path / package / "schema" / name).write_text("SELECT 1;")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SetupFault, match=message):
        collect([package])
    sys.modules.pop(package, None)


class Clerk:
    """A database user of a named kind, in a database without Shunfu's schema."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.name = name


async def _clerk(admin: Connection, urls: Urls, name: str, rights: str) -> Clerk:
    await admin.execute(f"DROP ROLE IF EXISTS {name}")
    await admin.execute(f"CREATE ROLE {name} LOGIN {rights} PASSWORD 'clerk'")
    place = urls.admin_url.partition("@")[2]
    return Clerk(f"postgresql://{name}:clerk@{place}", name)


async def test_a_user_without_rights_is_told_what_an_administrator_must_run(empty_database_urls: Urls) -> None:
    """The SQL in the message, run as it stands, is enough."""
    async with session(empty_database_urls.admin_url) as admin:
        clerk = await _clerk(admin, empty_database_urls, "clerk_without", "")
        with pytest.raises(SetupFault, match="Ask an administrator") as caught:
            await migrate(clerk.url, ROOMS)
        for line in str(caught.value).splitlines():
            if line.startswith("  ") and not line.startswith("  CREATE ROLE"):
                await admin.execute(line)
        assert (await migrate(clerk.url, ROOMS)).after == len(ROOMS)
        await _forget(admin, clerk, empty_database_urls)


async def test_one_user_who_may_make_roles_is_enough(empty_database_urls: Urls) -> None:
    """One address for everything: the pool then becomes shunfu_app by SET ROLE."""
    async with session(empty_database_urls.admin_url) as admin:
        clerk = await _clerk(admin, empty_database_urls, "clerk_maker", "CREATEROLE")
        base = await admin.fetchval("SELECT quote_ident(current_database())")
        await admin.execute(f"GRANT CREATE ON DATABASE {base} TO {clerk.name}")
        if await _is_superuser_made(admin):
            await admin.execute(f"GRANT shunfu_owner, shunfu_app TO {clerk.name}")
        assert (await migrate(clerk.url, ROOMS)).after == len(ROOMS)
        database = await Database.connect(PoolSettings(clerk.url, role="shunfu_app"))
        async with database.reading() as reader:
            assert await fetch(reader, "SELECT current_user::text") == [("shunfu_app",)]
        await database.close()
        await _forget(admin, clerk, empty_database_urls)


async def _is_superuser_made(admin: Connection) -> bool:
    """Roles belong to the whole server and were made by another user: the clerk cannot grant them to itself."""
    return bool(await admin.fetchval("SELECT true FROM pg_roles WHERE rolname = 'shunfu_owner'"))


async def _forget(admin: Connection, clerk: Clerk, urls: Urls) -> None:
    for url in (urls.admin_url, other_database(urls.admin_url, "postgres")):
        async with session(url) as connection:
            await connection.execute(f"DROP OWNED BY {clerk.name}")
    await admin.execute(f"DROP ROLE {clerk.name}")

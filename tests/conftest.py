"""One PostgreSQL for the whole run and a fresh database for each test.

By default an embedded server in a new folder that PostgreSQL's user can enter: in memory where the machine has room for
it, because making and dropping a database is then ten times as fast, else under /tmp. With
SHUNFU_TEST_DATABASE_URL (a superuser's address) the tests use that server instead; with SHUNFU_TEST_TEMPLATE they copy
that database, which holds every migration already.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from db.support import run_apart
from shunfu.db import (
    Database,
    EmbeddedServer,
    EmbeddedSettings,
    PoolSettings,
    Urls,
    collect,
    migrate,
    schema_packages,
)
from shunfu.db.driver import session
from shunfu.db.embedded.settings import other_database

MEMORY = Path("/dev/shm")
MEMORY_BYTES_MIN = 4 << 30
OUTSIDE_URL = os.environ.get("SHUNFU_TEST_DATABASE_URL")
READY_TEMPLATE = os.environ.get("SHUNFU_TEST_TEMPLATE")


@pytest.fixture(autouse=True)
def plain_logs() -> None:
    """One short line an event: structlog's own default draws every local variable of a traceback."""
    structlog.reset_defaults()  # nothing that the test before has set is left, such as a level
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.KeyValueRenderer()],
        cache_logger_on_first_use=False,
    )


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A short folder that every user can enter; removed at the end of the run."""
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES_MIN and os.access(MEMORY, os.W_OK)
    folder = Path(tempfile.mkdtemp(prefix="shunfu-", dir=MEMORY if has_room else "/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def pg_server(open_folder: Path) -> Iterator[Urls]:
    """The addresses of the run's one server (its maintenance database)."""
    if OUTSIDE_URL:
        yield Urls(app_url=OUTSIDE_URL, migration_url=OUTSIDE_URL, admin_url=OUTSIDE_URL)
        return
    settings = EmbeddedSettings(
        open_folder / "pg", allow_nobody=True, binaries=open_folder / "programs", is_disposable=True
    )
    server = EmbeddedServer(settings)
    urls = server.start().with_database("postgres")
    yield urls
    server.stop()


@pytest.fixture(scope="session")
def app_role() -> str | None:
    """The role that the pool must SET: the embedded server has a login of its own for it, an outside one has not."""
    return "shunfu_app" if OUTSIDE_URL else None


@pytest.fixture(scope="session")
def template_database(pg_server: Urls) -> Iterator[str]:
    """The name of a database that holds every migration of every room."""
    if READY_TEMPLATE:
        yield READY_TEMPLATE
        return
    name = f"template_{uuid.uuid4().hex[:8]}"
    run_apart(_administer(pg_server, f"CREATE DATABASE {name}{_owner()}"))
    run_apart(migrate(other_database(pg_server.migration_url, name), collect(schema_packages())))
    yield name
    run_apart(_administer(pg_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def database_urls(pg_server: Urls, template_database: str) -> AsyncIterator[Urls]:
    """A fresh, migrated database: `app_url`, `migration_url` (the owner's) and `admin_url`."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await _administer(pg_server, f"CREATE DATABASE {name} TEMPLATE {template_database}{_owner()} STRATEGY FILE_COPY")
    yield pg_server.with_database(name)
    await _administer(pg_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def empty_database_urls(pg_server: Urls) -> AsyncIterator[Urls]:
    """A fresh database without any migration."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await _administer(pg_server, f"CREATE DATABASE {name}{_owner()}")
    yield pg_server.with_database(name)
    await _administer(pg_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(database_urls: Urls, app_role: str | None) -> AsyncIterator[Database]:
    """A pool on a fresh database, as the application's role."""
    opened = await Database.connect(PoolSettings(database_urls.app_url, role=app_role))
    yield opened
    await opened.close()


def _owner() -> str:
    return "" if OUTSIDE_URL else " OWNER shunfu_owner"


async def _administer(urls: Urls, statement: str) -> None:
    async with session(urls.admin_url) as connection:
        await connection.execute(statement)

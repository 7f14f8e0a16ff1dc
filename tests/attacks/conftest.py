"""One fresh database for all tests of a module: these attacks leave everything of the victim's as it was."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from attacks.tenants import Tenants, make_tenants
from db.support import run_apart
from shunfu.db import Database, PoolSettings, Urls
from shunfu.db.driver import session


async def _administer(urls: Urls, statement: str) -> None:
    async with session(urls.admin_url) as connection:
        await connection.execute(statement)


@pytest.fixture(scope="module")
def module_urls(pg_server: Urls, template_database: str) -> Iterator[Urls]:
    """The addresses of a database that lives as long as the module's tests."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    run_apart(_administer(pg_server, f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY FILE_COPY"))
    yield pg_server.with_database(name)
    run_apart(_administer(pg_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tenants(module_urls: Urls, app_role: str | None) -> AsyncIterator[Tenants]:
    """The victim and the strangers, for tests that run in the module's loop."""
    database = await Database.connect(PoolSettings(module_urls.app_url, role=app_role))
    yield await make_tenants(database)
    await database.close()

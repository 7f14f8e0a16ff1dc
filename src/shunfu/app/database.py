"""Where a command finds its database: the operator's by URL, an embedded one that runs, or one started here."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from shunfu.app.settings import Settings
from shunfu.db import (
    EmbeddedServer,
    EmbeddedSettings,
    check_durability,
    collect,
    migrate,
    running_urls,
    schema_packages,
)
from shunfu.db.migrations import Applied


@dataclass(frozen=True, slots=True)
class Located:
    """Addresses with passwords in them; `is_own`: we started the server and will stop it."""

    app_url: str
    migration_url: str
    is_own: bool

    def __repr__(self) -> str:
        return "Located(…)"


def embedded_settings(settings: Settings, *, allow_nobody: bool = False) -> EmbeddedSettings:
    """The embedded server of an installation. Who allows `nobody` is the demo, which keeps nothing worth an archive."""
    return EmbeddedSettings(
        settings.data_folder / "postgres",
        user=settings.user,
        allow_nobody=allow_nobody,
        backups=None if allow_nobody else settings.backup_folder,
        archive_timeout_seconds=settings.whole("archive_timeout_seconds"),
    )


@contextmanager
def located(settings: Settings, *, allow_nobody: bool = False) -> Generator[Located, None, None]:
    """The database, for as long as the block runs. Raises SetupFault with what to do."""
    url = settings.secret("database_url")
    if url is not None:
        owner = settings.secret("migration_url") or url
        asyncio.run(check_durability(url.reveal()))
        yield Located(url.reveal(), owner.reveal(), is_own=False)
        return
    embedded = embedded_settings(settings, allow_nobody=allow_nobody)
    running = running_urls(embedded)
    if running is not None:
        yield Located(running.app_url, running.migration_url, is_own=False)
        return
    server = EmbeddedServer(embedded)
    urls = server.start()
    try:
        yield Located(urls.app_url, urls.migration_url, is_own=True)
    finally:
        server.stop()


def migrate_all(database: Located) -> Applied:
    """Bring the schema to this version. Raises SetupFault for a newer database or a changed migration."""
    return asyncio.run(migrate(database.migration_url, collect(schema_packages())))

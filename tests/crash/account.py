"""A user of PostgreSQL for processes that die by the thousand: its password takes no time to prove."""

from __future__ import annotations

from urllib.parse import urlsplit

from shunfu.db import PoolSettings, Urls
from shunfu.db.driver import session

PASSWORD = "one-round-is-enough"


async def make_user(urls: Urls, name: str) -> None:
    """Make the user; it becomes the application's role at each connection."""
    async with session(urls.admin_url) as admin, admin.transaction():
        await admin.execute("SET LOCAL scram_iterations = 1")
        await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
        await admin.execute(f"GRANT shunfu_app TO {name}")


async def drop_user(urls: Urls, name: str) -> None:
    """The user is gone."""
    async with session(urls.admin_url) as admin:
        await admin.execute(f"DROP ROLE {name}")


async def spare_the_disk(urls: Urls) -> None:
    """PostgreSQL outlives every death here, so its commits need not wait for the disk."""
    async with session(urls.admin_url) as admin:
        name = await admin.fetchval("SELECT quote_ident(current_database())")
        await admin.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")


def as_user(urls: Urls, name: str) -> PoolSettings:
    """A pool of that user, as the application's role."""
    parts = urlsplit(urls.app_url)
    place = parts.netloc.rpartition("@")[2]
    query = f"?{parts.query}" if parts.query else ""
    return PoolSettings(f"{parts.scheme}://{name}:{PASSWORD}@{place}{parts.path}{query}", role="shunfu_app")

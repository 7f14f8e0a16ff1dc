"""Refuses a PostgreSQL that may forget what it acknowledged, or that is too old.

Source: PostgreSQL manual, 19.5 (write-ahead log settings) and 28.1 (reliability).
"""

from __future__ import annotations

from shunfu.db.driver import session
from shunfu.kernel.errors import SetupFault

MINIMUM_VERSION = 150_000
"""`server_version_num` of PostgreSQL 15."""

MUST_NOT_BE_OFF = ("fsync", "full_page_writes", "synchronous_commit")


async def check_durability(url: str) -> None:
    """Pass when a server is PostgreSQL 15+ and keeps acknowledged commits; else `SetupFault` with the remedy."""
    async with session(url) as connection:
        version = int(str(await connection.fetchval("SHOW server_version_num")))
        if version < MINIMUM_VERSION:
            raise SetupFault(f"PostgreSQL {version // 10_000} is too old: Shunfu needs 15 or newer")
        refuse_unsafe({name: str(await connection.fetchval(f"SHOW {name}")) for name in MUST_NOT_BE_OFF})


def refuse_unsafe(values: dict[str, str]) -> None:
    """`SetupFault` naming every setting in MUST_NOT_BE_OFF that is off."""
    unsafe = [name for name in MUST_NOT_BE_OFF if values.get(name) == "off"]
    if unsafe:
        raise SetupFault(
            f"PostgreSQL runs with {' and '.join(f'{name}=off' for name in unsafe)}: a crash would lose money records. "
            f"Take it out of postgresql.conf, postgresql.auto.conf and ALTER ROLE and DATABASE settings, then restart."
        )

"""The two roles: `shunfu_owner` owns and migrates the schema, `shunfu_app` is what the running server is.

Works as superuser and as a user with CREATEROLE (PostgreSQL 16+ gives the maker of a role no right to become it, so the
membership is granted). Must not know: any table.
"""

from __future__ import annotations

import asyncio

import asyncpg

from shunfu.db.driver import Connection
from shunfu.kernel.errors import SetupFault

OWNER = "shunfu_owner"
APP = "shunfu_app"
SCHEMA = "shunfu"
_MADE_MEANWHILE = (
    asyncpg.UniqueViolationError,
    asyncpg.DuplicateObjectError,
    asyncpg.DuplicateSchemaError,
    asyncpg.InternalServerError,
)
"""What PostgreSQL says when another runner made the same thing at this moment."""


async def ensure_roles(connection: Connection) -> None:
    """Make roles and schema where they are missing; `SetupFault` with the SQL for an administrator if not allowed."""
    for _ in range(5):
        try:
            await _ensure(connection)
        except _MADE_MEANWHILE:
            await asyncio.sleep(0.2)
        except asyncpg.InsufficientPrivilegeError as error:
            raise SetupFault(await _request_to_administrator(connection)) from error
        else:
            return
    raise SetupFault(f"the roles {OWNER} and {APP} cannot be made; look at the server's log")


async def _ensure(connection: Connection) -> None:
    async with connection.transaction():
        for role in (OWNER, APP):
            if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
                await connection.execute(f"CREATE ROLE {role} NOLOGIN")
        if not await _may_become(connection, OWNER):
            await connection.execute(f"GRANT {OWNER} TO CURRENT_USER")
        if not await _may_become(connection, APP) and not await _is_owner(connection):
            await connection.execute(f"GRANT {APP} TO CURRENT_USER")
        if not await connection.fetchval("SELECT true FROM pg_namespace WHERE nspname = $1", SCHEMA):
            await connection.execute(f"CREATE SCHEMA {SCHEMA} AUTHORIZATION {OWNER}")
        await connection.execute(f"SET LOCAL ROLE {OWNER}")
        await connection.execute(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {APP}")


async def _may_become(connection: Connection, role: str) -> bool:
    right = "SET" if connection.get_server_version().major >= 16 else "MEMBER"
    return bool(await connection.fetchval("SELECT pg_has_role(current_user, $1::name, $2)", role, right))


async def _is_owner(connection: Connection) -> bool:
    return bool(await connection.fetchval("SELECT current_user = $1::name", OWNER))


async def _request_to_administrator(connection: Connection) -> str:
    row = await connection.fetchrow("SELECT quote_ident(current_user) AS me, quote_ident(current_database()) AS base")
    me, base = (row["me"], row["base"]) if row else ("?", "?")
    return (
        f"the database user {me} may not make Shunfu's roles or schema. "
        f"Ask an administrator to run, in database {base}:\n"
        f"  CREATE ROLE {OWNER} NOLOGIN;\n"
        f"  CREATE ROLE {APP} NOLOGIN;\n"
        f"  GRANT {OWNER}, {APP} TO {me};\n"
        f"  CREATE SCHEMA {SCHEMA} AUTHORIZATION {OWNER};\n"
        f"(leave out what exists already), and then run this again"
    )

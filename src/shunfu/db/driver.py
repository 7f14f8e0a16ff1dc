"""The part of asyncpg that we use, with types: asyncpg ships few, so its border is drawn once, here.

Also one plain connection for set-up work. Must not know: any table.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Protocol, cast

import asyncpg
from asyncpg.protocol import Record

from shunfu.db.faults import connecting

__all__ = ["Connection", "Frame", "Pool", "Record", "create_pool", "session"]


class Frame(Protocol):
    """asyncpg's transaction: BEGIN, COMMIT, ROLLBACK."""

    async def start(self) -> None: ...  # noqa: D102
    async def commit(self) -> None: ...  # noqa: D102
    async def rollback(self) -> None: ...  # noqa: D102
    async def __aenter__(self) -> None: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class ServerVersion(Protocol):
    """asyncpg's version tuple."""

    @property
    def major(self) -> int: ...


class Connection(Protocol):
    """asyncpg's connection; its methods, their `timeout` among them, are described where they are written."""

    async def fetch(self, query: str, *args: object, timeout: float | None = None) -> list[Record]: ...  # noqa: ASYNC109, D102
    async def fetchrow(self, query: str, *args: object, timeout: float | None = None) -> Record | None: ...  # noqa: ASYNC109, D102
    async def fetchval(self, query: str, *args: object, timeout: float | None = None) -> object: ...  # noqa: ASYNC109, D102
    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str: ...  # noqa: ASYNC109, D102
    async def copy_to_table(  # noqa: D102
        self, table_name: str, *, source: AsyncIterable[bytes], columns: Sequence[str]
    ) -> str: ...
    async def close(self, *, timeout: float | None = None) -> None: ...  # noqa: ASYNC109, D102
    def terminate(self) -> None: ...  # noqa: D102
    def transaction(self, *, isolation: str | None = None, readonly: bool = False) -> Frame: ...  # noqa: D102
    def get_server_version(self) -> ServerVersion: ...  # noqa: D102
    async def set_type_codec(  # noqa: D102
        self,
        typename: str,
        *,
        schema: str,
        encoder: Callable[[Any], Any],
        decoder: Callable[[Any], Any],
        format: str,  # noqa: A002  the name that asyncpg gives it
    ) -> None: ...


class Pool(Protocol):
    """asyncpg's pool."""

    def acquire(self, *, timeout: float | None = None) -> Awaitable[Connection]: ...  # noqa: D102
    async def release(self, connection: Connection) -> None: ...  # noqa: D102
    async def close(self) -> None: ...  # noqa: D102
    def terminate(self) -> None: ...  # noqa: D102
    def get_size(self) -> int: ...  # noqa: D102
    def get_idle_size(self) -> int: ...  # noqa: D102


async def create_pool(
    url: str,
    *,
    sizes: tuple[int, int],
    connect_seconds: float,
    command_seconds: float,
    session_settings: dict[str, str],
    on_connect: Callable[[Connection], Awaitable[None]],
) -> Pool:
    """A pool of `sizes` (least, most) connections. Its connections are given back without a RESET: a round trip saved,
    and nothing to reset as long as nobody changes a session setting.
    """
    pool = await asyncpg.create_pool(  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        url,
        min_size=sizes[0],
        max_size=sizes[1],
        timeout=connect_seconds,
        command_timeout=command_seconds,
        server_settings=session_settings,
        init=on_connect,
        reset=_keep_session,
    )
    return cast("Pool", pool)


@asynccontextmanager
async def session(url: str, *, settings: dict[str, str] | None = None) -> AsyncGenerator[Connection]:
    """A connection that is closed at the end. `TransientFault` when out of reach, `SetupFault` when refused."""
    names = {"application_name": "shunfu"} | (settings or {})
    with connecting():
        connection = cast(
            "Connection",
            await asyncpg.connect(url, timeout=10, server_settings=names),  # pyright: ignore[reportUnknownMemberType]
        )
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


async def _keep_session(_connection: Connection) -> None:
    """Nothing to do: see `create_pool`."""

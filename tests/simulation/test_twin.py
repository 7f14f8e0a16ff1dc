"""The model of PostgreSQL is no imagination: what the simulation's sessions did, done again on the real one, is the same.

Some seeds' statements are kept, with their transactions and in the order in which they took effect, and carried out by as
many sessions on PostgreSQL. Every answer, count and refusal must be the model's. Where the model lets two sessions pass
that PostgreSQL would hold up, the repetition hangs and its time-out says so.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from shunfu.db import Database, PoolSettings, Urls
from simulation.memory.wire import Step
from simulation.running import run_seed

SEEDS = range(40)
STATEMENT_SECONDS = 10.0
ERRORS: dict[str, type[asyncpg.PostgresError]] = {
    "unique": asyncpg.UniqueViolationError,
    "check": asyncpg.CheckViolationError,
    "not_null": asyncpg.NotNullViolationError,
    "foreign_key": asyncpg.ForeignKeyViolationError,
}


def choose(used: dict[int, set[str]]) -> list[int]:
    """Few seeds that run every statement which any of them runs: always the one that adds most."""
    left = set().union(*used.values())
    chosen: list[int] = []
    while left:
        seed = max(used, key=lambda one: (len(used[one] & left), -one))
        chosen.append(seed)
        left -= used[seed]
    return chosen


def statements_by_seed() -> dict[int, set[str]]:
    return {seed: set(run_seed(seed).play.site.server.ran) for seed in SEEDS}


def steps_of(seed: int) -> list[Step]:
    steps = run_seed(seed, keeps_steps=True).play.site.server.steps
    assert steps is not None
    return steps


def plain(value: Any) -> Any:
    """A value as any driver would give it: JSON without tuples, ids and times by their value."""
    if isinstance(value, (dict, list, tuple)):
        return json.loads(json.dumps(value, default=str, sort_keys=True))
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def same(text: str, rows: list[Any]) -> list[str]:
    """Rows to compare: in their order where the statement asks for one."""
    told = [repr({name: plain(value) for name, value in dict(row).items()}) for row in rows]
    return told if "ORDER BY" in text.rpartition(")")[2] else sorted(told)


class Again:
    """The sessions on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._pool: Any = database._pool
        self._sessions: dict[int, Any] = {}
        self._frames: dict[int, Any] = {}

    async def take(self, step: Step) -> None:
        if step.session not in self._sessions:
            self._sessions[step.session] = await self._pool.acquire(timeout=STATEMENT_SECONDS)
        match step.deed:
            case "begin":
                isolation = "repeatable_read" if step.is_repeatable else "read_committed"
                frame = self._sessions[step.session].transaction(isolation=isolation, readonly=step.is_repeatable)
                await frame.start()
                self._frames[step.session] = frame
            case "run":
                await self._run(step)
            case "commit":
                await self._frames.pop(step.session).commit()
            case _:
                await self._frames.pop(step.session).rollback()
        if step.session not in self._frames:
            await self._pool.release(self._sessions.pop(step.session))

    async def _run(self, step: Step) -> None:
        session = self._sessions[step.session]
        if step.error:
            with pytest.raises(ERRORS[step.error]):
                await session.fetch(step.text, *step.args, timeout=STATEMENT_SECONDS)
            return
        rows = await session.fetch(step.text, *step.args, timeout=STATEMENT_SECONDS)
        if not step.has_waited:
            assert same(step.text, rows) == same(step.text, step.rows or []), step.text


async def test_postgresql_answers_as_the_model_does(database_urls: Urls, app_role: str | None) -> None:
    """Every statement that the simulation uses, on the interleavings that it made."""
    chosen = choose(await asyncio.to_thread(statements_by_seed))
    database = await Database.connect(PoolSettings(database_urls.app_url, role=app_role, max_size=40))
    done: Counter[str] = Counter()
    try:
        for seed in chosen:
            again = Again(database)
            for step in await asyncio.to_thread(steps_of, seed):
                await again.take(step)
                done[step.deed] += 1
    finally:
        await database.close()
    assert done["run"] > 2000

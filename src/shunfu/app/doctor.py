"""`shunfu doctor`: looks at configuration, clock, keys and database, and says what to do. Changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from shunfu.app.backup import look_at_backups
from shunfu.app.database import embedded_settings, located
from shunfu.app.ring import describe_ring, open_ring
from shunfu.app.settings import Raw, Settings, load
from shunfu.app.tls import look_at_tls
from shunfu.app.wiring import opened_database
from shunfu.db import collect, list_recovering, pending, running_urls, schema_packages
from shunfu.driver import discover
from shunfu.kernel.errors import Fault, SetupFault
from shunfu.merchants import KeyExpiry, Lives, list_own_expiries

BUILT_AFTER = datetime(2026, 11, 1, tzinfo=UTC)
CLOCK_STEP_SECONDS = 0.05
KEY_END_NEAR_DAYS = 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `ok`, what was seen, and what to do. Advice on something ok is a warning."""

    check: str
    ok: bool
    seen: str
    advice: str = ""


def examine(flags: Mapping[str, Raw | None], config: Path | None) -> list[Finding]:
    """Look at everything; a broken part never hides the others."""
    try:
        settings = load(flags, os.environ, config)
    except SetupFault as fault:
        return [Finding("configuration", ok=False, seen=str(fault), advice="Correct that setting.")]
    checks: list[tuple[str, Callable[[Settings], str]]] = [
        ("clock", lambda _: check_clock()),
        ("keys", _keys),
        ("channels", _channels),
        ("database", _database),
        ("backups", lambda told: look_at_backups(told, datetime.now(UTC))),
    ]
    looked_at = [_looked_at(name, check, settings) for name, check in checks]
    return [*_values(settings), *looked_at, _key_ends(settings), *_transport(settings)]


def _transport(settings: Settings) -> list[Finding]:
    return [Finding(one.check, one.ok, one.seen, one.advice) for one in look_at_tls(settings, datetime.now(UTC))]


def _values(settings: Settings) -> list[Finding]:
    return [
        Finding(
            f"setting {name}",
            ok=True,
            seen=f"{value if value is not None else '(default)'} from {settings.sources[name]}",
        )
        for name, value in settings.values.items()
    ]


def _looked_at(name: str, check: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(name, ok=True, seen=check(settings))
    except Fault as fault:
        return Finding(name, ok=False, seen=type(fault).__name__, advice=str(fault))


def check_clock() -> str:
    """What the clock says. Channels refuse one that is five minutes off; without a network only gross errors show.

    Raises SetupFault.
    """
    now, steady, wall = datetime.now(UTC), time.monotonic(), time.time()
    time.sleep(CLOCK_STEP_SECONDS)
    drift = abs((time.time() - wall) - (time.monotonic() - steady))
    if now < BUILT_AFTER:
        raise SetupFault(
            f"The clock says {now:%Y-%m-%d}, before this version was made. Set it (timedatectl set-ntp true)."
        )
    if drift > CLOCK_STEP_SECONDS:
        raise SetupFault("The clock jumped while it was watched. Check the time service of this machine.")
    return f"{now:%Y-%m-%d %H:%M:%S} UTC; compare it with a reference, channels allow 5 minutes"


def _keys(settings: Settings) -> str:
    return describe_ring(settings, open_ring(settings))


def _key_ends(settings: Settings) -> Finding:
    try:
        if _is_down(settings):
            return Finding("key ends", ok=True, seen="not looked at: the database does not run")
        with located(settings) as database:
            if asyncio.run(pending(database.migration_url, collect(schema_packages()))):
                return Finding("key ends", ok=True, seen="not looked at: migrations are missing")
            return judge_key_ends(asyncio.run(_own_ends(settings, database.app_url)))
    except Fault as fault:
        return Finding("key ends", ok=False, seen=type(fault).__name__, advice=str(fault))


async def _own_ends(settings: Settings, app_url: str) -> tuple[KeyExpiry, ...]:
    keys = open_ring(settings), Lives(settings.whole("key_days"), settings.whole("credential_days"))
    async with opened_database(settings, app_url) as database, database.reading() as reader:
        return await list_own_expiries(keys, reader, datetime.now(UTC))


def judge_key_ends(found: tuple[KeyExpiry, ...]) -> Finding:
    """The installation's own keys: a warning from 30 days before an end and for one without, and not ok after it."""
    seen = ", ".join(f"{one.kind} {one.subject} until {one.ends or 'no known end'}" for one in found)
    if ended := sorted({one.kind for one in found if one.is_expired}):
        advice = f"Past its end: {', '.join(ended)}. {_how_to_rotate(ended)}"
        return Finding("key ends", ok=False, seen=seen, advice=advice)
    near = sorted({one.kind for one in found if one.days_left is None or one.days_left <= KEY_END_NEAR_DAYS})
    advice = f"Within {KEY_END_NEAR_DAYS} days of its end, or without one: {', '.join(near)}. {_how_to_rotate(near)}"
    return Finding("key ends", ok=True, seen=seen, advice=advice if near else "")


def _how_to_rotate(kinds: list[str]) -> str:
    commands = {"wrapping_key": "shunfu keys rotate", "signing_key": "shunfu keys rotate --signing"}
    return f"Run: {', '.join(commands[kind] for kind in kinds)}"


def _channels(_: Settings) -> str:
    return ", ".join(discover().channels)


def _is_down(settings: Settings) -> bool:
    return settings.secret("database_url") is None and running_urls(embedded_settings(settings)) is None


def _database(settings: Settings) -> str:
    if _is_down(settings):
        is_new = not (settings.data_folder / "postgres" / "data").exists()
        return "embedded, not made yet; `shunfu up` makes it" if is_new else "embedded, stopped; `shunfu up` starts it"
    with located(settings) as database:
        missing = asyncio.run(pending(database.migration_url, collect(schema_packages())))
        if missing:
            raise SetupFault(f"{len(missing)} migration(s) are missing. Run: shunfu migrate")
        recovery = asyncio.run(_recovery(settings, database.app_url))
    one_url = settings.secret("database_url") is not None and settings.secret("migration_url") is None
    guard = (
        "; one URL serves both roles by SET ROLE, which guards against our mistakes but not against someone who can "
        "run SQL: give SHUNFU_MIGRATION_URL its own user"
        if one_url
        else ""
    )
    return f"reachable, durable, up to date{recovery}{guard}"


async def _recovery(settings: Settings, app_url: str) -> str:
    async with opened_database(settings, app_url) as database, database.reading() as reader:
        waiting = await list_recovering(reader)
    if not waiting:
        return ""
    return f"; restored: the money of {len(waiting)} merchants waits for their channels since {waiting[0][1]}"


def print_report(findings: list[Finding], output: str) -> int:
    """Print the findings; 0 when all are ok, else 1."""
    is_ok = all(finding.ok for finding in findings)
    if output == "json":
        json.dump({"ok": is_ok, "findings": [asdict(finding) for finding in findings]}, sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
        return 0 if is_ok else 1
    for finding in findings:
        sys.stdout.write(f"{'ok  ' if finding.ok else 'FAIL'} {finding.check}: {finding.seen}\n")
        if finding.advice:
            sys.stdout.write(f"       -> {finding.advice}\n")
    return 0 if is_ok else 1

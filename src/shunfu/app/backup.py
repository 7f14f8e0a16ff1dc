"""The backup commands: what is backed up, what a recovered database must prove, and what follows from a restore."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from shunfu.app.become import become
from shunfu.app.commands import Report, in_house, prove_every_merchant, settings_for
from shunfu.app.database import embedded_settings, located
from shunfu.app.settings import Settings
from shunfu.app.wiring import House
from shunfu.db import (
    Database,
    EmbeddedSettings,
    Jobs,
    PoolSettings,
    Reader,
    Transaction,
    begin_recovery,
    collect,
    migrate,
    running_urls,
    schema_packages,
)
from shunfu.db.backup import (
    BackupFolder,
    Check,
    Progress,
    Recovered,
    Wish,
    archiving,
    count_rows,
    restore,
    take_backup,
    verify,
)
from shunfu.db.embedded import Cluster, cluster_of
from shunfu.gateway.wire import Json
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy, rfc3339
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.ids import PLATFORM, public
from shunfu.merchants import AuditEntry, audited_merchants, list_merchants, verify_audit, write_audit
from shunfu.refunds import recover_job

STALE = timedelta(hours=36)
"""A backup that is older is a finding of `doctor`."""

_STATEMENT_SECONDS = 3600.0
NEXT = (
    "Every merchant is in recovery: after `shunfu up` each open payment and refund is asked about at its channel, and "
    "no money leaves before. Then reconcile every day since then, for what the database no longer knows."
)


@dataclass(frozen=True, slots=True)
class Order:
    """What `restore` was asked for: `to` a time as typed, or `latest`; `is_forced`: also if a check fails."""

    to: str
    name: str | None
    is_forced: bool


def own_settings(data: Path | None, config: Path | None) -> Settings:
    """The settings of an installation with the embedded database, as its user. Raises SetupFault for any other."""
    settings = settings_for(data, config)
    if settings.secret("database_url") is not None:
        raise SetupFault(
            "the database is yours by SHUNFU_DATABASE_URL: back it up and restore it with its own tools, and run "
            "`shunfu backup restored` after a restore"
        )
    if os.geteuid() == 0 and settings.user is not None:
        become(settings)
    return settings


def back_up(settings: Settings, keep: int | None, progress: Progress) -> Report:
    """Take a base backup of the running server, or of one that is started for it."""
    begun = SystemClock().now()
    with located(settings):
        taken = take_backup(_cluster(settings), SystemClock(), keep or settings.whole("backup_keep"), progress)
    backup = taken.backup
    return {
        "ok": taken.is_archived,
        "backup": backup.name,
        "folder": str(settings.backup_folder),
        "bytes": backup.bytes,
        "seconds": round((backup.ended - begun).total_seconds()),
        "restorable_from": rfc3339(backup.ended),
        "log_archived": taken.is_archived,
        "removed": list(taken.removed),
        "not_in_it": f"the key file {settings.key_file}: keep a copy of it elsewhere",
    }


def verify_backup(settings: Settings, name: str | None) -> Report:
    """Prove a backup by its checksums and by a recovery in a scratch folder."""
    verified = verify(_cluster(settings), name, lambda server: asyncio.run(_examined(server)))
    return {"ok": verified.is_ok, "backup": verified.backup.name, "checks": _told(verified.checks)}


class _ChecksFailed(Exception):
    """What was recovered is not what it should be."""


def restore_backup(settings: Settings, order: Order) -> Report:
    """Restore, check, and put every merchant into recovery, all before the old data is moved aside."""
    wish = Wish(None if order.to == "latest" else read_time(order.to), order.name)
    seen: list[Check] = []

    def examine(server: Recovered) -> None:
        seen.extend(asyncio.run(_examined(server)))
        if not order.is_forced and not all(check.is_ok for check in seen):
            raise _ChecksFailed
        seen.append(Check("recovery mode", is_ok=True, seen=asyncio.run(_all_into_recovery(server))))

    try:
        restored = restore(_cluster(settings), wish, SystemClock(), examine)
    except _ChecksFailed:
        advice = "A check fails, so the data was left as it was. To take it over all the same: --anyway"
        return {"ok": False, "restored": False, "checks": _told(tuple(seen)), "next": advice}
    return {
        "ok": all(check.is_ok for check in seen),
        "restored": True,
        "backup": restored.backup.name,
        "last_transaction": rfc3339(restored.last_at or restored.backup.ended),
        "old_data": str(restored.aside) if restored.aside else None,
        "checks": _told(tuple(seen)),
        "next": NEXT,
    }


def note_restored(settings: Settings) -> Report:
    """Put every merchant into recovery: for a database that its operator has restored."""

    async def work(house: House) -> int:
        return await _into_recovery(house.database, house.source)

    return {"ok": True, "merchants": in_house(settings, work), "next": NEXT}


def look_at_backups(settings: Settings, now: datetime) -> str:
    """What `doctor` says of backups and archive. Raises SetupFault for an old backup or a log that is not archived."""
    if settings.secret("database_url") is not None:
        return "the database is yours by URL: back it up with its own tools"
    embedded = embedded_settings(settings)
    urls = running_urls(embedded)
    if not embedded.data.exists():
        return "nothing to back up yet"
    backups = BackupFolder(settings.backup_folder).backups()
    faults = [*_stale(embedded, backups[-1].ended if backups else None, now)]
    if urls is not None:
        faults += asyncio.run(_not_archived(urls.admin_url, embedded))
    if faults:
        raise SetupFault(" ".join(faults))
    newest = f"the newest of {len(backups)} is {backups[-1].name}" if backups else "`shunfu up` makes the first soon"
    return f"{newest}, in {settings.backup_folder}"


def read_time(text: str) -> datetime:
    """A moment with its time zone. Raises SetupFault."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SetupFault(f"{text!r} is no time: write it like 2026-11-28T14:30:00+08:00, or latest") from error
    if moment.tzinfo is None:
        raise SetupFault(f"{text!r} says no time zone: write it like {text}+08:00, or {text}Z for UTC")
    return moment


def _cluster(settings: Settings) -> Cluster:
    return cluster_of(embedded_settings(settings))


async def _check_books(reader: Reader) -> Check:
    proof = await prove_every_merchant(reader)
    merchants = proof["merchants"]
    count = len(merchants) if isinstance(merchants, list) else 0
    seen = f"{count} merchants, {'balanced' if proof['ok'] else 'not balanced: see `shunfu ledger check`'}"
    return Check("books", is_ok=bool(proof["ok"]), seen=seen)


async def _check_audit(reader: Reader) -> Check:
    proofs = [await verify_audit(reader, merchant_id) async for merchant_id in audited_merchants(reader)]
    said = [f"{damage.kind}: {damage.said}" for proof in proofs for damage in proof.damages]
    seen = said[0] if said else f"{sum(proof.rows for proof in proofs)} rows, each chain whole"
    return Check("audit", is_ok=not said, seen=seen)


CHECKS: tuple[Callable[[Reader], Awaitable[Check]], ...] = (_check_books, _check_audit)
"""What a recovered database must prove, beside its schema."""


async def _examined(server: Recovered) -> tuple[Check, ...]:
    applied = await migrate(server.urls.migration_url, collect(schema_packages()))
    checks = [Check("schema", is_ok=True, seen=f"migration {applied.before}, brought to {applied.after}")]
    async with _opened(server) as database, database.reading() as reader:
        checks += [await check(reader) for check in CHECKS]
    counts = await count_rows(server.urls.migration_url)
    told = ", ".join(f"{table} {count}" for table, count in counts.items() if count)
    return (*checks, Check("rows", is_ok=True, seen=told))


async def _all_into_recovery(server: Recovered) -> str:
    async with _opened(server) as database:
        return f"begun for {await _into_recovery(database, Source(SystemClock(), SystemEntropy()))} merchants"


async def _into_recovery(database: Database, source: Source) -> int:
    """One transaction a merchant: there is none across merchants."""
    count, after = 0, PLATFORM
    while True:
        async with database.reading() as reader:
            page = await list_merchants(reader, after)
        if not page:
            return count
        for merchant in page:
            await database.transact(lambda tx, of=merchant.merchant_id: _recover(tx, source, of))
        count, after = count + len(page), page[-1].merchant_id


async def _recover(tx: Transaction, source: Source, merchant_id: UUID) -> None:
    """Let a merchant's money wait, with the job that asks its channels and ends the wait, and put it on record."""
    now = source.now()
    await begin_recovery(tx, merchant_id, now)
    await Jobs(source).enqueue(tx, recover_job(merchant_id, now))
    await write_audit(tx, source, AuditEntry(merchant_id, "cli", "database.restored", public("mer", merchant_id)))


@asynccontextmanager
async def _opened(server: Recovered) -> AsyncGenerator[Database]:
    settings = PoolSettings(server.urls.app_url, max_size=2, statement_timeout_seconds=_STATEMENT_SECONDS)
    database = await Database.connect(settings)
    try:
        yield database
    finally:
        await database.close()


def _told(checks: tuple[Check, ...]) -> list[Json]:
    return [{"check": check.name, "ok": check.is_ok, "seen": check.seen} for check in checks]


def _stale(embedded: EmbeddedSettings, newest: datetime | None, now: datetime) -> list[str]:
    """Without a backup, the age of the data counts."""
    made = datetime.fromtimestamp((embedded.data / "PG_VERSION").stat().st_mtime, now.tzinfo)
    hours = (now - (newest or made)) // timedelta(hours=1)
    if now - (newest or made) <= STALE:
        return []
    what = f"The newest backup is {hours} hours old." if newest else f"There is no backup of data {hours} hours old."
    return [f"{what} Run: shunfu backup now"]


async def _not_archived(admin_url: str, embedded: EmbeddedSettings) -> list[str]:
    state = await archiving(admin_url)
    if not state.is_on:
        return ["The running server does not archive its log yet: restart `shunfu up`."]
    if state.is_failing:
        told = f"The log cannot be archived in {embedded.backups}; {state.waiting} files wait and fill the data disk."
        return [f"{told} Is that folder there, writable, and not full? See {embedded.log}"]
    return []

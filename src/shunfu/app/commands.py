"""The bodies of the staff commands: open the database, do one thing, say what was done."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar, cast

from shunfu.app.database import Located, located, migrate_all
from shunfu.app.proving import prove_views
from shunfu.app.ring import open_ring
from shunfu.app.settings import Settings, load
from shunfu.app.wiring import House, open_house, opened_database
from shunfu.db import Reader, Transaction
from shunfu.gateway.wire import Json
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.ids import PLATFORM, parse_public, public
from shunfu.ledger import Proof, prove
from shunfu.merchants import (
    ALL_CAPABILITIES,
    KeyRing,
    Merchant,
    NewKey,
    Organisation,
    get_merchant,
    has_data_keys,
    issue_api_key,
    list_merchants,
    make_key_file,
)
from shunfu.payments import compare_with_ledger
from shunfu.reconcile import begin_daily
from shunfu.refunds import compare_refunds

T = TypeVar("T")
Report = dict[str, Json]


def settings_for(data: Path | None, config: Path | None) -> Settings:
    """The settings that a command runs under."""
    return load({"data_folder": str(data) if data else None}, os.environ, config)


def ring_for(settings: Settings, database: Located) -> KeyRing:
    """The key ring; made when nothing was ever sealed here. Raises SetupFault when the key file was lost."""
    is_in_file = settings.secret("keys") is None
    if is_in_file and not settings.key_file.exists() and not asyncio.run(_has_sealed(settings, database)):
        make_key_file(settings.key_file, Source(SystemClock(), SystemEntropy()))
    return open_ring(settings)


async def _has_sealed(settings: Settings, database: Located) -> bool:
    async with opened_database(settings, database.app_url) as opened, opened.reading() as reader:
        return await has_data_keys(reader)


def make_data_folder(settings: Settings) -> None:
    """Make the data folder for us alone; as root, passable for the user who runs PostgreSQL in a folder inside it."""
    is_root = os.geteuid() == 0
    settings.data_folder.mkdir(mode=0o711 if is_root else 0o700, parents=True, exist_ok=True)


def in_house(settings: Settings, work: Callable[[House], Awaitable[T]]) -> T:
    """Run one piece of work in the built house, on a migrated database."""
    make_data_folder(settings)
    with located(settings) as database:
        migrate_all(database)
        ring = ring_for(settings, database)

        async def story() -> T:
            async with open_house(settings, database.app_url, ring) as house:
                return await work(house)

        return asyncio.run(story())


def migrate(settings: Settings) -> str:
    """Migrate and say what was applied."""
    with located(settings) as database:
        applied = migrate_all(database)
    names = ", ".join(applied.names) or "nothing to do"
    return f"schema {applied.before} -> {applied.after}: {names}"


def create_merchant(settings: Settings, name: str, return_origins: tuple[str, ...]) -> Report:
    """Found an organisation and return its two sides with their keys."""

    async def work(house: House) -> Organisation:
        return await found_organisation(house, name, return_origins)

    made = in_house(settings, work)
    return {
        "organisation": public("org", made.test.organisation_id),
        "test": {"merchant": public("mer", made.test.merchant_id), "api_key": made.test_key.reveal()},
        "live": {"merchant": public("mer", made.live.merchant_id), "api_key": made.live_key.reveal()},
    }


async def found_organisation(house: House, name: str, return_origins: tuple[str, ...]) -> Organisation:
    """Found an organisation with its housekeeping, in one transaction."""

    return await house.database.transact(lambda tx: house.found(tx, name, return_origins))


def issue_key(settings: Settings, merchant: str, label: str, capabilities: tuple[str, ...]) -> Report:
    """Issue one more API key, with all of a back end's capabilities unless some are named."""
    merchant_id = parse_public("mer", merchant)
    if merchant_id is None:
        raise SetupFault(f"{merchant!r} is no merchant's id; `shunfu merchant create` printed it (mer_…).")
    if not label.strip():
        raise SetupFault("Say with --label what the key is for.")
    if unknown := sorted(set(capabilities) - ALL_CAPABILITIES):
        raise SetupFault(f"There is no capability {unknown[0]!r}; there are: {', '.join(sorted(ALL_CAPABILITIES))}.")
    days = settings.whole("api_key_days")
    wish = NewKey(label, frozenset(capabilities) or ALL_CAPABILITIES, days=days)

    async def work(house: House) -> str:
        async def story(tx: Transaction) -> str:
            found = await get_merchant(tx, merchant_id)
            if found is None:
                raise SetupFault(f"There is no merchant {merchant}.")
            return (await issue_api_key(tx, house.source, found, wish)).reveal()

        return await house.database.transact(story)

    told = list[Json](sorted(wish.capabilities))
    return {"merchant": merchant, "label": label, "capabilities": told, "api_key": in_house(settings, work)}


def add_account(settings: Settings, merchant: str, channel: str, credentials: Path) -> Report:
    """Seal and store a channel account. The file holds the credentials, or the sandbox's whole credentials file."""
    merchant_id = parse_public("mer", merchant)
    if merchant_id is None:
        raise SetupFault(f"{merchant!r} is no merchant's id; `shunfu merchant create` printed it (mer_…).")
    told = read_credentials(credentials, channel)

    async def work(house: House) -> str:
        async def story(tx: Transaction) -> str:
            found = await get_merchant(tx, merchant_id)
            if found is None:
                raise SetupFault(f"There is no merchant {merchant}.")
            account_id = await house.accounts.add(tx, found, channel, told)
            await begin_daily(house.reconcile, tx, merchant_id, account_id)
            return public("acc", account_id)

        return await house.database.transact(story)

    return {"account": in_house(settings, work), "merchant": merchant, "channel": channel}


def read_credentials(path: Path, channel: str) -> dict[str, str]:
    """The texts of a credentials file, whole or under the channel's name. Raises SetupFault."""
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SetupFault(f"The credentials file {path} cannot be read as JSON.") from error
    by_channel = cast("dict[str, object]", content) if isinstance(content, dict) else {}
    told = by_channel.get(channel, by_channel)
    if not isinstance(told, dict) or not told:
        raise SetupFault(f"The credentials file {path} must hold a JSON object of texts.")
    told = cast("dict[str, object]", told)
    return {name: text for name, text in told.items() if isinstance(text, str)}


def check_ledger(settings: Settings) -> Report:
    """Prove every merchant's books."""
    return in_house(settings, prove_books)


async def prove_books(house: House) -> Report:
    """Each merchant's proof: entries balance, and ledger and payments say the same."""
    async with house.database.reading() as reader:
        return await prove_every_merchant(reader)


async def prove_every_merchant(reader: Reader) -> Report:
    """As `prove_books`, of any database that a session reads."""
    merchants: list[Json] = []
    is_ok, after = True, PLATFORM
    while page := await list_merchants(reader, after):
        for merchant in page:
            report = await prove_merchant(reader, merchant)
            is_ok = is_ok and bool(report["balanced"]) and not report["differences"] and not report["views"]
            merchants.append(report)
        after = page[-1].merchant_id
    return {"ok": is_ok, "merchants": merchants}


async def prove_merchant(reader: Reader, merchant: Merchant) -> Report:
    """One merchant's proof."""
    proof: Proof = await prove(reader, merchant.merchant_id)
    differences = await compare_with_ledger(reader, merchant.merchant_id)
    refunds, payments = await compare_refunds(reader, merchant.merchant_id)
    return {
        "merchant": public("mer", merchant.merchant_id),
        "mode": merchant.mode,
        "transactions": proof.transactions,
        "entries": proof.entries,
        "balanced": proof.is_balanced,
        "accounts": [
            {"code": line.code, "currency": line.currency, "balance_minor": line.balance_minor}
            for line in proof.balances
        ],
        "differences": [
            *(public("pay", difference.payment_id) for difference in differences),
            *(public("rfd", refund_id) for refund_id in refunds),
            *(public("pay", payment_id) for payment_id in payments),
        ],
        "views": list[Json](await prove_views(reader, merchant.merchant_id)),
    }


def written(report: Report, output: str) -> str:
    """A report as JSON or as indented lines."""
    if output == "json":
        return json.dumps(report, ensure_ascii=False)
    return "\n".join(_lines(report, 0))


def _lines(value: Json, depth: int) -> list[str]:
    pad = "  " * depth
    match value:
        case dict():
            lines: list[str] = []
            for name, member in value.items():
                if isinstance(member, dict | list):
                    lines += [f"{pad}{name}:", *_lines(member, depth + 1)]
                else:
                    lines.append(f"{pad}{name}: {member}")
            return lines
        case list():
            found = [line for member in value for line in [*_lines(member, depth), ""]]
            return found[:-1] if found else [f"{pad}none"]
        case _:
            return [f"{pad}{value}"]

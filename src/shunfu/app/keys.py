"""`shunfu keys`: which keys there are, new ones in place of old ones, and API keys."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from rich.progress import TaskID

from shunfu.app.commands import Report, in_house
from shunfu.app.key_checks import LOOK_SECONDS, list_every_expiry
from shunfu.app.progress import progress_bars
from shunfu.app.ring import keeper, open_ring
from shunfu.app.settings import Settings
from shunfu.app.wiring import House
from shunfu.db import Reader, Transaction
from shunfu.gateway.wire import Json
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy, rfc3339
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.ids import PLATFORM, parse_public, public
from shunfu.merchants import (
    ALL_CAPABILITIES,
    SIGNING_WINDOW,
    KeyContents,
    KeyExpiry,
    ListedKey,
    Merchant,
    NewKey,
    Retired,
    Rotated,
    RotationStage,
    RotationTools,
    RotationWatch,
    count_uses,
    get_merchant,
    issue_api_key,
    list_api_keys,
    list_merchants,
    list_wrapping_keys,
    lock_key_file,
    new_contents,
    publish_signing_key,
    renew_data_keys,
    retire_keys,
    revoke_api_key_by_id,
    rotate_wrapping_key,
    use_signing_key,
    write_new_key_file,
)
from shunfu.merchants.staff import reseal_totps
from shunfu.webhooks import reseal_secrets

WORDS: dict[RotationStage, str] = {
    "key": "new key",
    "data_keys": "data keys",
    "authenticators": "authenticators",
    "done": "done",
}


@dataclass(frozen=True, slots=True)
class RotateOptions:
    """What to rotate beside or instead of the key encryption key, and how long to wait for every server to look."""

    is_data: bool = False
    is_signing: bool = False
    is_retiring: bool = False
    pause_seconds: float = 2 * LOOK_SECONDS


def rotate(settings: Settings, options: RotateOptions) -> Report:
    """Rotate, with progress on a terminal's standard error. Raises SetupFault with what to do."""
    with _watched() as watch:

        async def work(house: House) -> Report:
            with _alone(settings, house, options):
                return await rotate_in(house, rotation_tools(settings, house, watch), options)

        return in_house(settings, work)


def _alone(settings: Settings, house: House, options: RotateOptions) -> AbstractContextManager[None]:
    """The key file for oneself, where it is written: not for keys elsewhere, which may stand on a disk to read only."""
    is_written = options.is_signing or options.is_retiring or not (options.is_data or house.ring.is_outside)
    return lock_key_file(settings.key_file) if is_written and keeper(settings) else nullcontext()


async def rotate_in(house: House, tools: RotationTools, options: RotateOptions) -> Report:
    """One rotation of each kind that is asked for; the key encryption key's when none is."""
    told: Report = {}
    if options.is_data:
        told["data_keys"] = await _renew_all(house, tools)
    if options.is_signing:
        told["signing_key"] = await _renew_signing_key(tools, options.pause_seconds)
    if options.is_retiring:
        told["retired"] = _told_retired(await retire_keys(tools))
    return told or _told_rotated(await rotate_wrapping_key(tools))


def rotation_tools(settings: Settings, house: House, watch: RotationWatch) -> RotationTools:
    """The tools of a rotation in a built house."""

    async def reseal(name: str) -> int:
        return await reseal_totps((house.database, house.source, house.ring), name)

    return RotationTools(
        database=house.database,
        source=house.source,
        ring=house.ring,
        vault=house.payments.vault,
        accounts=house.accounts,
        keep=keeper(settings),
        reseal=reseal,
        watch=watch,
    )


async def _renew_all(house: House, tools: RotationTools) -> Json:
    keys, accounts, endpoints = 0, 0, 0
    for merchant_id in await _everyone(house):
        renewed = await renew_data_keys(tools, merchant_id)
        keys, accounts = keys + renewed[0], accounts + renewed[1]
        endpoints += await reseal_secrets(house.webhooks, merchant_id)
        tools.watch("data_keys", keys)
    return {"made": keys, "accounts_sealed": accounts, "endpoints_sealed": endpoints}


async def _renew_signing_key(tools: RotationTools, pause_seconds: float) -> Json:
    """Every server must believe the new key before any signs with it."""
    is_fresh = publish_signing_key(tools)
    tools.watch("key", 1)
    await asyncio.sleep(pause_seconds)
    await use_signing_key(tools)
    until = tools.ring.contents.signing[1].until
    return {"resumed": not is_fresh, "old_believed_until": rfc3339(until) if until else None}


def list_keys(settings: Settings, merchant: str | None) -> Report:
    """The installation's keys, or a merchant's, each with its age, end and use; never a key."""
    merchant_id = None if merchant is None else parse_public("mer", merchant)
    if merchant is not None and merchant_id is None:
        raise _no_merchant(merchant)

    async def work(house: House) -> Report:
        async with house.database.reading() as reader:
            if merchant_id is not None:
                return {"merchant": merchant, "keys": await _ends(house, reader, merchant_id)}
            return await _installation(house, reader)

    return in_house(settings, work)


def extend(settings: Settings, to: Path, *, is_promoting: bool = False) -> Report:
    """Write the ring with one more key encryption key and signing key to a new file: for keys in a variable.

    They wait, so that every server knows them before any uses them; promoting, those that wait wrap and sign.
    Raises SetupFault when the file is there, when keys wait already, and when none waits to be promoted.
    """
    source = Source(SystemClock(), SystemEntropy())
    contents = open_ring(settings).contents
    extended = _promoted(contents, source) if is_promoting else _extended(contents, source)
    try:
        write_new_key_file(to, extended)
    except FileExistsError as error:
        raise SetupFault(f"{to} is there already; name a file that is not.") from error
    waiting = extended.waiting_key
    return {
        "file": str(to),
        "active": public("kek", extended.active),
        "waiting": public("kek", waiting) if waiting else None,
        "keys": len(extended.keys),
        "signing_keys": len(extended.signing),
    }


def _extended(contents: KeyContents, source: Source) -> KeyContents:
    if contents.waiting_key or contents.has_waiting_signing_key:
        raise SetupFault("The keys have a new one that waits already; put it to use with --promote.")
    return contents.with_waiting(new_contents(source))


def _promoted(contents: KeyContents, source: Source) -> KeyContents:
    if not (contents.waiting_key or contents.has_waiting_signing_key):
        raise SetupFault("No new key waits in these keys; add one with `shunfu keys extend --to FILE` first.")
    promoted = replace(contents, active=contents.waiting_key or contents.active)
    if promoted.has_waiting_signing_key:
        promoted = promoted.with_last_signing(source.now() + SIGNING_WINDOW)
    return promoted


def issue_key(settings: Settings, merchant: str, wish: NewKey) -> Report:
    """Issue an API key and show it this once."""
    if not wish.label.strip():
        raise SetupFault("Say with --label what the key is for.")
    if unknown := sorted(wish.capabilities - ALL_CAPABILITIES):
        raise SetupFault(f"There is no capability {unknown[0]!r}; there are: {', '.join(sorted(ALL_CAPABILITIES))}.")

    async def work(house: House) -> str:
        async def story(tx: Transaction) -> str:
            return (await issue_api_key(tx, house.source, await _merchant(tx, merchant), wish)).reveal()

        return await house.database.transact(story)

    told = list[Json](sorted(wish.capabilities))
    api_key = in_house(settings, work)
    return {"merchant": merchant, "label": wish.label, "capabilities": told, "days": wish.days, "api_key": api_key}


def list_merchant_keys(settings: Settings, merchant: str) -> Report:
    """A merchant's API keys, revoked and expired ones too."""

    async def work(house: House) -> Report:
        async with house.database.reading() as reader:
            found = await list_api_keys(reader, (await _merchant(reader, merchant)).merchant_id)
        return {"merchant": merchant, "api_keys": [_listed(key, house) for key in found]}

    return in_house(settings, work)


def revoke_key(settings: Settings, merchant: str, key: str) -> Report:
    """Revoke an API key at once. Raises SetupFault when there is no such key in force."""
    key_id = parse_public("key", key)

    async def work(house: House) -> bool:
        async def story(tx: Transaction) -> bool:
            found = await _merchant(tx, merchant)
            if key_id is None:
                return False
            return await revoke_api_key_by_id(tx, house.source, (found.merchant_id, key_id))

        return await house.database.transact(story)

    if not in_house(settings, work):
        raise SetupFault(f"{merchant} has no key {key!r} that is not revoked; `shunfu keys api list` shows them.")
    return {"merchant": merchant, "key": key, "revoked": True}


@contextmanager
def _watched() -> Generator[RotationWatch]:
    tasks: dict[RotationStage, TaskID] = {}
    with progress_bars() as progress:

        def show(stage: RotationStage, count: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(WORDS[stage], total=None)
            progress.update(tasks[stage], completed=count)

        yield show


async def _everyone(house: House) -> list[UUID]:
    found: list[UUID] = []
    async with house.database.reading() as reader:
        while page := await list_merchants(reader, found[-1] if found else PLATFORM):
            found += [merchant.merchant_id for merchant in page]
    return found


async def _merchant(reader: Reader, merchant: str) -> Merchant:
    merchant_id = parse_public("mer", merchant)
    found = await get_merchant(reader, merchant_id) if merchant_id else None
    if found is None:
        raise _no_merchant(merchant)
    return found


def _no_merchant(merchant: str) -> SetupFault:
    return SetupFault(f"There is no merchant {merchant!r}; `shunfu merchant create` printed its id (mer_…).")


async def _installation(house: House, reader: Reader) -> Report:
    uses = await count_uses(reader)
    in_use = [key.name for key in await list_wrapping_keys(reader) if key.retired_at is None]
    contents = house.ring.contents
    names = [str(key_id) for key_id in contents.keys]
    active = await house.ring.wrapping_id()
    wrapping: list[Json] = []
    for name in dict.fromkeys([*names, *uses, *in_use, active]):
        made = contents.made.get(UUID(name)) if name in names else None
        wrapping.append(
            {
                "key": public("kek", UUID(name)) if name in names else name,
                "active": name == active,
                "in_ring": name in names or name.startswith("command:"),
                "made": rfc3339(made) if made else None,
                "wraps": uses.get(name, 0),
            }
        )
    signing: list[Json] = [
        {
            "signs": index == 0,
            "made": rfc3339(one.made) if one.made else None,
            "believed_until": rfc3339(one.until) if one.until else None,
        }
        for index, one in enumerate(contents.signing)
    ]
    ends = await _ends(house, reader, PLATFORM)
    return {"wrapping_keys": wrapping, "signing_keys": signing, "ends": ends}


async def _ends(house: House, reader: Reader, merchant_id: UUID) -> list[Json]:
    return [_end(one) for one in await list_every_expiry(house.expiry, reader, merchant_id)]


def _end(one: KeyExpiry) -> Json:
    return {
        "kind": one.kind,
        "subject": one.subject,
        "name": one.name,
        "ends": one.ends or "no expiry",
        "expired": one.is_expired,
        "days_left": one.days_left,
    }


def _listed(key: ListedKey, house: House) -> Json:
    return {
        "key": public("key", key.key_id),
        "label": key.label,
        "capabilities": list[Json](sorted(key.capabilities)),
        "made": rfc3339(key.created_at),
        "ends": rfc3339(key.expires_at) if key.expires_at else "no expiry",
        "in_force": key.is_in_force(house.source.now()),
        "revoked": rfc3339(key.revoked_at) if key.revoked_at else None,
    }


def _told_rotated(done: Rotated) -> Report:
    return {
        "wraps_now": done.name,
        "resumed": done.is_resumed,
        "data_keys": done.data_keys,
        "authenticators": done.authenticators,
    }


def _told_retired(done: Retired) -> Json:
    return {
        "dropped": [public("kek", key_id) for key_id in done.dropped],
        "kept": [{"key": public("kek", key_id), "why": why} for key_id, why in done.kept],
        "signing_keys_dropped": done.signing_dropped,
    }

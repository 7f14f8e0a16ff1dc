"""The stories of rotation: another key encryption key, another signing key, other data keys; and dropping old ones.

Each can be cut off anywhere and run again: what is wrapped or sealed opens at every moment, because a key is in the
file before anything is wrapped with it, and is dropped only when nothing is. docs/adr/0019 says which order and why.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from shunfu.db import Database, Transaction
from shunfu.kernel.clock import Source
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.ids import PLATFORM, public
from shunfu.kernel.secret import Secret
from shunfu.merchants import key_store
from shunfu.merchants.accounts import Accounts
from shunfu.merchants.audit import COMMAND_LINE, AuditEntry
from shunfu.merchants.auditing import write_audit
from shunfu.merchants.envelope import KEY_BYTES, NONCE_BYTES
from shunfu.merchants.key_contents import KeyContents, SigningKey, new_key
from shunfu.merchants.key_store import WrappedKey
from shunfu.merchants.keyfile import KeyRing
from shunfu.merchants.vault import Vault, wrap_place

RETIRE_AFTER = timedelta(hours=1)
"""So long after a rotation its old keys stay: a server that has not looked at the file yet may use them."""
SIGNING_WINDOW = timedelta(days=45)
"""So long is believed what the key before has signed: a payment link lives for 30 days after its order's week."""
PASSES_MAX = 1000
BEGINNING = (PLATFORM, PLATFORM)

RotationStage = Literal["key", "data_keys", "authenticators", "done"]
RotationWatch = Callable[[RotationStage, int], None]
"""Called after each step with how many of its stage are done."""
Keep = Callable[[KeyContents, KeyContents], None]
"""Writes the key file, whole or not at all: what it held when the change was made up, and what it holds then."""
Reseal = Callable[[str], Awaitable[int]]
"""Seals people's authenticators that another key than the named one sealed, and counts them."""


@dataclass(frozen=True, slots=True)
class RotationTools:
    """What the stories need. `keep` is None where the keys are in no file of ours: an environment variable."""

    database: Database
    source: Source
    ring: KeyRing
    vault: Vault
    accounts: Accounts
    keep: Keep | None
    reseal: Reseal
    watch: RotationWatch = lambda _, __: None


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did: which key wraps now, by its name in envelopes, and how much was wrapped with it.

    `is_resumed`: an earlier rotation had been cut off, and was finished instead of beginning another.
    """

    name: str
    is_resumed: bool
    data_keys: int
    authenticators: int


@dataclass(frozen=True, slots=True)
class Retired:
    """Which key encryption keys were dropped, and why others were not, by key."""

    dropped: tuple[UUID, ...]
    kept: tuple[tuple[UUID, str], ...]
    signing_dropped: int


async def rotate_wrapping_key(tools: RotationTools) -> Rotated:
    """Wrap everything with a new key encryption key; one that an outside service has made, where one wraps.

    Raises SetupFault where the keys are in an environment variable and nothing is left to be wrapped.
    """
    is_resumed = await _is_unfinished(tools)
    if not is_resumed and not tools.ring.is_outside:
        _add_key(tools)
        tools.watch("key", 1)
    name = await tools.ring.wrapping_id()
    await _begin(tools, name)
    data_keys = await _wrap_data_keys(tools, name)
    authenticators = await tools.reseal(name)
    tools.watch("authenticators", authenticators)
    await _finish(tools, name, data_keys + authenticators)
    tools.watch("done", 1)
    return Rotated(name, is_resumed, data_keys, authenticators)


async def _is_unfinished(tools: RotationTools) -> bool:
    """Whether the key that wraps now does not yet wrap everything."""
    name = await tools.ring.wrapping_id()
    async with tools.database.reading() as reader:
        noted = {key.name: key for key in await key_store.list_wrapping_keys(reader)}
        uses = await key_store.count_uses(reader)
    others = sum(count for used, count in uses.items() if used != name)
    return others > 0 or (name in noted and noted[name].finished_at is None)


def _add_key(tools: RotationTools) -> None:
    if tools.keep is None:
        raise SetupFault(
            "The keys are in SHUNFU_KEYS, which cannot be changed from here. Write a ring with new keys with "
            "`shunfu keys extend --to FILE`, set the variable to its text, restart every server, do the same with "
            "`shunfu keys extend --promote --to FILE`, run this again."
        )
    contents = tools.ring.contents
    tools.keep(contents, contents.with_key(new_key(tools.source), tools.source.now()))
    tools.ring.refresh()


async def _begin(tools: RotationTools, name: str) -> None:
    async def story(tx: Transaction) -> None:
        if await key_store.begin_wrapping_key(tx, name, tools.source.now(), None):
            await _note(tx, tools, "key.rotation_begun", name)

    await tools.database.transact(story)


async def _finish(tools: RotationTools, name: str, count: int) -> None:
    async def story(tx: Transaction) -> None:
        if await key_store.finish_wrapping_key(tx, name, tools.source.now()):
            await _note(tx, tools, "key.rotated", name, wrapped=count)

    await tools.database.transact(story)


async def _wrap_data_keys(tools: RotationTools, name: str) -> int:
    """Pages over all merchants until none is left: a server may make a data key meanwhile."""
    count = 0
    for _ in range(PASSES_MAX):
        after, is_clean = BEGINNING, True
        while page := await _page(tools, name, after):
            is_clean = False
            for key in page:
                count += await _wrap_anew(tools, key)
                tools.watch("data_keys", count)
            after = (page[-1].merchant_id, page[-1].key_id)
        if is_clean:
            return count
    raise SetupFault("Data keys are made under an older key again and again: another server reads another key file.")


async def _page(tools: RotationTools, name: str, after: tuple[UUID, UUID]) -> list[WrappedKey]:
    async with tools.database.glancing() as reader:
        return await key_store.list_wrapped_otherwise(reader, name, after)


async def _wrap_anew(tools: RotationTools, key: WrappedKey) -> int:
    place = wrap_place(key.merchant_id, key.key_id)
    plaintext = await tools.ring.unwrap(place, key.wrapped)
    wrapped = await tools.ring.wrap(place, plaintext, tools.source.entropy.take(NONCE_BYTES))
    return await tools.database.transact(lambda tx: key_store.wrap_data_key(tx, key, wrapped))


async def retire_keys(tools: RotationTools) -> Retired:
    """Drop the key encryption keys that nothing needs: proven by a count, and an hour after the last rotation.

    Signing keys are dropped when their window is over. Raises SetupFault where the keys are in no file of ours.
    """
    if tools.keep is None:
        raise SetupFault("The keys are in SHUNFU_KEYS: `shunfu keys list` says which are unused; take those out there.")
    tools.ring.refresh()
    contents, now = tools.ring.contents, tools.source.now()
    verdicts = await _verdicts(tools, contents, now)
    dropped = tuple(key_id for key_id, why in verdicts if why is None)
    signing = tuple(one for one in contents.signing if one.until is None or now < one.until)
    if dropped or len(signing) < len(contents.signing):
        tools.keep(contents, replace(contents.without_keys(frozenset(dropped)), signing=signing))
        tools.ring.refresh()
        tools.watch("key", len(dropped))
    await _note_retired(tools)
    kept = tuple((key_id, why) for key_id, why in verdicts if why is not None)
    return Retired(dropped, kept, len(contents.signing) - len(signing))


async def _verdicts(tools: RotationTools, contents: KeyContents, now: datetime) -> list[tuple[UUID, str | None]]:
    """Of every key but the active one: why it has to stay, or None."""
    async with tools.database.reading() as reader:
        noted = {key.name: key for key in await key_store.list_wrapping_keys(reader)}
        uses = await key_store.count_uses(reader)
    name = await tools.ring.wrapping_id()
    finished = noted[name].finished_at if name in noted else None
    found: list[tuple[UUID, str | None]] = []
    for key_id in contents.keys:
        if key_id == contents.active:
            continue
        if count := uses.get(str(key_id), 0):
            found.append((key_id, f"{count} keys are wrapped with it; run `shunfu keys rotate`"))
        elif finished is None or now < finished + RETIRE_AFTER:
            found.append((key_id, "the rotation was finished less than an hour ago, or not at all"))
        else:
            found.append((key_id, None))
    return found


async def _note_retired(tools: RotationTools) -> None:
    """Whatever was noted as in use and is in the ring no more was dropped, now or by a run that was cut off."""
    in_ring = {str(key_id) for key_id in tools.ring.keys}

    async def story(tx: Transaction) -> None:
        for key in await key_store.list_wrapping_keys(tx):
            is_ours = not key.name.startswith("command:")
            gone = is_ours and key.name not in in_ring and key.finished_at is not None
            if gone and await key_store.retire_wrapping_key(tx, key.name, tools.source.now()):
                await _note(tx, tools, "key.retired", key.name)

    await tools.database.transact(story)


def publish_signing_key(tools: RotationTools) -> bool:
    """Put a new signing key last in the file, so that every server believes it before any signs with it.

    False when an earlier run was cut off after this step. Raises SetupFault where the keys are in no file of ours.
    """
    if tools.keep is None:
        raise SetupFault(
            "The keys are in SHUNFU_KEYS: `shunfu keys extend` adds a new signing key as well, and "
            "`shunfu keys extend --promote` signs with it."
        )
    tools.ring.refresh()
    contents = tools.ring.contents
    if contents.has_waiting_signing_key:
        return False
    fresh = SigningKey(Secret(tools.source.entropy.take(KEY_BYTES)), tools.source.now())
    tools.keep(contents, replace(contents, signing=(*contents.signing, fresh)))
    tools.ring.refresh()
    return True


async def use_signing_key(tools: RotationTools) -> None:
    """Sign with the key that was published, and believe the one before for a window."""
    assert tools.keep is not None, "it was published in a file"
    tools.ring.refresh()
    contents = tools.ring.contents
    tools.keep(contents, contents.with_last_signing(tools.source.now() + SIGNING_WINDOW))
    tools.ring.refresh()
    entry = AuditEntry(PLATFORM, COMMAND_LINE, "key.signing_rotated", "installation")
    await tools.database.transact(lambda tx: write_audit(tx, tools.source, entry))


async def renew_data_keys(tools: RotationTools, merchant_id: UUID) -> tuple[int, int]:
    """New data keys for all of a merchant's purposes, and its channels' credentials sealed with them.

    What was sealed before opens as before. The answer: how many keys, how many accounts.
    """

    async def story(tx: Transaction) -> tuple[int, int]:
        purposes = sorted({key.purpose for key in await key_store.list_data_keys(tx, merchant_id)})
        for purpose in purposes:
            await tools.vault.renew(tx, merchant_id, purpose)
        accounts = await tools.accounts.reseal(tx, merchant_id)
        if purposes:
            mine, detail = public("mer", merchant_id), {"purposes": " ".join(purposes), "accounts": accounts}
            entry = AuditEntry(merchant_id, COMMAND_LINE, "data_keys.rotated", mine, detail=detail)
            await write_audit(tx, tools.source, entry)
        return len(purposes), accounts

    return await tools.database.transact(story)


async def _note(tx: Transaction, tools: RotationTools, action: str, name: str, **detail: int) -> None:
    entry = AuditEntry(PLATFORM, COMMAND_LINE, action, name.replace(" ", "_")[:200], detail=detail)
    await write_audit(tx, tools.source, entry)

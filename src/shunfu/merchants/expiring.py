"""The stories of keys that end: list them for a merchant or the installation, and warn once for each end and step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shunfu.db import Database, Outbox, Reader, Transaction
from shunfu.kernel.clock import Source
from shunfu.kernel.ids import PLATFORM, public
from shunfu.merchants import key_store, store
from shunfu.merchants.accounts import Accounts
from shunfu.merchants.events import KeyWarned
from shunfu.merchants.expiry import KeyExpiry, Lives, Step, judge, soonest
from shunfu.merchants.key_store import Warned
from shunfu.merchants.keyfile import KeyRing
from shunfu.merchants.kms import BY_COMMAND

ALARMS: dict[Step, str] = {
    "30": "key_expiring",
    "7": "key_expiring",
    "1": "key_expiring",
    "ended": "key_expired",
    "endless": "key_without_expiry",
}


@dataclass(frozen=True, slots=True)
class ExpiryTools:
    """What the stories need."""

    database: Database
    source: Source
    outbox: Outbox
    accounts: Accounts
    ring: KeyRing
    lives: Lives


async def list_expiries(tools: ExpiryTools, reader: Reader, merchant_id: UUID) -> tuple[KeyExpiry, ...]:
    """A merchant's API keys, accounts and data keys in use, or the installation's own keys (the nil uuid).

    Whoever has keys elsewhere adds them. Revoked keys, and data keys that only open, are not among them.
    """
    now = tools.source.now()
    if merchant_id == PLATFORM:
        return await list_own_expiries((tools.ring, tools.lives), reader, now)
    return soonest(
        [
            *await _api_keys(reader, merchant_id, now),
            *await _accounts(tools, reader, merchant_id, now),
            *await _data_keys(tools, reader, merchant_id, now),
        ]
    )


async def list_own_expiries(keys: tuple[KeyRing, Lives], reader: Reader, now: datetime) -> tuple[KeyExpiry, ...]:
    """The installation's own keys, without the rest of a house: what `list_expiries` says of the nil uuid."""
    return soonest(await _platform_keys(*keys, reader, now))


async def warn_of(tools: ExpiryTools, merchant_id: UUID, found: Iterable[KeyExpiry]) -> int:
    """Raise the alarms that are due, each once for a key's end and step; how many there were."""
    count = 0
    for expiry in found:
        step = expiry.step
        if step is not None and await _warn(tools, merchant_id, expiry, step):
            count += 1
    return count


async def _warn(tools: ExpiryTools, merchant_id: UUID, expiry: KeyExpiry, step: Step) -> bool:
    warned = Warned(expiry.kind, expiry.subject, expiry.name, expiry.ends, step)

    async def story(tx: Transaction) -> bool:
        now = tools.source.now()
        if not await key_store.add_warning(tx, merchant_id, warned, now):
            return False
        event = KeyWarned(
            merchant_id=merchant_id,
            happened_at=now,
            kind=expiry.kind,
            subject=expiry.subject,
            name=expiry.name,
            ends=expiry.ends,
            step=step,
            alarm=ALARMS[step],
        )
        await tools.outbox.publish(tx, event)
        return True

    return await tools.database.transact(story)


async def _api_keys(reader: Reader, merchant_id: UUID, now: datetime) -> list[KeyExpiry]:
    return [
        judge("api_key", (public("key", key.key_id), key.label), key.expires_at, now)
        for key in await store.list_api_keys(reader, merchant_id)
        if key.revoked_at is None
    ]


async def _accounts(tools: ExpiryTools, reader: Reader, merchant_id: UUID, now: datetime) -> list[KeyExpiry]:
    life = timedelta(days=tools.lives.credential_days)
    found: list[KeyExpiry] = []
    for account in await tools.accounts.ends(reader, merchant_id):
        subject = public("acc", account.account_id)
        found.append(judge("channel_account", (subject, "credentials"), account.given_at + life, now))
        found += [judge("channel_account", (subject, one.name), one.not_after, now) for one in account.dated]
    return found


async def _data_keys(tools: ExpiryTools, reader: Reader, merchant_id: UUID, now: datetime) -> list[KeyExpiry]:
    life = timedelta(days=tools.lives.key_days)
    newest: dict[str, KeyExpiry] = {}
    for key in await key_store.list_data_keys(reader, merchant_id):
        subject = public("dek", key.key_id)
        newest.setdefault(key.purpose, judge("data_key", (subject, key.purpose), key.created_at + life, now))
    return list(newest.values())


async def _platform_keys(ring: KeyRing, lives: Lives, reader: Reader, now: datetime) -> list[KeyExpiry]:
    life = timedelta(days=lives.key_days)
    found: list[KeyExpiry] = []
    if not ring.is_outside:
        made = ring.made(ring.active)
        who = (public("kek", ring.active), "key_file")
        found.append(judge("wrapping_key", who, made + life if made else None, now))
    else:
        found += [
            judge("wrapping_key", ("key_service", key.name.removeprefix(BY_COMMAND)), key.begun_at + life, now)
            for key in (await key_store.list_wrapping_keys(reader))[-1:]
            if key.name.startswith(BY_COMMAND)
        ]
    signing = ring.contents.signing[0].made
    found.append(judge("signing_key", ("installation", "signing"), signing + life if signing else None, now))
    return found

"""Seals and opens what the room stores: each merchant's key of hashes, the platforms' ids, profiles."""

from __future__ import annotations

import json
from uuid import UUID

from shunfu.db import Reader, Transaction
from shunfu.gateway.login import LoggedIn
from shunfu.kernel.secret import Secret
from shunfu.merchants import OpenAccount, Place
from shunfu.shoppers import store
from shunfu.shoppers.model import (
    LOOKUP_KEY_BYTES,
    Identity,
    Profile,
    make_identity,
    profile_from_json,
    profile_to_json,
)
from shunfu.shoppers.store import Envelope, SealedIdentity, Who
from shunfu.shoppers.usecases.tools import PURPOSE, ShopperTools


async def identities_of(
    tools: ShopperTools, tx: Transaction, merchant_id: UUID, told: tuple[OpenAccount, LoggedIn]
) -> list[Identity]:
    """What a log-in at an account says of who somebody is: the application's id, and the union's where there is one."""
    account, logged_in = told
    key = await _lookup_key(tools, tx, merchant_id)
    channel = account.channel.name
    found = [make_identity(key, "app", (channel, account.identity.app), logged_in.shopper)]
    if logged_in.union is not None:
        found.append(make_identity(key, "union", (channel, ""), logged_in.union))
    return found


async def _lookup_key(tools: ShopperTools, tx: Transaction, merchant_id: UUID) -> Secret[bytes]:
    """The key of the merchant's hashes, made at the first log-in; two at once agree on the one that was first."""
    place = Place(merchant_id, "shopper_lookup_keys", "sealed", merchant_id)
    sealed = await store.get_lookup_key(tx, merchant_id)
    if sealed is None:
        fresh = await tools.vault.seal(tx, place, PURPOSE, tools.source.entropy.take(LOOKUP_KEY_BYTES))
        await store.add_lookup_key(tx, merchant_id, fresh, tools.now())
        sealed = await store.get_lookup_key(tx, merchant_id)
    assert sealed is not None, "it was just added, by us or by somebody else"
    return await tools.vault.open(tx, place, sealed)


async def seal_identity(tools: ShopperTools, tx: Transaction, merchant_id: UUID, one: Identity) -> SealedIdentity:
    """An identity as it is stored."""
    identity_id = tools.source.new_id()
    place = _identity_place(merchant_id, identity_id)
    sealed = await tools.vault.seal(tx, place, PURPOSE, one.value.reveal().encode())
    return SealedIdentity(identity_id, one.kind, one.channel, one.app, one.lookup, sealed)


async def open_identity(
    tools: ShopperTools, reader: Reader, merchant_id: UUID, found: tuple[UUID, Envelope]
) -> Secret[str]:
    """The platform's id in a stored identity: `found` is its row's id and its envelope."""
    identity_id, sealed = found
    opened = await tools.vault.open(reader, _identity_place(merchant_id, identity_id), sealed)
    return Secret(opened.reveal().decode())


def _identity_place(merchant_id: UUID, identity_id: UUID) -> Place:
    return Place(merchant_id, "shopper_identities", "sealed", identity_id)


async def load_profile(tools: ShopperTools, reader: Reader, who: Who) -> Profile | None:
    """A shopper's profile, or None when there is none."""
    sealed = await store.get_profile(reader, who)
    if sealed is None:
        return None
    opened = await tools.vault.open(reader, _profile_place(who), sealed)
    return profile_from_json(json.loads(opened.reveal()))


async def save_profile(tools: ShopperTools, tx: Transaction, who: Who, profile: Profile) -> None:
    """Seal and save a profile in place of the one before."""
    plaintext = json.dumps(profile_to_json(profile), ensure_ascii=False, sort_keys=True).encode()
    await store.put_profile(tx, who, await tools.vault.seal(tx, _profile_place(who), PURPOSE, plaintext), tools.now())


def _profile_place(who: Who) -> Place:
    merchant_id, shopper_id = who
    return Place(merchant_id, "shopper_profiles", "sealed", shopper_id)

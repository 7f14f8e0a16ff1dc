"""The merchants room's stories: found an organisation, issue and revoke keys, tell who asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shunfu.db import Reader, Transaction
from shunfu.kernel.caller import Caller
from shunfu.kernel.clock import Source
from shunfu.kernel.errors import Unauthenticated
from shunfu.kernel.ids import public
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import Signer, to_text
from shunfu.merchants import store
from shunfu.merchants.audit import COMMAND_LINE, AuditEntry, fingerprint
from shunfu.merchants.auditing import write_audit
from shunfu.merchants.model import (
    ALL_CAPABILITIES,
    API_KEY_DAYS,
    API_KEY_DAYS_MAX,
    CHECKOUT_CAPABILITIES,
    ApiKey,
    ListedKey,
    Merchant,
    Mode,
    hash_secret,
    read_api_key,
    write_api_key,
)
from shunfu.merchants.tokens import read_checkout_token

MODES: tuple[Mode, Mode] = ("test", "live")


@dataclass(frozen=True, slots=True)
class Organisation:
    """A newly founded organisation: its two sides, each with its first API key, shown this once."""

    test: Merchant
    live: Merchant
    test_key: Secret[str]
    live_key: Secret[str]


@dataclass(frozen=True, slots=True)
class NewKey:
    """An API key to be issued: what it is for, what it may do (all of a back end's by default), who asked, how long."""

    label: str
    capabilities: frozenset[str] = ALL_CAPABILITIES
    actor: str = COMMAND_LINE
    days: int = API_KEY_DAYS


FIRST_KEY = NewKey("first key")


async def create_merchant(
    tx: Transaction, source: Source, name: str, return_origins: tuple[str, ...], first: NewKey = FIRST_KEY
) -> Organisation:
    """Found an organisation: a test side and a live side, one API key each."""
    test, live = await create_sides(tx, source, name, return_origins, actor=first.actor)
    test_key, live_key = [await issue_api_key(tx, source, side, first) for side in (test, live)]
    return Organisation(test, live, test_key, live_key)


async def create_sides(
    tx: Transaction, source: Source, name: str, return_origins: tuple[str, ...] = (), *, actor: str
) -> tuple[Merchant, Merchant]:
    """The test side and the live side of a new organisation, without a key that nobody would see."""
    organisation_id = source.new_id()
    sides: list[Merchant] = []
    for mode in MODES:
        merchant = Merchant(source.new_id(), organisation_id, name, mode, return_origins)
        await store.add_merchant(tx, merchant, source.now())
        await write_audit(tx, source, _created(merchant, actor))
        sides.append(merchant)
    return sides[0], sides[1]


def _created(merchant: Merchant, actor: str) -> AuditEntry:
    organisation = public("org", merchant.organisation_id)
    state = fingerprint({"name": merchant.name, "return_origins": list(merchant.return_origins)})
    detail = {"organisation": organisation, "mode": merchant.mode}
    mine = public("mer", merchant.merchant_id)
    return AuditEntry(merchant.merchant_id, actor, "merchant.created", mine, None, state, detail)


async def issue_api_key(tx: Transaction, source: Source, merchant: Merchant, wish: NewKey) -> Secret[str]:
    """Make an API key. The text is returned this once and never stored."""
    assert 1 <= wish.days <= API_KEY_DAYS_MAX, "every key ends"
    secret, now = to_text(source.entropy.take(32)), source.now()
    ends = now + timedelta(days=wish.days)
    key = ApiKey(source.new_id(), hash_secret(secret), wish.capabilities, ends, None, merchant.mode)
    await store.add_api_key(tx, merchant.merchant_id, key, wish.label, now)
    await write_audit(tx, source, _issued(merchant.merchant_id, key, wish))
    return Secret(write_api_key(merchant.mode, merchant.merchant_id, key.key_id, secret))


def _issued(merchant_id: UUID, key: ApiKey, wish: NewKey) -> AuditEntry:
    capabilities = " ".join(sorted(key.capabilities))
    state = fingerprint({"label": wish.label, "capabilities": capabilities})
    key_id, detail = public("key", key.key_id), {"capabilities": capabilities, "days": wish.days}
    return AuditEntry(merchant_id, wish.actor, "api_key.issued", key_id, None, state, detail)


async def revoke_api_key(tx: Transaction, source: Source, text: str, *, actor: str = COMMAND_LINE) -> bool:
    """Revoke the key that a text presents, at once. False when it is not a key in force."""
    presented = read_api_key(text)
    if presented is None:
        return False
    return await revoke_api_key_by_id(tx, source, (presented.merchant_id, presented.key_id), actor=actor)


async def revoke_api_key_by_id(
    tx: Transaction, source: Source, key: tuple[UUID, UUID], *, actor: str = COMMAND_LINE
) -> bool:
    """Revoke the key (merchant, key) at once. False when there is no such key, or that was done before."""
    merchant_id, key_id = key
    is_revoked = await store.revoke_api_key(tx, merchant_id, key_id, source.now())
    if is_revoked:
        await write_audit(tx, source, AuditEntry(merchant_id, actor, "api_key.revoked", public("key", key_id)))
    return is_revoked


async def list_api_keys(reader: Reader, merchant_id: UUID) -> list[ListedKey]:
    """A merchant's API keys, revoked and expired ones too, newest first; never a secret."""
    return await store.list_api_keys(reader, merchant_id)


async def identify(reader: Reader, authorization: str | None, now: datetime) -> Caller:
    """The caller behind an `Authorization: Bearer sk_…` header. Raises Unauthenticated, the same for every cause."""
    scheme, _, text = (authorization or "").partition(" ")
    presented = read_api_key(text.strip()) if scheme.lower() == "bearer" else None
    if presented is None:
        raise Unauthenticated
    stored = await store.get_api_key(reader, presented.merchant_id, presented.key_id)
    if stored is None or not presented.matches(stored, now):
        raise Unauthenticated
    subject = public("key", presented.key_id)
    return Caller(presented.merchant_id, "api_key", subject, stored.capabilities, stored.mode == "live")


def identify_checkout(signer: Signer, token: str, now: datetime) -> tuple[Caller, UUID]:
    """The caller behind a checkout token and the order that it is for. Raises Unauthenticated."""
    told = read_checkout_token(signer, token, now)
    if told is None:
        raise Unauthenticated("This payment link is not valid, or it has ended. Open the order again in the shop.")
    subject = public("ord", told.order_id)
    return Caller(told.merchant_id, "checkout", subject, CHECKOUT_CAPABILITIES, is_live=False), told.order_id


async def get_merchant(reader: Reader, merchant_id: UUID) -> Merchant | None:
    """One merchant, or None."""
    return await store.get_merchant(reader, merchant_id)


async def list_merchants(reader: Reader, after: UUID) -> list[Merchant]:
    """Up to 1,000 merchants with an id above `after`, oldest first; for staff commands."""
    return await store.list_merchants(reader, after)


async def has_data_keys(reader: Reader) -> bool:
    """Whether anything was ever sealed in this installation: then its key file must not be made anew."""
    return await store.has_data_keys(reader)


async def set_return_origins(
    tx: Transaction, source: Source, merchant_id: UUID, origins: tuple[str, ...], *, actor: str = COMMAND_LINE
) -> None:
    """Register the origins (`https://shop.example.com`) that a checkout may lead back to, instead of those before."""
    merchant = await store.get_merchant(tx, merchant_id)
    if merchant is None or merchant.return_origins == origins:
        return
    await store.set_return_origins(tx, merchant_id, origins)
    before, after = (fingerprint({"return_origins": list(told)}) for told in (merchant.return_origins, origins))
    mine, detail = public("mer", merchant_id), {"return_origins": " ".join(origins)}
    await write_audit(
        tx, source, AuditEntry(merchant_id, actor, "merchant.return_origins_set", mine, before, after, detail)
    )

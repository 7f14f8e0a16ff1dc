"""Sign in: the platform's code becomes a shopper and a short session of ours; nothing of the platform's leaves us."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from shunfu.db import Transaction, WriteConflict
from shunfu.gateway.flow import Flow
from shunfu.gateway.login import LoggedIn, LoginAnswer, PlatformToken
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import to_text
from shunfu.shoppers import store
from shunfu.shoppers.model import (
    SECRET_BYTES,
    Identity,
    Resolved,
    Shopper,
    hash_secret,
    merged_profile,
    newer_consents,
    resolve,
    write_token,
)
from shunfu.shoppers.usecases.platform import ask_platform, find_site
from shunfu.shoppers.usecases.sealing import identities_of, load_profile, save_profile, seal_identity
from shunfu.shoppers.usecases.tools import ShopperTools


@dataclass(frozen=True, slots=True)
class SignIn:
    """A wish to sign in: at which merchant, through which channel, with the code that the client was given."""

    merchant_id: UUID
    channel: str
    code: Secret[str]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh session. The token is told this once and never stored."""

    token: Secret[str]
    shopper: Shopper


async def sign_in(tools: ShopperTools, wish: SignIn) -> SignedIn:
    """Exchange a code for a session that is always a new one, so that nobody can plant theirs.

    Raises SignInUnavailable, LoginCodeRefused, or PlatformUnavailable.
    """
    site = await find_site(tools, wish.merchant_id, wish.channel)

    def conversation(token: PlatformToken | None) -> Flow[LoginAnswer]:
        verbs = site.account.channel.login
        return verbs.log_in(site.account.settings, wish.code.reveal(), token, tools.moment())

    logged_in: LoggedIn = await ask_platform(tools, site, conversation)

    async def story(tx: Transaction) -> SignedIn:
        told = await identities_of(tools, tx, wish.merchant_id, (site.account, logged_in))
        shopper_id = await _whose(tools, tx, wish.merchant_id, told)
        return await _begin(tools, tx, (wish.merchant_id, shopper_id), wish.channel)

    return await tools.database.transact(story)


async def _whose(tools: ShopperTools, tx: Transaction, merchant_id: UUID, told: Sequence[Identity]) -> UUID:
    """The shopper whom the identities of one log-in belong to, made when there is none.

    Two first log-ins at once: the later one finds its identity taken, and its whole story runs again.
    """
    known = await store.lock_identities(tx, merchant_id, [one.lookup for one in told])
    resolved = resolve(told, known, tools.source.new_id())
    who = (merchant_id, resolved.shopper_id)
    if resolved.is_new:
        await store.add_shopper(tx, who, tools.now())
    else:
        await store.lock_shoppers(tx, merchant_id, [resolved.shopper_id, *resolved.merged_ids])
    for one in resolved.missing:
        sealed = await seal_identity(tools, tx, merchant_id, one)
        if not await store.add_identity(tx, who, sealed, tools.now()):
            raise WriteConflict("somebody else signed in with this identity at the same moment")
    await _merge(tools, tx, merchant_id, resolved)
    return resolved.shopper_id


async def _merge(tools: ShopperTools, tx: Transaction, merchant_id: UUID, resolved: Resolved) -> None:
    """Shoppers who turned out to be one: the oldest stays, with what only another one had."""
    ours = (merchant_id, resolved.shopper_id)
    for merged_id in resolved.merged_ids:
        theirs = (merchant_id, merged_id)
        before, other = await load_profile(tools, tx, ours), await load_profile(tools, tx, theirs)
        profile = merged_profile(before, other)
        if profile is not None and profile is not before:
            await save_profile(tools, tx, ours, profile)
        told = newer_consents(await store.latest_consents(tx, ours), await store.latest_consents(tx, theirs))
        for fact in told:
            await store.add_consent(tx, ours, tools.source.new_id(), fact, tools.now())
        paid = await store.get_method(tx, theirs)
        if paid is not None:
            await store.put_method(tx, ours, paid)
        await store.merge_shopper(tx, theirs, resolved.shopper_id)


async def _begin(tools: ShopperTools, tx: Transaction, who: store.Who, channel: str) -> SignedIn:
    merchant_id, shopper_id = who
    now, session_id = tools.now(), tools.source.new_id()
    secret = to_text(tools.source.entropy.take(SECRET_BYTES))
    session = Shopper(merchant_id, shopper_id, session_id, now + tools.session_life)
    await store.add_session(tx, session, channel, (hash_secret(secret), now))
    return SignedIn(Secret(write_token(merchant_id, session_id, secret)), session)

"""Ask the platform that the client runs in: with its token where it wants one, fetched by one at a time.

No transaction is open while we ask. Source: `gateway.login`; house rules, "One payment, no back and forth".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias, TypeVar
from uuid import UUID

import structlog

from shunfu.db import Reader, Transaction
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.login import LoginRefused, PlatformToken, TokenAnswer
from shunfu.kernel.errors import LoginCodeRefused, PlatformUnavailable, Refusal, SignInUnavailable
from shunfu.kernel.secret import Secret
from shunfu.merchants import OpenAccount, Place
from shunfu.shoppers import store
from shunfu.shoppers.model import TOKEN_MARGIN
from shunfu.shoppers.store import SealedToken
from shunfu.shoppers.usecases.tools import PURPOSE, ShopperTools

T = TypeVar("T")
Conversation: TypeAlias = Callable[[PlatformToken | None], Flow[T | LoginRefused | Unknown]]
"""One of a channel's verbs about people, waiting for the platform's token, or None."""

LOG = structlog.stdlib.get_logger("shoppers")
LEASE = timedelta(seconds=20)
"""Longer than a platform may take to give a token; after it somebody else fetches one."""
LOOKS_MAX = 80
LOOK_SECONDS = 0.1
"""Who finds somebody else fetching looks again so often, and so long."""


@dataclass(frozen=True, slots=True)
class Site:
    """A merchant's account at the platform that is asked."""

    merchant_id: UUID
    account: OpenAccount

    @property
    def key(self) -> tuple[UUID, UUID]:
        """Where its token is kept."""
        return self.merchant_id, self.account.account_id

    @property
    def place(self) -> Place:
        """Where its token is sealed."""
        return Place(self.merchant_id, "shopper_platform_tokens", "sealed", self.account.account_id)


async def find_site(tools: ShopperTools, merchant_id: UUID, channel: str) -> Site:
    """The merchant's account at a channel. Raises SignInUnavailable when it has none."""
    async with tools.database.glancing() as reader:
        for account in await tools.accounts.usable(reader, merchant_id):
            if account.channel.name == channel:
                return Site(merchant_id, account)
    raise SignInUnavailable


async def ask_platform(tools: ShopperTools, site: Site, conversation: Conversation[T]) -> T:
    """Carry a conversation to its answer; once more with a fresh token when the platform wants one.

    Raises LoginCodeRefused, SignInUnavailable when the account may not ask, PlatformUnavailable when again may help.
    """
    token = await _kept(tools, site)
    answer = await tools.driver.run(site.account.channel, conversation(token))
    if isinstance(answer, LoginRefused) and answer.reason == "token":
        fresh = await _renewed(tools, site, token)
        answer = await tools.driver.run(site.account.channel, conversation(fresh))
    if isinstance(answer, LoginRefused | Unknown):
        raise _refusal(site, answer)
    return answer


async def _kept(tools: ShopperTools, site: Site) -> PlatformToken | None:
    async with tools.database.glancing() as reader:
        return await _opened(tools, site, reader, await store.get_platform_token(reader, *site.key))


async def _opened(tools: ShopperTools, site: Site, reader: Reader, kept: SealedToken | None) -> PlatformToken | None:
    """The token that is kept, unless it ends soon."""
    if kept is None or kept.expires_at - TOKEN_MARGIN <= tools.now():
        return None
    text = (await tools.vault.open(reader, site.place, kept.sealed)).reveal().decode()
    return PlatformToken(Secret(text), kept.expires_at)


async def _renewed(tools: ShopperTools, site: Site, refused: PlatformToken | None) -> PlatformToken:
    """Another token than the refused one: somebody else's who fetches just now, or one that we fetch."""
    for _ in range(LOOKS_MAX):
        lease_token = tools.source.new_id()
        is_ours, found = await _claimed(tools, site, lease_token)
        is_other = found is not None and (refused is None or found.token.reveal() != refused.token.reveal())
        if is_ours:
            return await _fetched(tools, site, lease_token, found if is_other else None)
        if found is not None and is_other:
            return found
        await asyncio.sleep(LOOK_SECONDS)
    raise PlatformUnavailable


async def _claimed(tools: ShopperTools, site: Site, lease_token: UUID) -> tuple[bool, PlatformToken | None]:
    """Whether the right to fetch is ours now, and the token that is kept at that moment."""
    now = tools.now()

    async def story(tx: Transaction) -> tuple[bool, PlatformToken | None]:
        is_ours, kept = await store.claim_platform_token(tx, site.key, (lease_token, now + LEASE), now)
        if not is_ours:
            kept = await store.get_platform_token(tx, *site.key)
        return is_ours, await _opened(tools, site, tx, kept)

    return await tools.database.transact(story)


async def _fetched(tools: ShopperTools, site: Site, lease_token: UUID, newer: PlatformToken | None) -> PlatformToken:
    """The token that another has just fetched, or a fresh one; the right to fetch is given back in any case."""
    answer: TokenAnswer = newer or await _asked_for_token(tools, site)

    async def story(tx: Transaction) -> None:
        if isinstance(answer, PlatformToken) and newer is None:
            sealed = await tools.vault.seal(tx, site.place, PURPOSE, answer.token.reveal().encode())
            await store.keep_platform_token(tx, site.key, lease_token, SealedToken(sealed, answer.expires_at))
        else:
            await store.release_platform_token(tx, site.key, lease_token)

    await tools.database.transact(story)
    if isinstance(answer, LoginRefused | Unknown):
        raise _refusal(site, answer)
    return answer


async def _asked_for_token(tools: ShopperTools, site: Site) -> TokenAnswer:
    verbs = site.account.channel.login
    return await tools.driver.run(site.account.channel, verbs.fetch_token(site.account.settings, tools.moment()))


def _refusal(site: Site, answer: LoginRefused | Unknown) -> Refusal:
    """What the client is told; what only the merchant can mend is in our log."""
    channel = site.account.channel
    if isinstance(answer, Unknown):
        LOG.warning("platform_unknown", channel=channel.name, reason=channel.scrub(answer.why))
        return PlatformUnavailable()
    match answer.reason:
        case "code":
            return LoginCodeRefused()
        case "risk":
            return LoginCodeRefused("The platform does not let this account sign in here.")
        case "token" | "too_frequent":
            LOG.warning("platform_refused", channel=channel.name, reason=answer.reason, code=answer.channel_code)
            return PlatformUnavailable()
        case "not_permitted":
            LOG.warning("platform_refused", channel=channel.name, reason=answer.reason, code=answer.channel_code)
            return SignInUnavailable()

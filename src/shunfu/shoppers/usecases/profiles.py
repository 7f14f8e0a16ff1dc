"""The profile: read it, replace it, and let the platform vouch for the phone in it."""

from __future__ import annotations

from uuid import UUID

from shunfu.db import Transaction
from shunfu.gateway.flow import Flow
from shunfu.gateway.login import Phone, PhoneAnswer, PlatformToken
from shunfu.kernel.errors import Unauthenticated
from shunfu.kernel.secret import Secret
from shunfu.shoppers import store
from shunfu.shoppers.model import Profile, Shopper, phone_text
from shunfu.shoppers.store import Who
from shunfu.shoppers.usecases.platform import ask_platform, find_site
from shunfu.shoppers.usecases.sealing import load_profile, open_identity, save_profile
from shunfu.shoppers.usecases.tools import ShopperTools


async def read_profile(tools: ShopperTools, merchant_id: UUID, shopper_id: UUID) -> Profile:
    """What a shopper lets us fill in; an empty profile when there is none."""
    async with tools.database.glancing() as reader:
        return await load_profile(tools, reader, (merchant_id, shopper_id)) or Profile()


async def replace_profile(tools: ShopperTools, shopper: Shopper, wish: Profile) -> Profile:
    """Save another profile in place of the one before. Raises Unauthenticated when the shopper was just erased."""
    who = (shopper.merchant_id, shopper.shopper_id)

    async def story(tx: Transaction) -> Profile:
        await hold_shopper(tx, who)
        after = (await load_profile(tools, tx, who) or Profile()).replaced_by(wish)
        await save_profile(tools, tx, who, after)
        return after

    return await tools.database.transact(story)


async def verify_phone(tools: ShopperTools, shopper: Shopper, channel: str, proof: Secret[str]) -> Profile:
    """Have the platform tell the phone behind what the client was given, and keep it as verified.

    Raises SignInUnavailable, LoginCodeRefused, PlatformUnavailable, or Unauthenticated.
    """
    site = await find_site(tools, shopper.merchant_id, channel)

    def conversation(token: PlatformToken | None) -> Flow[PhoneAnswer]:
        return site.account.channel.login.read_phone(site.account.settings, proof.reveal(), token, tools.moment())

    phone: Phone = await ask_platform(tools, site, conversation)
    who = (shopper.merchant_id, shopper.shopper_id)

    async def story(tx: Transaction) -> Profile:
        await hold_shopper(tx, who)
        before = await load_profile(tools, tx, who) or Profile()
        after = before.with_verified(phone_text(phone.number.reveal(), phone.country))
        await save_profile(tools, tx, who, after)
        return after

    return await tools.database.transact(story)


async def hold_shopper(tx: Transaction, who: Who) -> None:
    """Lock a shopper who is about to be written of. Raises Unauthenticated when it was just erased or merged."""
    kept = await store.lock_shopper(tx, who)
    if kept is None or kept.erased_at is not None or kept.merged_into is not None:
        raise Unauthenticated("This session is not valid, or it has ended. Sign in again.")


async def payer_at(tools: ShopperTools, merchant_id: UUID, shopper_id: UUID, method: str) -> str | None:
    """The shopper's id at a channel, for `Prepay.payer`, or None when the shopper never signed in there.

    `method` is `channel/scene`, or a channel alone: some scenes belong to another application of the merchant's.
    """
    channel, _, scene = method.partition("/")
    async with tools.database.reading() as reader:
        for account in await tools.accounts.usable(reader, merchant_id):
            if account.channel.name == channel:
                app = account.identity.app_in(scene)
                found = await store.identity_at(reader, (merchant_id, shopper_id), channel, app)
                return (await open_identity(tools, reader, merchant_id, found)).reveal() if found else None
    return None

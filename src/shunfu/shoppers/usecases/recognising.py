"""Recognise a shopper by a session, and end it. A wrong token, an ended one and another's all look the same."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shunfu.db import Reader
from shunfu.kernel.caller import Caller
from shunfu.kernel.errors import Unauthenticated
from shunfu.shoppers import store
from shunfu.shoppers.model import PROFILE_CAPABILITIES, PresentedSession, Shopper, read_token
from shunfu.shoppers.usecases.tools import ShopperTools

SCHEME = "shs_"
"""How a session's token begins."""


async def recognise_shopper(reader: Reader, text: str | None, merchant_id: UUID, now: datetime) -> Shopper | None:
    """The shopper behind a `Shunfu-Shopper` header, or None: it is none, has ended, or is another merchant's."""
    presented = read_token((text or "").strip())
    if presented is None or presented.merchant_id != merchant_id:
        return None
    return await _admitted(reader, presented, now)


async def identify_shopper(reader: Reader, token: str, now: datetime) -> tuple[Caller, Shopper]:
    """The caller behind `Authorization: Bearer shs_…`. Raises Unauthenticated, the same for every cause."""
    presented = read_token(token)
    shopper = await _admitted(reader, presented, now) if presented is not None else None
    if shopper is None:
        raise Unauthenticated("This session is not valid, or it has ended. Sign in again.")
    return Caller(shopper.merchant_id, "shopper", shopper.public_id, PROFILE_CAPABILITIES, is_live=False), shopper


async def _admitted(reader: Reader, presented: PresentedSession, now: datetime) -> Shopper | None:
    stored = await store.get_session(reader, presented.merchant_id, presented.session_id)
    if stored is None or not stored.admits(presented, now):
        return None
    return Shopper(presented.merchant_id, stored.shopper_id, presented.session_id, stored.ends_at)


async def end_session(tools: ShopperTools, shopper: Shopper) -> None:
    """End the session that a shopper was recognised by, at once."""
    now = tools.now()
    await tools.database.transact(lambda tx: store.end_session(tx, shopper.merchant_id, shopper.session_id, now))

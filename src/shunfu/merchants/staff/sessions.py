"""The stories of sessions: who comes, which side they look at, and the end at once."""

from __future__ import annotations

from uuid import UUID

from shunfu.db import Transaction
from shunfu.kernel.ids import PLATFORM, public
from shunfu.merchants.staff import store
from shunfu.merchants.staff.model import IDLE, SEEN_EVERY, SeenSession, Session, Side, read_token
from shunfu.merchants.staff.tools import StaffTools, note


async def recognise(tools: StaffTools, text: str | None, *, is_use: bool = True) -> Session | None:
    """The session behind a cookie's text, or None. Now and then it notes that the session was used, if it is."""
    token, now = read_token(text or ""), tools.source.now()
    if token is None:
        return None
    async with tools.database.glancing() as reader:
        session = await store.get_session(reader, token, now)
    if session is not None and is_use and now - session.seen_at >= SEEN_EVERY:
        await tools.database.transact(lambda tx: store.see_session(tx, session.session_id, now))
    return session


async def list_sides(tools: StaffTools, session: Session) -> list[Side]:
    """The merchants that the person works for."""
    async with tools.database.glancing() as reader:
        return await store.list_sides(reader, session.staff_id)


async def choose_side(tools: StaffTools, session: Session, merchant_id: UUID) -> bool:
    """Look at another merchant; False when the person does not work for it."""

    async def story(tx: Transaction) -> bool:
        sides = await store.list_sides(tx, session.staff_id)
        if merchant_id not in {side.merchant_id for side in sides}:
            return False
        await store.set_side(tx, session.session_id, merchant_id)
        return True

    return await tools.database.transact(story)


async def list_sessions(tools: StaffTools, session: Session) -> list[SeenSession]:
    """The person's open sessions, newest first."""
    now = tools.source.now()
    async with tools.database.glancing() as reader:
        return await store.list_sessions(reader, session.staff_id, now, now - IDLE)


async def end_session(tools: StaffTools, session: Session, session_id: UUID) -> bool:
    """End one of the person's own sessions at once, this one too; False when it is none of theirs."""

    async def story(tx: Transaction) -> bool:
        is_ended = await store.end_session(tx, session_id, session.staff_id, tools.source.now())
        if is_ended:
            await note(tx, tools, PLATFORM, session.staff_id, "staff.session_ended", session=public("ses", session_id))
        return is_ended

    return await tools.database.transact(story)

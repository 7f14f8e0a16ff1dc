"""Read a payment with everything that explains it: all of one moment of the data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from shunfu.db import Reader
from shunfu.driver import list_exchanges
from shunfu.kernel.errors import NotFoundHere
from shunfu.kernel.ids import encode
from shunfu.kernel.plain import Words
from shunfu.notifications import KeptNotification, list_for_number
from shunfu.payments import store
from shunfu.payments.evidence import KeptEvidence
from shunfu.payments.model import Order, Payment
from shunfu.payments.sentences import Cause, explain
from shunfu.payments.timeline import Kept, Line, Told, how_heard, put_together
from shunfu.payments.timetable import next_ask
from shunfu.payments.usecases.tools import PaymentTools

Teller: TypeAlias = Callable[[Reader, UUID, UUID], Awaitable[Sequence[Told]]]
"""How often (merchant, order) was told to the merchant's server, oldest first, at most 200; wired in `app/`."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A payment with its evidence, what the channel sent about it, its timeline and why it is in its state."""

    payment: Payment
    evidence: Sequence[KeptEvidence]
    notifications: Sequence[KeptNotification]
    lines: Sequence[Line]
    is_cut: bool
    why: Words


async def nothing_told(_reader: Reader, _merchant_id: UUID, _order_id: UUID) -> Sequence[Told]:
    """The teller of an installation that tells nobody."""
    return ()


async def read_payment(tools: PaymentTools, merchant_id: UUID, payment_id: UUID, teller: Teller) -> Explained:
    """One payment, explained. Raises NotFoundHere."""
    async with tools.database.reading() as reader:
        payment = await store.get_payment(reader, merchant_id, payment_id)
        if payment is None:
            raise NotFoundHere
        kept = await _kept(tools, reader, payment, teller)
        mover = await store.last_move(reader, payment)
    lines, is_cut = put_together(kept, tools.now())
    why = explain(_cause(tools, kept, mover))
    return Explained(payment, kept.evidence, kept.notifications, lines, is_cut, why)


async def _kept(tools: PaymentTools, reader: Reader, payment: Payment, teller: Teller) -> Kept:
    merchant_id, number = payment.merchant_id, encode(payment.payment_id)
    order = await store.get_order(reader, merchant_id, payment.order_id)
    assert order is not None, "a payment has its order"
    return Kept(
        payment=payment,
        order=order,
        label=channel_words(tools, payment.channel),
        evidence=await store.list_evidence(reader, merchant_id, payment.payment_id),
        exchanges=await list_exchanges(reader, merchant_id, number),
        notifications=await list_for_number(reader, merchant_id, number),
        told=await teller(reader, merchant_id, payment.order_id),
    )


def channel_words(tools: PaymentTools, name: str) -> Words:
    """How a channel is called; its name where its folder is missing."""
    channel = tools.accounts.channel(name)
    return Words(channel.label["zh-CN"], channel.label["en"]) if channel else Words(name, name)


def _cause(tools: PaymentTools, kept: Kept, mover: KeptEvidence | None) -> Cause:
    """What the sentence is made from. What moved the payment is put back where the timeline is cut."""
    channel = tools.accounts.channel(kept.payment.channel)
    is_there = mover is None or any(line.evidence_id == mover.evidence_id for line in kept.evidence)
    return Cause(
        payment=kept.payment,
        order=kept.order,
        label=kept.label,
        can_close=channel is not None and channel.capabilities.can_close,
        evidence=kept.evidence if is_there or mover is None else [mover, *kept.evidence],
        now=tools.now(),
        heard=how_heard(kept.exchanges),
        next_ask_at=_next_ask(tools, kept.payment, kept.order, kept.evidence),
    )


def _next_ask(tools: PaymentTools, payment: Payment, order: Order, evidence: Sequence[KeptEvidence]) -> datetime | None:
    """When the janitor comes again: by its timetable, counted from its last visit."""
    if not payment.is_live:
        return None
    visits = [line.recorded_at for line in evidence if line.door in {"query", "close"}]
    return next_ask(payment, order, visits[-1] if visits else payment.created_at, tools.pace)

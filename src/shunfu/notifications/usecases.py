"""Receive a channel's message: verify, keep, de-duplicate, tell the rooms above, reply in the channel's own words."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, TypedDict
from uuid import UUID

from shunfu.db import Database, Outbox, Reader, Transaction
from shunfu.db.inbox import remember
from shunfu.gateway.flow import Reply
from shunfu.gateway.headers import kept_headers
from shunfu.gateway.port import Genuine, Message, Spurious
from shunfu.gateway.refund_wire import refund_evidence_to_json
from shunfu.gateway.wire import evidence_to_json
from shunfu.kernel.clock import Source
from shunfu.kernel.errors import NotFoundHere
from shunfu.kernel.event import Event
from shunfu.merchants import Accounts, OpenAccount
from shunfu.notifications import store
from shunfu.notifications.events import NotificationAlarmed, PaymentReported, RefundReported
from shunfu.notifications.model import Address, Expected, Judgement, KeptNotification, Ours, heard, judge

ExpectNumber: TypeAlias = Callable[[Reader, UUID, str], Awaitable[Expected | None]]
"""What a number of a merchant may move; payments and refunds answer it, wired in `app/wiring.py`."""


@dataclass(frozen=True, slots=True)
class NotificationTools:
    """What receiving needs."""

    database: Database
    source: Source
    accounts: Accounts
    outbox: Outbox
    expect_payment: ExpectNumber
    expect_refund: ExpectNumber


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a message: its id here, the judgement, the channel's own reply, whether it was the channel's."""

    notification_id: UUID
    judgement: Judgement
    reply: Reply
    is_genuine: bool = False


async def receive(tools: NotificationTools, address: Address, message: Message) -> Received:
    """Judge a message and keep it; accepted ones become PaymentReported in the same transaction.

    Raises NotFoundHere when the address is no account's.
    """
    now = tools.source.now()
    async with tools.database.glancing() as reader:
        account = await _account_at(tools.accounts, reader, address)
        reading = account.channel.verbs.read_notification(account.settings, message, now)
        ours = await _ours(tools, reader, address, reading)
    judgement = judge(reading, account.identity, ours)
    notification_id = tools.source.new_id()
    kept = Message(kept_headers(message.headers.items(), account.channel.scrub), message.body)

    async def story(tx: Transaction) -> Judgement:
        final = await _deduplicated(tx, address, (judgement, reading), message, now)
        await store.keep(tx, (address, notification_id), kept, (final, reading), now)
        if final.verdict == "accepted" and isinstance(reading, Genuine):
            for event in _reports((address, notification_id), reading, ours):
                await tools.outbox.publish(tx, event)
        if final.verdict == "refused" and isinstance(reading, Genuine):
            await _alarm(tools.outbox, tx, (address, notification_id), final, reading)
        return final

    final = await tools.database.transact(story)
    reply = account.channel.verbs.answer_notification(heard(reading, final))
    return Received(notification_id, final, reply, isinstance(reading, Genuine))


async def _account_at(accounts: Accounts, reader: Reader, address: Address) -> OpenAccount:
    account = await accounts.open(reader, address.merchant_id, address.account_id)
    if account is None or account.channel.name != address.channel:
        raise NotFoundHere
    return account


async def _ours(tools: NotificationTools, reader: Reader, address: Address, reading: Genuine | Spurious) -> Ours:
    """What we expect of the numbers that a message names."""
    if isinstance(reading, Spurious):
        return Ours()
    refund_number = reading.refund.number if reading.refund else reading.about
    payment = await tools.expect_payment(reader, address.merchant_id, reading.number) if reading.number else None
    refund = await tools.expect_refund(reader, address.merchant_id, refund_number) if refund_number else None
    return Ours(payment, refund)


async def _deduplicated(
    tx: Transaction, address: Address, outcome: tuple[Judgement, Genuine | Spurious], message: Message, now: datetime
) -> Judgement:
    """Remember nonce and id of an acceptable message: a nonce with another body is refused, an id is used once."""
    judgement, reading = outcome
    if judgement.verdict != "accepted" or isinstance(reading, Spurious):
        return judgement
    source = f"{address.channel}/{address.account_id}"
    if reading.nonce:
        nonce = await remember(
            tx,
            merchant_id=address.merchant_id,
            source=f"{source}/nonce",
            external_id=reading.nonce,
            digest=hashlib.sha256(message.body).digest(),
            now=now,
        )
        if nonce == "different":
            return Judgement("refused", "nonce_reused")
    known = await remember(
        tx, merchant_id=address.merchant_id, source=source, external_id=reading.external_id, digest=b"", now=now
    )
    return judgement if known == "new" else Judgement("duplicate", "seen_before")


def _reports(where: tuple[Address, UUID], reading: Genuine, ours: Ours) -> list[Event]:
    """What an accepted message tells the rooms above: of a payment, of a refund, or that a refund should be asked."""
    address, notification_id = where
    about = _About(
        merchant_id=address.merchant_id,
        happened_at=reading.happened_at,
        notification_id=notification_id,
        channel=address.channel,
        account_id=address.account_id,
    )
    told: list[Event] = []
    if reading.evidence is not None and reading.number is not None:
        told.append(PaymentReported(**about, number=reading.number, evidence=evidence_to_json(reading.evidence)))
    if reading.refund is not None:
        evidence = refund_evidence_to_json(reading.refund.evidence)
        told.append(RefundReported(**about, number=reading.refund.number, evidence=evidence))
    elif reading.about is not None and ours.refund is not None:
        told.append(RefundReported(**about, number=reading.about, evidence=None))
    return told


class _About(TypedDict):
    """What every report has."""

    merchant_id: UUID
    happened_at: datetime
    notification_id: UUID
    channel: str
    account_id: UUID


async def _alarm(
    outbox: Outbox, tx: Transaction, where: tuple[Address, UUID], judgement: Judgement, reading: Genuine
) -> None:
    """A person should know: the channel itself signed something that is not our order's (attack A15)."""
    address, notification_id = where
    event = NotificationAlarmed(
        merchant_id=address.merchant_id,
        happened_at=reading.happened_at,
        notification_id=notification_id,
        number=(reading.number or "")[:64],
        alarm=f"notification_{judgement.reason}",
    )
    await outbox.publish(tx, event)


async def list_for_number(reader: Reader, merchant_id: UUID, number: str) -> list[KeptNotification]:
    """What arrived about one of our numbers, oldest first; of very many the newest 200."""
    return await store.list_for_number(reader, merchant_id, number)


async def delete_old_bodies(database: Database, merchant_id: UUID, before: datetime) -> int:
    """End the retention of raw bodies recorded before an instant; headers and hashes stay."""
    total = 0
    for _ in range(100):
        deleted = await database.transact(lambda tx: store.delete_old_bodies(tx, merchant_id, before))
        total += deleted
        if deleted < 1000:
            break
    return total

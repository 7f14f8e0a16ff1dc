"""Send what is due to one endpoint: several subjects at a time, each subject in its order.

One job an endpoint, so that a server that hangs keeps only its own messages waiting. A try whose result cannot be
recorded is made again: the receiver knows a message by its id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from shunfu.db import Transaction
from shunfu.kernel.ids import public
from shunfu.kernel.secret import Secret
from shunfu.webhooks import store
from shunfu.webhooks.events import WebhookEndpointDisabled, WebhookEndpointFailing
from shunfu.webhooks.model import (
    JITTER_STEPS,
    DeliveryState,
    Endpoint,
    Judgement,
    Outgoing,
    Sent,
    judge,
)
from shunfu.webhooks.signing import headers
from shunfu.webhooks.store import Head, Where
from shunfu.webhooks.usecases.secrets import open_secrets_in_force
from shunfu.webhooks.usecases.tools import WebhookTools, merchant_of

SUBJECTS_AT_A_TIME = 16
RUN_SECONDS = 25.0
"""After this no further try begins: those under way end within the job's lease."""


@dataclass(frozen=True, slots=True)
class _Round:
    """An endpoint with its open secrets, and what may be sent to it now."""

    endpoint: Endpoint
    keys: Sequence[Secret[bytes]]
    may_be_private: bool
    heads: Sequence[Head]


async def deliver(tools: WebhookTools, merchant_id: UUID, endpoint_id: UUID) -> datetime | None:
    """Send everything that is due to an endpoint; when to look again, or None when nothing waits."""
    where = (merchant_id, endpoint_id)
    clock = asyncio.get_running_loop().time
    ends = clock() + RUN_SECONDS
    under_way: dict[asyncio.Task[None], str] = {}
    try:
        while True:
            if clock() < ends:
                await _begin(tools, where, under_way)
            if not under_way:
                break
            done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                del under_way[task]
                task.result()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
    return await _look_again(tools, where, is_cut_short=clock() >= ends)


async def _begin(tools: WebhookTools, where: Where, under_way: dict[asyncio.Task[None], str]) -> None:
    """Fill up what is under way with what is due."""
    room = SUBJECTS_AT_A_TIME - len(under_way)
    found = await _due(tools, where, (list(under_way.values()), room)) if room else None
    if found is None:
        return
    for head in found.heads:
        carrying = _pass_over(tools, head) if head.is_overtaken else _carry(tools, found, head)
        under_way[asyncio.create_task(carrying)] = head.delivery.subject


async def _due(tools: WebhookTools, where: Where, room: tuple[Sequence[str], int]) -> _Round | None:
    async with tools.desk, tools.database.glancing() as reader:
        endpoint = await store.get_endpoint(reader, where)
        if endpoint is None or not endpoint.is_enabled:
            return None
        heads = await store.due_heads(reader, where, tools.now(), room)
        if not heads:
            return None
        may_be_private = tools.may_be_private(await merchant_of(reader, where[0]))
        return _Round(endpoint, await open_secrets_in_force(tools, reader, endpoint), may_be_private, heads)


async def _carry(tools: WebhookTools, told: _Round, head: Head) -> None:
    """One try: sign, send with no transaction open, record."""
    body = head.body.encode()
    signed = headers(told.keys, public("evt", head.delivery.message_id), tools.now(), body)
    told_headers = {"content-type": "application/json", "user-agent": "Shunfu-Webhooks", **signed}
    sent = await tools.sender.send(Outgoing(told.endpoint.url, told_headers, body, told.may_be_private))
    await _record(tools, head, sent)


async def _record(tools: WebhookTools, head: Head, sent: Sent) -> None:
    """Apply what came of a try to delivery and endpoint, under the endpoint's lock."""
    before = head.delivery
    where = (before.merchant_id, before.endpoint_id)
    jitter = int.from_bytes(tools.source.entropy.take(2), "big") % JITTER_STEPS

    async def story(tx: Transaction) -> None:
        now = tools.now()
        endpoint = await store.lock_endpoint(tx, where)
        delivery = await store.lock_delivery(tx, where, before.message_id)
        assert endpoint is not None, "an endpoint is never deleted"
        assert delivery is not None, "a delivery is never deleted"
        await store.add_attempt(tx, before, sent, (tools.source.new_id(), now))
        judged = judge(endpoint, delivery, sent, (now, jitter))
        is_current = delivery.state is DeliveryState.WAITING and delivery.attempts == before.attempts
        if is_current or (sent.is_success and delivery.state is not DeliveryState.DELIVERED):
            await store.save_delivery(tx, judged.delivery, now)
        if judged.endpoint != endpoint:
            await store.save_endpoint(tx, judged.endpoint, now)
        await _alarm(tools, tx, judged, now)

    async with tools.desk:
        await tools.database.transact(story)


async def _pass_over(tools: WebhookTools, head: Head) -> None:
    """A newer message of the subject has been delivered: this one would put the receiver back."""
    before = head.delivery

    async def story(tx: Transaction) -> None:
        delivery = await store.lock_delivery(tx, (before.merchant_id, before.endpoint_id), before.message_id)
        if delivery is not None and delivery.state is DeliveryState.WAITING:
            passed = replace(delivery, state=DeliveryState.GIVEN_UP, last_reason="overtaken")
            await store.save_delivery(tx, passed, tools.now())

    async with tools.desk:
        await tools.database.transact(story)


async def _alarm(tools: WebhookTools, tx: Transaction, judged: Judgement, now: datetime) -> None:
    endpoint = judged.endpoint
    match judged.alarm:
        case None:
            return
        case "failing":
            assert endpoint.failing_since is not None, "a failing endpoint has failed"
            event = WebhookEndpointFailing(
                merchant_id=endpoint.merchant_id,
                happened_at=now,
                endpoint_id=endpoint.endpoint_id,
                failing_since=endpoint.failing_since,
            )
        case "disabled":
            event = WebhookEndpointDisabled(
                merchant_id=endpoint.merchant_id,
                happened_at=now,
                endpoint_id=endpoint.endpoint_id,
                reason=endpoint.disabled_reason or "",
            )
    await tools.outbox.publish(tx, event)


async def _look_again(tools: WebhookTools, where: Where, *, is_cut_short: bool) -> datetime | None:
    now = tools.now()
    if is_cut_short:
        return now
    async with tools.desk, tools.database.glancing() as reader:
        endpoint = await store.get_endpoint(reader, where)
        return await store.next_look(reader, where, now) if endpoint and endpoint.is_enabled else None

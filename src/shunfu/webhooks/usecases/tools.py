"""What the webhooks room's stories need, built once by the wiring."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from shunfu.db import Database, Job, Jobs, Outbox, Reader, Transaction
from shunfu.kernel.clock import Source
from shunfu.kernel.errors import NotFoundHere
from shunfu.merchants import Merchant, Vault, get_merchant
from shunfu.webhooks.sender import Carrier

DELIVER_JOB = "webhooks.deliver"
NEVER_GIVE_UP = 1_000_000_000
"""Attempts of the job that sends: the timetable says when a message is given up, not the worker."""

DESKS = 3
"""So many use the database at a time: hundreds of tries are under way, and no payment must wait for a connection."""


@dataclass(frozen=True, slots=True)
class WebhookTools:
    """`event_types` are all there are; with `allows_private` a test side may be told on this machine by http.

    Who announces or delivers holds a desk while it uses the database.
    """

    database: Database
    source: Source
    vault: Vault
    outbox: Outbox
    jobs: Jobs
    sender: Carrier
    event_types: frozenset[str]
    allows_private: bool
    desk: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(DESKS))

    def now(self) -> datetime:
        """The present instant in UTC."""
        return self.source.now()

    def may_be_private(self, merchant: Merchant) -> bool:
        """Whether this merchant's endpoints may be on this machine or in a private network."""
        return self.allows_private and merchant.mode == "test"

    async def wake(self, tx: Transaction, merchant_id: UUID, endpoint_id: UUID) -> None:
        """Let what is due at an endpoint be sent."""
        job = Job(merchant_id, DELIVER_JOB, str(endpoint_id), {}, self.now(), NEVER_GIVE_UP)
        await self.jobs.enqueue(tx, job)


async def merchant_of(reader: Reader, merchant_id: UUID) -> Merchant:
    """The merchant. Raises NotFoundHere."""
    merchant = await get_merchant(reader, merchant_id)
    if merchant is None:
        raise NotFoundHere
    return merchant

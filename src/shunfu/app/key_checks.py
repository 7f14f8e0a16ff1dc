"""The daily look at every key's end, and the look at the key file that lets a running server follow a rotation."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog

from shunfu.db import NEVER_GIVE_UP, Again, ClaimedJob, Database, Handler, Job, Jobs, Reader, Transaction
from shunfu.kernel.clock import Source
from shunfu.kernel.errors import Fault
from shunfu.kernel.ids import PLATFORM, public
from shunfu.merchants import (
    ExpiryTools,
    KeyExpiry,
    KeyRing,
    judge,
    list_expiries,
    list_merchants,
    soonest,
    warn_of,
)
from shunfu.webhooks import list_secret_ages

LOG = structlog.stdlib.get_logger("key_checks")
KEY_CHECK_JOB = "app.check_keys"
EVERY = timedelta(days=1)
LOOK_SECONDS = 15.0
"""So often a server looks whether its key file was changed."""


async def list_every_expiry(tools: ExpiryTools, reader: Reader, merchant_id: UUID) -> tuple[KeyExpiry, ...]:
    """All keys of a merchant (the nil uuid: the installation's own) with their ends, the soonest first."""
    found = await list_expiries(tools, reader, merchant_id)
    if merchant_id == PLATFORM:
        return found
    now, life = tools.source.now(), timedelta(days=tools.lives.key_days)
    secrets = [
        judge("webhook_secret", (public("whk", endpoint_id), "signing"), made_at + life, now)
        for endpoint_id, made_at in (await list_secret_ages(reader, merchant_id)).items()
    ]
    return soonest([*found, *secrets])


def make_key_check_handler(tools: ExpiryTools) -> Handler:
    """The daily job's handler: each key and step is told of once."""

    async def check(job: ClaimedJob) -> Again:
        async with tools.database.reading() as reader:
            found = await list_every_expiry(tools, reader, job.merchant_id)
        await warn_of(tools, job.merchant_id, found)
        return Again(tools.source.now() + EVERY)

    return check


async def enqueue_key_check(tx: Transaction, source: Source, jobs: Jobs, merchant_id: UUID) -> None:
    """Have a merchant's keys looked at now, and daily from then on."""
    await jobs.enqueue(tx, Job(merchant_id, KEY_CHECK_JOB, "daily", {}, source.now(), NEVER_GIVE_UP))


async def begin_key_checks(database: Database, source: Source, jobs: Jobs) -> None:
    """Give the installation and every merchant the daily job, at the start of a server."""
    everyone, after = [PLATFORM], PLATFORM
    async with database.reading() as reader:
        while page := await list_merchants(reader, after):
            everyone += [merchant.merchant_id for merchant in page]
            after = page[-1].merchant_id
    for merchant_id in everyone:

        async def story(tx: Transaction, merchant_id: UUID = merchant_id) -> None:
            await enqueue_key_check(tx, source, jobs, merchant_id)

        await database.transact(story)


async def follow_key_file(ring: KeyRing, stop: asyncio.Event, pause_seconds: float = LOOK_SECONDS) -> None:
    """Take over what the key file says, again and again until `stop` is set. What cannot be read changes nothing."""
    while not stop.is_set():
        try:
            if ring.refresh():
                LOG.info("key_file_read_again", keys=len(ring.keys))
        except Fault as fault:
            LOG.error("key_file_unreadable", reason=str(fault))  # noqa: TRY400  no traceback: the reason says it
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_seconds)

"""The webhooks room's work for the worker: what is due at one endpoint."""

from __future__ import annotations

from uuid import UUID

from shunfu.db import Again, ClaimedJob, Done, Handler
from shunfu.webhooks.usecases import DELIVER_JOB, WebhookTools, deliver


def make_handlers(tools: WebhookTools) -> dict[str, Handler]:
    """Handlers by job kind. Each may run twice without harm."""

    async def send(job: ClaimedJob) -> Done | Again:
        again_at = await deliver(tools, job.merchant_id, UUID(job.key))
        return Again(again_at) if again_at else Done()

    return {DELIVER_JOB: send}

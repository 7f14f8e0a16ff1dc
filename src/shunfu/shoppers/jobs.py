"""The shoppers room's work for the worker: to remember how a shopper paid."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shunfu.db import ClaimedJob, Done, Handler, read_event
from shunfu.shoppers.usecases import ShopperTools, remember_method

REMEMBER_HANDLER = "shoppers.remember_method"
"""Who handles that a shopper has paid: an event with `shopper_id`, `method` and `happened_at`."""


def make_handlers(tools: ShopperTools) -> dict[str, Handler]:
    """Handlers by job kind. Each may run twice, and in any order, without harm."""

    async def remember(job: ClaimedJob) -> Done:
        async with tools.database.glancing() as reader:
            found = await read_event(reader, job.merchant_id, UUID(job.key))
        assert found is not None, "a handler's job is written with its event"
        told = {name: str(value) for name, value in found[1].items()}
        shopper_id, happened_at = UUID(told["shopper_id"]), datetime.fromisoformat(told["happened_at"])
        await tools.database.transact(
            lambda tx: remember_method(tx, job.merchant_id, shopper_id, told["method"], happened_at)
        )
        return Done()

    return {f"on:{REMEMBER_HANDLER}": remember}

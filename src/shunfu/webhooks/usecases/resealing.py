"""Seals endpoints' secrets under the data key that seals now, and tells how old the secrets are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from shunfu.db import Reader, Transaction
from shunfu.kernel.cursor import FIRST
from shunfu.webhooks import store
from shunfu.webhooks.model import Endpoint
from shunfu.webhooks.usecases.secrets import reseal_secret
from shunfu.webhooks.usecases.tools import WebhookTools

PAGE = 100


async def reseal_secrets(tools: WebhookTools, merchant_id: UUID) -> int:
    """Seal the secrets of all a merchant's endpoints anew, disabled ones' too; how many endpoints. They stay the same.

    One endpoint a transaction: run again after a crash it begins anew, and harms nothing.
    """
    count, before = 0, FIRST
    while page := await _page(tools, merchant_id, before):
        for endpoint in page:
            where = (merchant_id, endpoint.endpoint_id)

            async def story(tx: Transaction, where: tuple[UUID, UUID] = where) -> None:
                found = await store.lock_endpoint(tx, where)
                assert found is not None, "endpoints are never deleted"
                secrets = [await reseal_secret(tools, tx, where, kept) for kept in found.secrets]
                await store.save_endpoint(tx, replace(found, secrets=tuple(secrets)), tools.now())

            await tools.database.transact(story)
            count += 1
        before = page[-1].endpoint_id
    return count


async def list_secret_ages(reader: Reader, merchant_id: UUID) -> Mapping[UUID, datetime]:
    """When the newest secret of each enabled endpoint was made."""
    found = await store.list_enabled(reader, merchant_id)
    return {one.endpoint_id: max(kept.made_at for kept in one.secrets) for one in found if one.secrets}


async def _page(tools: WebhookTools, merchant_id: UUID, before: UUID) -> list[Endpoint]:
    async with tools.database.glancing() as reader:
        return await store.list_endpoints(reader, merchant_id, before, PAGE)

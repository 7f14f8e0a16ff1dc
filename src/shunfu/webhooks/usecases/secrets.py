"""Makes, seals and opens the secrets that endpoints' messages are signed with."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from shunfu.db import Reader, Transaction
from shunfu.kernel.secret import Secret
from shunfu.merchants import Place
from shunfu.webhooks.model import Endpoint, KeptSecret
from shunfu.webhooks.signing import SECRET_BYTES
from shunfu.webhooks.store import Where
from shunfu.webhooks.usecases.tools import WebhookTools

PURPOSE = "webhook_secrets"


async def make_secret(tools: WebhookTools, tx: Transaction, where: Where, made: tuple[UUID, datetime]) -> KeptSecret:
    """A fresh sealed secret for an endpoint; `made` is its id and its time."""
    secret_id, now = made
    sealed = await tools.vault.seal(tx, _place(where), PURPOSE, tools.source.entropy.take(SECRET_BYTES))
    return KeptSecret(secret_id, sealed, now)


async def open_secret(tools: WebhookTools, reader: Reader, where: Where, kept: KeptSecret) -> Secret[bytes]:
    """The key itself. Raises EnvelopeBroken when the row was changed or the key file is another."""
    return await tools.vault.open(reader, _place(where), kept.sealed)


async def reseal_secret(tools: WebhookTools, tx: Transaction, where: Where, kept: KeptSecret) -> KeptSecret:
    """The same secret in an envelope under the data key that seals now."""
    key = await open_secret(tools, tx, where, kept)
    return replace(kept, sealed=await tools.vault.seal(tx, _place(where), PURPOSE, key.reveal()))


async def open_secrets_in_force(tools: WebhookTools, reader: Reader, endpoint: Endpoint) -> tuple[Secret[bytes], ...]:
    """The keys that sign now, newest first."""
    where = (endpoint.merchant_id, endpoint.endpoint_id)
    return tuple([await open_secret(tools, reader, where, kept) for kept in endpoint.secrets_in_force(tools.now())])


def _place(where: Where) -> Place:
    return Place(where[0], "webhook_endpoints", "secrets", where[1])

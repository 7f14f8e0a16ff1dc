"""What the merchant's server was told about an order: webhooks' tries as lines of a payment's timeline."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from shunfu.db import Reader
from shunfu.kernel.ids import public
from shunfu.payments import Told
from shunfu.webhooks import list_tries


async def told_to_merchant(reader: Reader, merchant_id: UUID, order_id: UUID) -> Sequence[Told]:
    """Every try to tell the merchant about an order, oldest first; of very many the newest 200."""
    tries = await list_tries(reader, merchant_id, public("ord", order_id))
    return [
        Told(each.attempt_id, each.type, each.attempted_at, each.took_ms, each.status, each.reason) for each in tries
    ]

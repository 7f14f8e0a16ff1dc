"""The demo's merchant: founded once, kept with its key, and pointed at wherever the sandbox listens this time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from uuid import UUID

from shunfu.app.commands import found_organisation
from shunfu.app.demo.parts import write_private
from shunfu.app.wiring import House
from shunfu.db import Transaction
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.ids import public
from shunfu.merchants import get_merchant, set_return_origins

NAME = "山前咖啡"
CHANNEL = "wechatpay"


@dataclass(frozen=True, slots=True)
class DemoMerchant:
    """The demo's test-side merchant, its key and its account at the sandbox."""

    merchant_id: UUID
    account_id: UUID
    api_key: str

    def notification_path(self) -> str:
        """Where the sandbox posts to."""
        return f"/notifications/{CHANNEL}/{public('mer', self.merchant_id)}/{public('acc', self.account_id)}"


async def ensure_merchant(house: House, kept: Path, credentials: Mapping[str, str], shop_origin: str) -> DemoMerchant:
    """The kept merchant, or a new one; its account points at this sandbox, its returns at this shop."""
    merchant = _read(kept) or await _found(house, kept, credentials, shop_origin)

    async def story(tx: Transaction) -> None:
        await set_return_origins(tx, merchant.merchant_id, (shop_origin,))
        await house.accounts.replace(tx, merchant.merchant_id, merchant.account_id, (CHANNEL, credentials))

    await house.database.transact(story)
    return merchant


def _read(kept: Path) -> DemoMerchant | None:
    if not kept.exists():
        return None
    told = cast("dict[str, str]", json.loads(kept.read_text()))
    return DemoMerchant(UUID(told["merchant_id"]), UUID(told["account_id"]), told["api_key"])


async def _found(house: House, kept: Path, credentials: Mapping[str, str], shop_origin: str) -> DemoMerchant:
    made = await found_organisation(house, NAME, (shop_origin,))

    async def story(tx: Transaction) -> UUID:
        test_side = await get_merchant(tx, made.test.merchant_id)
        if test_side is None:
            raise SetupFault("The demo's merchant is missing.")
        return await house.accounts.add(tx, test_side, CHANNEL, credentials)

    account_id = await house.database.transact(story)
    merchant = DemoMerchant(made.test.merchant_id, account_id, made.test_key.reveal())
    told = {"merchant_id": str(merchant.merchant_id), "account_id": str(account_id), "api_key": merchant.api_key}
    write_private(kept, json.dumps(told))
    return merchant

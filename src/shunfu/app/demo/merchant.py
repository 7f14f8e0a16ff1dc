"""The demo's merchant: founded once, kept with its key, and pointed at wherever the sandboxes listen this time.

It has an account at every channel that the sandbox's credentials describe; no list names them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias, cast
from uuid import UUID

from shunfu.app.commands import found_organisation
from shunfu.app.demo.parts import write_private
from shunfu.app.wiring import House
from shunfu.db import Transaction
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.ids import public
from shunfu.merchants import get_merchant, set_return_origins

NAME = "山前咖啡"

ByChannel: TypeAlias = Mapping[str, Mapping[str, str]]
"""Each channel's credentials by its name, in the order in which the checkout shall offer them."""


@dataclass(frozen=True, slots=True)
class DemoMerchant:
    """The demo's test-side merchant, its key and its account at each sandbox, by channel name."""

    merchant_id: UUID
    accounts: Mapping[str, UUID]
    api_key: str

    def notification_paths(self) -> dict[str, str]:
        """Where each sandbox posts to."""
        merchant = public("mer", self.merchant_id)
        return {name: f"/notifications/{name}/{merchant}/{public('acc', one)}" for name, one in self.accounts.items()}


async def ensure_merchant(house: House, kept: Path, credentials: ByChannel, shop_origin: str) -> DemoMerchant:
    """The kept merchant, or a new one; its accounts point at these sandboxes, its returns at this shop."""
    merchant = _read(kept) or await _found(house, shop_origin)

    async def story(tx: Transaction) -> DemoMerchant:
        await set_return_origins(tx, house.source, merchant.merchant_id, (shop_origin,))
        return replace(merchant, accounts=await _accounts(tx, house, merchant, credentials))

    ready = await house.database.transact(story)
    accounts = {name: str(account_id) for name, account_id in ready.accounts.items()}
    told = {"merchant_id": str(ready.merchant_id), "accounts": accounts, "api_key": ready.api_key}
    write_private(kept, json.dumps(told))
    return ready


async def _accounts(tx: Transaction, house: House, merchant: DemoMerchant, credentials: ByChannel) -> dict[str, UUID]:
    """An account at every channel: the kept ones with the credentials of this time, the others new."""
    test_side = await get_merchant(tx, merchant.merchant_id)
    if test_side is None:
        raise SetupFault("The demo's merchant is missing; choose another --folder.")
    accounts = dict(merchant.accounts)
    for name, told in credentials.items():
        if name in accounts:
            await house.accounts.replace(tx, merchant.merchant_id, accounts[name], (name, told))
        else:
            accounts[name] = await house.accounts.add(tx, test_side, name, told)
    return accounts


def _read(kept: Path) -> DemoMerchant | None:
    """The merchant in this file, if it is there and of this form."""
    told = cast("dict[str, object]", json.loads(kept.read_text())) if kept.exists() else {}
    accounts = told.get("accounts")
    if not isinstance(accounts, dict):
        return None
    ids = {name: UUID(account_id) for name, account_id in cast("dict[str, str]", accounts).items()}
    return DemoMerchant(UUID(str(told["merchant_id"])), ids, str(told["api_key"]))


async def _found(house: House, shop_origin: str) -> DemoMerchant:
    made = await found_organisation(house, NAME, (shop_origin,))
    return DemoMerchant(made.test.merchant_id, {}, made.test_key.reveal())

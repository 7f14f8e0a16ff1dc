"""What the merchants' tests share: a key ring, a channel of two credentials, and merchants on a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast
from uuid import UUID

from db.support import manual, sql
from shunfu.channels._template import CHANNEL
from shunfu.channels._template import SANDBOX as SANDBOX_OF_TEMPLATE
from shunfu.db import Database
from shunfu.driver import Registry
from shunfu.driver.registry import AnyChannel
from shunfu.gateway.port import Identity
from shunfu.kernel.clock import ManualClock, Source
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import Signer
from shunfu.merchants import Accounts, KeyRing, Organisation, Vault, create_merchant
from shunfu.merchants.envelope import Key, Place

MERCHANT, OTHER = UUID(int=7), UUID(int=8)
ROW = UUID(int=70)
PLACE = Place(MERCHANT, "channel_accounts", "sealed", ROW)
KEY = Key(UUID(int=0xABCDEF), Secret(b"k" * 32))
OTHER_KEY = Key(UUID(int=0xFEDCBA), Secret(b"o" * 32))
SIGNER = Signer(Secret(b"s" * 32))
RING = KeyRing({KEY.key_id: KEY}, KEY.key_id, SIGNER)
CANARY = "canary-91b7"
SANDBOX = {"url": "http://sandbox", "secret": CANARY}
REAL = {"url": "https://real", "secret": CANARY}


def load(credentials: Mapping[str, str]) -> dict[str, str]:
    """The toy channel's settings; ValueError when the secret is missing."""
    if not credentials.get("secret"):
        raise ValueError("The credential secret is missing.")
    return dict(credentials)


TOY: AnyChannel = replace(
    cast("AnyChannel", CHANNEL),
    name="toy",
    label={"en": "Toy"},
    icon="toy",
    load=load,
    identity=lambda settings: Identity(settings["url"], "app"),
    sandbox_url=lambda settings: None if settings["url"].startswith("https:") else settings["url"],
    scrub=lambda text: text,
)
REGISTRY = Registry({"toy": TOY}, {"toy": SANDBOX_OF_TEMPLATE})


@dataclass
class Town:
    """A database with one organisation, and what works on it."""

    database: Database
    clock: ManualClock
    source: Source
    vault: Vault
    accounts: Accounts
    sides: Organisation


async def found(database: Database) -> Town:
    """A town on a fresh database."""
    clock, source = manual()
    vault = Vault(RING, source)
    accounts = Accounts(REGISTRY, vault, source)
    sides = await database.transact(lambda tx: create_merchant(tx, source, "山前咖啡", ("https://shop.example",)))
    return Town(database, clock, source, vault, accounts, sides)


async def change(database: Database, text: str, *args: object) -> int:
    """Do something behind everybody's back; how many rows it touched."""
    return await database.transact(lambda tx: tx.execute(sql(text), *args))

"""What the shoppers room's use-cases stand on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shunfu.db import Database
from shunfu.driver import Driver
from shunfu.gateway.moment import Moment
from shunfu.kernel.clock import Source
from shunfu.merchants import Accounts, Vault

PURPOSE = "shoppers"
"""What the data keys are for that seal everything of this room."""


@dataclass(frozen=True, slots=True)
class ShopperTools:
    """The use-cases' tools. `session_life` is how long a session goes on."""

    database: Database
    source: Source
    driver: Driver
    accounts: Accounts
    vault: Vault
    session_life: timedelta

    def now(self) -> datetime:
        """The present instant in UTC."""
        return self.source.now()

    def moment(self) -> Moment:
        """The present and fresh randomness for a channel's verb."""
        return Moment(self.source.now(), self.source.nonce())

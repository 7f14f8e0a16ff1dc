"""Driver: the only outgoing HTTP to channels, the record of it, and the registry of the folders under `channels/`."""

from shunfu.driver.driver import Call, Driver, DriverSettings, Observer
from shunfu.driver.exchange import Exchange, Sent, describe
from shunfu.driver.registry import Registry, discover
from shunfu.driver.store import About, KeptExchange, keep_exchanges, list_exchanges

__all__ = [
    "About",
    "Call",
    "Driver",
    "DriverSettings",
    "Exchange",
    "KeptExchange",
    "Observer",
    "Registry",
    "Sent",
    "describe",
    "discover",
    "keep_exchanges",
    "list_exchanges",
]

"""Driver: the only outgoing HTTP to channels, and the registry of the folders under `channels/`."""

from shunfu.driver.driver import Driver, DriverSettings
from shunfu.driver.registry import Registry, discover

__all__ = ["Driver", "DriverSettings", "Registry", "discover"]

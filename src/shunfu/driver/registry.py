"""Finds the channels: every folder under `shunfu.channels` without a leading underscore exports CHANNEL and SANDBOX.

No list names a channel; adding one is adding a folder.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from shunfu.gateway.port import Channel
from shunfu.gateway.sandbox import Sandbox

AnyChannel: TypeAlias = Channel[Any]
"""A channel whose settings type only its own folder knows; settings pass through us unopened."""
AnySandbox: TypeAlias = Sandbox[Any]
"""A channel's stand-in, whose state only its own folder opens."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The channels of this installation and their stand-ins, by name."""

    channels: Mapping[str, AnyChannel]
    sandboxes: Mapping[str, AnySandbox]

    def find(self, name: str) -> AnyChannel | None:
        """The channel of that name, or None."""
        return self.channels.get(name)


def discover(package: str = "shunfu.channels") -> Registry:
    """Import each channel folder once and collect its CHANNEL and its SANDBOX."""
    root = importlib.import_module(package)
    channels: dict[str, AnyChannel] = {}
    sandboxes: dict[str, AnySandbox] = {}
    for module in sorted(pkgutil.iter_modules(root.__path__), key=lambda module: module.name):
        if module.ispkg and not module.name.startswith("_"):
            folder = importlib.import_module(f"{package}.{module.name}")
            channel, sandbox = cast("AnyChannel", folder.CHANNEL), cast("AnySandbox", folder.SANDBOX)
            assert channel.name == sandbox.name == module.name, "a channel is named as its folder"
            channels[channel.name], sandboxes[sandbox.name] = channel, sandbox
    return Registry(channels, sandboxes)

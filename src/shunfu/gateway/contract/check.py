"""What a check is: one promise, by name, run with a rig of its own. Must not know: what is promised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from shunfu.gateway.contract.rig import Rig
from shunfu.gateway.port import Scene

AnyRig: TypeAlias = Rig[Any, Any]
"""A rig of whichever channel: the checks never look inside its settings or its sandbox's state."""


@dataclass(frozen=True, slots=True)
class Check:
    """One promise: a name for the report and a function that raises AssertionError when it is broken."""

    name: str
    run: Callable[[AnyRig], None]

    def __str__(self) -> str:
        return self.name


def in_scene(name: str, check: Callable[[AnyRig, Scene], None], scene: Scene) -> Check:
    """A promise that is kept in each scene."""
    return Check(f"{name}[{scene.name}]", lambda rig: check(rig, scene))


def name_of(check: Callable[..., None]) -> str:
    """The promise's name: its function's."""
    return check.__name__.lstrip("_")

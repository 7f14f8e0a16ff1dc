"""A stage as text and back, by the types of its values: what the host keeps in its file. Must not know: files.

msgspec reads by type, so that a damaged text is an error and never a half-right state (docs/adr/0010-dependencies.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from shunfu.gateway.sandbox.post import Post
from shunfu.gateway.sandbox.stage import Stage
from shunfu.gateway.sandbox.values import Faults, Pace
from shunfu.gateway.sandbox.verbs import Sandbox

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class _Kept(Generic[S]):
    state: S
    pace: Pace
    faults: Faults
    post: Post
    timers: Mapping[str, int]


def write_stage(stage: Stage[S]) -> str:
    """The stage as JSON, with the sandbox's private keys: the file is its owner's alone."""
    kept = _Kept(stage.state, stage.pace, stage.faults, stage.post, stage.timers)
    return msgspec.json.encode(kept).decode()


def read_stage(sandbox: Sandbox[S], text: str) -> Stage[S]:
    """The stage in this text. Raises ValueError when it is not one of this sandbox."""
    try:
        kept = msgspec.json.decode(text, type=_Kept[sandbox.state_type])
    except msgspec.MsgspecError as error:
        raise ValueError(f"the state is damaged: {error}") from None
    return Stage(sandbox, kept.state, kept.pace, kept.faults, kept.post, kept.timers)

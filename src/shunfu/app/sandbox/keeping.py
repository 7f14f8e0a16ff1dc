"""The sandbox's two files: its state, a text for each channel, and the credentials that clients are given.

Must not know: what is inside a channel's text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from shunfu.gateway.sandbox.values import Credentials

FORMAT = 3
OWN_NAMES = frozenset({"control_url", "sandbox_side"})


@dataclass(frozen=True, slots=True)
class Kept:
    """The state file: each channel's own text by name, and how many steps of randomness were used."""

    texts: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    steps: Mapping[str, int] = field(default_factory=dict[str, int])


def write_kept(kept: Kept) -> str:
    """The content of the state file."""
    content = {"format": FORMAT, "steps": dict(kept.steps), "sandboxes": dict(kept.texts)}
    return json.dumps(content, ensure_ascii=False)


def read_kept(text: str) -> Kept:
    """The inverse of `write_kept`. Raises ValueError when the text is no state file of this version."""
    found: object = json.loads(text)
    content = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    if content.get("format") != FORMAT:
        raise ValueError(f"the state file's format is not {FORMAT}")
    texts, steps = content.get("sandboxes"), content.get("steps")
    if not isinstance(texts, dict) or not isinstance(steps, dict):
        raise ValueError("the state file is damaged")  # noqa: TRY004  # what is wrong is the file, not a type
    texts, steps = cast("dict[str, object]", texts), cast("dict[str, object]", steps)
    counts = {name: count for name, count in steps.items() if isinstance(count, int)}
    return Kept({name: str(value) for name, value in texts.items()}, counts)


def credentials_text(base_url: str, by_channel: Mapping[str, Credentials]) -> str:
    """The credentials file: the control API's address, each channel's client side by name, all sandbox sides."""
    content: dict[str, object] = {"control_url": f"{base_url}/control"}
    sandbox_side: dict[str, str] = {}
    for name, credentials in by_channel.items():
        assert name not in OWN_NAMES, f"a channel cannot be called {name}"
        assert not sandbox_side.keys() & credentials.sandbox_side.keys(), f"{name} reuses a sandbox-side name"
        content[name] = dict(credentials.client)
        sandbox_side |= credentials.sandbox_side
    return json.dumps({**content, "sandbox_side": sandbox_side}, indent=2)


def write_private(path: Path, text: str) -> None:
    """Put this text in place by atomic rename, file mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
    temporary.replace(path)

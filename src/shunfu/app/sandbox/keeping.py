"""The sandbox's two files: its state, a text for each channel, and the credentials that clients are given.

Must not know: what is inside a channel's text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from shunfu.gateway.sandbox import Credentials

FORMAT = 2


def write_states(texts: Mapping[str, str]) -> str:
    """The content of the state file: each sandbox's own text by channel name."""
    return json.dumps({"format": FORMAT, "sandboxes": texts}, ensure_ascii=False)


def read_states(text: str) -> dict[str, str]:
    """The inverse of `write_states`. Raises ValueError when the text is no state file of this version."""
    found: object = json.loads(text)
    content = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    if content.get("format") != FORMAT:
        raise ValueError("the state file has another format")
    texts = content.get("sandboxes")
    if not isinstance(texts, dict):
        raise ValueError("the state file is damaged")  # noqa: TRY004  # what is wrong is the file, not a type
    return {str(name): str(value) for name, value in cast("dict[object, object]", texts).items()}


def credentials_text(base_url: str, by_channel: Mapping[str, Credentials]) -> str:
    """The credentials file: the control API's address, each channel's client side by name, all sandbox sides."""
    content: dict[str, object] = {"control_url": f"{base_url}/control"}
    sandbox_side: dict[str, str] = {}
    for name, credentials in by_channel.items():
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
